"""ImageFolder: a folder of images for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from minigrad.data.dataset import Dataset
from minigrad.data.datasets.images import EXTENSIONS, CorruptImageError, Transform, open_image

_READERS = 8  # threads that try out all files; each may hold an image of 50 million pixels


#: An image and its target, as the two transforms return them.
_Item: TypeAlias = tuple[Any, Any]


class ImageFolder(Dataset[_Item]):
    """Images in folders named after their classes, at any depth below them; like torchvision's.

        root/cat/1.jpeg        root/cat/more/2.png        root/dog/3.jpeg

    Args:
        root: the folder of the classes' folders.
        transform: applied to every image, a Pillow image in RGB.
        target_transform: applied to every class number.
        loader: opens a file.
        allow_empty: allow a class without images.
        skip_corrupt: read every image once now, and leave out those that cannot be read, with a warning that names
            them. Otherwise such an image raises an error when it is read later.

    Attributes: ``classes`` (names, sorted), ``class_to_idx``, ``samples`` (path, class number), ``targets``.

    Raises:
        FileNotFoundError: if there is no such folder, it has no folders in it, or one of them has no image.
        CorruptImageError: when an item is read, naming the file.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Callable[[int], object] | None = None,
        loader: Callable[[Path], object] = open_image,
        allow_empty: bool = False,
        skip_corrupt: bool = False,
    ) -> None:
        self.root = Path(root)
        self.transform, self.target_transform, self.loader = transform, target_transform, loader
        self.classes = find_classes(self.root)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = [(path, i) for i, name in enumerate(self.classes) for path in images_in(self.root / name)]
        if skip_corrupt:
            self.samples = _readable(self.samples, loader)
        self.targets = [target for _, target in self.samples]
        empty = [name for i, name in enumerate(self.classes) if i not in set(self.targets)]
        if empty and not allow_empty:
            raise FileNotFoundError(
                f"Found no valid file for the classes {', '.join(empty)} in {self.root}. Supported extensions are: "
                f"{', '.join(EXTENSIONS)}. Remove the folder, fill it, or give allow_empty=True"
            )

    def __getitem__(self, index: int) -> _Item:
        path, target = self.samples[index]
        image = self.loader(path)
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.samples)


def find_classes(root: Path) -> tuple[str, ...]:
    """Return the names of the folders in ``root``, sorted.

    Raises:
        FileNotFoundError: if there is none.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}: it should have a folder of images for each class")
    classes = tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir()))
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {root}: it should have one for each class")
    return classes


def images_in(folder: Path) -> Iterator[Path]:
    """Yield the image files below a folder, in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in EXTENSIONS and path.is_file():
            yield path


def _readable(samples: Sequence[tuple[Path, int]], loader: Callable[[Path], object]) -> list[tuple[Path, int]]:
    def problem(sample: tuple[Path, int]) -> str | None:
        try:
            loader(sample[0])
        except CorruptImageError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(_READERS) as pool:
        problems = list(pool.map(problem, samples))
    bad = [text for text in problems if text is not None]
    if bad:
        warnings.warn(f"left out {len(bad)} of {len(samples)} images: " + "; ".join(bad), stacklevel=3)
    return [sample for sample, text in zip(samples, problems, strict=True) if text is None]
