"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): grey, 28×28, ten classes, as IDX files.

``embedded_clothing`` is a class-balanced cut of 5,000 + 1,000 images of Fashion-MNIST that is part of minigrad, so that
training on real images needs no network. ``cut_fashion_mnist.py`` made it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minigrad.data.datasets.idx import CorruptFileError, read_idx
from minigrad.data.datasets.images import ImageArrays, Transform
from minigrad.typing import Array

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_EMBEDDED = Path(__file__).parent / "clothing"


class MNIST(ImageArrays):
    """Handwritten digits, in a folder of IDX files (``train-images-idx3-ubyte[.gz]``, …).

    Args:
        root: the folder, or the one above ``MNIST/raw``, where torchvision keeps the files.
        train: read the 60,000 training images, or the 10,000 test images.
        transform: applied to every Pillow image.

    Raises:
        FileNotFoundError: naming the files and where they come from.
        CorruptFileError: if a file is damaged or truncated, or images and labels do not match.
    """

    classes: tuple[str, ...] = tuple("0123456789")
    source = "the page of the MNIST database of handwritten digits (Yann LeCun)"

    def __init__(self, root: str | os.PathLike[str], train: bool = True, transform: Transform | None = None) -> None:
        prefix = "train" if train else "t10k"
        images_path = self._find(Path(root), f"{prefix}-images-idx3-ubyte")
        labels_path = self._find(Path(root), f"{prefix}-labels-idx1-ubyte")
        self.data = _images(images_path)
        self.targets = _labels(labels_path, len(self.classes))
        if len(self.targets) != len(self.data):
            raise CorruptFileError(
                f"{labels_path}: expected {len(self.data)} labels for the images in {images_path.name}, "
                f"found {len(self.targets)}"
            )
        self.transform = transform

    @classmethod
    def _find(cls, root: Path, name: str) -> Path:
        for folder in (root, root / cls.__name__ / "raw"):
            for candidate in (folder / name, folder / f"{name}.gz"):
                if candidate.is_file():
                    return candidate
        raise FileNotFoundError(
            f"no {name} or {name}.gz in {root}. The four IDX files of {cls.__name__} come from {cls.source}; "
            "put them into that folder"
        )


def _images(path: Path) -> Array:
    """Return grey images of bytes, (N, height, width)."""
    images = read_idx(path)
    if images.ndim != 3 or 0 in images.shape[1:]:
        raise CorruptFileError(f"{path}: expected images in 3 dimensions, found shape {images.shape}")
    if images.dtype != np.uint8:
        raise CorruptFileError(f"{path}: expected grey values in bytes (uint8), found {images.dtype}")
    return images


def _labels(path: Path, classes: int) -> Array:
    """Return the numbers of classes, (N)."""
    labels = read_idx(path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise CorruptFileError(
            f"{path}: expected whole numbers in one dimension as labels, found {labels.dtype} of shape {labels.shape}"
        )
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise CorruptFileError(f"{path}: label {wrong[0]} is out of range: classes are 0 to {classes - 1}")
    return labels


class FashionMNIST(MNIST):
    """Photographs of clothing, in the same format as :class:`MNIST`."""

    classes = FASHION_CLASSES
    source = "Debian's package dataset-fashion-mnist, or the project zalandoresearch/fashion-mnist"


def embedded_clothing(train: bool = True, transform: Transform | None = None) -> FashionMNIST:
    """Return the 5,000 training or 1,000 test images that are part of minigrad, 500 or 100 of each class."""
    return FashionMNIST(_EMBEDDED, train, transform)
