"""ImageFolder: a folder of images for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, TypeAlias

from minigrad.data.dataset import Dataset
from minigrad.data.datasets.image_files import LeftOut, class_folders, images_in
from minigrad.data.datasets.images import EXTENSIONS, CorruptImageError, Transform, open_image

_READERS = 8  # threads that try out all files; each may hold an image of 50 million pixels


#: An image and its target, as the two transforms return them.
_Item: TypeAlias = tuple[Any, Any]
#: The path of an image, and the number of its class.
_Sample: TypeAlias = tuple[str, int]


class LeftOutWarning(UserWarning):
    """Files in a folder were not taken as images."""


class ImageFolder(Dataset[_Item]):
    """Images in folders named after their classes, at any depth below them; like torchvision's.

        root/cat/1.jpeg        root/cat/more/2.png        root/dog/3.jpeg

    Links are followed. Hidden files and folders are left out, and so is every file without an image's extension; a
    warning counts what was left out.

    Args:
        root: the folder of the classes' folders.
        transform: applied to every image, a Pillow image in RGB.
        target_transform: applied to every class number.
        loader: opens a file.
        allow_empty: allow a class without images.
        skip_corrupt: read every image once now, and leave out those that cannot be read. Otherwise such an image
            raises an error when it is read later.

    Attributes: ``classes`` (names), ``class_to_idx``, ``samples`` (path, class number), ``targets``, ``left_out``.

    Raises:
        FileNotFoundError: if there is no such folder, it has no folders in it, or one of them has no image.
        CorruptImageError: when an item is read, naming the file.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Callable[[int], object] | None = None,
        loader: Callable[[str], object] = open_image,
        allow_empty: bool = False,
        skip_corrupt: bool = False,
    ) -> None:
        self.root = Path(root)
        self.transform, self.target_transform, self.loader = transform, target_transform, loader
        self.left_out = LeftOut(os.fspath(root))
        folders = _class_folders(self.root, self.left_out)
        self.classes = tuple(folders)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[_Sample] = []
        for number, paths in enumerate(folders.values()):
            self.samples += zip(images_in(paths, self.left_out), repeat(number))
        if skip_corrupt:
            self.samples = _readable(self.samples, loader, self.left_out)
        self.targets = [target for _, target in self.samples]
        if self.left_out.lines():
            warnings.warn("\n".join(self.left_out.lines()), LeftOutWarning, stacklevel=2)
        if not allow_empty:
            _refuse_empty(self)

    def __getitem__(self, index: int) -> _Item:
        path, target = self.samples[index]
        image = self.loader(path)
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.samples)

    def number_as(self, classes: Sequence[str]) -> None:
        """Number the classes as in this list, which may have more of them; for a set with fewer classes than another.

        Raises:
            ValueError: if a class is not in the list.
        """
        numbers = {name: i for i, name in enumerate(classes)}
        unknown = [name for name in self.classes if name not in numbers]
        if unknown:
            raise ValueError(f"{self.root} has other classes: {', '.join(unknown[:5])}")
        self.samples = [(path, numbers[self.classes[target]]) for path, target in self.samples]
        self.targets = [target for _, target in self.samples]
        self.classes, self.class_to_idx = tuple(classes), numbers


def _class_folders(root: Path, left_out: LeftOut) -> dict[str, list[str]]:
    """Return the paths of the classes' folders by class.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}: it should have a folder of images for each class")
    folders = class_folders(os.fspath(root), left_out)
    if not folders:
        raise FileNotFoundError(f"Couldn't find any class folder in {root}: it should have one for each class")
    return folders


def _refuse_empty(folder: ImageFolder) -> None:
    taken = set(folder.targets)
    empty = [name for name, number in folder.class_to_idx.items() if number not in taken]
    if empty:
        raise FileNotFoundError(
            f"Found no valid file for the classes {', '.join(empty)} in {folder.root}. Supported extensions are: "
            f"{', '.join(EXTENSIONS)}. Remove the folder, fill it, or give allow_empty=True"
        )


def _readable(samples: Sequence[_Sample], loader: Callable[[str], object], left_out: LeftOut) -> list[_Sample]:
    """Return the images that can be read, and record the others."""

    def problem(sample: _Sample) -> str | None:
        try:
            loader(sample[0])
        except CorruptImageError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(_READERS) as pool:
        problems = list(pool.map(problem, samples))
    left_out.corrupt += [text for text in problems if text is not None]
    return [sample for sample, text in zip(samples, problems, strict=True) if text is None]
