"""Fashion-MNIST (Xiao et al. 2017): photographs of clothing, grey, 28×28, ten classes, as IDX files.

``embedded_clothing`` is a class-balanced cut of 5,000 + 1,000 of them that ships with minigrad, so that
training on real pictures needs no network; cut_fashion_mnist.py made it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from minigrad.data.dataset import Dataset
from minigrad.data.datasets.idx import CorruptFileError, read_idx

CLASSES = (
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


class FashionMNIST(Dataset):
    """The pictures and classes in a folder of IDX files (``train-images-idx3-ubyte[.gz]``, …).

    Args:
        root: the folder; ``root/FashionMNIST/raw``, where torchvision keeps them, is looked into as well.
        train: the 60,000 training pictures, or the 10,000 test pictures.
        transform: applied to every Pillow image.

    Raises:
        FileNotFoundError: naming the files and where they come from.
        CorruptFileError: if a file is damaged or cut short, or pictures and labels do not match.
    """

    classes = CLASSES

    def __init__(
        self, root: str | os.PathLike[str], train: bool = True, transform: Callable[[Any], Any] | None = None
    ) -> None:
        prefix = "train" if train else "t10k"
        images_path = _find(Path(root), f"{prefix}-images-idx3-ubyte")
        labels_path = _find(Path(root), f"{prefix}-labels-idx1-ubyte")
        self.data, self.targets = read_idx(images_path), read_idx(labels_path)
        if self.data.ndim != 3:
            raise CorruptFileError(f"{images_path}: expected pictures in 3 dimensions, found shape {self.data.shape}")
        if self.targets.shape != self.data.shape[:1]:
            raise CorruptFileError(
                f"{labels_path}: expected {len(self.data)} labels for the pictures in {images_path.name}, "
                f"found {self.targets.size}"
            )
        if self.targets.size and self.targets.max() >= len(CLASSES):
            raise CorruptFileError(
                f"{labels_path}: label {self.targets.max()} is out of range: classes are 0 to {len(CLASSES) - 1}"
            )
        self.transform = transform

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.data[index])
        return (image if self.transform is None else self.transform(image)), int(self.targets[index])

    def __len__(self) -> int:
        return len(self.data)


def _find(root: Path, name: str) -> Path:
    for folder in (root, root / "FashionMNIST" / "raw"):
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise FileNotFoundError(
        f"no {name} or {name}.gz in {root}. Fashion-MNIST's four IDX files come with Debian's package "
        "dataset-fashion-mnist, or from the project zalandoresearch/fashion-mnist; put them into that folder"
    )


def embedded_clothing(train: bool = True, transform: Callable[[Any], Any] | None = None) -> FashionMNIST:
    """The 5,000 training or 1,000 test pictures that ship with minigrad, 500 or 100 of each class."""
    return FashionMNIST(_EMBEDDED, train, transform)
