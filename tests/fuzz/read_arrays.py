"""IDX files, plain and packed, MNIST, and CIFAR in both forms."""

from __future__ import annotations

import gzip
import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.datasets import CIFAR10, MNIST, CorruptFileError, read_idx
from tests.fuzz.readers import Reader, Sample, must
from tests.fuzz.shells import in_gzip

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def _idx(array: Any, kind: int) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.astype(_TYPES[kind]).tobytes()


def _plain() -> list[Sample]:
    random = np.random.default_rng(0)
    shapes = ((3, 5, 4), (7,), (2, 3), (0, 4))
    return [{"x-idx": _idx(random.integers(0, 100, shape), kind)} for shape in shapes for kind in _TYPES]


def _packed() -> list[Sample]:
    large = {"x-idx.gz": gzip.compress(_idx(np.zeros((200, 28, 28)), 8))}
    return [large, *({"x-idx.gz": gzip.compress(sample["x-idx"])} for sample in _plain())]


def _read_idx(folder: Path, sample: Sample) -> None:
    """Read a file, and once more with the plainest code that can."""
    (name,) = sample
    found, content = read_idx(folder / name), (folder / name).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except Exception as error:
            must(False, f"Python's gzip refuses it: {error}")
    kind, ndim = content[2], content[3]
    shape = struct.unpack(f">{ndim}I", content[4 : 4 + 4 * ndim])
    must(found.shape == shape, f"its shape is {shape}, not {found.shape}")
    expected = np.frombuffer(content, _TYPES[kind], math.prod(shape), 4 + 4 * ndim).reshape(shape)
    must(len(content) == 4 + 4 * ndim + expected.nbytes, "bytes are left over")
    must(found.dtype.isnative and np.array_equal(found, expected, equal_nan=found.dtype.kind == "f"), "other values")


def _mnist() -> list[Sample]:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (5, 28, 28)), np.arange(5)
    return [
        {
            "t10k-images-idx3-ubyte.gz": gzip.compress(_idx(images, 8)),
            "t10k-labels-idx1-ubyte": _idx(labels, kind),
        }
        for kind in (8, 12)
    ]


def _read_mnist(folder: Path, sample: Sample) -> None:
    _check_images(MNIST(folder, train=False))


def _check_images(found: Any) -> None:
    must(found.data.dtype == np.uint8 and found.data.shape[1:] and 0 not in found.data.shape[1:], "no images of bytes")
    must(len(found.data) == len(found.targets), "not as many labels as images")
    for i in range(min(len(found), 3)):
        must(0 <= found[i][1] < 10, "a label that is none")


def _cifar_binary() -> list[Sample]:
    random = np.random.default_rng(0)
    records = [bytes([i]) + random.integers(0, 256, 3072, np.uint8).tobytes() for i in range(3)]
    return [{"test_batch.bin": b"".join(records)}, {"test_batch.bin": records[0]}]


def _cifar_pickle() -> list[Sample]:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
    content = {b"batch_label": b"x", b"labels": [3, 9], b"data": pixels, b"filenames": [b"a.png", b"b.png"]}
    return [{"test_batch": pickle.dumps(content, protocol)} for protocol in range(5)]


def _read_cifar(folder: Path, sample: Sample) -> None:
    found = CIFAR10(folder, train=False)
    _check_images(found)
    must(found.data.shape[1:] == (32, 32, 3), "images of another shape")


_OPCODES = tuple(bytes([code]) for code in b"(.0FIJKLMNPRSTUVXabcdeghijlopqrstu}]\x80\x81\x82\x8a\x8c\x93\x94\x95")
_NAMES = (
    b"cos\nsystem\n",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"cbuiltins\neval\n",
    b"U\x01O",
    b"J\xff\xff\xff\x7f",
)

READERS = {
    "idx": Reader(_plain, _read_idx, (CorruptFileError,)),
    "idx-gzip": Reader(_packed, _read_idx, (CorruptFileError,), {".gz": in_gzip}),
    "mnist": Reader(_mnist, _read_mnist, (CorruptFileError,), {".gz": in_gzip}),
    "cifar-binary": Reader(_cifar_binary, _read_cifar, (CorruptFileError,)),
    "cifar-pickle": Reader(_cifar_pickle, _read_cifar, (CorruptFileError,), words=_OPCODES + _NAMES),
}
