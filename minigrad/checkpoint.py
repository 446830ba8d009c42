"""Checkpoints: nested dicts, lists, numbers and tensors in one safetensors file, written completely or not at all.

The tensors are stored under their paths, and everything else as JSON in the file's metadata. Every tensor and the
header have a checksum, so that a damaged file is recognised. Nothing is ever unpickled, so the worst that a file from a
stranger can contain is wrong data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigrad import checksums
from minigrad.checksums import ChecksumError
from minigrad.extras import Later
from minigrad.file_kinds import kind_of_file
from minigrad.files import writing
from minigrad.trees import put_together, taken_apart, tensor_of
from minigrad.typing import Array

if TYPE_CHECKING:
    import safetensors
    from safetensors import numpy as safetensors_numpy
else:
    safetensors = Later("safetensors", "a checkpoint")
    safetensors_numpy = Later("safetensors.numpy", "a checkpoint")


class CheckpointError(RuntimeError):
    """A file cannot be read as a checkpoint; the message names it and says why."""


def save(
    path: str | os.PathLike[str], tree: object, *, keep_old_as: str | os.PathLike[str] | None = None, **metadata: str
) -> None:
    """Write ``tree`` to ``path``, completely or not at all.

    Args:
        keep_old_as: the file that was at ``path`` before goes there.
        metadata: texts for the file's header.

    Raises:
        TypeError: for a value other than a dict, list, tuple, number, string, None, array or tensor.
        OSError: if the file cannot be written; an old one is unchanged.
    """
    text, tensors = taken_apart(tree)
    save_tensors(path, tensors, {**metadata, "tree": text}, keep_old_as)


def save_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Array],
    metadata: Mapping[str, str],
    keep_old_as: str | os.PathLike[str] | None = None,
) -> None:
    """Write a safetensors file with these arrays and texts, and with checksums, completely or not at all."""
    with writing(path, keep_old_as) as file:
        for piece in checksums.pieces(tensors, metadata):
            file.write(piece)


def to_bytes(tree: object, **metadata: str) -> bytes:
    """Return the content of the file that :func:`save` writes.

    Raises:
        TypeError: for a value other than a dict, list, tuple, number, string, None, array or tensor.
    """
    text, tensors = taken_apart(tree)
    return with_checksums(tensors, {**metadata, "tree": text})


def with_checksums(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return the content of a safetensors file with these arrays and texts, and with checksums."""
    return b"".join(checksums.pieces(tensors, metadata))


def load(path: str | os.PathLike[str], with_tensors: bool = True) -> Any:  # the tree that was saved
    """Return the tree that :func:`save` wrote. A plain safetensors file gives a flat dict of tensors.

    Args:
        with_tensors: False reads no tensors, which takes no time; each is None in the tree.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is truncated, damaged or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = checksums.read_header(path)
            sums = checksums.checksums_of(header)
            _refuse_other_types(header)
            tensors: dict[str, Array | None] = dict.fromkeys(file.keys())
            for name in tensors if with_tensors else ():
                array = file.get_tensor(name)
                checksums.check(name, array, sums)
                tensors[name] = array
        return _tree(tensors, header)
    except safetensors.SafetensorError as error:
        if kind := kind_of_file(path):
            raise CheckpointError(f"{path}: not a safetensors file, but {kind}") from None
        size = path.stat().st_size
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({size} bytes): {error}. It may have been cut short while it "
            "was copied; take another copy or an earlier checkpoint"
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}. Take another copy or an earlier checkpoint") from None


def from_bytes(content: bytes) -> Any:  # the tree that was saved
    """Return the tree that :func:`to_bytes` turned into bytes. A plain safetensors file gives a flat dict of tensors.

    Raises:
        CheckpointError: if they are damaged, or not the whole content of a safetensors file.
    """
    try:
        header = checksums.header_of(content[8 : 8 + int.from_bytes(content[:8], "little")])
        _refuse_other_types(header)
        tensors = safetensors_numpy.load(content)
        sums = checksums.checksums_of(header)
        for name, array in tensors.items():
            checksums.check(name, array, sums)
        return _tree(tensors, header)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"not a whole safetensors file ({len(content)} bytes): {error}") from None
    except ValueError as error:
        raise CheckpointError(f"the content of the file is damaged: {error}") from None


def _refuse_other_types(header: checksums.Header) -> None:
    types = {str(entry["dtype"]) for entry in header.values() if "dtype" in entry} - set(checksums.DTYPES.values())
    if types:
        raise ValueError(f"it has tensors of type {', '.join(sorted(types))}, which NumPy does not have")


def _tree(tensors: Mapping[str, Array | None], header: checksums.Header) -> object:
    """Return the tree in a file of these tensors, with this header.

    Raises:
        ValueError: saying what is wrong with it.
    """
    texts = checksums.texts_of(header)
    if "tree" not in texts:
        return {name: tensor_of(array) for name, array in tensors.items()}
    if checksums.checksums_of(header) is None:
        raise ChecksumError("it has no checksums, as minigrad writes them")
    return put_together(texts["tree"], tensors)
