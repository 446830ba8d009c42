"""The splits of a folder of images: which of its folders are for training, for validation and for tests."""

from __future__ import annotations

import os
from pathlib import Path

from minigrad.data.datasets.image_files import LeftOut, class_folders

#: The names that the folder of each split may have, in any case.
FOLDER_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
#: The name of all images, if the folders of the classes lie directly in the root.
ALL = "all"


def find_splits(root: Path) -> dict[str, Path]:
    """Return the folder of each split there is: of "train", "val" and "test", or of all images together.

    A folder of images, without folders in it, is that of a class, even if its name is "train".

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if two folders may be the same split.
    """
    if not root.is_dir():
        unpack = " is a file: give the folder of the images, and unpack an archive first"
        raise FileNotFoundError(f"{root}{unpack}" if root.exists() else f"no folder {root}")
    folders = _class_names(root)
    found: dict[str, Path] = {}
    for split, names in FOLDER_NAMES.items():
        of_split = [name for name in folders if name.lower() in names and _class_names(root / name)]
        if len(of_split) > 1:
            raise ValueError(f"{root} has {' and '.join(of_split)}: which of them is for {split}? Move the others away")
        found.update((split, root / name) for name in of_split)
    if not found and folders:
        return {ALL: root}
    return found


def unused_folders(root: Path) -> list[str]:
    """Return the names of the folders that are beside those of the splits and are none themselves."""
    found = find_splits(root)
    if ALL in found:
        return []
    return [name for name in _class_names(root) if root / name not in found.values()]


def _class_names(folder: Path) -> list[str]:
    return list(class_folders(os.fspath(folder), LeftOut(os.fspath(folder))))


def explain_missing(root: Path, found: dict[str, Path]) -> str:
    """Return what is missing for training and validation, and what to do."""
    if ALL in found:
        names = _class_names(root)
        above = ", ".join(find_splits(root.absolute().parent)) if root.absolute().parent != root.absolute() else ""
        more = f"; or give the folder above it, which has {above}" if "train" in above else ""
        return (
            f"{root} has no folder train; expected train and val, each with a folder for each class. If "
            f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''} are classes, give --val-split 0.2 to hold back a "
            f"fifth of their images for validation{more}"
        )
    if "train" in found:
        return (
            f"{root} has {found['train'].name}, but no images for validation in val (or valid, validation, test): give "
            "--val-split 0.2 to hold back a fifth of the training images"
        )
    there = f"; found only {', '.join(path.name for path in found.values())}" if found else ""
    return f"no folder {root / 'train'}: expected train and val, each with a folder for each class{there}"
