"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour images of 32×32.

Both published forms are read: the binary one, and the one for Python, which is a pickle. A pickle can run any
program, so it is not unpickled. ``pickled.py`` reads it as a description, from which this file takes an array of bytes
and a list of labels.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from minigrad.data.datasets.idx import CorruptFileError
from minigrad.data.datasets.images import ImageArrays, Transform
from minigrad.data.datasets.pickled import Made, Name, UnreadablePickleError, as_bytes, read_pickle
from minigrad.typing import Array

_PIXELS = 3 * 32 * 32


class CIFAR10(ImageArrays):
    """Airplanes to trucks, ten classes.

    Args:
        root: the folder with the files (``data_batch_1`` … or ``data_batch_1.bin`` …), or the one that holds it.
        train: read the 50,000 training images, or the 10,000 test images.
        transform: applied to every image, a Pillow image in RGB.

    Raises:
        FileNotFoundError: naming the files and where they come from.
        CorruptFileError: if a file is damaged or truncated, is a pickle of something else, or has a label out of range.
    """

    folders = ("cifar-10-batches-py", "cifar-10-batches-bin")
    train_files: tuple[str, ...] = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_files: tuple[str, ...] = ("test_batch",)
    labels_key, label_bytes = (
        b"labels",
        1,
    )  # key of the pickle; bytes of a binary record (the last is used)
    archives = "cifar-10-python.tar.gz or cifar-10-binary.tar.gz"
    classes: tuple[str, ...] = (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    )  # fmt: skip

    def __init__(self, root: str | os.PathLike[str], train: bool = True, transform: Transform | None = None) -> None:
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
    def _read(cls, path: Path) -> tuple[Array, Array]:
        """Return pixels (N, 3072) and labels (N)."""
        pixels, labels = (_read_binary if path.suffix == ".bin" else _read_pickle)(path, cls)
        if labels.size and not 0 <= labels.min() <= labels.max() < len(cls.classes):
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise CorruptFileError(f"{path}: label {wrong} is out of range 0 … {len(cls.classes) - 1}")
        return pixels, labels


class CIFAR100(CIFAR10):
    """CIFAR-100, with its hundred fine classes."""

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


def _read_binary(path: Path, kind: type[CIFAR10]) -> tuple[Array, Array]:
    content = path.read_bytes()
    record = kind.label_bytes + _PIXELS
    if not content or len(content) % record:
        raise CorruptFileError(f"{path}: expected whole records of {record} bytes, found {len(content)} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, kind.label_bytes :], records[:, kind.label_bytes - 1]


_NAMES = {  # the functions that a pickle of NumPy's arrays names
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",  # since NumPy 2
    "numpy.ndarray",
    "numpy.dtype",
    "_codecs.encode",  # Python 3 writes bytes this way for Python 2
}


def _read_pickle(path: Path, kind: type[CIFAR10]) -> tuple[Array, Array]:
    try:
        content = read_pickle(path.read_bytes(), _NAMES)
        if not isinstance(content, dict) or not {b"data", kind.labels_key} <= content.keys():
            raise UnreadablePickleError(f"expected a dict with data and {kind.labels_key.decode()}")
        pixels, labels = _pixels(content[b"data"]), _labels(content[kind.labels_key])
    except UnreadablePickleError as error:
        raise CorruptFileError(f"{path}: {error}") from None
    if len(pixels) != len(labels):
        raise CorruptFileError(f"{path}: {len(pixels)} images, but {len(labels)} labels")
    return pixels, labels


def _pixels(described: object) -> Array:
    """Return the array (N, 3072) of bytes that a pickle describes.

    NumPy pickles an array as an empty one with the state (version, shape, dtype, Fortran order, bytes), and a dtype
    likewise. Only the bytes are passed to NumPy, and only if their number fits the shape.
    """
    match described:
        case Made(
            "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct",
            (Name("numpy.ndarray"), *_),
            (
                _,
                (int() as count, pixels),
                Made("numpy.dtype", ("u1", *_), (_, "|", None, None, None, *_)),
                False,
                str() | bytes() as raw,
            ),
        ) if pixels == _PIXELS and len(raw) == count * _PIXELS:
            return np.frombuffer(as_bytes(raw), np.uint8).reshape(-1, _PIXELS)
    raise UnreadablePickleError(f"expected the images as whole bytes of shape (N, {_PIXELS}), in C order")


def _labels(described: object) -> Array:
    """Return the labels that a pickle describes: a list of whole numbers."""
    if not isinstance(described, list):
        raise UnreadablePickleError(f"expected a list of labels, found a {type(described).__name__}")
    for i, label in enumerate(described):
        if type(label) is not int:
            raise UnreadablePickleError(f"expected whole numbers as labels, found a {type(label).__name__} at {i}")
        if label.bit_length() > 63:
            raise UnreadablePickleError(f"the label at {i} is out of range")
    return np.array(described, np.int64)
