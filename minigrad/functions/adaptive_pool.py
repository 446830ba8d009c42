"""Adaptive pooling: the output size is given, and the image is divided into that many cells.

Cell i of o covers rows ⌊i·H/o⌋ to ⌈(i+1)·H/o⌉ − 1. Where o divides H, the cells are windows of one size with a stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, overload

import numpy as np

from minigrad.devices import device_of, to_device, zeros
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.pool import as_batch, beside, refuse_integers
from minigrad.kernels.geometry import Window
from minigrad.ops.casting import cast
from minigrad.ops.cells import Cells, SumCells
from minigrad.ops.pool import AvgPool2d
from minigrad.typing import Array, Tensor

__all__ = ["adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices"]

OutputSize: TypeAlias = int | Sequence[int | None] | None


def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Return the means over a grid of ``output_size`` cells of (N, C, H, W) or (C, H, W); ``None`` keeps a size.

    Raises:
        NotImplementedError: for integers.
    """
    x, is_batch, rows, columns = _checked("adaptive_avg_pool2d", input, output_size)
    height, width = x.array.shape[-2:]
    if (rows, columns) == (1, 1):
        y = x.mean((-2, -1), keepdim=True)
    else:
        refuse_integers("adaptive_avg_pool2d", x)
        _refuse_empty("adaptive_avg_pool2d", input)
        if 0 not in (rows, columns, x.array.size) and height % rows == width % columns == 0:
            size = height // rows, width // columns
            y = AvgPool2d.apply(x, window=Window(size, size), scale=1.0 / (size[0] * size[1]))
        else:
            y = _mean_of_cells(x, _cells(rows, height), _cells(columns, width))
    return y if is_batch else y.squeeze(0)


def _mean_of_cells(x: Tensor, rows: Cells, columns: Cells) -> Tensor:
    if not rows or not columns:
        return wrap(zeros(x.array, (*x.array.shape[:2], len(rows), len(columns))))
    wide = cast(x, np.result_type(x.array.dtype, np.float32))  # half precision is added up in single
    counts = np.outer([b - a for a, b in rows], [b - a for a, b in columns])
    row_sums = SumCells.apply(wide, dim=2, cells=rows)  # N C H W -> N C rows W
    sums = SumCells.apply(row_sums, dim=3, cells=columns)  # N C rows W -> N C rows columns
    return cast(sums / wrap(beside(wide.array, counts)), x.array.dtype)


@overload
def adaptive_max_pool2d(input: Tensor, output_size: OutputSize, return_indices: Literal[False] = False) -> Tensor: ...
@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the maxima over the cells of :func:`adaptive_avg_pool2d`, and with ``return_indices`` their positions.

    The elements of each cell are gathered along a new dimension, and the maximum is taken along it. A cell that is
    shorter than the longest repeats its last row or column, which changes no maximum.

    Raises:
        NotImplementedError: for integers.
    """
    x, is_batch, high, wide = _checked("adaptive_max_pool2d", input, output_size)
    n, channels, height, width = x.array.shape
    refuse_integers("adaptive_max_pool2d", x)
    _refuse_empty("adaptive_max_pool2d", input)
    rows, columns = _positions(high, height), _positions(wide, width)  # (cells, longest cell)
    cells = x[:, :, rows[:, :, None, None], columns]  # N C H W -> N C high h wide w
    in_order = cells.permute(0, 1, 2, 4, 3, 5)  # N C high h wide w -> N C high wide h w
    flat = in_order.reshape(n, channels, high, wide, rows.shape[1] * columns.shape[1])  # -> N C high wide hw
    if 0 in flat.array.shape:
        y, within = flat.sum(-1), wrap(zeros(flat.array, flat.array.shape[:-1], np.int64))
    else:
        within = wrap(_first_largest_or_last_nan(flat.array))
        y = flat.gather(-1, within.unsqueeze(-1)).squeeze(-1)
    if not return_indices:
        return y if is_batch else y.squeeze(0)
    flat_positions = rows[:, None, :, None] * width + columns[None, :, None, :]  # high wide h w
    positions = wrap(to_device(flat_positions.reshape(1, 1, high, wide, -1), device_of(x.array)))
    indices = positions.expand(*flat.array.shape).gather(-1, within.unsqueeze(-1)).squeeze(-1)
    return (y, indices) if is_batch else (y.squeeze(0), indices.squeeze(0))


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the maxima of :func:`adaptive_max_pool2d` and their positions; ``return_indices`` has no effect."""
    return adaptive_max_pool2d(input, output_size, return_indices=True)


def _first_largest_or_last_nan(x: Array) -> Array:
    """Return which element along the last dimension is the maximum, with the ties and NaNs of ``max_pool2d``."""
    is_nan = x != x
    last_nan = x.shape[-1] - 1 - np.argmax(is_nan[..., ::-1], axis=-1)
    return np.where(np.any(is_nan, axis=-1), last_nan, np.argmax(x, axis=-1))


def _cells(count: int, n: int) -> Cells:
    """Return the start and the stop of each of ``count`` cells of 0 … n−1."""
    return [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _positions(count: int, n: int) -> np.ndarray:
    """Return the positions in each of ``count`` cells of 0 … n−1; short cells repeat their last position."""
    cells = _cells(count, n)
    longest = max([stop - start for start, stop in cells], default=1)
    every = [np.minimum(np.arange(start, start + longest), stop - 1) for start, stop in cells]
    return np.array(every, dtype=np.int64).reshape(count, longest)


def _refuse_empty(name: str, x: Tensor) -> None:
    """Refuse an input without elements, unless only its first dimension (of images or of channels) is empty."""
    if 0 in x.array.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, "
            f"but input has sizes {list(x.array.shape)}"
        )


def _checked(name: str, input: Tensor, output_size: OutputSize) -> tuple[Tensor, bool, int, int]:
    """Return the input as a batch, whether it was one, and the number of rows and columns of cells."""
    if as_tensor_operand(name, input).array.ndim < 3:
        raise ValueError(f"{name}: input dimension should be at least 3, got shape {list(input.array.shape)}")
    x, is_batch = as_batch(name, input)
    wanted = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size, output_size)
    if len(wanted) != 2:
        raise RuntimeError(f"{name}: output_size must be an int or two, got {output_size}")
    rows, columns = (n if size is None else size for size, n in zip(wanted, x.array.shape[-2:], strict=True))
    if min(rows, columns) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, got {output_size}")
    return x, is_batch, rows, columns
