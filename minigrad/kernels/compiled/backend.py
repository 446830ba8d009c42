"""Kernels for NumPy arrays in loops that Numba compiles.

Memory order. Activations made here are N C H W to their user but lie as C H W N in memory (see
docs/memory-layout.md): the elements of one pixel of all images lie next to each other, so a vector of the processor
holds that pixel of many images, and no window ever needs a copy. Every other order is copied on entry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.kernels.addresses import batches, blocks, share_memory, total_size
from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.compiled import conv
from minigrad.kernels.compiled.layout import FEW, FLOATS, are_maps, from_order, in_order, rows_of
from minigrad.kernels.compiled.load import load, loops, run
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.layout import empty, empty_like, flat_alike
from minigrad.kernels.rules import Move
from minigrad.typing import Array, Shape

_WORTH_WAKING = 500_000  # elements of all parameters: fewer are updated before a helper has woken up
_BLOCK = 32_768  # elements of a parameter that a thread updates at a time
_POINT = Window((1, 1))


class Compiled(Blocked):
    """Kernels in compiled loops, whose parts are shared out among threads without Python's lock."""

    name = "compiled"

    # --- Elementwise ---

    def add(self, x: Array, y: Array, out: Array | None = None) -> Array:
        if not _worth_a_call(x, y):
            return super().add(x, y, out)
        z = empty_like(x) if out is None else out
        flats = flat_alike(x, y, z)
        if flats is None:
            return super().add(x, y, out)
        run(loops().add, *flats)
        return z

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        """Join arrays; channels of images are joined in our memory order."""
        if axis != 1 or not _differ_in_channels_only(xs) or sum(x.size for x in xs) < FEW:
            return super().concatenate(xs, axis)
        n, _, height, width = xs[0].shape
        y = empty((sum(x.shape[1] for x in xs), height, width, n), xs[0].dtype)
        channel = 0
        for x in xs:
            run(loops().copy, in_order(x).reshape(-1), y[channel : channel + x.shape[1]].reshape(-1))
            channel += x.shape[1]
        return from_order(y)

    def relu(self, x: Array, out: Array | None = None) -> Array:
        if not _worth_a_call(x):
            return super().relu(x, out)
        y = empty_like(x) if out is None else out
        flats = flat_alike(x, y)
        if flats is None:
            return super().relu(x, out)
        run(loops().relu, *flats)
        return y

    def pass_where_positive(self, g: Array, y: Array) -> Array:
        if not _worth_a_call(g, y):
            return super().pass_where_positive(g, y)
        z = empty_like(y)
        flats = flat_alike(g, y, z)
        if flats is None:
            return super().pass_where_positive(g, y)
        run(loops().pass_where_positive, *flats)
        return z

    def move(self, moves: Sequence[Move]) -> None:
        """Move all parameters, those whose rule has a compiled loop in one pass over all of them."""
        if share_memory(moves) or total_size(moves) < FEW:
            return super().move(moves)
        together, rest = batches(moves, FLOATS)
        for batch in together:
            loop = getattr(load("rules"), batch.loop)
            parts, few = blocks(tuple(batch.sizes), _BLOCK), sum(batch.sizes) < _WORTH_WAKING
            run(loop, parts, batch.address_table(), np.empty(0, batch.dtype), *batch.numbers, alone=few)
        return super().move(rest)

    # --- Convolution ---

    def conv2d(self, x: Array, w: Array, window: Window, groups: int) -> Array:
        way = conv.way(x.shape, window, groups, x, w)
        if way is None:
            return super().conv2d(x, w, window, groups)
        return way.conv2d(x, w, window)

    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        way = conv.way(input_shape, window, groups, g, w)
        if way is None:
            return super().conv2d_input(g, w, input_shape, window, groups)
        return way.input_gradient(g, w, input_shape, window)

    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        way = conv.way(x.shape, window, groups, x, g)
        if way is None or _has_nan(dw := way.weight_gradient(x, g, weight_shape, window)):
            return super().conv2d_weight(x, g, weight_shape, window, groups)
        return dw

    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        way = conv.way(x.shape, window, groups, x, w, g) if need_x and need_w else None
        if way is None:
            return super().conv2d_backward(x, w, g, window, groups, need_x, need_w)
        dx, dw = way.both_gradients(x, w, g, window)
        return dx, super().conv2d_weight(x, g, w.shape, window, groups) if _has_nan(dw) else dw

    # --- Fully connected layer: a 1×1 convolution of images of one pixel ---

    def linear(self, x: Array, w: Array) -> Array:
        if not _worth_a_convolution(x, w):
            with conv.blas_for(w.size * len(x)):
                return super().linear(x, w)
        return conv.DIRECT.conv2d(_as_image(x), _as_image(w), _POINT)[..., 0, 0]

    def linear_backward(self, x: Array, w: Array, g: Array) -> tuple[Array, Array]:
        if not _worth_a_convolution(x, w, g):
            with conv.blas_for(w.size * len(x)):
                return super().linear_backward(x, w, g)
        dx, dw = conv.DIRECT.both_gradients(_as_image(x), _as_image(w), _as_image(g), _POINT)
        return dx[..., 0, 0], dw[..., 0, 0]

    # --- Pooling ---

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        if not are_maps(x):
            return super().max_pool2d(x, window)
        xo = in_order(x)
        y = empty((x.shape[1], *window.output_size(*x.shape[-2:]), x.shape[0]), x.dtype)
        taps = empty(y.shape, window.tap_dtype)
        run(loops().max_pool2d, xo, window.kernel, window.stride, window.dilation, _before(window), y, taps)
        return from_order(y), from_order(taps)

    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        if not are_maps(g):
            return super().max_pool2d_scatter(g, taps, input_shape, window)
        n, channels, height, width = input_shape
        dx = empty((channels, height, width, n), g.dtype)
        numbers = window.kernel, window.stride, window.dilation, _before(window)
        run(loops().max_pool2d_scatter, in_order(g), in_order(taps), *numbers, dx)
        return from_order(dx)

    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        if not are_maps(x):
            return super().avg_pool2d(x, window, scale)
        y = empty((x.shape[1], *window.output_size(*x.shape[-2:]), x.shape[0]), x.dtype)
        return _window_sums(in_order(x), window, scale, y)

    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        """Spread g over the windows; with stride 1 this is itself a sum over windows, of g inside zeros."""
        if not are_maps(g) or window.stride != (1, 1) or not isinstance(scale, float):
            return super().avg_pool2d_backward(g, input_shape, window, scale)
        n, channels, height, width = input_shape
        (kh, kw), (top, left) = window.kernel, _before(window)
        back = window._replace(padding=((kh - 1 - top, 0), (kw - 1 - left, 0)))
        return _window_sums(in_order(g), back, scale, empty((channels, height, width, n), g.dtype))

    # --- Batch normalisation ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        if not are_maps(x):
            return super().batch_norm(x, weight, bias, eps, relu)
        rows = in_order(x)
        channels = len(rows)
        y, mean, var = empty(rows.shape, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        factor = np.ones(channels, x.dtype) if weight is None else weight
        offset = np.zeros(channels, x.dtype) if bias is None else bias
        matrices = rows.reshape(channels, -1), y.reshape(channels, -1)
        run(loops().batch_norm, matrices[0], factor, offset, eps, relu, matrices[1], mean, var)
        return from_order(y), mean, var

    def batch_norm_backward(
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float, y: Array | None = None
    ) -> tuple[Array, Array, Array]:
        if not are_maps(g, x):
            return super().batch_norm_backward(g, x, weight, mean, var, eps, y)
        rows, channels = in_order(x), x.shape[1]
        dx, grad_weight, grad_bias = (
            empty(rows.shape, x.dtype),
            np.empty(channels, x.dtype),
            np.empty(channels, x.dtype),
        )
        factor = np.ones(channels, x.dtype) if weight is None else weight
        mask = np.empty((0, 0), x.dtype) if y is None else rows_of(y)
        given = rows_of(g), rows.reshape(channels, -1), mask, factor, mean, var, eps
        run(loops().batch_norm_backward, *given, dx.reshape(channels, -1), grad_weight, grad_bias)
        return from_order(dx), grad_weight, grad_bias

    def scale_channels(self, x: Array, factor: Array, offset: Array, relu: bool = False) -> Array:
        if not are_maps(x) or factor.dtype != x.dtype or offset.dtype != x.dtype:
            return super().scale_channels(x, factor, offset, relu)
        rows = rows_of(x)
        y = empty(rows.shape, x.dtype)
        run(loops().scale, rows, np.ascontiguousarray(factor), np.ascontiguousarray(offset), relu, y)
        n, channels, height, width = x.shape
        return from_order(y.reshape(channels, height, width, n))


# --- Guards ---


def _worth_a_call(*arrays: Array) -> bool:
    """Return whether to use an elementwise loop: for many elements of one dtype that is compiled, all writeable.

    For read-only arrays Numba would have to compile every loop once more.
    """
    first = arrays[0]
    return (
        first.size >= FEW
        and first.dtype in FLOATS
        and all(a.dtype == first.dtype and a.flags.writeable for a in arrays)
    )


def _differ_in_channels_only(xs: Sequence[Array]) -> bool:
    """Return whether all arrays are feature maps of one dtype and shape, but for the number of their channels."""
    n, _, *size = xs[0].shape
    return are_maps(*xs) and all((x.shape[0], *x.shape[2:]) == (n, *size) for x in xs)


def _worth_a_convolution(*arrays: Array) -> bool:
    """Return whether a fully connected layer of (x, w, …) is a product so large that a convolution is faster."""
    x, w = arrays[:2]
    return (
        conv.is_large(w.size * len(x))
        and all(a.ndim == 2 and a.dtype == x.dtype for a in arrays)
        and conv.way((*x.shape, 1, 1), _POINT, 1, *map(_as_image, arrays)) is conv.DIRECT
    )


def _has_nan(dw: Array) -> bool:
    """Return whether there may be a NaN: perhaps of an infinite x times a zero that fills up a vector."""
    return bool(np.isnan(dw.sum()))


# --- Parts ---


def _as_image(x: Array) -> Array:
    return x.reshape(*x.shape, 1, 1)  # N C -> N C 1 1


def _before(window: Window) -> Pair:
    """Return the padding above and to the left."""
    return window.padding[0][0], window.padding[1][0]


def _window_sums(x: Array, window: Window, scale: float | Array, y: Array) -> Array:
    """Compute scale · Σ of each window, into y; x and y are C H W N. Return y as its user sees it."""
    factors = np.repeat(np.broadcast_to(np.asarray(scale, x.dtype), y.shape[1:3]), y.shape[3], axis=1)
    run(loops().window_sums, x, window.kernel, window.stride, _before(window), factors, y)
    return from_order(y)
