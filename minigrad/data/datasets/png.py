"""The checksums of a PNG's pixels, which Pillow does not look at."""

from __future__ import annotations

import os
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def has_damaged_pixels(path: str | os.PathLike[str]) -> bool:
    """Return whether a chunk of pixels (IDAT) in a PNG file is whole, but has another checksum.

    Of a file that ends before its pixels do, or is no PNG, return False: Pillow finds that.
    Source: W3C, "Portable Network Graphics", section 5: length, type, data, and the CRC-32 of type and data.
    """
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            return False
        before = b""
        while len(head := file.read(8)) == 8:
            size, name = int.from_bytes(head[:4], "big"), head[4:]
            if name == b"IDAT":
                data, checksum = file.read(size), file.read(4)
                if len(checksum) == 4 and zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(checksum, "big"):
                    return True
            elif before == b"IDAT":
                return False
            else:
                file.seek(size + 4, os.SEEK_CUR)
            before = name
    return False
