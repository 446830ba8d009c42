"""Convolution and its two gradients, compiled: arrays N C H W of any memory order in, channels last out.

What differs from shape to shape is in the tables; here they are looked up, and the kernels' operands put together.
"""

from __future__ import annotations

import math

import numpy as np

from minigrad.kernels.compiled import team, vectors
from minigrad.kernels.compiled.conv import depthwise, multiply
from minigrad.kernels.compiled.conv import weight_gradient as summing
from minigrad.kernels.compiled.conv.depthwise import Channels
from minigrad.kernels.compiled.conv.multiply import Product
from minigrad.kernels.compiled.conv.pixels import (
    Patches,
    Pixels,
    filled_up,
    patches,
    pixels,
    repeated,
    seen_by,
    sees_all,
)
from minigrad.kernels.compiled.conv.tile import CHAIN, ROWS, VECTORS
from minigrad.kernels.compiled.conv.weight_gradient import Left, Sums
from minigrad.kernels.conv_table import Lists, Tiles, backward_table, forward_table, lists, tiles
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.layout import address, empty
from minigrad.kernels.plan_cache import remembered
from minigrad.kernels.threads import get_num_threads
from minigrad.typing import Array, DType, Shape

_BLOCK = 96  # positions of a block of y or dx: what their taps see stays in the L2 cache
_SUMMED = 256  # positions of a block of dw
_STRETCH_BYTES = 2**18  # of packed g, which stays in the L2 cache
_PARTS_A_THREAD = 4
_STRETCHES = 32  # of positions, whose shares of a depthwise dw are added up
_POINT = Window((1, 1))


def conv2d(x: Array, w: Array, window: Window, groups: int) -> Array:
    """Return the output, as ``Reference.conv2d``."""
    positions = window.output_size(*x.shape[2:])
    y = empty((len(x), *positions, len(w)), x.dtype)
    if _is_depthwise(w.shape, groups):
        source = filled_up(repeated(x, len(w)), _lanes(x.dtype))
        _multiply_channels(forward_tiles(source.images, source.size, window), source, w, y)
    else:
        source, window = seen_by(window, x, groups)
        plan = forward_tiles(source.images, source.size, window)
        _multiply(plan, source, w, y.reshape(-1, len(w)), groups, backward=False)
    return _logical(y)


def input_gradient(g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
    """Return ∂L/∂x, as ``Reference.conv2d_input``."""
    n, channels, height, width = input_shape
    plan = backward_tiles(n, (height, width), window)
    if _is_depthwise(w.shape, groups):
        shares = empty((n, height, width, len(w)), g.dtype)  # of each output
        _multiply_channels(plan, filled_up(g, _lanes(g.dtype)), w, shares)
        each, dx = len(w) // channels, shares
        if each > 1:
            dx = shares[..., ::each].copy()
            for i in range(1, each):
                dx += shares[..., i::each]
        return _logical(dx)
    dx = empty((n, height, width, channels), g.dtype)
    target = dx.reshape(-1, channels)
    if sees_all(window, (height, width), groups):
        plan, target = backward_tiles(n, (1, 1), _POINT), dx.reshape(n, -1)
    _multiply(plan, pixels(g), w, target, groups, backward=True)
    return _logical(dx)


def weight_gradient(x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
    """Return ∂L/∂w, as ``Reference.conv2d_weight``; it lies as O kh kw C."""
    out, channels, kh, kw = weight_shape
    if _is_depthwise(weight_shape, groups):
        least = _lanes(g.dtype)
        dw = _sum_channels(filled_up(repeated(x, out), least), filled_up(g, least), window)
        return np.ascontiguousarray(dw[:, :out].T).reshape(weight_shape)  # T O -> O 1 kh kw
    if not sees_all(window, (x.shape[2], x.shape[3]), groups) and (joined := patches(window, x, out, groups)):
        dw = np.ascontiguousarray(_sum_patches(joined, pixels(g)).T)  # T·C O -> O T·C
    else:
        source, window = seen_by(window, x, groups)
        dw = _sum(pixels(g), source, window, groups)
    return _logical(dw.reshape(out, kh, kw, channels))


# --- Plans ---


@remembered
def forward_tiles(images: int, size: Pair, window: Window) -> Tiles:
    """Return the plan of an output."""
    return tiles(forward_table(images, size, window, _BLOCK, ROWS), ROWS)


@remembered
def backward_tiles(images: int, size: Pair, window: Window) -> Tiles:
    """Return the plan of a gradient of x."""
    return tiles(backward_table(images, size, window, _BLOCK, ROWS), ROWS)


@remembered
def lists_of(images: int, size: Pair, window: Window, block: int) -> Lists:
    """Return the plan of a gradient of w, in blocks of about ``block`` positions."""
    return lists(forward_table(images, size, window, block))


# --- Operands ---


def _multiply(plan: Tiles, source: Pixels, w: Array, target: Array, groups: int, backward: bool) -> None:
    """Compute y or dx into ``target``, (pixels, channels)."""
    weights = np.ascontiguousarray(w.transpose(0, 2, 3, 1))  # O C kh kw -> O kh kw C
    channels, results = source.channels // groups, target.shape[1] // groups
    panels = -(-results // (VECTORS * _lanes(w.dtype)))
    row = backward and source.size[0] == w.shape[2] == 1 < w.shape[3]
    product = Product(
        groups=groups,
        source=source.address,
        source_pixel=source.step,
        channels=channels,
        weights=address(weights),
        backward=backward,
        taps=weights.size // (channels * results * groups),
        target=address(target),
        target_pixel=target.shape[1],
        results=results,
        ranges=min(panels, -(-_parts() // (groups * len(plan.blocks)))),
        chain=_most_exact_chain(channels * w.shape[3]) if row else CHAIN,
    )
    places = groups * (panels if len(plan.blocks) > 1 else product.ranges)
    packed = empty((places * VECTORS * _lanes(w.dtype) * len(plan.live) * channels,), w.dtype)
    team.call(multiply.multiply, plan, product, packed, np.zeros(channels, w.dtype))


def _sum(g: Pixels, x: Pixels, window: Window, groups: int) -> Array:
    """Return dw, O T C."""
    plan, taps = lists_of(x.images, x.size, window, _SUMMED), math.prod(window.kernel)
    left = Left(g.address, g.step, g.elements, g.channels // groups, 0, 0, 0)
    dw = empty((g.channels, taps, x.channels // groups), g.array.dtype)
    _sum_products(plan, left, x, dw, groups)
    return dw


def _sum_patches(x: Patches, g: Pixels) -> Array:
    """Return dw, T·C O."""
    seen = x.pixels
    plan = lists_of(seen.images, seen.size, x.window, _SUMMED)
    left = Left(seen.address, seen.step, seen.elements, x.terms, x.runs, x.length, x.step)
    dw = empty((x.terms, 1, g.channels), g.array.dtype)
    _sum_products(plan, left, g, dw, groups=1)
    return dw.reshape(x.terms, -1)


def _sum_products(plan: Lists, left: Left, right: Pixels, dw: Array, groups: int) -> None:
    """Compute dw (rows of all groups, taps, columns) from its two factors."""
    all_rows, taps, columns = dw.shape
    tiles_of_rows, panels = -(-left.rows // ROWS), -(-columns // (VECTORS * _lanes(dw.dtype)))
    largest = int(plan.sizes.max())
    stretch = min(max(1, _STRETCH_BYTES // (dw.itemsize * all_rows * largest)), len(plan.blocks))
    sums = Sums(
        groups=groups,
        right=right.address,
        right_pixel=right.step,
        right_size=right.elements,
        columns=columns,
        taps=taps,
        stretch=stretch,
        most=stretch * largest,
        ranges=min(tiles_of_rows, -(-_parts() // (groups * taps * panels))),
    )
    packed = empty((groups * tiles_of_rows * ROWS * sums.most,), dw.dtype)
    team.call(summing.weight_gradient, plan, left, sums, packed, dw.reshape(-1))


def _multiply_channels(plan: Tiles, source: Pixels, w: Array, target: Array) -> None:
    """Compute y or dx of a depthwise convolution into ``target``, N H W C, with as many channels as outputs."""
    channels = target.shape[3]
    y = target if source.channels == channels else empty((*target.shape[:3], source.channels), target.dtype)
    weights = np.zeros((len(plan.live), source.channels), w.dtype)
    weights[:, :channels] = w.reshape(channels, -1).T[plan.live]  # O 1 kh kw -> T O
    operands = Channels(source.address, source.step, address(y), source.channels, source.channels, len(plan.live))
    team.call(depthwise.multiply, plan, operands, weights, np.zeros(source.channels, w.dtype))
    if y is not target:
        target[...] = y[..., :channels]


def _sum_channels(x: Pixels, g: Pixels, window: Window) -> Array:
    """Return dw of a depthwise convolution, (taps, channels)."""
    plan, taps, dtype = lists_of(x.images, x.size, window, CHAIN), math.prod(window.kernel), g.array.dtype
    width = depthwise.width(g.channels, dtype.itemsize)
    firsts = [min(first, g.channels - width) for first in range(0, g.channels, width)]
    shares = np.empty((min(_STRETCHES, len(plan.blocks)), taps, len(firsts), width), dtype)
    operands = Channels(x.address, x.step, g.address, g.step, g.channels, taps)
    team.call(depthwise.weight_gradient, plan, operands, shares.reshape(len(shares), -1))
    total, dw = shares.sum(axis=0), np.empty((taps, g.channels), dtype)
    for number, first in enumerate(firsts):
        dw[:, first : first + width] = total[:, number]
    return dw


def _most_exact_chain(terms: int) -> int:
    """Return how many products to add one after another, for the least error of a sum of ``terms`` products.

    The error of chains of L of n products, whose sums are then added, grows as √(L + n/L). Chains of √n take longer
    than those of CHAIN. They are for the gradient of x of a 1-d convolution: torch adds up each tap by itself there.
    """
    return min(CHAIN, max(8, math.isqrt(terms)))


def _parts() -> int:
    """Return how many parts are at least wanted, so that no thread waits long for the last one."""
    threads = get_num_threads()
    return 1 if threads == 1 else _PARTS_A_THREAD * threads


def _is_depthwise(weight_shape: Shape, groups: int) -> bool:
    return groups > 1 and weight_shape[1] == 1


def _lanes(dtype: DType) -> int:
    return vectors.BITS // 8 // dtype.itemsize


def _logical(x: Array) -> Array:
    return x.transpose(0, 3, 1, 2)  # N H W C -> N C H W
