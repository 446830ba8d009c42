"""Images made to do harm: they are refused by name, start no program, and take no more memory than is allowed."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from minigrad.data.datasets import (
    CorruptImageError,
    ImageFolder,
    images,
    open_image,
)

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
showpage
%%EOF
"""


@pytest.fixture
def programs_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a file that appears as soon as Ghostscript is started."""
    folder, seen = tmp_path / "bin", tmp_path / "started"
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c"):
        (folder / name).write_text(f"#!/bin/sh\ntouch '{seen}'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it has not looked for Ghostscript yet
    return seen


@pytest.mark.parametrize("name", ["kitten.jpg", "kitten.png", "kitten.tif", "kitten.eps"])
def test_postscript_under_an_images_name_starts_no_program(tmp_path: Path, programs_started: Path, name: str) -> None:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    path = tmp_path / "data" / "cat" / name
    path.write_bytes(EPS)
    with pytest.raises(CorruptImageError, match=rf"{name}: not an image in JPEG, PNG"):
        open_image(path)
    IMAGE.save(path.with_name("true.png"))
    if name != "kitten.eps":  # which is no image's name
        with pytest.raises(CorruptImageError, match=name):
            ImageFolder(tmp_path / "data")[0]
        with pytest.warns(UserWarning, match=rf"left out 1 image that cannot be read: .*{name}"):
            assert len(ImageFolder(tmp_path / "data", skip_corrupt=True)) == 1
    assert not programs_started.exists()


def test_postscript_does_start_a_program_where_pillow_chooses_the_format(
    tmp_path: Path, programs_started: Path
) -> None:
    """So that the test above can fail."""
    if os.name == "nt":
        pytest.skip("the programs of this test are shell scripts")
    (tmp_path / "kitten.jpg").write_bytes(EPS)
    with pytest.raises(Exception, match=r"."), Image.open(tmp_path / "kitten.jpg") as image:
        image.load()
    assert programs_started.exists()


OTHER_FORMATS = ["BLP", "DDS", "DIB", "EPS", "ICNS", "ICO", "MSP", "PCX", "PDF", "SGI", "TGA", "XBM"]


@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_an_image_of_another_format_is_refused_whatever_its_name(tmp_path: Path, kind: str) -> None:
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    mode = {"MSP": "1", "XBM": "1", "BLP": "P"}.get(kind, "RGB")
    IMAGE.convert(mode).save(tmp_path / "kitten.jpg", kind)
    with pytest.raises(CorruptImageError, match=r"kitten\.jpg: not an image in JPEG, PNG, .* or AVIF"):
        open_image(tmp_path / "kitten.jpg")


@pytest.mark.parametrize("kind", images.FORMATS)
def test_an_image_of_a_known_format_is_read_whatever_its_name(tmp_path: Path, kind: str) -> None:
    IMAGE.save(tmp_path / "kitten.bmp", kind)
    assert open_image(tmp_path / "kitten.bmp").size == (16, 16)


def png(width: int, height: int, depth: int, colour: int, chunks: bytes = b"") -> bytes:
    """Return a PNG of zeros, cut short after a million of them."""
    bits = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width * bits + 7) // 8)
    data = b"".join(squeeze.compress(row) for _ in range(min(height, 1 + 1_000_000 // len(row)))) + squeeze.flush()
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def tiled_tiff(side: int) -> bytes:
    """Return a TIFF of 8 x 8 pixels in one tile of ``side`` x ``side``."""
    tags = [(256, 8), (257, 8), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side)]
    data = zlib.compress(bytes(1000))
    tags += [(324, 14 + 12 * (len(tags) + 2)), (325, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data


_PALETTE = png_chunk(b"PLTE", bytes(768)) + png_chunk(b"tRNS", bytes(256))
_LARGE: dict[str, tuple[str, bytes]] = {  # cut short, since none must be read
    "black and white": ("it has 8,000 x 7,000 pixels", png(8000, 7000, 1, 0)),
    "16 bits": ("it has 8,000 x 7,000 pixels", png(8000, 7000, 16, 0)),
    "a palette with transparency": ("it has 8,000 x 7,000 pixels", png(8000, 7000, 8, 3, _PALETTE)),
    "beyond Pillow's own limit": ("it has far more than the [0-9,]+ pixels", png(60_000, 60_000, 8, 2)),
    "tiles": ("it has tiles of 30,000 x 30,000 pixels", tiled_tiff(30_000)),
    "wide": ("one side is more than 1,000 times the other", png(17_000, 16, 8, 0)),
    "tall": ("one side is more than 1,000 times the other", png(1, 1001, 8, 0)),
    "netpbm": ("it has 10,000 x 5,001 pixels", b"P5 10000 5001 255 "),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", _LARGE)
def test_an_image_that_would_take_far_more_memory_than_its_file_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    message, content = _LARGE[kind]
    (tmp_path / "kitten.png").write_bytes(content)

    def read(*arguments: Any, **options: Any) -> None:
        raise AssertionError("it is being read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", read)
    with pytest.raises(CorruptImageError, match=rf"kitten\.png: .*{message}"):
        open_image(tmp_path / "kitten.png")


@pytest.mark.parametrize("shape", [(1000, 1), (1, 1000), (3000, 100)])
def test_a_long_image_is_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    (tmp_path / "kitten.png").write_bytes(png(*shape, 8, 0))
    assert open_image(tmp_path / "kitten.png").size == shape


@pytest.mark.parametrize("error", [NotImplementedError, RuntimeError, OverflowError, MemoryError, KeyError, IndexError])
def test_whatever_pillow_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    IMAGE.save(tmp_path / "kitten.png")

    def fail(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(CorruptImageError, match=rf"kitten\.png: {error.__name__}"):
        open_image(tmp_path / "kitten.png")


@pytest.mark.parametrize("kind", images.FORMATS)
def test_a_damaged_image_is_read_or_refused_by_name(tmp_path: Path, kind: str) -> None:
    IMAGE.save(tmp_path / "whole", kind)
    whole, rng, read_well = (tmp_path / "whole").read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        changed = bytearray(whole[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else whole)
        for place in rng.integers(0, min(len(changed), 200), rng.integers(1, 5)):
            changed[place] = rng.integers(0, 256)
        (tmp_path / "kitten.jpg").write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_well += open_image(tmp_path / "kitten.jpg").mode == "RGB"
            except CorruptImageError as error:
                if "kitten.jpg" not in str(error):
                    raise
    assert read_well < 300
    assert read_well or kind == "PNG"  # of which every byte has a checksum


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_under_an_images_name_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kitten.jpg")
    with pytest.raises(CorruptImageError, match=r"kitten\.jpg: it is no plain file"):
        open_image(tmp_path / "kitten.jpg")


def test_a_png_whose_pixels_do_not_have_their_checksum_is_refused(tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "kitten.png")
    whole = (tmp_path / "kitten.png").read_bytes()
    first, last = whole.index(b"IDAT"), whole.index(b"IEND") - 8
    assert last - first > 500
    refused = 0
    for place in range(first + 4, last + 4, 7):
        changed = bytearray(whole)
        changed[place] ^= 4
        (tmp_path / "kitten.png").write_bytes(changed)
        with pytest.raises(CorruptImageError, match=r"kitten\.png"):
            open_image(tmp_path / "kitten.png")
        refused += 1
    assert refused > 70
