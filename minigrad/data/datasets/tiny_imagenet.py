"""Tiny ImageNet-200 (Stanford's CS231n): 100,000 images of 64×64 in 200 classes, and 10,000 for validation.

As distributed, the validation images lie in one folder, with their classes in ``val_annotations.txt``, and are read
from there. For programs that need a folder for each class,

    python -m minigrad.data.datasets.tiny_imagenet FOLDER

moves them into ``val/<class>/images``. It may be interrupted and run again.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

from minigrad.data.dataset import Dataset
from minigrad.data.datasets.idx import CorruptFileError
from minigrad.data.datasets.image_files import LeftOut, images_in
from minigrad.data.datasets.images import Labelled, Transform, open_image
from minigrad.files import refuse_link


class TinyImageNet(Dataset[Labelled]):
    """The images below a folder as distributed (``wnids.txt``, ``words.txt``, ``train``, ``val``), or re-organised.

    Args:
        root: the folder ``tiny-imagenet-200``, or the one that holds it.
        split: "train" or "val"; the images of "test" have no classes.
        transform: applied to every image, a Pillow image in RGB.

    Attributes: ``wnids`` (WordNet names, sorted: class numbers), ``classes`` (their words), ``samples``, ``targets``,
    ``left_out``.

    Raises:
        FileNotFoundError: if a file is missing, naming its source.
        CorruptFileError: if an annotation is malformed, or names a file or class outside the data set.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "train", transform: Transform | None = None) -> None:
        if split not in ("train", "val"):
            raise ValueError(f"split {split!r} is unknown; it may be 'train' or 'val'")
        self.root, self.split, self.transform = _folder(Path(root)), split, transform
        self.wnids = class_names(self.root)
        words = _words(self.root / "words.txt")
        self.classes = tuple(words.get(wnid, wnid) for wnid in self.wnids)
        number = {wnid: i for i, wnid in enumerate(self.wnids)}
        self.left_out = LeftOut(str(self.root))
        if split == "train" or not (self.root / "val" / "images").is_dir():
            folder = self.root / split
            folders = {i: str(folder / wnid / "images") for wnid, i in number.items()}
            self.samples = [
                (path, i)
                for i, where in folders.items()
                if os.path.isdir(where)
                for path in images_in([where], self.left_out)
            ]
        else:
            found = validation_classes(self.root)
            self.samples = [(str(_where(self.root, name, wnid)), number[wnid]) for name, wnid in sorted(found.items())]
        if not self.samples:
            raise FileNotFoundError(f"no images of the {split} set below {self.root / split}")
        self.targets = [target for _, target in self.samples]

    def __getitem__(self, index: int) -> Labelled:
        path, target = self.samples[index]
        image = open_image(path)
        return (image if self.transform is None else self.transform(image)), target

    def __len__(self) -> int:
        return len(self.samples)


def _folder(root: Path) -> Path:
    for folder in (root, root / "tiny-imagenet-200"):
        if (folder / "wnids.txt").is_file():
            return folder
    raise FileNotFoundError(
        f"no wnids.txt in {root}. Fetch tiny-imagenet-200.zip from Stanford's CS231n course, unpack it, and give the "
        "folder tiny-imagenet-200"
    )


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file of the data set.

    Raises:
        CorruptFileError: if it is not text.
    """
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path}: expected text in UTF-8: {error.reason} at byte {error.start}") from None


def _is_plain(name: str) -> bool:
    """Return whether this can be the name of a file in a folder on every system, rather than a path elsewhere."""
    return (
        name not in ("", ".", "..")
        and name.isprintable()
        and PurePosixPath(name).name == name == PureWindowsPath(name).name
    )


def class_names(root: Path) -> tuple[str, ...]:
    """Return the WordNet names of the classes, sorted; they are names of folders too.

    Raises:
        CorruptFileError: if ``wnids.txt`` contains a name that cannot be a folder's.
    """
    path = root / "wnids.txt"
    names = [name for line in _lines(path) for name in line.split()]
    for name in names:
        if not name.startswith("n") or not _is_plain(name):
            raise CorruptFileError(f"{path}: expected WordNet names such as n01443537, found {name!r:.100}")
    return tuple(sorted(set(names)))


def _words(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    pairs = (line.split("\t", 1) for line in _lines(path) if "\t" in line)
    return {wnid: words.split(",")[0].strip() for wnid, words in pairs}


def validation_classes(root: Path) -> dict[str, str]:
    """Return the class of each validation image, by file name.

    Raises:
        FileNotFoundError: if ``val/val_annotations.txt`` is missing.
        CorruptFileError: if a line has no class, or a class that is not in ``wnids.txt``, or no plain file name.
    """
    path = root / "val" / "val_annotations.txt"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: it comes with Tiny ImageNet and contains the class of each image")
    found = {}
    for number, line in enumerate(_lines(path), 1):
        fields = line.split("\t")
        if len(fields) < 2:
            raise CorruptFileError(
                f"{path}, line {number}: expected a file and a class with a tab between: {line!r:.100}"
            )
        name, wnid = fields[:2]
        if not _is_plain(name):
            raise CorruptFileError(f"{path}, line {number}: expected the plain name of a file, found {name!r:.100}")
        found[name] = wnid
    unknown = sorted(set(found.values()) - set(class_names(root)))
    if unknown:
        raise CorruptFileError(f"{path}: unknown classes {unknown[:5]}, which are not in wnids.txt")
    return found


def _where(root: Path, name: str, wnid: str) -> Path:
    """Return the path of a validation image, which may have been moved already: a re-organisation may be half done."""
    moved = root / "val" / wnid / "images" / name
    return moved if moved.exists() else root / "val" / "images" / name


def reorganise(root: str | os.PathLike[str]) -> int:
    """Move the validation images into a folder for each class, and return the number moved.

    Raises:
        FileNotFoundError, CorruptFileError: as :class:`TinyImageNet`; then nothing has been moved.
        OSError: if a file cannot be moved, or a folder or image is a link, which might lead out of the data set.
    """
    folder = _folder(Path(root))
    classes = validation_classes(folder)
    images = folder / "val" / "images"
    targets = {wnid: folder / "val" / wnid / "images" for wnid in classes.values()}
    inner = [folder / "val", images, *(path for target in targets.values() for path in (target.parent, target))]
    for path in [*inner, *(images / name for name in classes)]:
        refuse_link(path)
    moved = 0
    for name, wnid in sorted(classes.items()):
        if (images / name).is_file():
            targets[wnid].mkdir(parents=True, exist_ok=True)
            os.replace(images / name, targets[wnid] / name)
            moved += 1
    if images.is_dir() and not any(images.iterdir()):
        images.rmdir()
    return moved


def main() -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m minigrad.data.datasets.tiny_imagenet",
        description="Move the validation images into a folder for each class.",
    )
    parser.add_argument("folder", help="tiny-imagenet-200")
    try:
        moved = reorganise(parser.parse_args().folder)
    except (OSError, CorruptFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"moved {moved:,} images" if moved else "nothing to do: every image is in its class's folder")
    return 0


if __name__ == "__main__":
    sys.exit(main())
