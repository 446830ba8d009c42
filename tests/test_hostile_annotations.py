"""Tiny ImageNet made to do harm: whatever its texts name, nothing outside of the data set is read or moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from minigrad.data.datasets import (
    CorruptFileError,
    TinyImageNet,
)
from minigrad.data.datasets.tiny_imagenet import reorganise


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
