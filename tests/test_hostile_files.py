"""Files made to do harm: whatever they try, they are refused by name, and nothing is run, written or read for them."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from minigrad.data.datasets import (
    CIFAR10,
    CIFAR100,
    CorruptFileError,
    CorruptImageError,
    ImageFolder,
    TinyImageNet,
    images,
    open_image,
)
from minigrad.data.datasets.tiny_imagenet import reorganise

# --- CIFAR's pickles ---


def short(text: bytes) -> bytes:
    """Return a string as Python 2 pickles it."""
    return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text


def integer(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def array(
    raw: bytes,
    shape: bytes,
    dtype: bytes = b"u1",
    byte_order: bytes = b"|",
    fortran: bytes = b"\x89",
    size: int = -1,
    module: bytes = b"numpy.core.multiarray",
) -> bytes:
    """Return a NumPy array as Python 2 pickles it."""
    made = b"cnumpy\ndtype\n" + short(dtype) + b"K\x00K\x01\x87R("
    made += b"K\x03" + short(byte_order) + b"NNN" + integer(size) * 2 + b"K\x00tb"
    empty = b"c" + module + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return empty + b"(K\x01" + shape + made + fortran + short(raw) + b"tb"


def shape_of(*sizes: int) -> bytes:
    return b"(" + b"".join(integer(size) for size in sizes) + b"t"


def labels_of(*labels: int) -> bytes:
    return b"](" + b"".join(integer(label) for label in labels) + b"e"


def batch(data: bytes, labels: bytes, labels_key: bytes = b"labels") -> bytes:
    """Return a batch of CIFAR as Python 2 wrote it, of these parts."""
    head = b"\x80\x02}q\x01(" + short(b"batch_label") + short(b"testing batch 1 of 1")
    return head + short(labels_key) + labels + short(b"data") + data + short(b"filenames") + b"](U\x05a.pnge" + b"u."


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
IMAGES = array(PIXELS.tobytes(), shape_of(2, 3072))


def read(tmp_path: Path, content: bytes, kind: type[CIFAR10] = CIFAR10) -> CIFAR10:
    (tmp_path / kind.test_files[0]).write_bytes(content)
    return kind(tmp_path, train=False)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_a_batch_is_read_as_python_2_wrote_it(tmp_path: Path, kind: type[CIFAR10]) -> None:
    content = batch(IMAGES, labels_of(3, 9), kind.labels_key)
    assert np.array_equal(pickle.loads(content, encoding="bytes")[b"data"], PIXELS)  # it is a true pickle
    found = read(tmp_path, content, kind)
    assert found.targets.tolist() == [3, 9]
    assert np.array_equal(found.data, PIXELS.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("text", [False, True])
def test_a_batch_is_read_as_python_3_writes_it_again(tmp_path: Path, protocol: int, text: bool) -> None:
    content: dict[Any, Any] = {b"data": PIXELS, b"labels": [3, 9], b"filenames": [b"a.png", b"b.png"], b"z": None}
    if text:
        content = {key.decode(): value for key, value in content.items()}
    found = read(tmp_path, pickle.dumps(content, protocol))
    assert found.targets.tolist() == [3, 9]
    assert np.array_equal(found.data, PIXELS.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))


class Calls:
    """Pickled as a call."""

    def __init__(self, *how: Any) -> None:
        self.how = how

    def __reduce__(self) -> Any:
        return self.how


def _object_array(values: bytes) -> bytes:
    return b"cnumpy\nndarray\n(K\x01\x85U\x01O" + short(values) + b"tR"


_DATA_ATTACKS: dict[str, bytes] = {
    "an array of pointers": _object_array(b"A" * 8),
    "an array of pointers as state": array(b"A" * 8, shape_of(1), b"O8"),
    "an array that is not filled": b"cnumpy\nndarray\n(" + shape_of(2, 3072) + b"U\x02u1tR",
    "strides of 0": b"cnumpy\nndarray\n(" + shape_of(2, 3072) + b"U\x02u1U\x01aK\x00" + shape_of(0, 0) + b"tR",
    "a dtype whose size lies": array(b"ab", shape_of(2, 3072), b"V8", size=100_000_000),
    "bytes whose dtype has a size": array(PIXELS.tobytes(), shape_of(2, 3072), b"u2"),
    "signed bytes": array(PIXELS.tobytes(), shape_of(2, 3072), b"i1"),
    "a byte order": array(PIXELS.tobytes(), shape_of(2, 3072), byte_order=b"<"),
    "too few bytes": array(PIXELS.tobytes()[:-1], shape_of(2, 3072)),
    "too many bytes": array(PIXELS.tobytes() + b"a", shape_of(2, 3072)),
    "a negative shape": array(PIXELS.tobytes(), shape_of(-2, -3072)),
    "a size that is a list": array(PIXELS.tobytes(), b"(](NNNeM\x00\x0ct"),
    "a size that is text": array(PIXELS.tobytes(), b"(U\x012M\x00\x0ct"),
    "one dimension": array(PIXELS.tobytes(), shape_of(6144)),
    "Fortran's order": array(PIXELS.tobytes(), shape_of(2, 3072), fortran=b"\x88"),
    "an array of another class": IMAGES.replace(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"),
    "no state": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
    "a string": short(PIXELS.tobytes()),
    "a name": b"cnumpy\nndarray\n",
    "nothing": b"N",
    "text with other characters": array(b"", shape_of(1, 3072)).replace(
        b"\x89U\x00", b"\x89X" + struct.pack("<I", 6144) + "\u0430".encode() * 3072
    ),
}


@pytest.mark.parametrize("attack", _DATA_ATTACKS)
def test_images_that_are_no_plain_array_of_bytes_are_refused_by_name(tmp_path: Path, attack: str) -> None:
    content = batch(_DATA_ATTACKS[attack], labels_of(3, 9))
    pickletools.dis(content, out=io.StringIO())  # it is a well-formed pickle
    with pytest.raises(CorruptFileError, match=r"test_batch: expected the images as whole bytes|other characters"):
        read(tmp_path, content)


_LABEL_ATTACKS: dict[str, bytes] = {
    "text": b"](U\x011U\x012e",
    "floats": b"](G?\xfb33333\x33K\x01e",
    "truth values": b"](\x88\x89e",
    "nothing": b"](NNe",
    "lists": b"](]]e",
    "numbers too large for memory": b"](\x8a\x09" + b"\x7f" * 9 + b"K\x01e",
    "huge numbers": b"](\x8b" + struct.pack("<i", 5000) + b"\x7f" * 5000 + b"K\x01e",
    "a tuple": b"K\x03K\x04\x86",
    "a string": b"U\x02ab",
    "an array": array(bytes([3, 4]), shape_of(2)),
    "an array of pointers": _object_array(b"A" * 16),
    "too few": labels_of(3),
    "too many": labels_of(3, 4, 5),
    "too large": labels_of(3, 10),
    "negative": labels_of(3, -1),
}


@pytest.mark.parametrize("attack", _LABEL_ATTACKS)
def test_labels_that_are_no_list_of_whole_numbers_in_range_are_refused_by_name(tmp_path: Path, attack: str) -> None:
    with pytest.raises(CorruptFileError, match=r"test_batch: .*label"):
        read(tmp_path, batch(IMAGES, _LABEL_ATTACKS[attack]))


def _run_shell(command: str) -> dict[str, bytes]:
    quoted = command.encode()
    return {
        "reduce": b"cposix\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "global by the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93U" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "inst": b"(S'" + quoted + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"o.",
        "newobj": b"\x80\x02cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85\x81.",
        "newobj_ex": b"\x80\x04cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85}\x92.",
        "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93U" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "builtins": b"cbuiltins\nexec\nU\x04pass\x85R.",
        "getattr": b"cbuiltins\ngetattr\ncos\nU\x06system\x86R.",
        "an object by persistent id": b"Psomething\n.",
        "an object by persistent id on the stack": b"U\x01aQ.",
        "an extension": b"\x80\x02\x82\xf0.",
        "a state for a list": b"]}U\x06appendcos\nsystem\nsb.",
        "a call of a list": b"]U\x01a\x85R.",
        "numpy's own loader": b"cnumpy\nload\nU\x01a\x85R.",
    }


@pytest.mark.parametrize("attack", _run_shell(""))
def test_whatever_a_pickle_wants_called_is_not_called(tmp_path: Path, attack: str) -> None:
    command = f"touch {tmp_path / 'ran'}" if os.name == "posix" else "exit"
    copyreg.add_extension("os", "system", 0xF0)
    try:
        with pytest.raises(CorruptFileError, match=r"test_batch: (refused|damaged)"):
            read(tmp_path, _run_shell(command)[attack])
    finally:
        copyreg.remove_extension("os", "system", 0xF0)
    assert os.listdir(tmp_path) == ["test_batch"]


def _doubling(count: int) -> bytes:
    """Return a tuple of twice the same tuple of twice the same …: to compare or hash it takes 2^count steps."""
    return b"\x80\x02)" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(count))


_BOMBS: dict[str, bytes] = {
    "a memo of many places": b"\x80\x02Nr" + struct.pack("<I", 120_000_000) + b".",
    "a memo of more places than memory": b"\x80\x02Nr" + b"\xff" * 4 + b".",
    "a frame longer than the file": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
    "bytes longer than the file": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
    "bytes to change longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"a.",
    "text longer than the file": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
    "a number longer than the file": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "a negative length": b"\x80\x02\x8b" + struct.pack("<i", -1) + b".",
    "a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "a key that takes for ever to hash": b"}" + _doubling(60) + b"Ns.",
    "a size that takes for ever to compare": batch(
        array(b"", b"(" + _doubling(60)[2:] + _doubling(60)[2:] + b"t"), labels_of()
    ),
    "half a million lists": b"\x80\x02(" + b"]" * 500_000 + b"t.",
    "half a million marks": b"(" * 500_000 + b".",
    "lists in lists": b"]" * 300_000 + b"a" * 299_999 + b".",
    "a list multiplied by a number": batch(
        array(PIXELS.tobytes(), b"(](" + b"N" * 5000 + b"eM\x00\x0ct"), labels_of(1, 2)
    ),
}


@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_small_pickle_takes_little_memory_and_time(tmp_path: Path, bomb: str) -> None:
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match="test_batch"):
            read(tmp_path, _BOMBS[bomb])
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5


def test_a_pickle_cut_or_changed_anywhere_is_read_or_refused_by_name(tmp_path: Path) -> None:
    whole = batch(IMAGES, labels_of(3, 9))
    places = [i for i in range(len(whole)) if not 250 < i < len(whole) - 100]  # not within the pixels
    rng = np.random.default_rng(0)
    changed: list[bytes] = [whole[:i] for i in places]
    changed += [whole[:i] + bytes([byte]) + whole[i + 1 :] for i in places for byte in rng.integers(0, 256, 8)]
    read_well = 0
    for content in changed:
        try:
            found = read(tmp_path, content)
        except CorruptFileError as error:
            if "test_batch" not in str(error):
                raise
        else:
            assert found.data.shape == (2, 32, 32, 3)
            assert set(found.targets.tolist()) <= set(range(10))
            read_well += 1
    assert 0 < read_well < len(changed) - 1000


# --- Tiny ImageNet ---


def tiny_imagenet(root: Path, annotations: str, wnids: str = "n01\nn02\n") -> Path:
    """Return the validation part as distributed, with two images, of these annotations."""
    folder = root / "data" / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    for name in ("0.JPEG", "1.JPEG"):
        (folder / "val" / "images" / name).write_bytes(b"image")
    (folder / "wnids.txt").write_text(wnids, encoding="utf-8")
    (folder / "val" / "val_annotations.txt").write_text(annotations, encoding="utf-8")
    return folder


def everything_in(folder: Path) -> dict[str, bytes | None]:
    """Return all entries of a folder with their contents."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def refuse(root: Path, folder: Path, message: str) -> None:
    """Reading the validation set and re-organising it both fail with this message, and leave everything as it is."""
    before = everything_in(root)
    for use in (lambda: TinyImageNet(folder, "val"), lambda: reorganise(folder)):
        with pytest.raises(CorruptFileError, match=message):
            use()
    assert everything_in(root) == before


_NAMES = [
    "../wnids.txt", "../../wnids.txt", "../../../../home/.profile", "/etc/passwd", "a/0.JPEG", "./0.JPEG", "..", ".",
    "", "..\\wnids.txt", "C:0.JPEG", "C:\\0.JPEG", "\\\\server\\share\\x", "0.JPEG\0", "0.JPEG/", "\x1b]0;title\x07",
]  # fmt: skip


@pytest.mark.parametrize("name", _NAMES)
def test_an_image_whose_name_is_a_path_is_refused_and_nothing_is_moved(tmp_path: Path, name: str) -> None:
    folder = tiny_imagenet(tmp_path, f"0.JPEG\tn01\t0\n{name}\tn01\t0\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".profile").write_text("the user's")
    refuse(tmp_path, folder, r"val_annotations\.txt, line 2: expected the plain name of a file")


_CLASSES = ["n01/../../../../home", "../n01", "n01/..", "images", "..", "/home", "n01\\..\\..", "n:"]


@pytest.mark.parametrize("wnid", [*_CLASSES, "n03", ""])
def test_a_class_that_is_not_listed_is_refused_and_nothing_is_moved(tmp_path: Path, wnid: str) -> None:
    refuse(tmp_path, tiny_imagenet(tmp_path, f"0.JPEG\tn01\t0\n1.JPEG\t{wnid}\t0\n"), "unknown classes")


@pytest.mark.parametrize("wnid", _CLASSES)
def test_a_listed_class_that_is_a_path_is_refused_and_nothing_is_moved(tmp_path: Path, wnid: str) -> None:
    annotations = f"0.JPEG\tn01\t0\n1.JPEG\t{wnid}\t0\n"
    refuse(tmp_path, tiny_imagenet(tmp_path, annotations, f"n01\n{wnid}\n"), r"wnids\.txt: expected WordNet names")


@pytest.mark.parametrize("place", ["val", "val/images", "val/n01", "val/n01/images", "val/images/0.JPEG"])
def test_images_are_not_moved_through_links(tmp_path: Path, place: str) -> None:
    folder = tiny_imagenet(tmp_path, "0.JPEG\tn01\t0\n")
    elsewhere = tmp_path / "elsewhere"
    if (folder / place).exists():
        (folder / place).rename(elsewhere)
    else:
        elsewhere.mkdir()
        (folder / place).parent.mkdir(exist_ok=True)
    try:
        (folder / place).symlink_to(elsewhere)
    except OSError as error:
        pytest.skip(f"this user may make no links: {error}")
    before = everything_in(tmp_path)
    with pytest.raises(OSError, match="is a link"):
        reorganise(folder)
    assert everything_in(tmp_path) == before


def test_the_texts_of_tiny_imagenet_must_be_texts(tmp_path: Path) -> None:
    folder = tiny_imagenet(tmp_path, "0.JPEG\tn01\t0\n")
    for name in ("val/val_annotations.txt", "words.txt", "wnids.txt"):
        (folder / name).write_bytes(b"n01\t\xff\n")
        with pytest.raises(CorruptFileError, match=rf"{name}: expected text in UTF-8: .* at byte 4"):
            TinyImageNet(folder, "val")
        (folder / name).write_text("n01\n" if name == "wnids.txt" else "0.JPEG\tn01\n")


# --- Images ---

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
    assert 0 < read_well < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_under_an_images_name_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kitten.jpg")
    with pytest.raises(CorruptImageError, match=r"kitten\.jpg: it is no plain file"):
        open_image(tmp_path / "kitten.jpg")
