"""Folders of images as people have them: links, hidden files, other formats, turned photographs, odd values."""

from __future__ import annotations

import os
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigrad.data.datasets import CorruptImageError, ImageFolder, images, open_image
from minigrad.data.datasets.folder import LeftOutWarning

links = pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path)
    return path


def read(root: Path) -> tuple[ImageFolder, list[str]]:
    """Return the images of a folder, and the lines about what was left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)
        folder = ImageFolder(root)
    return folder, folder.left_out.lines()


def names(folder: ImageFolder) -> list[str]:
    return [Path(path).relative_to(folder.root).as_posix() for path, _ in folder.samples]


# --- Which files ---


def test_hidden_files_and_folders_are_no_images_and_no_classes(tmp_path: Path) -> None:
    for name in ("cat/0.jpg", "cat/._0.jpg", "cat/.cache/1.jpg", ".ipynb_checkpoints/0.jpg", "__MACOSX/cat/0.jpg"):
        write(tmp_path / name)
    for name in (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db"):
        (tmp_path / name).write_text("x")
    folder, lines = read(tmp_path)
    assert (folder.classes, names(folder)) == (("cat",), ["cat/0.jpg"])
    assert len(lines) == 1
    assert "left out 4 hidden files or folders: .ipynb_checkpoints, __MACOSX, cat/._0.jpg, and 1 more" in lines[0]


def test_files_of_other_formats_are_counted_by_extension(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "0.jpg")
    for i in range(3):
        (tmp_path / "cat" / f"{i}.heic").write_bytes(b"x")
    (tmp_path / "cat" / "notes.TXT").write_text("x")
    write(tmp_path / "beside.png")
    with pytest.warns(LeftOutWarning, match=r": \.heic 3, \.txt 1\n.*1 image outside .*: beside\.png"):
        assert len(ImageFolder(tmp_path)) == 1


@links
def test_links_are_followed_without_circles_and_those_to_nowhere_are_named(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    write(root / "cat" / "0.jpg")
    write(elsewhere / "deep" / "1.jpg")
    (root / "cat" / "more").symlink_to(elsewhere)
    (root / "cat" / "deep" / "circle").parent.mkdir()
    (root / "cat" / "deep" / "circle").symlink_to(root / "cat")
    (root / "cat" / "up").symlink_to(tmp_path)
    (root / "cat" / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    (root / "dog").symlink_to(elsewhere)
    folder, lines = read(root)
    assert names(folder) == ["cat/0.jpg", "cat/more/deep/1.jpg", "dog/deep/1.jpg"]
    assert [line.split(": ", 1)[1] for line in lines] == [
        "left out 1 link to nowhere: cat/broken.jpg",
        "left out 2 links to a folder that is read already: cat/deep/circle, cat/up",
    ]


def test_a_class_has_one_name_however_its_accents_are_written(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    for split, name in (("train", composed), ("val", decomposed)):
        write(tmp_path / split / name / "0.jpg")
    assert ImageFolder(tmp_path / "train").classes == ImageFolder(tmp_path / "val").classes == (composed,)
    write(tmp_path / "val" / composed / "1.jpg")  # on macOS it is the same folder
    assert ImageFolder(tmp_path / "val").targets == [0, 0]


def test_images_are_listed_without_a_look_at_each_and_in_a_time_linear_in_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in range(3):
        for i in range(4):
            write(tmp_path / str(name) / f"{i}.jpg")
    asked = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: asked.append(str(path)) or stat(path, **options))
    assert len(ImageFolder(tmp_path)) == 12
    assert not [path for path in asked if path.endswith(".jpg")]


# --- What is in them ---


@pytest.mark.parametrize("kind", ["gif", "jfif", "jp2", "avif", "webp", "png", "apng", "pbm", "tif", "bmp"])
def test_the_usual_formats_are_images_of_a_folder(tmp_path: Path, kind: str) -> None:
    if kind == "avif" and "AVIF" not in images._installed_formats():
        pytest.skip("this Pillow reads no AVIF")
    write(tmp_path / "cat" / f"0.{kind.replace('apng', 'png')}").rename(tmp_path / "cat" / f"0.{kind}")
    image, _ = ImageFolder(tmp_path)[0]
    assert (image.mode, image.size) == ("RGB", (8, 8))


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (60, 40))
    upright.paste((255, 0, 0), (0, 0, 30, 20))
    turn = Image.Transpose
    turned = [upright, *map(upright.transpose, (turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM,
              turn.TRANSPOSE, turn.ROTATE_90, turn.TRANSVERSE, turn.ROTATE_270))]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned[orientation - 1].save(tmp_path / f"a.{kind}", exif=exif)
    found = np.asarray(open_image(tmp_path / f"a.{kind}")).astype(int)
    assert found.shape == (40, 60, 3)
    assert abs(found - np.asarray(upright)).mean() < 4


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_data_cost_no_image(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff no directory")
    assert open_image(tmp_path / "a.jpg").size == (8, 8)


@pytest.mark.parametrize(
    ("most", "dtype"), [(1, np.float32), (255, np.float32), (255, np.int32), (4095, np.uint16), (65535, np.uint16)]
)
def test_grey_values_of_every_usual_range_become_0_to_255(tmp_path: Path, most: int, dtype: Any) -> None:
    ramp = np.linspace(0, most, 64).reshape(8, 8)
    Image.fromarray(ramp.astype(dtype)).save(tmp_path / "a.tif")
    found = np.asarray(open_image(tmp_path / "a.tif"))[..., 0]
    assert abs(found - ramp * (255 / most)).max() <= 1


@pytest.mark.parametrize("values", [(-1.0, 1.0), (0.0, 4000.0), (0.0, np.nan), (0, 70000), (-5, 9)])
def test_grey_values_of_another_range_are_refused_with_it(tmp_path: Path, values: tuple[float, float]) -> None:
    dtype = np.float32 if isinstance(values[0], float) else np.int32
    Image.fromarray(np.array([values] * 2, dtype)).save(tmp_path / "a.tif")
    with pytest.raises(CorruptImageError, match=r"a\.tif: its values reach from .* to .*, and only .* are known"):
        open_image(tmp_path / "a.tif")


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(CorruptImageError, match=r"a\.jpg: the file is empty \(0 bytes\)"):
        open_image(tmp_path / "a.jpg")
