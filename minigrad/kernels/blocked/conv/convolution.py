"""Convolution in NumPy: copy what the taps of a block of positions meet side by side, and multiply it in one product.

What the taps of a position meet is a row of a matrix, its *columns*: (taps · channels) numbers. With a matrix W of
weights, y = columns(x) · W, and ∂L/∂W = columns(x)ᵀ · g. With stride 1 ∂L/∂x is a convolution of g with the flipped
kernel, y = columns(g) · W', and its columns give ∂L/∂W too: columns(g)ᵀ · x, flipped. Only a block of columns is in
memory at a time, and stays in the cache ("im2col + GEMM", Chellapilla et al. 2006).

Each function takes arrays N C H W in any memory order, and returns one that lies channels last: N H W C in memory. The
weights' gradient lies O kh kw C, which is the same rule. Blocks are shared out among threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.kernels.blocked.conv import depthwise
from minigrad.kernels.blocked.conv.columns import (
    Block,
    Columns,
    backwards,
    columns_back,
    columns_of,
    is_convolution_of_g,
)
from minigrad.kernels.blocked.executor import parallel
from minigrad.kernels.geometry import Window
from minigrad.kernels.threads import evenly
from minigrad.typing import Array, Shape

_SHARES = 8  # of a sum, each a job for a thread: a fixed number, so that results do not depend on that of threads


def conv2d(x: Array, w: Array, window: Window, groups: int) -> Array:
    """Return the output, as ``Reference.conv2d``."""
    if w.shape[1] == 1 and len(w) == groups:
        return _logical(depthwise.multiply(_last(x), w, window))
    y = np.empty((len(x), *window.output_size(*x.shape[2:]), len(w)), x.dtype)
    weights = _by_group(w, groups).transpose(0, 2, 3, 1)  # G O T C -> G T C O
    _multiply(columns_of(_last(x), window, groups), weights, y)
    return _logical(y)


def input_gradient(g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
    """Return ∂L/∂x, as ``Reference.conv2d_input``."""
    n, channels, *size = input_shape
    if w.shape[1] == 1 and len(w) == groups and is_convolution_of_g(window):
        return _logical(depthwise.multiply(_last(g), w[:, :, ::-1, ::-1], backwards(window)))
    if _sends_less_than_it_gathers(w, window):
        return _logical(_sent_back(_last(g), w, input_shape, window, groups))
    dx = np.empty((n, *size, channels), g.dtype)
    _multiply(columns_back(_last(g), input_shape, window, groups), _backward_weights(w, window, groups), dx)
    return _logical(dx)


def weight_gradient(x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
    """Return ∂L/∂w, as ``Reference.conv2d_weight``."""
    out, channels, kh, kw = weight_shape
    if channels == 1 and out == groups:
        return _logical(depthwise.weight_gradient(_last(x), _last(g), window))
    columns = columns_of(_last(x), window, groups)
    dw = _correlate(columns, _last(g), (groups, out // groups, kh * kw, channels))
    return _logical(dw.reshape(out, kh, kw, channels))  # -> O C kh kw


def both_gradients(x: Array, w: Array, g: Array, window: Window, groups: int) -> tuple[Array, Array]:
    """Return (∂L/∂x, ∂L/∂w); if possible from one pass over the columns of g."""
    g = _logical(_last(g))  # once for both
    if not _columns_of_g_are_for_both(x, w, window):
        dx = input_gradient(g, w, x.shape, window, groups)
        return dx, weight_gradient(x, g, w.shape, window, groups)
    n, channels, *size = x.shape
    out, _, kh, kw = w.shape
    dx = np.empty((n, *size, channels), g.dtype)
    columns = columns_back(_last(g), x.shape, window, groups)
    shape = groups, channels // groups, kh * kw, out // groups
    dw = _multiply_and_correlate(columns, _backward_weights(w, window, groups), dx, _last(x), shape)
    dw = dw.reshape(groups, channels // groups, kh, kw, out // groups)[:, :, ::-1, ::-1]
    dw = np.ascontiguousarray(dw.transpose(0, 4, 2, 3, 1))  # G C kh kw O -> G O kh kw C
    return _logical(dx), _logical(dw.reshape(out, kh, kw, channels // groups))


def _columns_of_g_are_for_both(x: Array, w: Array, window: Window) -> bool:
    """Return whether to use them twice: where they are not far more than those of x, nor few beside the weights."""
    n, channels, height, width = x.shape
    return (
        is_convolution_of_g(window)
        and w.shape[1] > 1
        and not window.is_pointwise
        and len(w) <= 2 * channels
        and n * height * width > 4 * len(w)
    )


def _multiply(columns: Columns, weights: Array, y: Array) -> None:
    """Compute y = columns · weights (groups, taps, channels, results)."""
    rows, matrices = y.reshape(-1, y.shape[-1]), _matrices(weights)

    def run(blocks: list[Block]) -> None:
        for block in blocks:
            for taps, places, seen in columns.parts(block):
                _product(seen, matrices(taps), rows, places)

    parallel(run, columns.blocks)


def _correlate(columns: Columns, other: Array, shape: Shape) -> Array:
    """Return other · columnsᵀ: (groups, rows of other, taps, channels)."""
    rows = other.reshape(-1, shape[0], shape[1])  # positions, groups, rows

    def total(blocks: list[Block]) -> Array:
        result = np.zeros(shape, other.dtype)
        for block in blocks:
            for taps, places, seen in columns.parts(block):
                _add_product(result, rows[places], seen, taps)
        return result

    return _sum_of_shares(total, columns.blocks)


def _multiply_and_correlate(columns: Columns, weights: Array, y: Array, other: Array, shape: Shape) -> Array:
    """Do both with the same columns."""
    results, matrices = y.reshape(-1, y.shape[-1]), _matrices(weights)
    rows = other.reshape(-1, shape[0], shape[1])

    def total(blocks: list[Block]) -> Array:
        result = np.zeros(shape, other.dtype)
        for block in blocks:
            for taps, places, seen in columns.parts(block):
                _product(seen, matrices(taps), results, places)
                _add_product(result, rows[places], seen, taps)
        return result

    return _sum_of_shares(total, columns.blocks)


def _product(seen: Array, matrix: Array, rows: Array, places: slice | Array) -> None:
    """Compute rows[places] = seen · matrix, of each group."""
    if len(matrix) == 1 and isinstance(places, slice):
        np.matmul(seen[0], matrix[0], out=rows[places])
    else:
        products = np.matmul(seen, matrix)  # (G, P, T·C) @ (G, T·C, R)
        rows[places] = products.transpose(1, 0, 2).reshape(products.shape[1], -1)


def _add_product(total: Array, given: Array, seen: Array, taps: slice | Array) -> None:
    """Add given (P, G, R) · seen (G, P, T·C) to the taps of ``total`` (G, R, taps, C)."""
    shares = np.matmul(given.transpose(1, 2, 0), seen)
    part = total[:, :, taps]
    part += shares.reshape(part.shape)
    if not isinstance(taps, slice):
        total[:, :, taps] = part


def _matrices(weights: Array) -> Callable[[slice | Array], Array]:
    """Return a function that gives the weights of some taps as (groups, taps · channels, results)."""
    groups, _, _, results = weights.shape
    made: dict[bytes, Array] = {}

    def matrix(taps: slice | Array) -> Array:
        key = b"" if isinstance(taps, slice) else taps.tobytes()
        if key not in made:
            made[key] = weights[:, taps].reshape(groups, -1, results)  # BLAS takes a transposed one as well
        return made[key]

    return matrix


def _sum_of_shares(total: Callable[[list[Block]], Array], blocks: Sequence[Block]) -> Array:
    """Return the sum of the totals of a fixed number of stretches of blocks, added in order."""
    stretches = [list(blocks[part]) for part in evenly(len(blocks), min(_SHARES, len(blocks)))]
    shares = [share for result in parallel(lambda jobs: [total(job) for job in jobs], stretches) for share in result]
    for other in shares[1:]:
        shares[0] += other
    return shares[0] if shares else total([])


def _backward_weights(w: Array, window: Window, groups: int) -> Array:
    """Return the weights for :func:`columns_back`: (groups, taps, O/groups, C/groups)."""
    weights = _by_group(w, groups).transpose(0, 2, 1, 3)  # G O T C -> G T O C
    return weights[:, ::-1] if is_convolution_of_g(window) else weights


# --- Few channels, many outputs: the products are fewer numbers than the columns of g ---


def _sends_less_than_it_gathers(w: Array, window: Window) -> bool:
    """Return whether it is faster to send products of g back to x: there are far more outputs than inputs."""
    return len(w) >= 4 * w.shape[1] and not window.is_pointwise


def _sent_back(g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
    """Return ∂L/∂x (N, H, W, C): each tap's product wᵀ · g, added to the pixels that it saw ("col2im")."""
    n, channels, height, width = input_shape
    _, rows, columns, out = g.shape
    padded = np.zeros((n, *window.padded_size(height, width), channels), g.dtype)
    weights = np.ascontiguousarray(_by_group(w, groups).reshape(groups, out // groups, -1))  # G O T·C
    taps = [(seen[1], seen[2]) for _, _, seen in window.taps(height, width)]

    def run(images: list[int]) -> None:  # whole images for each thread, so that no two add to one pixel
        for i in images:
            given = g[i].reshape(rows * columns, groups, -1).transpose(1, 0, 2)
            back = np.matmul(given, weights).reshape(groups, rows, columns, len(taps), -1)  # (G, P, O) @ (G, O, T·C)
            for tap, (down, across) in enumerate(taps):
                pixels = padded[i, down, across].reshape(rows, columns, groups, -1)
                pixels += back[:, :, :, tap].transpose(1, 2, 0, 3)

    parallel(run, list(range(n)))
    (top, _), (left, _) = window.padding
    return np.ascontiguousarray(padded[:, top : top + height, left : left + width])


# --- Memory order ---


def _last(x: Array) -> Array:
    """Return an array N C H W as contiguous N H W C: a view if it lies so in memory, else a copy."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _logical(y: Array) -> Array:
    return y.transpose(0, 3, 1, 2)  # N H W C -> N C H W


def _by_group(w: Array, groups: int) -> Array:
    """Return weights O C kh kw as (groups, O/groups, taps, C)."""
    out, channels, kh, kw = w.shape
    return w.transpose(0, 2, 3, 1).reshape(groups, out // groups, kh * kw, channels)
