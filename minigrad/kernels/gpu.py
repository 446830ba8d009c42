"""The same functions as reference.py on a GPU: CuPy's matrix products, and the loops in gpu_kernels.cu.

Activations made here are N C H W to their user but lie as C N H W in memory: a 1×1 convolution is then one matrix
product, a channel is a row, and a join of channels copies blocks. Any other order is copied on entry. Other
convolutions copy what their taps see into the columns of a matrix, as many pictures at a time as there is memory for,
and multiply once.

What is written here calls NumPy's functions, which CuPy's arrays answer; ``launch`` is the only line that needs a GPU.
So the tests run all of it on the CPU too, with the kernels compiled as C++.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.kernels import reference
from minigrad.kernels.conv_cpu import single_gradients
from minigrad.kernels.geometry import Window
from minigrad.kernels.reference import (
    add,
    concatenate,
    linear,
    linear_backward,
    max_pool2d_gather,
    pass_where_positive,
    relu,
)
from minigrad.kernels.updates import FORMULAS, address_table, blocks, gathered

__all__ = [
    "add",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "concatenate",
    "conv2d",
    "conv2d_backward",
    "conv2d_input",
    "conv2d_weight",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_gather",
    "max_pool2d_scatter",
    "pass_where_positive",
    "relu",
    "scale_channels",
    "update",
]

SOURCE = Path(__file__).with_name("gpu_kernels.cu")
TYPES = {"float32": ("float", "float"), "float64": ("double", "double"), "float16": ("half", "float")}  # REAL, ACC
_THREADS = 256  # of a block
_MOST_BLOCKS = 65_535
_COLUMN_BYTES = 2**30  # of the columns of a convolution at a time
_BUSY = 2**18  # threads that keep a large GPU busy
_UPDATE_BLOCK = 2**14  # elements of a parameter that a block of threads updates


def launch(kernel: str, dtype: Any, threads: int, *arguments: Any, blocks: int | None = None) -> None:
    """Runs a kernel of gpu_kernels.cu, compiled for arrays of this dtype, on the current stream."""
    if blocks is None:
        blocks = min(_MOST_BLOCKS, -(-threads // _THREADS))
    if blocks:
        _compiled(np.dtype(dtype).name).get_function(kernel)((blocks,), (_THREADS,), arguments)


@cache
def _compiled(dtype: str) -> Any:
    """The kernels for one dtype, by NVRTC or HIPRTC; CuPy keeps what it has compiled on disk."""
    import cupy

    real, accumulator = TYPES[dtype]
    header = ""
    if real == "half":
        header = "#include <hip/hip_fp16.h>\n" if cupy.cuda.runtime.is_hip else "#include <cuda_fp16.h>\n"
    source = header + SOURCE.read_text(encoding="utf-8")
    options = (f"-DREAL={real}", f"-DACC={accumulator}")
    return cupy.RawModule(code=source, options=options)


def _accumulator(dtype: Any) -> Any:
    return np.dtype({"float": "float32", "double": "float64"}[TYPES[np.dtype(dtype).name][1]])


def _suits(*arrays: Any) -> bool:
    """Whether there are kernels for such arrays: pictures, of one floating dtype, that are not empty."""
    first = arrays[0]
    return first.ndim == 4 and first.dtype.name in TYPES and all(a.size and a.dtype == first.dtype for a in arrays)


# --- Memory order ---


def _in_order(x: Any) -> Any:
    """x (N, C, H, W) as a contiguous C N H W array; itself, seen differently, if it lies so."""
    view = np.transpose(x, (1, 0, 2, 3))
    return view if view.flags.c_contiguous else np.copy(view, order="C")


def _from_order(y: Any) -> Any:
    return np.transpose(y, (1, 0, 2, 3))  # C N H W -> N C H W


def _plain(x: Any) -> Any:
    return x if x.flags.c_contiguous else np.copy(x, order="C")


def _numbers(window: Window, height: int, width: int) -> tuple[Any, ...]:
    """What a kernel is told of a window."""
    rows, columns = window.output_size(height, width)
    (top, _), (left, _) = window.padding
    numbers = height, width, rows, columns, *window.kernel, *window.stride, top, left, *window.dilation
    return tuple(np.int32(number) for number in numbers)


# --- Convolution ---


def conv2d(x: Any, w: Any, window: Window, groups: int) -> Any:
    """As reference.conv2d: y = W · columns(x)."""
    if not _suits(x, w) or groups != 1:
        return reference.conv2d(x, w, window, groups)
    xc, matrix = _in_order(x), w.reshape(w.shape[0], -1)
    channels, n, height, width = xc.shape
    rows, columns = window.output_size(height, width)
    y = np.empty_like(xc, shape=(w.shape[0], n, rows * columns))
    if window.is_pointwise:
        np.matmul(matrix, xc.reshape(channels, -1), out=y.reshape(w.shape[0], -1))
    else:
        for first, last in _chunks(matrix.shape[1], rows * columns, n, x.dtype):
            found = np.matmul(matrix, _patches(xc, window, first, last))
            y[:, first:last] = found.reshape(w.shape[0], last - first, -1)
    return _from_order(y.reshape(w.shape[0], n, rows, columns))


def conv2d_backward(x: Any, w: Any, g: Any, window: Window, groups: int, need_x: bool, need_w: bool) -> tuple[Any, Any]:
    """As reference.conv2d_backward: dW = dY · columns(x)ᵀ, and dX = columns⁻¹(Wᵀ · dY)."""
    if not _suits(g, w) or groups != 1 or (need_w and not _suits(x, g)):
        return reference.conv2d_backward(x, w, g, window, groups, need_x, need_w)
    n, channels, height, width = x.shape
    gc, matrix = _in_order(g), w.reshape(w.shape[0], -1)
    positions = gc.shape[2] * gc.shape[3]
    xc = _in_order(x) if need_w else None
    if window.is_pointwise:
        g_rows = gc.reshape(w.shape[0], -1)
        dx = np.matmul(np.transpose(matrix), g_rows) if need_x else None
        dw = np.matmul(g_rows, np.transpose(xc.reshape(channels, -1))).reshape(w.shape) if xc is not None else None
        return None if dx is None else _from_order(dx.reshape(channels, n, height, width)), dw
    dx = np.empty_like(gc, shape=(channels, n, height, width)) if need_x else None
    dw = None
    for first, last in _chunks(matrix.shape[1], positions, n, g.dtype):
        part = _plain(gc[:, first:last]).reshape(w.shape[0], -1)
        if xc is not None:
            share = np.matmul(part, np.transpose(_patches(xc, window, first, last)))
            dw = share if dw is None else dw + share
        if dx is not None:
            back = np.matmul(np.transpose(matrix), part)
            count = channels * (last - first) * height * width
            where = np.int32(n), np.int32(first), np.int32(last - first)
            launch("patches_back", g.dtype, count, back, dx, np.int64(count), *where, *_numbers(window, height, width))
    return None if dx is None else _from_order(dx), None if dw is None else dw.reshape(w.shape)


conv2d_input, conv2d_weight = single_gradients(conv2d_backward)


def _chunks(column: int, positions: int, n: int, dtype: Any) -> list[tuple[int, int]]:
    """Stretches of pictures whose columns fit in the memory for them."""
    step = max(1, min(n, _COLUMN_BYTES // max(1, column * positions * dtype.itemsize)))
    return [(first, min(n, first + step)) for first in range(0, n, step)]


def _patches(xc: Any, window: Window, first: int, last: int) -> Any:
    """What the taps see in some pictures, as a matrix (C·kh·kw, positions)."""
    channels, n, height, width = xc.shape
    rows, columns = window.output_size(height, width)
    taps = window.kernel[0] * window.kernel[1]
    out = np.empty_like(xc, shape=(channels * taps, (last - first) * rows * columns))
    where = np.int32(n), np.int32(first), np.int32(last - first)
    launch("patches", xc.dtype, out.size, xc, out, np.int64(out.size), *where, *_numbers(window, height, width))
    return out


# --- Pooling ---


def max_pool2d(x: Any, window: Window) -> tuple[Any, Any]:
    """As reference.max_pool2d."""
    if not _suits(x) or reference.tap_dtype(window) != np.uint8:
        return reference.max_pool2d(x, window)
    xc = _in_order(x)
    y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
    taps = np.empty_like(y, dtype=np.uint8)
    launch("max_pool", x.dtype, y.size, xc, y, taps, np.int64(y.size), *_numbers(window, *x.shape[2:]))
    return _from_order(y), _from_order(taps)


def max_pool2d_scatter(g: Any, taps: Any, input_shape: tuple[int, ...], window: Window) -> Any:
    """As reference.max_pool2d_scatter, gathered: each element looks for the windows that chose it."""
    if not _suits(g) or taps.dtype != np.uint8 or 0 in input_shape:
        return reference.max_pool2d_scatter(g, taps, input_shape, window)
    n, channels, height, width = input_shape
    dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
    numbers = _numbers(window, height, width)
    launch("max_pool_back", g.dtype, dx.size, _in_order(g), _in_order(taps), dx, np.int64(dx.size), *numbers)
    return _from_order(dx)


def avg_pool2d(x: Any, window: Window, scale: Any) -> Any:
    """As reference.avg_pool2d."""
    if not _suits(x) or not isinstance(scale, float):
        return reference.avg_pool2d(x, window, scale)
    xc = _in_order(x)
    y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
    numbers = np.float64(scale), np.int64(y.size), *_numbers(window, *x.shape[2:])
    launch("window_sums", x.dtype, y.size, xc, y, *numbers)
    return _from_order(y)


def avg_pool2d_backward(g: Any, input_shape: tuple[int, ...], window: Window, scale: Any) -> Any:
    """As reference.avg_pool2d_backward."""
    if not _suits(g) or not isinstance(scale, float) or 0 in input_shape:
        return reference.avg_pool2d_backward(g, input_shape, window, scale)
    n, channels, height, width = input_shape
    dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
    numbers = np.float64(scale), np.int64(dx.size), *_numbers(window, height, width)
    launch("window_sums_back", g.dtype, dx.size, _in_order(g), dx, *numbers)
    return _from_order(dx)


# --- Batch normalisation ---


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """As reference.batch_norm."""
    if not _suits(x):
        return reference.batch_norm(x, weight, bias, eps)
    xc = _in_order(x)
    kind, (channels, length) = _accumulator(x.dtype), (xc.shape[0], xc[0].size)
    parts = _parts(channels, length)
    sums = np.empty_like(xc, shape=(channels, parts), dtype=kind)
    sizes = np.int64(length), np.int32(parts), np.int64(sums.size)
    launch("row_sums", x.dtype, sums.size, xc, sums, *sizes)
    mean = np.sum(sums, axis=1) / kind.type(length)
    launch("row_squares", x.dtype, sums.size, xc, mean, sums, *sizes)
    var = np.sum(sums, axis=1) / kind.type(length)
    factor = 1 / np.sqrt(var + kind.type(eps))
    if weight is not None:
        factor = factor * weight.astype(kind)
    offset = np.zeros_like(mean) if bias is None else bias.astype(kind)
    y = np.empty_like(xc)
    launch("normalize", x.dtype, y.size, xc, mean, factor, offset, y, np.int64(length), np.int64(y.size))
    return _from_order(y), mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, y: Any = None
) -> tuple[Any, Any, Any]:
    """As reference.batch_norm_backward."""
    if not _suits(g, x):
        return reference.batch_norm_backward(g, x, weight, mean, var, eps, y)
    gc, xc, masked = _in_order(g), _in_order(x), np.int32(y is not None)
    yc = xc if y is None else _in_order(y)
    kind, (channels, length) = _accumulator(x.dtype), (xc.shape[0], xc[0].size)
    parts = _parts(channels, length)
    middle, rstd = mean.astype(kind), 1 / np.sqrt(var.astype(kind) + kind.type(eps))
    sums = np.empty_like(xc, shape=(channels, parts), dtype=kind)
    products = np.empty_like(sums)
    sizes = np.int64(length), np.int32(parts), np.int64(sums.size)
    launch("gradient_sums", x.dtype, sums.size, gc, xc, yc, masked, middle, rstd, sums, products, *sizes)
    grad_bias, grad_weight = np.sum(sums, axis=1), np.sum(products, axis=1)
    factor = rstd if weight is None else rstd * weight.astype(kind)
    of_g, of_product = grad_bias / kind.type(length), grad_weight / kind.type(length)
    dx = np.empty_like(xc)
    means = middle, rstd, of_g, of_product, factor
    launch("normalize_back", x.dtype, dx.size, gc, xc, yc, masked, *means, dx, np.int64(length), np.int64(dx.size))
    return _from_order(dx), grad_weight.astype(x.dtype), grad_bias.astype(x.dtype)


def _parts(channels: int, length: int) -> int:
    """How many threads share a channel's row: enough to keep the GPU busy, each with some elements."""
    return max(1, min(_BUSY // channels, length // 8))


def scale_channels(x: Any, factor: Any, offset: Any) -> Any:
    """As reference.scale_channels."""
    if not _suits(x) or factor.dtype != x.dtype or offset.dtype != x.dtype:
        return reference.scale_channels(x, factor, offset)
    xc, kind = _in_order(x), _accumulator(x.dtype)
    y = np.empty_like(xc)
    by_channel = np.zeros_like(factor, dtype=kind), factor.astype(kind), offset.astype(kind)
    launch("normalize", x.dtype, y.size, xc, *by_channel, y, np.int64(xc[0].size), np.int64(y.size))
    return _from_order(y)


# --- Optimisers ---

_tables: dict[Any, tuple[Any, Any]] = {}
_MOST_TABLES = 16


def update(updates: Sequence[tuple[Callable[..., None], Sequence[Any]]]) -> None:
    """As reference.update: formulas that have a kernel in one launch for all their parameters."""
    together, rest = gathered(updates, [np.dtype(name) for name in TYPES])
    for (name, options, dtype), rows in together.items():
        columns = FORMULAS[name][1]
        parts, table = _table(rows, columns)
        numbers = [np.int32(o) if isinstance(o, bool) else np.float64(o) for o in options]
        launch(name, dtype, 0, parts, table, np.int32(columns), *numbers, blocks=parts.shape[0])
    reference.update(rest)


def _table(rows: list[list[Any]], columns: int) -> tuple[Any, Any]:
    """Blocks and addresses on the device; kept, since a training step mostly finds its arrays where they were."""
    filled = address_table(rows, columns)
    sizes = tuple(row[0].size for row in rows)
    key = tuple(map(tuple, filled)), sizes
    if key not in _tables:
        if len(_tables) >= _MOST_TABLES:
            _tables.clear()
        like = rows[0][0]
        both = blocks(sizes, _UPDATE_BLOCK), np.array(filled, np.int64)
        _tables[key] = _on_device(both[0], like), _on_device(both[1], like)
    return _tables[key]


def _on_device(host: np.ndarray, like: Any) -> Any:
    """A host array where ``like`` is."""
    if isinstance(like, np.ndarray):
        return host
    import cupy

    return cupy.asarray(host)
