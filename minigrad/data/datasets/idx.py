"""The IDX file format of MNIST and similar data sets, plain or compressed with gzip.

A header (two zero bytes, a byte for the element type, a byte for the number of dimensions, then each
dimension as a big-endian 32-bit integer) is followed by the elements in row-major order.
Source: "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minigrad.data.datasets.gunzip import CutShortError, DamagedGzipError, unpacked
from minigrad.files import write_atomically
from minigrad.typing import Array

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"  # the first bytes of its files
_PIECE = 2**20  # bytes that are read at a time
_MOST_DIMENSIONS = 32
_MOST_UNPACKED = 100_000_000  # bytes, beside ten times the size of a gzip file


class CorruptFileError(ValueError):
    """A file is not what its format says; the message names it, and the byte counts expected and found."""


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Return the array in an IDX file.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if it is damaged, truncated, too long, or no plain file; or if it would unpack to more than
            ten times its size and 100 MB.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise CorruptFileError(f"{path}: it is no plain file")
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        content = _Content(unpacked(file) if packed else iter(lambda: file.read(_PIECE), b""))
        try:
            return _array(path, content, size, packed)
        except CutShortError:
            wanted = f"expected {content.wanted} bytes after unpacking, " if content.wanted else ""
            raise CorruptFileError(
                f"{path}: the gzip file of {size} bytes is cut short: {wanted}found {content.found} bytes"
            ) from None
        except DamagedGzipError as error:
            raise CorruptFileError(f"{path}: {error}, in a file of {size} bytes") from None


class _Content:
    """The bytes of a file in order, read piece by piece; ``wanted`` is how many there should be, once that is known."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""
        self.found = self.wanted = 0

    def fill(self, memory: memoryview) -> int:
        """Fill memory with the next bytes; return how many there were."""
        filled = 0
        while filled < len(memory):
            piece = self._rest or next(self._pieces, b"")
            if not piece:
                break
            taken = min(len(piece), len(memory) - filled)
            memory[filled : filled + taken] = piece[:taken]
            self._rest = piece[taken:]
            filled += taken
            self.found += taken
        return filled

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes, or those that there are."""
        memory = bytearray(count)
        return bytes(memory[: self.fill(memoryview(memory))])

    def count_all(self) -> int:
        """Read to the end, and return the number of all bytes."""
        self.found += len(self._rest) + sum(map(len, self._pieces))
        return self.found


def _array(path: Path, content: _Content, size: int, packed: bool) -> Array:
    """Return the array in a file of ``size`` bytes."""
    head = content.take(4)
    if len(head) < 4:
        raise CorruptFileError(f"{path}: expected an IDX header of at least 4 bytes, found {len(head)} bytes")
    zeros, kind, ndim = struct.unpack(">HBB", head)
    if zeros != 0 or kind not in _TYPES:
        raise CorruptFileError(f"{path}: not an IDX file: it begins with the bytes {head.hex(' ')}")
    if ndim > _MOST_DIMENSIONS:
        raise CorruptFileError(f"{path}: an IDX array of {ndim} dimensions; at most {_MOST_DIMENSIONS} are read")
    header = 4 + 4 * ndim
    sizes = content.take(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise CorruptFileError(f"{path}: expected an IDX header of {header} bytes, found {content.found} bytes")
    shape, dtype = struct.unpack(f">{ndim}I", sizes), np.dtype(_TYPES[kind])
    content.wanted = header + math.prod(shape) * dtype.itemsize
    if packed and content.wanted > _MOST_UNPACKED + 10 * size:
        raise CorruptFileError(
            f"{path}: an IDX array of shape {list(shape)} has {content.wanted:,} bytes, far more than the gzip file: "
            "if that is right, unpack it with gunzip"
        )
    wrong = f"{path}: expected {content.wanted} bytes for an IDX array of shape {list(shape)}, found"
    if not packed and content.wanted != size:
        raise CorruptFileError(f"{wrong} {size} bytes")
    try:
        array = np.empty(shape, dtype)
    except ValueError:  # none in one dimension, and too many in others
        raise CorruptFileError(f"{path}: an IDX array of shape {list(shape)} is too large for NumPy") from None
    content.fill(array.reshape(-1).view(np.uint8).data)  # the system gives memory as it is filled
    if content.count_all() != content.wanted:
        raise CorruptFileError(f"{wrong} {content.found} bytes")
    native = dtype.newbyteorder("=")
    return array if dtype.isnative else array.byteswap(inplace=True).view(native)


def write_idx(path: str | os.PathLike[str], array: Array) -> None:
    """Write an array of bytes as an IDX file, compressed if the name ends in ``.gz``.

    Raises:
        TypeError: for an array of another dtype than uint8.
    """
    path = Path(path)
    if array.dtype != np.uint8:
        raise TypeError(f"write_idx writes uint8 arrays, got {array.dtype}")
    content = struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape) + array.tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, 9, mtime=0)  # no time stamp: the same array gives the same bytes
    write_atomically(path, content)
