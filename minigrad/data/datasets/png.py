"""The checksums in a PNG file; Pillow does not look at those of the pixels and of the end."""

from __future__ import annotations

import os
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def has_wrong_checksum(path: str | os.PathLike[str]) -> bool:
    """Return whether a chunk of a PNG file that readers must understand is whole, but has another checksum.

    These chunks hold the header, the palette and the pixels; their names begin with a capital letter. Of a file that
    ends before its pixels do, or is no PNG, return False: Pillow finds that.
    Source: W3C, "Portable Network Graphics", section 5: length, type, data, and the CRC-32 of type and data.
    """
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            return False
        while len(head := file.read(8)) == 8:
            size, name = int.from_bytes(head[:4], "big"), head[4:]
            if name[:1].isupper():
                data, checksum = file.read(size), file.read(4)
                if len(checksum) == 4 and zlib.crc32(data, zlib.crc32(name)) != int.from_bytes(checksum, "big"):
                    return True
            else:
                file.seek(size + 4, os.SEEK_CUR)
            if name == b"IEND":
                return False
    return False
