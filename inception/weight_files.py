"""Files of weights: read a tree of tensors from any usual file, by its first bytes, and run nothing that is in it."""

from __future__ import annotations

import argparse
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minigrad import Tensor, checkpoint, checksums, from_numpy
from minigrad.checkpoint import CheckpointError
from minigrad.extras import Later, require
from minigrad.file_kinds import kind_of_file

if TYPE_CHECKING:
    import safetensors
else:
    safetensors = Later("safetensors", "a file of weights")

FIRST = "Conv2d_1a_3x3.conv.weight"  # the name by which weights of Inception V3 are found among others
ZIP, PICKLE = b"PK\x03\x04", b"\x80"  # torch writes zip archives with a pickle inside; before version 1.6 pickles
#: What is read may have this many times the bytes of its file, and this many more.
_UNPACKED, _ALWAYS = 10, 100_000_000
#: The types of safetensors that weights can have here.
TYPES = set(checksums.DTYPES.values()) - {"C64"}


def packages_for(path: Path) -> list[str]:
    """Return the packages that read a file of weights."""
    return ["torch"] if _is_torchs(_beginning(path)) else ["safetensors"]


def read_tree(path: Path) -> Mapping[str, object]:
    """Return what a file of weights holds: a tree of dicts with tensors, numbers and texts in it.

    The tensors are those of minigrad or, in a file of torch, torch's; :func:`to_minigrad` converts one.

    Raises:
        FileNotFoundError, CheckpointError: if it is missing, cut short, or something else; the message says what.
        ImportError: for a file of torch without torch.
    """
    if path.is_dir():
        inside = sorted(
            entry.name for entry in path.iterdir() if entry.suffix in (".safetensors", ".pth", ".pt", ".bin")
        )
        raise CheckpointError(
            f"{path} is a folder; give a file of weights{', such as ' * bool(inside)}{' or '.join(inside)}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    start = _beginning(path)
    if _is_torchs(start):
        return _read_torchs(path)
    if start[8:9] != b"{" and len(start) > 8:  # after eight bytes for the length, safetensors begin with JSON
        kind = kind_of_file(path) or "not a file of weights: neither safetensors nor what torch.save writes"
        raise CheckpointError(f"{path} is {kind}")
    others = _types_in(path) - TYPES
    if others - {"BF16"}:
        raise CheckpointError(f"{path} has tensors of type {', '.join(sorted(others))}: convert them to float32 first")
    tree: Mapping[str, object] = _read_widened(path) if others else checkpoint.load(path)
    return tree


def read_metadata(path: Path) -> dict[str, str]:
    """Return the texts in the head of a safetensors file; nothing for any other file."""
    if _is_torchs(_beginning(path)):
        return {}
    with safetensors.safe_open(path, framework="numpy") as file:
        return dict(file.metadata() or {})


class Found(NamedTuple):
    """Weights in a tree: the dict, its place, and what stands before each name."""

    where: str
    prefix: str
    state: Mapping[str, object]


def find_weights(tree: Mapping[str, object], path: Path) -> Found:
    """Return the weights in a tree: the dict of tensors that has those of Inception V3, or else the largest one."""
    dicts = list(_dicts_of_tensors(tree, ""))
    if not dicts:
        raise CheckpointError(f"{path}: expected a state dict of tensors, found none")
    ours = [Found(where, prefix, state) for where, state in dicts for prefix in _prefixes(state)]
    if not ours:
        where, state = max(dicts, key=lambda found: len(found[1]))
        return Found(where, "", state)
    averages = [found for found in ours if re.search(r"(^|[._])ema([._]|$)", f"{found.where}.{found.prefix}".lower())]
    return (averages or ours)[0]


def _dicts_of_tensors(
    tree: Mapping[str, object], where: str, depth: int = 3
) -> Iterator[tuple[str, dict[str, object]]]:
    tensors = {name: value for name, value in tree.items() if isinstance(name, str) and _is_tensor(value)}
    if tensors:
        yield where, tensors
    for name, value in tree.items():
        if isinstance(value, Mapping) and depth:
            yield from _dicts_of_tensors(value, f"{where}.{name}" if where else str(name), depth - 1)


def _prefixes(state: Mapping[str, object]) -> list[str]:
    """Return what stands before the names of Inception V3; nothing if there are none."""
    return [name.removesuffix(FIRST) for name in state if name == FIRST or name.endswith(f".{FIRST}")]


def to_minigrad(value: object, name: str, path: Path) -> Tensor:
    """Return a tensor of a tree as a tensor of minigrad. Types of floats that minigrad lacks become float32."""
    if isinstance(value, Tensor):
        return value
    import torch

    if not isinstance(value, torch.Tensor):
        raise CheckpointError(f"{path}: {name} is no tensor but {type(value).__name__}")
    if value.is_floating_point() and value.dtype not in (torch.float16, torch.float32, torch.float64):
        value = value.float()
    try:
        size, held = value.numel() * value.element_size(), value.untyped_storage().nbytes()
        if size > _UNPACKED * held + _ALWAYS:
            raise CheckpointError(f"{path}: {name} repeats {held:,} bytes until they are {size:,}: no weights do")
        return from_numpy(value.detach().contiguous().numpy())
    except CheckpointError:
        raise
    except (TypeError, RuntimeError) as error:  # quantised, sparse, complex
        raise CheckpointError(f"{path}: {name} of type {value.dtype} cannot be read: {error}") from None


def _is_tensor(value: object) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _beginning(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with open(path, "rb") as file:
        return file.read(32)


def _is_torchs(start: bytes) -> bool:
    return start.startswith((ZIP, PICKLE)) and start[8:9] != b"{"


def _read_torchs(path: Path) -> Mapping[str, object]:
    require(f"{path}: reading a file of torch (once; export converts it to safetensors)", "torch")
    import torch

    _refuse_damaged_archive(path)
    try:
        # Only tensors and plain data are read. Training scripts put their options, a Namespace, beside the weights.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open(path, "rb") as file:  # given the path, torch would go by its ending
                found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged archives and pickles raise all kinds
        raise CheckpointError(f"{path}{_why_not(str(error) or type(error).__name__)}") from None
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{path}: expected a state dict of tensors, got {type(found).__name__}")
    return found


def _refuse_damaged_archive(path: Path) -> None:
    """Raise CheckpointError for a zip archive that torch would read although an entry does not have its checksum.

    Also for one that would unpack to far more than it has bytes.
    """
    if not _beginning(path).startswith(ZIP):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > _UNPACKED * path.stat().st_size + _ALWAYS:
                raise CheckpointError(f"{path} would unpack to {size:,} bytes: no file of weights does")
            has_checksums = any(entry.CRC for entry in archive.infolist())  # torch can be told to write none
            for entry in archive.infolist() if has_checksums else ():
                with archive.open(entry) as content:
                    while content.read(2**20):
                        pass
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{path}: the archive is damaged: {error}. It may have been cut short on the way; take another copy"
        ) from None


def _why_not(error: str) -> str:
    """Return the end of a sentence: why torch refused a file."""
    program = re.search(r"GLOBAL (\S+)", error)
    if program is not None or "TorchScript" in error:
        what = "a TorchScript program" if program is None else f"a pickle with a {program[1]} in it"
        return (
            f" is {what}, and reading it would run it. Where it was made, save the weights alone: "
            "torch.save(model.state_dict(), 'weights.pth')"
        )
    line = error.strip().splitlines()[0]
    return f": torch cannot read it as weights: {line}. It may have been cut short while it was copied"


def _types_in(path: Path) -> set[str]:
    """Return the types of the tensors in a safetensors file; nothing if its head is damaged."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            return set()
        try:
            head = json.loads(file.read(length))
            return {str(entry["dtype"]) for name, entry in head.items() if name != "__metadata__"}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return set()


def _read_widened(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a plain safetensors file with bfloat16 in it, which is the upper half of a float32."""
    try:
        found = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a whole safetensors file: {error}") from None
    tree = {}
    for name, entry in found:
        if entry["dtype"] == "BF16":
            wide = np.frombuffer(entry["data"], "<u2").astype("<u4") << 16
            tree[name] = from_numpy(wide.view("<f4").reshape(entry["shape"]))
    with safetensors.safe_open(path, framework="numpy") as file:
        return {name: tree[name] if name in tree else from_numpy(file.get_tensor(name)) for name, _ in found}
