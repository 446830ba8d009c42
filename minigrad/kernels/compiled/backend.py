"""The same functions as reference.py in compiled loops (needs Numba); what has none here goes to cpu.py.

Memory order. Activations made here are N C H W to their user but lie as C H W N in memory (see
docs/memory-layout.md): whatever is one place further is one number further for all pictures, so a vector of the
processor holds one place of many pictures, and no window ever needs a copy. Any other order is copied on entry.

The compiled modules are imported when first needed, because importing Numba takes longer than importing minigrad.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from minigrad.kernels import reference
from minigrad.kernels.blocked import backend as cpu
from minigrad.kernels.blocked.conv import single_gradients
from minigrad.kernels.compiled.load import load
from minigrad.kernels.geometry import Window
from minigrad.kernels.layout import empty, empty_like, flat_alike
from minigrad.kernels.reference import blend, softmax_cross_entropy, softmax_cross_entropy_backward, uniform
from minigrad.kernels.threads import single_threaded_blas, workers
from minigrad.kernels.updates import FORMULAS, address_table, blocks, gathered, share_memory

__all__ = [
    "add",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "blend",
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
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "uniform",
    "update",
]

_WORTH_WAKING = 500_000  # elements of all parameters: fewer are updated before a helper has woken up
_BLOCK = 32_768  # elements of a parameter that a thread updates at a time
_FEW = 32_768  # elements: fewer are not worth a call to a compiled function and waking its helpers
_FILLED_POSITIONS = 1_024  # of all pictures, up to which a batch may be filled up with zeros
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@cache
def _modules() -> tuple[Any, Any]:
    return load("loops"), load("team").call


def _suits(*arrays: Any) -> bool:
    """Whether all are float32 or all float64, N C H W with elements."""
    dtype = arrays[0].dtype
    return dtype in _FLOATS and all(a.dtype == dtype and a.ndim == 4 and a.size for a in arrays)


# --- Memory order ---


def in_order(x: np.ndarray) -> np.ndarray:
    """``x`` (N, C, H, W) as a contiguous C H W N array: a view if it lies so in memory already, else a copy.

    Also a copy if it is read-only: for that Numba would have to compile every kernel once more, rather than this one.
    """
    view = x.transpose(1, 2, 3, 0)  # N C H W -> C H W N
    if view.flags.c_contiguous and view.flags.writeable:
        return view
    y = empty(view.shape, x.dtype)
    if x.size < _FEW:
        y[...] = view
    else:
        loops, call = _modules()
        call(loops.reorder, view, y)
    return y


def _from_order(y: np.ndarray) -> np.ndarray:
    return y.transpose(3, 0, 1, 2)  # C H W N -> N C H W


def _rows(x: np.ndarray) -> np.ndarray:
    """``x`` as a matrix with one contiguous row a channel."""
    return in_order(x).reshape(x.shape[1], -1)


# --- Elementwise ---


def add(x: np.ndarray, y: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As reference.add."""
    if x.size < _FEW or x.dtype != y.dtype or x.dtype not in _FLOATS or not (x.flags.writeable and y.flags.writeable):
        return reference.add(x, y, out)
    z = empty_like(x) if out is None else out
    flats = flat_alike(x, y, z)
    if flats is None:
        return reference.add(x, y, out)
    loops, call = _modules()
    call(loops.add, *flats)
    return z


def concatenate(xs: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """As reference.concatenate; channels of pictures in our memory order."""
    if axis != 1 or not _suits(*xs) or sum(x.size for x in xs) < _FEW:
        return reference.concatenate(xs, axis)
    n, _, height, width = xs[0].shape
    if any((x.shape[0], *x.shape[2:]) != (n, height, width) for x in xs):
        return reference.concatenate(xs, axis)  # which says what does not fit
    y = empty((sum(x.shape[1] for x in xs), height, width, n), xs[0].dtype)
    loops, call = _modules()
    channel = 0
    for x in xs:
        call(loops.copy, in_order(x).reshape(-1), y[channel : channel + x.shape[1]].reshape(-1))
        channel += x.shape[1]
    return _from_order(y)


def relu(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """As reference.relu."""
    if x.size < _FEW or x.dtype not in _FLOATS:
        return reference.relu(x, out)
    y = empty_like(x) if out is None else out
    flats = flat_alike(x, y)
    if flats is None or not x.flags.writeable:
        return reference.relu(x, out)
    loops, call = _modules()
    call(loops.relu, *flats)
    return y


def pass_where_positive(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As reference.pass_where_positive."""
    if g.size < _FEW or g.dtype != y.dtype or g.dtype not in _FLOATS:
        return reference.pass_where_positive(g, y)
    z = empty_like(y)
    flats = flat_alike(g, y, z)
    if flats is None or not (g.flags.writeable and y.flags.writeable):
        return reference.pass_where_positive(g, y)
    loops, call = _modules()
    call(loops.pass_where_positive, *flats)
    return z


def update(updates: Sequence[tuple[Callable[..., None], Sequence[Any]]]) -> None:
    """As reference.update: formulas that have a compiled loop in one pass over all their parameters."""
    if share_memory(updates):
        reference.update(updates)
        return
    together, rest = gathered(updates, _FLOATS)
    for (name, options, dtype), rows in together.items():
        sizes = tuple(row[0].size for row in rows)
        table = np.array(address_table(rows, FORMULAS[name].most), np.int64)
        few = sum(sizes) < _WORTH_WAKING
        loop = getattr(load("updates"), name)
        load("team").call(loop, blocks(sizes, _BLOCK), table, np.empty(0, dtype), *options, alone=few)
    cpu.update(rest)


# --- Convolution ---


def _direct(x: np.ndarray, w: np.ndarray, window: Window, groups: int) -> Any:
    """The kernels that need no columns, if they suit this convolution."""
    if groups != 1 or not _suits(x, w):
        return None
    direct = load("conv_direct")
    return direct if direct.suits(x.shape, w, window) else None


def _filled_up(x: np.ndarray, w: np.ndarray, window: Window, groups: int) -> int:
    """How many pictures to fill a small batch up to, with zeros, so that the direct kernels suit it; 0 for none.

    Where maps are so small that there are fewer positions than a vector has elements, to read the weights takes
    most of the time, and the zeros cost little.
    """
    if groups != 1 or not _suits(x, w):
        return 0
    direct = load("conv_direct")
    count = -(-len(x) // direct.step_of(x.dtype)) * direct.step_of(x.dtype)
    positions = max(x[0, 0].size, math.prod(window.output_size(*x.shape[-2:])))
    return count if positions * count <= _FILLED_POSITIONS and direct.suits((count, *x.shape[1:]), w, window) else 0


def _sees_all(x: np.ndarray, w: np.ndarray, window: Window, groups: int) -> bool:
    """Whether the window has one position and sees the whole picture there: the layer is a fully connected one."""
    return (
        groups == 1
        and _suits(x, w)
        and window.kernel == x.shape[2:]
        and window.output_size(*x.shape[2:]) == (1, 1)
        and not any(map(any, window.padding))
    )


def _with_zeros(x: np.ndarray, count: int) -> np.ndarray:
    """x (N, C, H, W) as (C, H, W, count), with pictures of zeros after its own."""
    filled = np.zeros((*x.shape[1:], count), x.dtype)
    filled[..., : len(x)] = x.transpose(1, 2, 3, 0)
    return filled


def conv2d(x: np.ndarray, w: np.ndarray, window: Window, groups: int) -> np.ndarray:
    """As reference.conv2d."""
    direct = _direct(x, w, window, groups)
    if direct is not None:
        return _from_order(direct.conv2d(in_order(x), w, window))
    if _sees_all(x, w, window, groups):
        rows, matrix = in_order(x).reshape(-1, len(x)), w.reshape(len(w), -1)
        with _blas_for(x, w):
            return _from_order((matrix @ rows).reshape(len(w), 1, 1, len(x)))
    if count := _filled_up(x, w, window, groups):
        y = load("conv_direct").conv2d(_with_zeros(x, count), w, window)
        return _from_order(y[..., : len(x)].copy())
    return cpu.conv2d(x, w, window, groups)


def conv2d_backward(
    x: np.ndarray, w: np.ndarray, g: np.ndarray, window: Window, groups: int, need_x: bool, need_w: bool
) -> tuple[Any, Any]:
    """As reference.conv2d_backward."""
    direct = _direct(x, w, window, groups) if g.dtype == x.dtype else None
    if direct is None and g.dtype == x.dtype and _sees_all(x, w, window, groups):
        matrix, g_rows = w.reshape(len(w), -1), _rows(g)
        with _blas_for(x, w):
            dx = _from_order((matrix.T @ g_rows).reshape(*x.shape[1:], len(x))) if need_x else None
            dw = (g_rows @ in_order(x).reshape(-1, len(x)).T).reshape(w.shape) if need_w else None
            return dx, dw
    if direct is None and g.dtype == x.dtype and (count := _filled_up(x, w, window, groups)):
        filled = _with_zeros(x, count), w, _with_zeros(g, count)
        dx, dw = load("conv_direct").conv2d_backward(*filled, window, need_x, need_w)
        return None if dx is None else _from_order(dx[..., : len(x)].copy()), dw
    if direct is None:
        return cpu.conv2d_backward(x, w, g, window, groups, need_x, need_w)
    ordered = in_order(x) if need_w else x.transpose(1, 2, 3, 0)
    dx, dw = direct.conv2d_backward(ordered, w, in_order(g), window, need_x, need_w)
    if dw is not None and np.isnan(dw.sum()):  # perhaps of an infinite x times a zero that fills up a vector
        dw = cpu.conv2d_backward(x, w, g, window, groups, False, True)[1]
    return None if dx is None else _from_order(dx), dw


conv2d_input, conv2d_weight = single_gradients(conv2d_backward)


# --- Fully connected layer: a 1x1 convolution of pictures of one place. (BLAS's own threads would go on spinning
# --- afterwards, on the cores that the next kernel needs.) ---

_LARGE_PRODUCT = 2**24  # multiplications, from which on BLAS would start threads for long
_POINT = Window((1, 1))


def _as_picture(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape, 1, 1)


def _suits_linear(x: np.ndarray, w: np.ndarray) -> bool:
    return x.ndim == w.ndim == 2 and w.size * len(x) >= _LARGE_PRODUCT


def _blas_for(x: np.ndarray, w: np.ndarray) -> AbstractContextManager[Any]:
    """BLAS in one thread for a small product: its second thread may find our helpers on its core."""
    return single_threaded_blas if w.size * len(x) < _LARGE_PRODUCT and workers() > 1 else nullcontext()


def linear(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """As reference.linear."""
    if not _suits_linear(x, w) or (direct := _direct(_as_picture(x), _as_picture(w), _POINT, 1)) is None:
        with _blas_for(x, w):
            return reference.linear(x, w)
    return direct.conv2d(in_order(_as_picture(x)), _as_picture(w), _POINT)[:, 0, 0].T


def linear_backward(x: np.ndarray, w: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As reference.linear_backward."""
    if not _suits_linear(x, w) or g.dtype != x.dtype:
        with _blas_for(x, w):
            return reference.linear_backward(x, w, g)
    pictures = _as_picture(x), _as_picture(w), _as_picture(g)
    direct = _direct(*pictures[:2], _POINT, 1)
    if direct is None:
        return reference.linear_backward(x, w, g)
    dx, dw = direct.conv2d_backward(in_order(pictures[0]), pictures[1], in_order(pictures[2]), _POINT, True, True)
    return dx[:, 0, 0].T, dw[:, :, 0, 0]


# --- Pooling ---


def max_pool2d(x: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """As reference.max_pool2d."""
    if not _suits(x):
        return cpu.max_pool2d(x, window)
    xo = in_order(x)
    size = window.output_size(*x.shape[-2:])
    y = empty((x.shape[1], *size, x.shape[0]), x.dtype)
    taps = empty(y.shape, reference.tap_dtype(window))
    loops, call = _modules()
    call(loops.max_pool2d, xo, window.kernel, window.stride, window.dilation, _before(window), y, taps)
    return _from_order(y), _from_order(taps)


def max_pool2d_scatter(g: np.ndarray, taps: np.ndarray, input_shape: tuple[int, ...], window: Window) -> np.ndarray:
    """As reference.max_pool2d_scatter."""
    if not _suits(g):
        return cpu.max_pool2d_scatter(g, taps, input_shape, window)
    n, channels, height, width = input_shape
    dx = empty((channels, height, width, n), g.dtype)
    loops, call = _modules()
    numbers = window.kernel, window.stride, window.dilation, _before(window)
    call(loops.max_pool2d_scatter, in_order(g), in_order(taps), *numbers, dx)
    return _from_order(dx)


def max_pool2d_gather(x: np.ndarray, taps: np.ndarray, window: Window) -> np.ndarray:
    """As reference.max_pool2d_gather (needed for second derivatives only)."""
    return reference.max_pool2d_gather(x, taps, window)


def avg_pool2d(x: np.ndarray, window: Window, scale: Any) -> np.ndarray:
    """As reference.avg_pool2d."""
    if not _suits(x):
        return cpu.avg_pool2d(x, window, scale)
    y = empty((x.shape[1], *window.output_size(*x.shape[-2:]), x.shape[0]), x.dtype)
    return _window_sums(in_order(x), window, scale, y)


def avg_pool2d_backward(g: np.ndarray, input_shape: tuple[int, ...], window: Window, scale: Any) -> np.ndarray:
    """As reference.avg_pool2d_backward. With stride 1 it is itself a sum over windows, of g inside zeros."""
    if not _suits(g) or window.stride != (1, 1) or not isinstance(scale, float):
        return cpu.avg_pool2d_backward(g, input_shape, window, scale)
    n, channels, height, width = input_shape
    (kh, kw), (top, left) = window.kernel, _before(window)
    back = window._replace(padding=((kh - 1 - top, 0), (kw - 1 - left, 0)))
    return _window_sums(in_order(g), back, scale, empty((channels, height, width, n), g.dtype))


def _window_sums(x: np.ndarray, window: Window, scale: Any, y: np.ndarray) -> np.ndarray:
    """scale · Σ of each window, into y, both C H W N."""
    factors = np.repeat(np.broadcast_to(np.asarray(scale, x.dtype), y.shape[1:3]), y.shape[3], axis=1)
    loops, call = _modules()
    call(loops.window_sums, x, window.kernel, window.stride, _before(window), factors, y)
    return _from_order(y)


def _before(window: Window) -> tuple[int, int]:
    return window.padding[0][0], window.padding[1][0]


# --- Batch normalisation ---


def batch_norm(
    x: np.ndarray, weight: Any, bias: Any, eps: float, relu: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As reference.batch_norm."""
    if not _suits(x):
        return cpu.batch_norm(x, weight, bias, eps, relu)
    rows = in_order(x)
    channels = len(rows)
    y, mean, var = empty(rows.shape, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    factor = np.ones(channels, x.dtype) if weight is None else weight
    offset = np.zeros(channels, x.dtype) if bias is None else bias
    loops, call = _modules()
    matrices = rows.reshape(channels, -1), y.reshape(channels, -1)
    call(loops.batch_norm, matrices[0], factor, offset, eps, relu, matrices[1], mean, var)
    return _from_order(y), mean, var


def batch_norm_backward(
    g: np.ndarray, x: np.ndarray, weight: Any, mean: np.ndarray, var: np.ndarray, eps: float, y: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As reference.batch_norm_backward."""
    if not _suits(g, x):
        return cpu.batch_norm_backward(g, x, weight, mean, var, eps, y)
    rows, channels = in_order(x), x.shape[1]
    dx, grad_weight, grad_bias = empty(rows.shape, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
    factor = np.ones(channels, x.dtype) if weight is None else weight
    mask = np.empty((0, 0), x.dtype) if y is None else _rows(y)
    loops, call = _modules()
    matrices = _rows(g), rows.reshape(channels, -1), mask
    call(loops.batch_norm_backward, *matrices, factor, mean, var, eps, dx.reshape(channels, -1), grad_weight, grad_bias)
    return _from_order(dx), grad_weight, grad_bias


def scale_channels(x: np.ndarray, factor: np.ndarray, offset: np.ndarray, relu: bool = False) -> np.ndarray:
    """As reference.scale_channels."""
    if not _suits(x) or factor.dtype != x.dtype or offset.dtype != x.dtype:
        return reference.scale_channels(x, factor, offset, relu)
    rows = _rows(x)
    y = empty(rows.shape, x.dtype)
    loops, call = _modules()
    call(loops.scale, rows, np.ascontiguousarray(factor), np.ascontiguousarray(offset), relu, y)
    n, channels, height, width = x.shape
    return _from_order(y.reshape(channels, height, width, n))
