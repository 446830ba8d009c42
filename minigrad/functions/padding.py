"""Padding: a border around the last dimensions, of a constant or made from the tensor itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.dtypes import element_of
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.promotion import number
from minigrad.ops.padding import Pad
from minigrad.typing import Shape, Tensor

__all__ = ["pad"]

#: For each mode, the element of 0 … n−1 at position i of a line that goes on without end.
_SOURCES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "replicate": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: n - 1 - np.abs(n - 1 - np.abs(i)),  # the edge itself is not repeated
    "circular": lambda i, n: i % max(n, 1),
}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return ``input`` inside a border: ``pad`` = (before, after) of the last dimension, then of the one before, …

    Args:
        pad: widths; a negative one cuts.
        mode: ``constant`` fills with ``value``; ``reflect`` mirrors at the edge element, ``replicate`` repeats it,
            ``circular`` continues at the other side. Those three pad all dimensions but those of batch and channels.
        value: of a constant border; 0 by default.

    Raises:
        RuntimeError: if ``pad`` has an odd length or more pairs than dimensions, or leaves nothing, or if the value
            does not fit into the dtype.
        NotImplementedError: for an unknown mode, or a number of dimensions that a mode is not for.
    """
    shape = as_tensor_operand("pad", input).array.shape
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(pad)}")
    if len(pad) // 2 > len(shape):
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {len(shape)}"
        )
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1]
    if mode == "constant":
        _refuse_negative_sizes(shape, widths)
        adds = any(width > 0 for pair in widths for width in pair)  # otherwise the value need not fit into the dtype
        fill = element_of(0 if value is None or not adds else number(value), input.array.dtype)
        return Pad.apply(input, widths=tuple(widths), value=fill)
    if mode not in _SOURCES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}; expected constant, {', '.join(_SOURCES)}")
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(shape) not in (len(pairs) + 1, len(pairs) + 2) or len(pairs) > 3:
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported: {mode} padding of {len(pairs)} "
            f"dimension(s) is for tensors of {len(pairs) + 1} or {len(pairs) + 2} dimensions, got {list(shape)}"
        )
    _refuse_too_wide(mode, shape, widths)
    _refuse_negative_sizes(shape, widths, least=1 if mode != "circular" else 0)
    result = input
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if (before, after) != (0, 0):
            result = result[(*(slice(None),) * d, _positions(mode, n, before, after))]
    return result if result is not input else input.clone()


def _positions(mode: str, n: int, before: int, after: int) -> np.ndarray:
    """Return the element of 0 … n−1 at each position of the padded dimension."""
    positions = np.arange(-before, n + after)
    if mode != "circular":
        return _SOURCES[mode](positions, n)
    cut, left = max(-before, 0), n - max(-before, 0) - max(-after, 0)
    return cut + _SOURCES[mode](positions - cut, left)  # what a negative width cut does not reappear


def _refuse_too_wide(mode: str, shape: Shape, widths: list[tuple[int, int]]) -> None:
    """Refuse a border that the tensor has too few elements for.

    Raises:
        RuntimeError: naming the widths and the size.
    """
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if (before, after) == (0, 0):
            continue
        if mode == "reflect" and max(before, after) >= n:
            raise RuntimeError(
                f"Padding size should be less than the corresponding input dimension, but got: padding "
                f"({before}, {after}) at dimension {d} of input {list(shape)}"
            )
        if mode == "circular" and max(before, after) > n:
            raise RuntimeError(f"Padding value causes wrapping around more than once: {(before, after)} of size {n}")
        if mode == "replicate" and n == 0:
            raise RuntimeError(f"Expected input with a non-zero size for dimension {d}, but got {list(shape)}")


def _refuse_negative_sizes(shape: Shape, widths: list[tuple[int, int]], least: int = 0) -> None:
    """Refuse widths that cut more than there is.

    Raises:
        RuntimeError: naming the size and the widths.
    """
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if n + before + after < (least if (before, after) != (0, 0) else 0):
            raise RuntimeError(
                f"The input size {n}, plus padding {before} and {after}, resulted in an output size of "
                f"{n + before + after} in dimension {d}, which is too small"
            )
