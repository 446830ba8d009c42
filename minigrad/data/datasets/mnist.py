"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): grey, 28×28, ten classes, as IDX files.

``embedded_clothing`` is a class-balanced cut of 5,000 + 1,000 images of Fashion-MNIST that is part of minigrad, so that
training on real images needs no network. ``cut_fashion_mnist.py`` made it.
"""

from __future__ import annotations

import os
from pathlib import Path

from minigrad.data.datasets.idx import CorruptFileError, read_idx
from minigrad.data.datasets.images import ImageArrays, Transform

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
        self.data, self.targets = read_idx(images_path), read_idx(labels_path)
        if self.data.ndim != 3:
            raise CorruptFileError(f"{images_path}: expected images in 3 dimensions, found shape {self.data.shape}")
        if self.targets.shape != self.data.shape[:1]:
            raise CorruptFileError(
                f"{labels_path}: expected {len(self.data)} labels for the images in {images_path.name}, "
                f"found {self.targets.size}"
            )
        if self.targets.size and self.targets.max() >= len(self.classes):
            raise CorruptFileError(
                f"{labels_path}: label {self.targets.max()} is out of range: classes are 0 to {len(self.classes) - 1}"
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


class FashionMNIST(MNIST):
    """Photographs of clothing, in the same format as :class:`MNIST`."""

    classes = FASHION_CLASSES
    source = "Debian's package dataset-fashion-mnist, or the project zalandoresearch/fashion-mnist"


def embedded_clothing(train: bool = True, transform: Transform | None = None) -> FashionMNIST:
    """Return the 5,000 training or 1,000 test images that are part of minigrad, 500 or 100 of each class."""
    return FashionMNIST(_EMBEDDED, train, transform)
