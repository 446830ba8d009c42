"""Sequences of different lengths in one tensor: padded to the longest, or packed without padding.

sequences          padded (T, N)       packed: the steps one after the other, batch_sizes beside them
a b c              a d f               a d f | b e | c
d e                b e 0               batch_sizes = 3, 2, 1
f                  c 0 0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.creation import as_tensor, from_numpy
from minigrad.devices import to_host
from minigrad.functions.pieces import cat
from minigrad.functions.selection import where
from minigrad.tensor import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences without padding, the longest first. The functions of this file make it, and ``nn.LSTM`` takes it.

    Args:
        data: the elements of all steps one after the other, (Σ batch_sizes, …).
        batch_sizes: how many sequences go on at each step.
        sorted_indices: the order in which the sequences were put, if they were not sorted by length before.
        unsorted_indices: the order that undoes it.
    """

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:  # those of Tensor.to
        """Return the sequences with another dtype or on another device."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """Return the sequences on the CPU."""
        return self.to("cpu")

    def cuda(self) -> PackedSequence:
        """Return the sequences on the GPU."""
        return self.to("gpu")

    def float(self) -> PackedSequence:
        """Return the sequences as float32."""
        return self.to(np.float32)

    def double(self) -> PackedSequence:
        """Return the sequences as float64."""
        return self.to(np.float64)

    @property
    def is_cuda(self) -> bool:
        """True if the data lie on a GPU."""
        return self.data.device.type != "cpu"


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another."""
    return None if permutation is None else permutation.argsort()


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Return padded sequences without their padding.

    Args:
        input: (T, N, …), or (N, T, …) with ``batch_first``.
        lengths: the length of each sequence.
        enforce_sorted: refuse sequences that are not sorted by length, the longest first, rather than sort them.

    Raises:
        RuntimeError: if a length is not positive, there are not N of them, or they are not sorted.
    """
    sizes = np.asarray(to_host(lengths.array) if isinstance(lengths, Tensor) else lengths).astype(np.int64)
    batch = input.shape[0 if batch_first else 1]
    if sizes.ndim != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {sizes.ndim}D cpu Long tensor")
    if len(sizes) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={batch})"
        )
    if np.any(sizes <= 0):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{sizes.tolist()}"
        )
    order = None if enforce_sorted else np.argsort(-sizes, kind="stable")
    if order is None and np.any(np.diff(sizes) > 0):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement"
        )
    if sizes.max() > input.shape[1 if batch_first else 0]:
        raise RuntimeError(f"a length is beyond the padded input of shape {list(input.shape)}: {sizes.tolist()}")
    inside = np.arange(sizes.max())[:, None] < (sizes if order is None else sizes[order])  # T N
    steps, columns = np.nonzero(inside)
    rows = columns if order is None else order[columns]
    data = input[rows, steps] if batch_first else input[steps, rows]
    sorted_indices = None if order is None else from_numpy(order).to(input.device)
    return PackedSequence(data, from_numpy(inside.sum(1)), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return packed sequences padded to the longest, in their first order, and their lengths.

    Args:
        batch_first: return (N, T, …) rather than (T, N, …).
        padding_value: stands behind the end of the shorter ones.
        total_length: the T to pad to.

    Raises:
        ValueError: if ``total_length`` is less than the longest sequence.
    """
    sizes = to_host(sequence.batch_sizes.array)
    longest = len(sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    starts = np.cumsum(sizes) - sizes
    sizes, starts = (np.pad(a, (0, (total_length or longest) - longest)) for a in (sizes, starts))
    column = np.arange(sizes[0])
    inside, at = column < sizes[:, None], starts[:, None] + column  # T N
    if sequence.unsorted_indices is not None:
        order = to_host(sequence.unsorted_indices.array)
        inside, at = inside[:, order], at[:, order]
    lengths = from_numpy(inside.sum(0))
    if batch_first:
        inside, at = inside.T, at.T
    return _laid_out(sequence.data, at, inside, padding_value), lengths


def _laid_out(data: Tensor, at: np.ndarray, inside: np.ndarray, padding_value: float) -> Tensor:
    """Return data[at] where ``inside`` is true, and the padding elsewhere."""
    picked = data[np.where(inside, at, 0)]
    if inside.all():
        return picked
    mask = from_numpy(inside.reshape(*inside.shape, *(1,) * (data.ndim - 1))).to(data.device)
    return where(mask, picked, from_numpy(np.asarray(padding_value, picked.dtype)).to(data.device))


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Return sequences (L, …) of different lengths as one tensor, (T, N, …), with T the longest length.

    Args:
        batch_first: return (N, T, …).
        padding_value: stands where a sequence is shorter,
        padding_side: at its "right" or "left" end.

    Raises:
        RuntimeError: if there are no sequences, or something else is given.
    """
    if not isinstance(sequences, Tensor | Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    each = list(sequences)
    if not each:
        raise RuntimeError("received an empty list of sequences")
    lengths = np.array([len(s) for s in each])
    first = lengths.max() - lengths if padding_side == "left" else np.zeros_like(lengths)
    step = np.arange(lengths.max())[:, None] - first  # T N, counted from where each sequence begins
    inside, at = (step >= 0) & (step < lengths), step + np.cumsum(lengths) - lengths
    if batch_first:
        inside, at = inside.T, at.T
    return _laid_out(cat(each), at, inside, padding_value)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Return the sequences of a padded tensor as a list; the opposite of ``pad_sequence``."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Return a list of sequences (L, …) packed; see :func:`pack_padded_sequence`."""
    each = list(sequences)
    return pack_padded_sequence(pad_sequence(each), as_tensor([len(s) for s in each]), False, enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return packed sequences as a list; the opposite of ``pack_sequence``."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
