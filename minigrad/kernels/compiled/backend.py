"""Kernels for NumPy arrays in loops that Numba compiles.

Memory order. Activations made here are N C H W to their user but lie channels last in memory (layout.py). Every other
order is copied on entry. Loops take arrays by their addresses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from minigrad.kernels import blas
from minigrad.kernels.addresses import batches, blocks, is_writable, share_memory, total_size
from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.compiled.layout import (
    FEW,
    FLOATS,
    are_maps,
    channels_last,
    empty_maps,
    nothing_like,
    pixel_step,
    run_on,
)
from minigrad.kernels.compiled.load import load, loops, run
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.layout import address, empty_like, flat_alike
from minigrad.kernels.rules import Move
from minigrad.kernels.threads import get_num_threads
from minigrad.typing import Array, Shape

_WORTH_WAKING = 500_000  # elements of all parameters: fewer are updated before a helper has woken up
_BLOCK = 32_768  # elements of a parameter that a thread updates at a time
_SMALL_PRODUCT = 2**18  # multiplications, up to which BLAS does not start threads
_LARGE_PRODUCT = 2**24  # multiplications, from which on BLAS would start threads for long
_POINT = Window((1, 1))

#: Multiplications of a convolution: fewer are done in NumPy before compiled code has been loaded.
LITTLE = 2**17

#: Elements of images: up to this number they are pooled and normalized in NumPy, for the same reason.
TINY = 1_024


class Compiled(Blocked):
    """Kernels in compiled loops, whose parts are shared out among threads without Python's lock."""

    name = "compiled"

    # --- Elementwise ---

    def add(self, x: Array, y: Array, out: Array | None = None) -> Array:
        z = _elementwise("add", x, y, out=out)
        return super().add(x, y, out) if z is None else z

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        """Join arrays; channels of images are joined in our memory order."""
        if axis != 1 or not _differ_in_channels_only(xs) or sum(x.size for x in xs) < FEW:
            return super().concatenate(xs, axis)
        n, _, height, width = xs[0].shape
        y = empty_maps((n, sum(x.shape[1] for x in xs), height, width), xs[0].dtype)
        sources = [channels_last(x) for x in xs]
        table = np.array([(address(x), step, x.shape[1]) for x, step in sources], np.int64)
        run(loops().join, table, address(y), n * height * width, y.shape[1], nothing_like(y.dtype))
        return y

    def relu(self, x: Array, out: Array | None = None) -> Array:
        y = _elementwise("clamp", x, out=out, numbers=(0.0, math.inf))
        return super().relu(x, out) if y is None else y

    def pass_where_positive(self, g: Array, y: Array) -> Array:
        z = _elementwise("pass_where_positive", g, y)
        return super().pass_where_positive(g, y) if z is None else z

    def clamp(self, x: Array, low: float, high: float, out: Array | None = None) -> Array:
        y = _elementwise("clamp", x, out=out, numbers=(float(low), float(high)))
        return super().clamp(x, low, high, out) if y is None else y

    def pass_where_between(self, g: Array, x: Array, low: float, high: float) -> Array:
        z = _elementwise("pass_where_between", g, x, numbers=(float(low), float(high)))
        return super().pass_where_between(g, x, low, high) if z is None else z

    def clamp_in_place(self, x: Array, low: float, high: float) -> Array:
        between = np.empty_like(x, dtype=bool)
        flats = flat_alike(x, between) if _worth_a_call(x) and is_writable(x) else None
        if flats is None:
            return super().clamp_in_place(x, low, high)
        given = *map(address, flats), x.size, float(low), float(high)
        run(loops().clamp_in_place, *given, nothing_like(between.dtype), nothing_like(x.dtype))
        return between

    def pass_where(self, g: Array, where: Array) -> Array:
        z = empty_like(g)
        flats = flat_alike(g, where, z) if _worth_a_call(g) and where.dtype == bool else None
        if flats is None:
            return super().pass_where(g, where)
        run(loops().pass_where, *map(address, flats), g.size, nothing_like(where.dtype), nothing_like(g.dtype))
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
        if not _worth_compiling(x.shape, w.shape, window, x, w):
            return super().conv2d(x, w, window, groups)
        y: Array = load("conv.convolution").conv2d(x, w, window, groups)
        return y

    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        if not _worth_compiling(input_shape, w.shape, window, g, w):
            return super().conv2d_input(g, w, input_shape, window, groups)
        dx: Array = load("conv.convolution").input_gradient(g, w, input_shape, window, groups)
        return dx

    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        if not _worth_compiling(x.shape, weight_shape, window, x, g):
            return super().conv2d_weight(x, g, weight_shape, window, groups)
        dw: Array = load("conv.convolution").weight_gradient(x, g, weight_shape, window, groups)
        return dw

    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        if not _worth_compiling(x.shape, w.shape, window, x, w, g):
            return super().conv2d_backward(x, w, g, window, groups, need_x, need_w)
        g, _ = channels_last(g)  # once for both gradients
        dx = self.conv2d_input(g, w, x.shape, window, groups) if need_x else None
        dw = self.conv2d_weight(x, g, w.shape, window, groups) if need_w else None
        return dx, dw

    def add_to_channels(self, y: Array, bias: Array) -> None:
        channels = y.shape[1]
        if not _worth_a_loop(y) or bias.dtype != y.dtype or pixel_step(y) != channels or not is_writable(y):
            return super().add_to_channels(y, bias)
        return run_on(y.dtype, load("channels").add, y, y.size // channels, channels, np.ascontiguousarray(bias))

    def channel_sums(self, g: Array) -> Array:
        if not _worth_a_loop(g):
            return super().channel_sums(g)
        g, step = channels_last(g)
        channels = g.shape[1]
        total = np.empty(channels, g.dtype)
        run_on(g.dtype, load("channels").sums, g, step, g.size // channels, channels, total)
        return total

    # --- Fully connected layer: where it is large, a convolution of images of one pixel ---

    def linear(self, x: Array, w: Array) -> Array:
        if not _worth_a_convolution(w.size * len(x), x, w):
            with _blas_for(w.size * len(x)):
                return super().linear(x, w)
        return self.conv2d(_as_image(x), _as_image(w), _POINT, 1)[..., 0, 0]

    def linear_backward(self, x: Array | None, w: Array | None, g: Array) -> tuple[Array | None, Array | None]:
        given = [a for a in (x, w) if a is not None]
        multiplications = max([g.size * a.shape[-1] for a in given], default=0)
        if not _worth_a_convolution(multiplications, g, *given):
            with _blas_for(multiplications):
                return super().linear_backward(x, w, g)
        cotangent, dx, dw = _as_image(g), None, None
        if w is not None:
            image_shape = (len(g), w.shape[1], 1, 1)
            dx = self.conv2d_input(cotangent, _as_image(w), image_shape, _POINT, 1)[..., 0, 0]
        if x is not None:
            weight_shape = (g.shape[1], x.shape[1], 1, 1)
            dw = self.conv2d_weight(_as_image(x), cotangent, weight_shape, _POINT, 1)[..., 0, 0]
        return dx, dw

    # --- Pooling ---

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        if not _worth_a_loop(x):
            return super().max_pool2d(x, window)
        x, step = channels_last(x)
        n, channels, *size = x.shape
        positions = window.output_size(*size)
        y, taps = (empty_maps((n, channels, *positions), dtype) for dtype in (x.dtype, window.tap_dtype))
        tap_like = nothing_like(taps.dtype)
        run(
            load("pool").max_pool2d, address(x), step, n, tuple(size), channels, positions, *_numbers(window),
            address(y), address(taps), nothing_like(x.dtype), tap_like,
        )  # fmt: skip
        return y, taps

    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        if not _worth_a_loop(g):
            return super().max_pool2d_scatter(g, taps, input_shape, window)
        (g, g_step), (taps, tap_step) = channels_last(g), channels_last(taps)
        n, channels, *size = input_shape
        dx = empty_maps(input_shape, g.dtype)
        run(
            load("pool").max_pool2d_scatter, address(g), g_step, address(taps), tap_step, n, tuple(size), channels,
            g.shape[2:], *_numbers(window), address(dx), nothing_like(g.dtype), nothing_like(taps.dtype),
        )  # fmt: skip
        return dx

    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        if not _worth_a_loop(x):
            return super().avg_pool2d(x, window, scale)
        y = empty_maps((*x.shape[:2], *window.output_size(*x.shape[2:])), x.dtype)
        return _window_sums(x, window, scale, y, backward=False)

    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        if not _worth_a_loop(g):
            return super().avg_pool2d_backward(g, input_shape, window, scale)
        if not isinstance(scale, float):
            g, scale = g * scale, 1.0
        return _window_sums(g, window, scale, empty_maps(input_shape, g.dtype), backward=True)

    # --- Batch normalisation ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        if not _worth_a_loop(x):
            return super().batch_norm(x, weight, bias, eps, relu)
        x, step = channels_last(x)
        channels = x.shape[1]
        y, mean, var = empty_maps(x.shape, x.dtype), np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        factor, offset = _numbers_of_channels(weight, 1, x), _numbers_of_channels(bias, 0, x)
        pixels = x, step, x.size // channels, channels
        run_on(x.dtype, load("norm").batch_norm, *pixels, factor, offset, eps, relu, y, mean, var)
        return y, mean, var

    def batch_norm_backward(
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float,
        bias: Array | None = None, relu: bool = False,
    ) -> tuple[Array, Array, Array]:  # fmt: skip
        if not _worth_a_loop(g, x):
            return super().batch_norm_backward(g, x, weight, mean, var, eps, bias, relu)
        channels = x.shape[1]
        (g, g_step), (x, x_step) = channels_last(g), channels_last(x)
        dx = empty_maps(x.shape, x.dtype)
        grad_weight, grad_bias = np.empty(channels, x.dtype), np.empty(channels, x.dtype)
        offset = _numbers_of_channels(bias, 0, x) if relu else np.full(channels, np.inf, x.dtype)
        given = _numbers_of_channels(weight, 1, x), offset, *(_numbers_of_channels(a, 0, x) for a in (mean, var))
        pixels = g, g_step, x, x_step, x.size // channels, channels
        run_on(x.dtype, load("norm").batch_norm_backward, *pixels, *given, eps, dx, grad_weight, grad_bias)
        return dx, grad_weight, grad_bias

    def normalize_channels(
        self, x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float,
        relu: bool = False,
    ) -> Array:  # fmt: skip
        if not _worth_a_loop(x):
            return super().normalize_channels(x, weight, bias, mean, var, eps, relu)
        x, step = channels_last(x)
        y, channels = empty_maps(x.shape, x.dtype), x.shape[1]
        given = [_numbers_of_channels(a, default, x) for a, default in ((weight, 1), (bias, 0), (mean, 0), (var, 0))]
        run_on(x.dtype, load("norm").normalize, x, step, x.size // channels, channels, *given, eps, relu, y)
        return y


# --- Guards ---


def _worth_a_call(*arrays: Array) -> bool:
    """Return whether to use an elementwise loop: for many elements of one dtype that is compiled."""
    first = arrays[0]
    return first.size >= FEW and first.dtype in FLOATS and all(a.dtype == first.dtype for a in arrays)


def _worth_a_loop(*maps: Array) -> bool:
    """Return whether to use a compiled loop over images: not for a learner's first ones."""
    return maps[0].size > TINY and are_maps(*maps)


def _differ_in_channels_only(xs: Sequence[Array]) -> bool:
    """Return whether all arrays are feature maps of one dtype and shape, but for the number of their channels."""
    n, _, *size = xs[0].shape
    return are_maps(*xs) and all((x.shape[0], *x.shape[2:]) == (n, *size) for x in xs)


def _worth_compiling(input_shape: Shape, weight_shape: Shape, window: Window, *arrays: Array) -> bool:
    """Return whether to use the compiled convolution: not for a learner's first one, which need not wait for it."""
    if not are_maps(*arrays) or 0 in input_shape or 0 in weight_shape:
        return False
    positions = input_shape[0] * math.prod(window.output_size(*input_shape[2:]))
    return positions * math.prod(weight_shape) >= LITTLE


def _worth_a_convolution(multiplications: int, *matrices: Array) -> bool:
    """Return whether a fully connected layer is a product for which BLAS would start threads."""
    dtype = matrices[0].dtype
    return (
        _is_large(multiplications)
        and dtype in FLOATS
        and all(a.ndim == 2 and a.dtype == dtype and a.size for a in matrices)
    )


def _is_large(multiplications: int) -> bool:
    return multiplications >= _LARGE_PRODUCT


def _blas_for(multiplications: int) -> AbstractContextManager[None]:
    """Return a context with BLAS in one thread, where it would start more for a product that is not large.

    Its second thread may find our helpers on its core, and spins there afterwards. Where the kernels have one thread,
    BLAS has one for every product, or results would depend on that number.
    """
    if (
        blas.CAN_LIMIT
        and multiplications > _SMALL_PRODUCT
        and (get_num_threads() == 1 or not _is_large(multiplications))
    ):
        return blas.SingleThreaded()
    return nullcontext()


# --- Parts ---


def _elementwise(loop: str, *arrays: Array, out: Array | None = None, numbers: tuple[float, ...] = ()) -> Array | None:
    """Run an elementwise loop; return its result.

    Return None where it does not pay, the memory orders differ, or ``out`` is read-only, which NumPy refuses.
    """
    if not _worth_a_call(*arrays) or (out is not None and (out.dtype != arrays[0].dtype or not is_writable(out))):
        return None
    result = empty_like(arrays[-1]) if out is None else out
    flats = flat_alike(*arrays, result)
    if flats is None:
        return None
    run_on(result.dtype, getattr(loops(), loop), *flats, result.size, *numbers)
    return result


def _as_image(x: Array) -> Array:
    return x.reshape(*x.shape, 1, 1)  # N C -> N C 1 1


def _numbers(window: Window) -> tuple[Pair, Pair, Pair, Pair]:
    """Return kernel, stride, dilation, and the padding above and to the left."""
    return window.kernel, window.stride, window.dilation, (window.padding[0][0], window.padding[1][0])


def _window_sums(x: Array, window: Window, scale: float | Array, y: Array, backward: bool) -> Array:
    """Compute scale · Σ of each window, or backward of each pixel's positions, into y; return y."""
    x, step = channels_last(x)
    n, channels, *size = x.shape
    positions = y.shape[2:]
    factors = np.full(positions, scale, x.dtype)
    numbers = step, n, tuple(size), channels, positions, *_numbers(window), backward
    run_on(x.dtype, load("pool").window_sums, x, *numbers, factors, y)
    return y


def _numbers_of_channels(values: Array | None, default: float, x: Array) -> Array:
    """Return a number for each channel of x, in its dtype and without gaps."""
    return np.full(x.shape[1], default, x.dtype) if values is None else np.ascontiguousarray(values, x.dtype)
