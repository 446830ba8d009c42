"""Images, and folders: of images, of texts, and Tiny ImageNet."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from minigrad.data.datasets import (
    CorruptFileError,
    CorruptImageError,
    ImageFolder,
    TextFolder,
    TinyImageNet,
    Vocabulary,
    images,
    open_image,
)
from minigrad.data.datasets.images import MOST_PIXELS, MOST_TIMES
from minigrad.data.datasets.text import words
from tests.fuzz.readers import SLOW, Reader, Sample, must
from tests.fuzz.shells import in_png

_MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I"),
    "JPEG": ("L", "RGB", "CMYK"),
    "TIFF": ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "LAB"),
    "GIF": ("L", "P", "RGB"),
    "PPM": ("1", "L", "RGB", "I"),
    "BMP": ("1", "L", "P", "RGB"),
}
_PIXELS = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
_FORMAT_NAMES = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"GIF89a",
    b"\xff\xd8\xff",
    b"BM",
    b"P6 ",
    b"II*\0",
    b"RIFF",
    b"\0\0\0\x0cjP  ",
)


def _image(kind: str, mode: str) -> bytes:
    image, file = Image.fromarray(_PIXELS), io.BytesIO()
    if mode in ("I;16", "F"):
        grey = np.asarray(image.convert("L"))
        image = Image.fromarray(grey.astype(np.uint16) * 16 if mode == "I;16" else grey.astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    options = {"compression": "tiff_adobe_deflate"} if kind == "TIFF" and mode == "RGB" else {}
    if kind == "JPEG":
        exif = Image.Exif()
        exif[274] = 6
        options = {"exif": exif}
    image.save(file, kind, **options)
    return file.getvalue()


def _images() -> list[Sample]:
    Image.init()
    found = []
    for kind in images.FORMATS:
        for mode in _MODES.get(kind, ("RGB",)) if kind in Image.SAVE else ():
            with suppress(OSError, ValueError, KeyError):  # a mode that this Pillow does not write
                found.append({"kitten.png" if kind == "PNG" else "kitten.jpg": _image(kind, mode)})
    return found


def _read_image(folder: Path, sample: Sample) -> None:
    (name,) = sample
    _check_image(open_image(folder / name))
    content = (folder / name).read_bytes()
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        must(_png_is_sound(content), "a checksum of the PNG is wrong")


def _check_image(image: Image.Image) -> None:
    width, height = image.size
    must(image.mode == "RGB" and 0 < width * height <= MOST_PIXELS, f"{image.mode} of {image.size}")
    must(max(image.size) <= MOST_TIMES * min(image.size), f"a line of {image.size}")
    np.asarray(image).sum()


def _png_is_sound(content: bytes) -> bool:
    """Return whether the chunks of a PNG that readers must understand have the right checksums."""
    at, name = 8, b""
    while name != b"IEND":
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        inner, checksum = content[at + 8 : at + 8 + size], content[at + 8 + size : at + 12 + size]
        if len(checksum) < 4 or (name[:1].isupper() and checksum != struct.pack(">I", zlib.crc32(name + inner))):
            return False
        at += size + 12
    return True


def _image_folder() -> list[Sample]:
    return [
        {"cat/1.png": _image("PNG", "RGB"), "dog/2.jpg": _image("JPEG", "RGB"), "dog/more/3.gif": _image("GIF", "P")}
    ]


def _read_image_folder(folder: Path, sample: Sample) -> None:
    found = ImageFolder(folder)
    for image, target in (found[i] for i in range(len(found))):
        _check_image(image)
        must(0 <= target < len(found.classes), "a class that is none")


def _text_folder() -> list[Sample]:
    texts = (b"Great!<br />I'd see it again.", b"<b>never</b> again \xff\xfe", "Ж 你好 <i>".encode())
    return [{f"train/{'pos' if i else 'neg'}/{i}.txt": text for i, text in enumerate(texts)}]


def _read_text_folder(folder: Path, sample: Sample) -> None:
    found = TextFolder(folder)
    texts = [found[i][0] for i in range(len(found))]
    vocabulary = Vocabulary(texts, size=20)
    must(vocabulary.batch(texts, 10).shape == (len(texts), 10), "a batch of another shape")
    for text in texts:
        must(not any("<" in word or ">" in word for word in words(text)), "markup in a word")


def _tiny() -> list[Sample]:
    names = {f"val/images/val_{i}.JPEG": _image("JPEG", "RGB") for i in range(3)}
    annotations = "".join(f"val_{i}.JPEG\tn0{1 + i % 2}\t0\t0\t62\t62\n" for i in range(3))
    texts = {
        "wnids.txt": "n01\nn02\n",
        "words.txt": "n01\tgoldfish, fish\nn02\tbull\n",
        "val/val_annotations.txt": annotations,
    }
    return [{**{name: text.encode() for name, text in texts.items()}, **names}]


def _read_tiny(folder: Path, sample: Sample) -> None:
    found = TinyImageNet(folder, "val")
    for path, target in found.samples:
        must(0 <= target < len(found.classes), "a class that is none")
        must(Path(path).parent == folder / "val" / "images", f"an image elsewhere: {path}")
    for i in range(len(found)):
        _check_image(found[i][0])


_ODD_NAMES = (
    "a\nb.png", "\x1b[2J.jpg", ".hidden.png", "x" * 200 + ".png", "é.png", "e\u0301.png", "a.PNG", "no extension",
    "n03", "pos", "cat", "Thumbs.db", " .png", "-rf.txt", "val_9.JPEG", "1.txt",
)  # fmt: skip


def _disturb(folder: Path, rng: random.Random) -> None:
    """Add an odd file, folder, link or pipe to a random folder, or remove something."""
    places = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink())]
    place, kind = rng.choice(places), rng.randrange(8)
    path = place / rng.choice(_ODD_NAMES)
    with suppress(OSError):  # what is there already stays
        if kind == 0 and hasattr(os, "mkfifo"):
            os.mkfifo(path.with_suffix(rng.choice((".txt", ".png"))))
        elif kind == 1:
            path.symlink_to(rng.choice((folder, Path(".."), Path("/dev/zero"), Path("nowhere"), path)))
        elif kind == 2:
            path.mkdir()
        elif kind == 3:
            with open(os.fsencode(path) + b"\xff.png", "wb") as file:
                file.write(b"no image")
        elif kind == 4:
            path.write_bytes(rng.randbytes(rng.choice((0, 1, 50))))
        elif kind == 5:
            files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
            rng.choice(files).unlink()


_READ = (FileNotFoundError, CorruptImageError, CorruptFileError)
_TABS = (b"\t", b"\n", b"../", b"/", b"\\", b"n01", b"n03", b"\0", b"\x1b[2J", b"val_1.JPEG", b"..")
_OF_SLOW = 500_000_000  # 50 million pixels, in four bytes and again in three, and what a format needs itself

READERS = {
    "images": Reader(_images, _read_image, _READ, {".png": in_png}, _FORMAT_NAMES, None, SLOW, _OF_SLOW),
    "image-folder": Reader(
        _image_folder, _read_image_folder, _READ, {".png": in_png}, _FORMAT_NAMES, _disturb, SLOW, _OF_SLOW
    ),
    "tiny-imagenet": Reader(_tiny, _read_tiny, _READ, {}, _TABS, _disturb, SLOW, _OF_SLOW),
    "text-folder": Reader(_text_folder, _read_text_folder, _READ, {}, (b"<", b">", b"<" * 1000), _disturb, SLOW),
}
