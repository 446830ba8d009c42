"""Checksums in safetensors files: of every tensor and of the header, so that no damage passes for data.

They are CRC-32, which finds every flipped bit and every damaged stretch of up to 32 bits, and lets one of four thousand
million other accidents pass. They are no signature: a change on purpose can include them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from minigrad.typing import Array

#: The header of a safetensors file: ``__metadata__`` (texts by name), and of each tensor its dtype, shape and offsets.
Header: TypeAlias = dict[str, Any]
#: Checksums by the names of the tensors, as hexadecimal numbers.
Checksums: TypeAlias = dict[str, str]

_METADATA = "__metadata__"
_TENSORS, _HEADER = "checksums", "checksum"  # the names of the texts that hold them
_LENGTH = 8  # bytes at the beginning of a file, which hold the length of the header
_LONGEST = 100_000_000  # bytes of a header, as in safetensors


class ChecksumError(ValueError):
    """The content of a file is not what was written; the message says what differs."""


def sealed(content: bytes) -> bytes:
    """Return the content of a safetensors file with checksums in its header.

    The same data give the same bytes. (The safetensors package writes the texts of a header in an order that changes
    from one process to the next.)
    """
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header: Header = json.loads(content[_LENGTH:start])
    texts, data = header.pop(_METADATA, {}), memoryview(content)[start:]
    ends = {name: entry["data_offsets"] for name, entry in header.items()}
    texts[_TENSORS] = json.dumps({name: _hex(zlib.crc32(data[first:last])) for name, (first, last) in ends.items()})
    texts[_HEADER] = _of_header(header, texts)
    head = json.dumps({_METADATA: dict(sorted(texts.items())), **header}, ensure_ascii=False).encode()
    head += b" " * (-len(head) % _LENGTH)  # so that the tensors are aligned
    return b"".join([len(head).to_bytes(_LENGTH, "little"), head, data])


def read_header(path: str | os.PathLike[str]) -> Header:
    """Return the header of a safetensors file, without reading a tensor.

    Raises:
        ChecksumError: if there is none.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        return header_of(file.read(min(length, _LONGEST)))


def header_of(text: bytes) -> Header:
    """Return a header as it stands in a file.

    Raises:
        ChecksumError: if it is no JSON object of objects.
    """
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise ChecksumError("its header is not JSON") from None
    if not isinstance(header, dict) or not all(isinstance(entry, dict) for entry in header.values()):
        raise ChecksumError("its header is not that of a safetensors file")
    return header


def texts_of(header: Header) -> dict[str, str]:
    """Return the texts in a header, by name."""
    return {name: text for name, text in header.get(_METADATA, {}).items() if isinstance(text, str)}


def checksums_of(header: Header) -> Checksums | None:
    """Return the checksums of the tensors in a header; None for a file of another program, which has none.

    Raises:
        ChecksumError: if the header is not what was written.
    """
    texts = texts_of(header)
    if _TENSORS not in texts and _HEADER not in texts:
        return None
    tensors = {name: entry for name, entry in header.items() if name != _METADATA}
    if texts.pop(_HEADER, None) != _of_header(tensors, texts):
        raise ChecksumError("the checksum of its header differs")
    checksums = json.loads(texts[_TENSORS])  # it is what was written
    if not isinstance(checksums, dict) or checksums.keys() != tensors.keys():
        raise ChecksumError("its checksums are those of other tensors")
    return checksums


def check(name: str, array: Array, checksums: Checksums | None) -> None:
    """Compare a tensor that was read with its checksum, if there is one.

    Raises:
        ChecksumError: if they differ.
    """
    if checksums is not None and checksums[name] != _hex(zlib.crc32(array.reshape(-1).view(np.uint8).data)):
        raise ChecksumError(f"the checksum of the tensor {name} differs")


def _of_header(tensors: Header, texts: Mapping[str, str]) -> str:
    written = {
        name: [entry.get(part) for part in ("dtype", "shape", "data_offsets")] for name, entry in tensors.items()
    }
    content = json.dumps([written, {name: text for name, text in texts.items() if name != _HEADER}], sort_keys=True)
    return _hex(zlib.crc32(content.encode()))


def _hex(checksum: int) -> str:
    return f"{checksum:08x}"
