"""The checksums in a PNG file; Pillow does not look at those of the pixels and of the end."""

from __future__ import annotations

import os
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def damage(path: str | os.PathLike[str]) -> str | None:
    """Return what is wrong with the chunks of a PNG file that readers must understand; None if nothing is.

    These chunks hold the header, the palette and the pixels; their names begin with a capital letter. Of a file that is
    no PNG, return None.
    Source: W3C, "Portable Network Graphics", section 5: length, type, data, and the CRC-32 of type and data.
    """
    with open(path, "rb") as file:
        if file.read(8) != _SIGNATURE:
            return None
        rest, name = os.fstat(file.fileno()).st_size - 8, b""
        while name != b"IEND":
            head = file.read(8)
            size, name = int.from_bytes(head[:4], "big"), head[4:]
            rest -= size + 12
            if len(head) < 8 or rest < 0:
                return "the image file is truncated"
            if not name[:1].isupper():
                file.seek(size + 4, os.SEEK_CUR)
            elif zlib.crc32(file.read(size), zlib.crc32(name)) != int.from_bytes(file.read(4), "big"):
                return "a checksum in it is wrong: the file is damaged"
    return None
