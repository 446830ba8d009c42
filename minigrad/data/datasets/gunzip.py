"""Unpack gzip files piece by piece, so that no more is unpacked than is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

_PIECE = 2**20  # bytes that are read, or unpacked, at a time
_GZIP = 31  # zlib's window bits for a gzip header, and a checksum at the end


class DamagedGzipError(ValueError):
    """The data are not gzip's, or their checksum is wrong."""


class CutShortError(DamagedGzipError):
    """The data end before gzip's end."""


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Yield what is packed in an open file, in pieces of at most a megabyte.

    As ``gzip -d`` does, go on with the next member where files were packed one by one (as pigz and ``cat`` leave them),
    and ignore zeros at the end.

    Raises:
        DamagedGzipError: for damaged data, data cut short, or others behind them.
    """
    packed = file.read(_PIECE)
    while packed:
        unpacker = zlib.decompressobj(wbits=_GZIP)
        while not unpacker.eof:
            if not packed and not (packed := file.read(_PIECE)):
                raise CutShortError("it is cut short")
            try:
                piece = unpacker.decompress(packed, _PIECE)
            except zlib.error as error:
                raise DamagedGzipError(f"damaged gzip data: {error}") from None
            packed = unpacker.unconsumed_tail
            if piece:
                yield piece
        packed = unpacker.unused_data
        while not packed.lstrip(b"\0") and (more := file.read(_PIECE)):
            packed = more
        packed = packed.lstrip(b"\0")
