"""IDX files, MNIST and texts made to do harm: they are refused by name, and take little memory and time."""

from __future__ import annotations

import gzip
import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minigrad.data.datasets import MNIST, CorruptFileError, TextFolder, read_idx, write_idx
from minigrad.data.datasets.text import words


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


ARRAY = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
PACKED = gzip.compress(idx(ARRAY))
HALVES = gzip.compress(idx(ARRAY)[:17]) + gzip.compress(idx(ARRAY)[17:])

SOUND = {
    "one member": PACKED,
    "several members, as pigz writes them": HALVES,
    "a name and a comment": gzip.compress(idx(ARRAY), 1),
    "zeros at the end, as on a tape": PACKED + bytes(5000),
    "a member without content": gzip.compress(b"") + PACKED + gzip.compress(b""),
}


@pytest.mark.parametrize("what", SOUND)
def test_what_gzip_unpacks_is_read(tmp_path: Path, what: str) -> None:
    (tmp_path / "x.gz").write_bytes(SOUND[what])
    found = read_idx(tmp_path / "x.gz")
    assert np.array_equal(found, ARRAY)
    found += 1  # it may be written to


DAMAGED = {
    "something behind it": (PACKED + b"more", "damaged gzip data"),
    "half a member behind it": (PACKED + PACKED[:20], "cut short"),
    "too much in it": (PACKED + gzip.compress(b"x"), "expected 76 bytes .* found 77"),
    "a wrong checksum": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "damaged gzip data"),
    "a wrong length": (PACKED[:-1] + b"\1", "damaged gzip data"),
    "cut short": (PACKED[:-9], r"cut short: expected 76 bytes after unpacking, found \d+"),
    "a bomb": (gzip.compress(idx(np.zeros(0, np.uint8))[:4] + struct.pack(">I", 10**9) + bytes(50_000_000)), "gunzip"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_gzip_refuses_is_refused_by_name_in_little_memory(tmp_path: Path, what: str) -> None:
    content, message = DAMAGED[what]
    (tmp_path / "x.gz").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match=rf"x\.gz: .*{message}"):
            read_idx(tmp_path / "x.gz")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


HEADS = {
    "a product that is 0 in 64 bits": struct.pack(">HBB4I", 0, 8, 4, *[65536] * 4),
    "a product that is negative": struct.pack(">HBB2I", 0, 14, 2, 2**31, 2**31),
    "255 dimensions": struct.pack(">HBB255I", 0, 8, 255, *[1] * 255) + b"x",
    "33 dimensions": struct.pack(">HBB33I", 0, 8, 33, *[1] * 33) + b"x",
    "nothing of a size that is too large": struct.pack(">HBB4I", 0, 8, 4, 0, *[2**32 - 1] * 3),
}


@pytest.mark.parametrize("what", HEADS)
@pytest.mark.parametrize("packed", [False, True])
def test_impossible_sizes_are_refused_by_name(tmp_path: Path, what: str, packed: bool) -> None:
    (tmp_path / "x-idx").write_bytes(gzip.compress(HEADS[what]) if packed else HEADS[what])
    with pytest.raises(CorruptFileError, match="x-idx: "):
        read_idx(tmp_path / "x-idx")


def test_numbers_of_every_type_are_read_as_they_are(tmp_path: Path) -> None:
    for kind, dtype in {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}.items():
        array = np.arange(-3, 3).astype(dtype).reshape(2, 3)
        (tmp_path / "x").write_bytes(idx(array, kind))
        found = read_idx(tmp_path / "x")
        assert found.dtype == np.dtype(dtype).newbyteorder("=")
        assert np.array_equal(found, array)


LABELS = {
    "negative": (np.array([-1, 2], ">i1"), 9, "label -1 is out of range"),
    "fractions": (np.array([1.5, 2], ">f4"), 13, "whole numbers"),
    "NaN": (np.array([np.nan, 2], ">f8"), 14, "whole numbers"),
    "too large": (np.array([10, 2], ">i4"), 12, "label 10 is out of range"),
    "two dimensions": (np.array([[1], [2]], ">u1"), 8, "one dimension"),
}


@pytest.mark.parametrize("what", LABELS)
def test_labels_that_are_none_are_refused_by_name(tmp_path: Path, what: str) -> None:
    array, kind, message = LABELS[what]
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((2, 3, 3), np.uint8))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(array, kind))
    with pytest.raises(CorruptFileError, match=f"t10k-labels-idx1-ubyte: .*{message}"):
        MNIST(tmp_path, train=False)


@pytest.mark.parametrize("kind", [9, 11, 12, 13, 14])
def test_images_of_other_numbers_than_bytes_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    dtype = {9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[kind]
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.ones((1, 3, 3), dtype), kind))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(1, np.uint8))
    with pytest.raises(CorruptFileError, match="t10k-images-idx3-ubyte: expected grey values in bytes"):
        MNIST(tmp_path, train=False)


def test_markup_that_is_never_closed_takes_little_time() -> None:
    began = time.process_time()
    assert words("<" * 300_000 + "<b>Great</b> <i") == ["great", "i"]
    assert time.process_time() - began < 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_no_texts_and_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "train" / "pos").mkdir(parents=True)
    (tmp_path / "train" / "pos" / "1.txt").write_text("good")
    (tmp_path / "train" / "pos" / "2.txt").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "train" / "pos" / "3.txt")
    assert [path.name for path, _ in TextFolder(tmp_path).samples] == ["1.txt"]
    with pytest.raises(CorruptFileError, match="no plain file"):
        read_idx(tmp_path / "train" / "pos" / "3.txt")
