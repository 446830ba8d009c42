"""Padding: a border around the last dimensions, of a constant or made from the tensor itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.dtypes import element_of
from minigrad.engine.function import Function
from minigrad.ops.promotion import as_tensor_operand, number


class Pad(Function):
    """y = x with a border of a constant (or, where a width is negative, cut)        ∂L/∂x = ∂L/∂y without it"""

    def forward(self, x: Any, widths: tuple[tuple[int, int], ...], value: float) -> Any:
        self.widths = widths
        size = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True))
        y = np.full_like(x, value, shape=size)
        inner = tuple(slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(size, widths, strict=True))
        kept = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))
        y[inner] = x[kept]
        return y

    def backward(self, grad: Any) -> Any:
        return Pad.apply(grad, tuple((-before, -after) for before, after in self.widths), 0.0), None, None


#: For each mode, the element of 0 … n−1 that stands at position i of an endless line.
_SOURCES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "replicate": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: n - 1 - np.abs(n - 1 - np.abs(i)),  # the edge itself is not repeated
    "circular": lambda i, n: i % max(n, 1),
}


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """A border around the last dimensions: ``pad`` = (before, after) of the last, then of the one before, …

    Args:
        pad: widths; a negative one cuts.
        mode: ``constant`` fills with ``value``; ``reflect`` mirrors at the edge element, ``replicate`` repeats it,
            ``circular`` goes on at the other side. Those three pad the last dimensions only, all but the batch's
            and channels'.
        value: of a constant border; 0 by default.

    Raises:
        RuntimeError: if ``pad`` has an odd length or more pairs than dimensions, or leaves nothing to take, or if the
            value does not fit into the dtype.
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
        return Pad.apply(input, tuple(widths), element_of(0 if value is None else number(value), input.array.dtype))
    if mode not in _SOURCES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}; expected constant, {', '.join(_SOURCES)}")
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(shape) not in (len(pairs) + 1, len(pairs) + 2) or len(pairs) > 3:
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported: {mode} padding of {len(pairs)} "
            f"dimension(s) is for tensors of {len(pairs) + 1} or {len(pairs) + 2} dimensions, got {list(shape)}"
        )
    _refuse_what_does_not_reach(mode, shape, widths)
    _refuse_negative_sizes(shape, widths, least=1 if mode != "circular" else 0)
    result = input
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if (before, after) != (0, 0):
            positions = np.arange(-before, n + after)
            if mode == "circular":  # what a negative width cuts is not there to come round
                cut, left = max(-before, 0), n - max(-before, 0) - max(-after, 0)
                positions = cut + _SOURCES[mode](positions - cut, left)
            else:
                positions = _SOURCES[mode](positions, n)
            result = result[(*(slice(None),) * d, positions)]
    return result if result is not input else input.clone()


def _refuse_what_does_not_reach(mode: str, shape: tuple[int, ...], widths: list[tuple[int, int]]) -> None:
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


def _refuse_negative_sizes(shape: tuple[int, ...], widths: list[tuple[int, int]], least: int = 0) -> None:
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if n + before + after < (least if (before, after) != (0, 0) else 0):
            raise RuntimeError(
                f"The input size {n}, plus padding {before} and {after}, resulted in an output size of "
                f"{n + before + after} in dimension {d}, which is too small"
            )
