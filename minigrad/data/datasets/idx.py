"""The IDX file format of MNIST and similar data sets, plain or compressed with gzip.

A header (two zero bytes, a byte for the element type, a byte for the number of dimensions, then each
dimension as a big-endian 32-bit integer) is followed by the elements in row-major order.
Source: "The MNIST database of handwritten digits", file formats.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from minigrad.files import write_atomically
from minigrad.typing import Array

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class CorruptFileError(ValueError):
    """A file is not what its format says; the message names it, and the byte counts expected and found."""


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Return the array in an IDX file.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if it is damaged, truncated, or too long.
    """
    path = Path(path)
    raw = path.read_bytes()
    content = _decompressed(path, raw) if raw[:2] == b"\x1f\x8b" else raw
    if len(content) < 4:
        raise CorruptFileError(f"{path}: expected an IDX header of at least 4 bytes, found {len(content)} bytes")
    zeros, kind, ndim = struct.unpack(">HBB", content[:4])
    if zeros != 0 or kind not in _TYPES:
        raise CorruptFileError(f"{path}: not an IDX file: it begins with the bytes {content[:4].hex(' ')}")
    header = 4 + 4 * ndim
    if len(content) < header:
        raise CorruptFileError(f"{path}: expected an IDX header of {header} bytes, found {len(content)} bytes")
    shape = struct.unpack(f">{ndim}I", content[4:header])
    dtype = np.dtype(_TYPES[kind])
    expected = header + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(content) != expected:
        raise CorruptFileError(
            f"{path}: expected {expected} bytes for an IDX array of shape {list(shape)}, found {len(content)} bytes"
        )
    return np.frombuffer(content, dtype, offset=header).reshape(shape).astype(dtype.newbyteorder("="))


def _decompressed(path: Path, raw: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)  # unlike gzip.open, it returns the readable part of a truncated file
    try:
        content = unpacker.decompress(raw)
    except zlib.error as error:
        raise CorruptFileError(f"{path}: damaged gzip data in a file of {len(raw)} bytes: {error}") from None
    if not unpacker.eof:
        expected = ""
        if len(content) >= 4 and len(content) >= 4 + 4 * content[3]:
            shape = struct.unpack(f">{content[3]}I", content[4 : 4 + 4 * content[3]])
            size = (
                4
                + 4 * content[3]
                + int(np.prod(shape, dtype=np.int64)) * np.dtype(_TYPES.get(content[2], "u1")).itemsize
            )
            expected = f"expected {size} bytes after unpacking for an array of shape {list(shape)}, "
        raise CorruptFileError(
            f"{path}: the gzip file of {len(raw)} bytes is cut short: {expected}found {len(content)} bytes"
        )
    return content


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
