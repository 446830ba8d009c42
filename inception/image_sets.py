"""Sets of labelled images: open the splits that a data source has, and take some images of a set."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from inception.data_source import DataSource
from inception.ending import OptionError
from inception.image_folders import find_splits
from inception.progress import Progress, waiting
from inception.wording import counted
from minigrad.data import Subset, transforms
from minigrad.data.datasets import (
    CIFAR10,
    CIFAR100,
    MNIST,
    FashionMNIST,
    ImageFolder,
    SyntheticImages,
    TinyImageNet,
    embedded_clothing,
)
from minigrad.data.datasets.folder import LeftOutWarning
from minigrad.data.datasets.images import Labelled, Transform, open_image
from minigrad.typing import Array

if TYPE_CHECKING:
    from PIL.Image import Image

SYNTHETIC_TRAIN, SYNTHETIC_TEST = 512, 128  # numbers of images
_AT_ONCE = 1000  # files between two signs of life


class LabelledImages(Protocol):
    """A dataset of labelled images."""

    transform: Transform | None

    @property
    def classes(self) -> Sequence[str]: ...

    @property
    def targets(self) -> Sequence[int] | Array: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Labelled: ...


#: All images of a set, or some of them.
Images: TypeAlias = LabelledImages | Subset[Labelled]
#: Opens a split of a data source, with a transform.
Opener: TypeAlias = Callable[[transforms.Compose], LabelledImages]


def openers(source: DataSource) -> dict[str, Opener]:
    """Return how to open each split that a source has: of "train", "val" and "test", or "all" for a plain folder.

    Raises:
        FileNotFoundError: if the root of a folder of images is missing.
    """
    root = str(source.root)
    if source.data == "folder":
        splits = find_splits(Path(root))
        return {name: partial(_open_folder, path, source.skip_corrupt) for name, path in splits.items()}
    if source.data == "tiny-imagenet":
        return {name: partial(TinyImageNet, root, name) for name in ("train", "val")}
    if source.data == "synthetic":
        size, classes, seed = source.image_size, source.classes or 10, source.seed
        return {
            "train": partial(SyntheticImages, SYNTHETIC_TRAIN, size, classes, seed),
            "test": partial(SyntheticImages, SYNTHETIC_TEST, size, classes, seed + 1),
        }
    if source.data == "embedded":
        return {"train": partial(embedded_clothing, True), "test": partial(embedded_clothing, False)}
    kinds: dict[str, type[CIFAR10] | type[MNIST]] = {
        "cifar10": CIFAR10,
        "cifar100": CIFAR100,
        "mnist": MNIST,
        "fashion-mnist": FashionMNIST,
    }
    kind = kinds[source.data]
    return {"train": partial(kind, root, True), "test": partial(kind, root, False)}


def refuse_among_images(target: Path, source: DataSource, what: str) -> None:
    """Refuse a folder for results among the folders of the classes: it would be one of them, and its figures images.

    Raises:
        OptionError: if it lies there.
    """
    root = Path(source.root or "")
    if source.data != "folder" or not root.is_dir():
        return
    for images in find_splits(root).values():
        if target.resolve().is_relative_to(images.resolve()):
            raise OptionError(f"{what} {target} would be taken for a class of {images}: choose another --output")


def _open_folder(path: Path, skip_corrupt: bool, transform: transforms.Compose) -> ImageFolder:
    read = 0

    def reading() -> str:
        return f"reading {path}" + (f", {counted(read, 'image')}" if read else "")

    def try_out(file: str) -> Image:
        nonlocal read
        image = open_image(file)
        read += 1
        return image

    with waiting(reading), warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)  # the user is told by ``notes_of``
        folder = ImageFolder(path, transform, loader=try_out, allow_empty=True, skip_corrupt=skip_corrupt)
    folder.loader = open_image
    return folder


def whole_set(images: Images) -> LabelledImages:
    """Return the set that these images are of."""
    base: LabelledImages = images.dataset if isinstance(images, Subset) else images
    return base


def indices_of(images: Images) -> Sequence[int]:
    """Return the place of every image in the whole set."""
    return images.indices if isinstance(images, Subset) else range(len(images))


def targets_of(images: Images) -> Array:
    """Return the label of every image, without reading one."""
    targets = np.asarray(whole_set(images).targets)
    return targets[np.asarray(images.indices, np.int64)] if isinstance(images, Subset) else targets


def paths_of(images: Images) -> list[str] | None:
    """Return the file of every image; None for a set that has no file for each."""
    base = whole_set(images)
    if not isinstance(base, ImageFolder | TinyImageNet):
        return None
    return [base.samples[i][0] for i in indices_of(images)]


def file_sizes(images: Images) -> list[int] | None:
    """Return the number of bytes of every image's file; None for a set that has no file for each."""
    paths = paths_of(images)
    if paths is None:
        return None
    progress, sizes = Progress("looking at the files", len(paths), "file"), list[int]()
    try:
        for start in range(0, len(paths), _AT_ONCE):
            some = [os.stat(path).st_size for path in paths[start : start + _AT_ONCE]]
            sizes += some
            progress.update(len(some))
    finally:
        progress.close()
    return sizes


def some_of(images: Images, places: Sequence[int]) -> Subset[Labelled]:
    """Return the images at some places."""
    indices = indices_of(images)
    return Subset(whole_set(images), [indices[i] for i in places])


def notes_of(images: Images) -> list[str]:
    """Return a line for each kind of file that lies among the images and is none."""
    base = whole_set(images)
    return base.left_out.lines() if isinstance(base, ImageFolder | TinyImageNet) else []


class Originals:
    """The images of a set as they are in the files, not as the model sees them; each is read when it is indexed.

    Args:
        at_least: how many pixels their sides need, as for :func:`minigrad.data.datasets.images.open_image`.
    """

    def __init__(self, images: Images, at_least: int | None = None) -> None:
        self.images, self.at_least = images, at_least

    def __getitem__(self, place: int) -> Image:
        base, index = whole_set(self.images), indices_of(self.images)[place]
        if isinstance(base, ImageFolder | TinyImageNet):
            return open_image(base.samples[index][0], self.at_least)
        transform, base.transform = base.transform, None
        try:
            image: Image = base[index][0]
            return image
        finally:
            base.transform = transform
