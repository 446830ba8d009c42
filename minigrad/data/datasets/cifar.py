"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour pictures of 32×32.

Both published forms are read: the binary one, and the one for Python, which is a pickle. A pickle can run any
program; so it is read by an unpickler that knows how to make an array, and nothing else.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.datasets.idx import CorruptFileError
from minigrad.data.datasets.pictures import ArrayPictures

_PIXELS = 3 * 32 * 32


class CIFAR10(ArrayPictures):
    """Airplanes to trucks, ten classes.

    Args:
        root: the folder with the files (``data_batch_1`` … or ``data_batch_1.bin`` …), or the one that holds it.
        train: the 50,000 training pictures, or the 10,000 test pictures.
        transform: applied to every picture, a Pillow image in RGB.

    Raises:
        FileNotFoundError: naming the files and where they come from.
        CorruptFileError: if a file is damaged or cut short, is a pickle of something else, or has a label too high.
    """

    folders = ("cifar-10-batches-py", "cifar-10-batches-bin")
    train_files: tuple[str, ...] = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_files: tuple[str, ...] = ("test_batch",)
    labels_key, label_bytes = b"labels", 1  # of the pickle; of a record of the binary form, the last of which counts
    archives = "cifar-10-python.tar.gz or cifar-10-binary.tar.gz"
    classes: tuple[str, ...] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip

    def __init__(
        self, root: str | os.PathLike[str], train: bool = True, transform: Callable[[Any], Any] | None = None
    ) -> None:
        parts = [self._read(self._find(Path(root), name)) for name in (self.train_files if train else self.test_files)]
        self.data = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.targets = np.concatenate([labels for _, labels in parts]).astype(np.int64)
        self.transform = transform

    @classmethod
    def _find(cls, root: Path, name: str) -> Path:
        for folder in (root, *(root / folder for folder in cls.folders)):
            for candidate in (folder / name, folder / f"{name}.bin"):
                if candidate.is_file():
                    return candidate
        raise FileNotFoundError(
            f"no {name} or {name}.bin in {root}. Fetch {cls.archives} from the page of the CIFAR data sets (Alex "
            "Krizhevsky), unpack it, and give the folder"
        )

    @classmethod
    def _read(cls, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (N, 3072) and labels (N)."""
        pixels, labels = (_read_binary if path.suffix == ".bin" else _read_pickle)(path, cls)
        if labels.size and not 0 <= labels.min() <= labels.max() < len(cls.classes):
            raise CorruptFileError(f"{path}: label {labels.max()} is out of range 0 … {len(cls.classes) - 1}")
        return pixels, labels


class CIFAR100(CIFAR10):
    """A hundred classes (the fine ones)."""

    folders = ("cifar-100-python", "cifar-100-binary")
    train_files, test_files = ("train",), ("test",)
    labels_key, label_bytes = b"fine_labels", 2
    archives = "cifar-100-python.tar.gz or cifar-100-binary.tar.gz"
    classes = (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
        "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee",
        "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant",
        "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
        "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
        "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate",
        "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark",
        "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
        "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip",
        "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    )  # fmt: skip


def _read_binary(path: Path, kind: type[CIFAR10]) -> tuple[np.ndarray, np.ndarray]:
    content = path.read_bytes()
    record = kind.label_bytes + _PIXELS
    if not content or len(content) % record:
        raise CorruptFileError(f"{path}: expected whole records of {record} bytes, found {len(content)} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, kind.label_bytes :], records[:, kind.label_bytes - 1]


def _read_pickle(path: Path, kind: type[CIFAR10]) -> tuple[np.ndarray, np.ndarray]:
    try:
        with open(path, "rb") as file:
            content = ArrayUnpickler(file, encoding="bytes").load()
        pixels, labels = np.asarray(content[b"data"]), np.asarray(content[kind.labels_key], np.int64)
    except pickle.UnpicklingError as error:
        raise CorruptFileError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise CorruptFileError(f"{path}: no pickle of CIFAR pictures: {type(error).__name__}: {error}") from None
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS or labels.shape != pixels.shape[:1]:
        raise CorruptFileError(
            f"{path}: expected bytes of shape (N, {_PIXELS}) and N labels, found {pixels.dtype} of shape "
            f"{pixels.shape} and {labels.size} labels"
        )
    return pixels, labels


class ArrayUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings, numbers and NumPy arrays; whatever else a pickle names is refused."""

    _ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),  # how Python 3 writes bytes for Python 2
    }

    def find_class(self, module: str, name: str) -> Any:
        """The few names that an array needs.

        Raises:
            UnpicklingError: for any other, naming it.
        """
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}: only arrays are expected in this file")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
