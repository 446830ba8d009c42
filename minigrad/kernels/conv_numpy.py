"""Convolution in NumPy: copy what the taps of a block of positions meet side by side, and multiply it in one product.

What the taps of a position meet is a row of a matrix, its *columns*: (taps · channels) numbers. With a matrix W of
weights, y = columns(x) · W, and ∂L/∂W = columns(x)ᵀ · g. With stride 1 ∂L/∂x is a convolution of g with the flipped
kernel, y = columns(g) · W', and its columns give ∂L/∂W too: columns(g)ᵀ · x, flipped. Only a block of columns is in
memory at a time, and stays in the cache ("im2col + GEMM", Chellapilla et al. 2006).

There are two ways to copy a block: by the tables of conv_table.py, which leave products with padding out, and where
there are few of those, by the strides of the padded array, which NumPy copies faster.

Each function takes arrays N C H W in any memory order, and returns one that lies channels last: N H W C in memory. The
weights' gradient lies O kh kw C, which is the same rule.

``parallel(work, jobs)`` calls ``work`` on one or more lists that are together ``jobs``, and returns the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels import sums
from minigrad.kernels.conv_table import backward_table, forward_table, live_share
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.plan_cache import remembered
from minigrad.kernels.threads import evenly
from minigrad.typing import Array, Shape

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Taps, the positions that have them, and the pixels that each position meets with each tap.
Part: TypeAlias = tuple[Array, slice | Array, Array]
Parts: TypeAlias = tuple[Part, ...]

_BLOCK = 192  # positions of a block of a table
_BYTES = 1_500_000  # of a block of columns copied by strides: it, its weights and its result fit in the L2 cache
_SHARES = 8  # of a sum, each a job for a thread: a fixed number, so that results do not depend on that of threads
_LIVE = 0.85  # of all products: where more are with pixels, it does not pay to leave those with padding out


class Parallel(Protocol):
    """A way to share jobs out."""

    def __call__(self, work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
        """Call ``work`` on parts of ``jobs``, and return the results in order."""


def in_turn(work: Callable[[list[Job]], Result], jobs: Sequence[Job]) -> list[Result]:
    """Do all jobs in this thread."""
    return [work(list(jobs))] if jobs else []


# --- The three products ---


def conv2d(x: Array, w: Array, window: Window, groups: int, parallel: Parallel = in_turn) -> Array:
    """Return the output, as ``Reference.conv2d``."""
    if w.shape[1] == 1 and len(w) == groups:
        return _logical(_depthwise(_last(x), w, window, parallel))
    y = np.empty((len(x), *window.output_size(*x.shape[2:]), len(w)), x.dtype)
    weights = _by_group(w, groups).transpose(0, 2, 3, 1)  # G O T C -> G T C O
    _multiply(_columns(_last(x), window, groups), weights, y, parallel)
    return _logical(y)


def input_gradient(
    g: Array, w: Array, input_shape: Shape, window: Window, groups: int, parallel: Parallel = in_turn
) -> Array:
    """Return ∂L/∂x, as ``Reference.conv2d_input``."""
    n, channels, *size = input_shape
    if w.shape[1] == 1 and len(w) == groups and _is_convolution_of_g(window):
        return _logical(_depthwise(_last(g), w[:, :, ::-1, ::-1], _backwards(window), parallel))
    if _sends_less_than_it_gathers(w, window):
        return _logical(_sent_back(_last(g), w, input_shape, window, groups, parallel))
    dx = np.empty((n, *size, channels), g.dtype)
    _multiply(_columns_back(_last(g), input_shape, window, groups), _backward_weights(w, window, groups), dx, parallel)
    return _logical(dx)


def weight_gradient(
    x: Array, g: Array, weight_shape: Shape, window: Window, groups: int, parallel: Parallel = in_turn
) -> Array:
    """Return ∂L/∂w, as ``Reference.conv2d_weight``."""
    out, channels, kh, kw = weight_shape
    if channels == 1 and out == groups:
        return _logical(_depthwise_weight_gradient(_last(x), _last(g), window, parallel))
    columns = _columns(_last(x), window, groups)
    dw = _correlate(columns, _last(g), (groups, out // groups, kh * kw, channels), parallel)
    return _logical(dw.reshape(out, kh, kw, channels))  # -> O C kh kw


def both_gradients(
    x: Array, w: Array, g: Array, window: Window, groups: int, parallel: Parallel = in_turn
) -> tuple[Array, Array]:
    """Return (∂L/∂x, ∂L/∂w); if possible from one pass over the columns of g."""
    g = _logical(_last(g))  # once for both
    if not _columns_of_g_are_for_both(x, w, window):
        dx = input_gradient(g, w, x.shape, window, groups, parallel)
        return dx, weight_gradient(x, g, w.shape, window, groups, parallel)
    n, channels, *size = x.shape
    out, _, kh, kw = w.shape
    dx = np.empty((n, *size, channels), g.dtype)
    columns = _columns_back(_last(g), x.shape, window, groups)
    shape = groups, channels // groups, kh * kw, out // groups
    dw = _multiply_and_correlate(columns, _backward_weights(w, window, groups), dx, _last(x), shape, parallel)
    dw = dw.reshape(groups, channels // groups, kh, kw, out // groups)[:, :, ::-1, ::-1]
    dw = np.ascontiguousarray(dw.transpose(0, 4, 2, 3, 1))  # G C kh kw O -> G O kh kw C
    return _logical(dx), _logical(dw.reshape(out, kh, kw, channels // groups))


def _columns_of_g_are_for_both(x: Array, w: Array, window: Window) -> bool:
    """Return whether to use them twice: where they are not far more than those of x, nor few beside the weights."""
    n, channels, height, width = x.shape
    return (
        _is_convolution_of_g(window)
        and w.shape[1] > 1
        and not window.is_pointwise
        and len(w) <= 2 * channels
        and n * height * width > 4 * len(w)
    )


def _multiply(columns: Columns, weights: Array, y: Array, parallel: Parallel) -> None:
    """Compute y = columns · weights (groups, taps, channels, results)."""
    rows, matrices = y.reshape(-1, y.shape[-1]), _matrices(weights)

    def run(blocks: list[Block]) -> None:
        for block in blocks:
            for taps, places, seen in columns.parts(block):
                _product(seen, matrices(taps), rows, places)

    parallel(run, columns.blocks)


def _correlate(columns: Columns, other: Array, shape: Shape, parallel: Parallel) -> Array:
    """Return other · columnsᵀ: (groups, rows of other, taps, channels)."""
    rows = other.reshape(-1, shape[0], shape[1])  # positions, groups, rows

    def total(blocks: list[Block]) -> Array:
        result = np.zeros(shape, other.dtype)
        for block in blocks:
            for taps, places, seen in columns.parts(block):
                _add_product(result, rows[places], seen, taps)
        return result

    return _sum_of_shares(total, columns.blocks, parallel)


def _multiply_and_correlate(
    columns: Columns, weights: Array, y: Array, other: Array, shape: Shape, parallel: Parallel
) -> Array:
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

    return _sum_of_shares(total, columns.blocks, parallel)


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


def _sum_of_shares(total: Callable[[list[Block]], Array], blocks: Sequence[Block], parallel: Parallel) -> Array:
    """Return the sum of the totals of a fixed number of stretches of blocks, added in order."""
    stretches = [list(blocks[part]) for part in evenly(len(blocks), min(_SHARES, len(blocks)))]
    shares = [share for result in parallel(lambda jobs: [total(job) for job in jobs], stretches) for share in result]
    for other in shares[1:]:
        shares[0] += other
    return shares[0] if shares else total([])


# --- Columns ---


class Block(NamedTuple):
    """Positions of the result that follow each other."""

    kind: int  #: of a table
    source: int  #: the first pixel of the source
    start: int  #: the first position
    size: int


class _ByStrides:
    """The columns of an array with its padding, N H W C: what the taps of each position meet, block by block."""

    blocks: Sequence[Block]

    def __init__(self, xp: Array, window: Window, result: Pair, groups: int) -> None:
        (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
        images, _, _, channels = xp.shape
        n, h, w, c = xp.strides
        self.groups, self.is_matrix = groups, groups == 1 and window.is_pointwise
        self.rows = xp.reshape(-1, channels)
        self.seen = as_strided(
            xp,
            (images, *result, groups, kh, kw, channels // groups),
            (n, h * sh, w * sw, c * (channels // groups), h * dh, w * dw, c),
            writeable=False,
        )
        most = max(32, _BYTES // (xp.itemsize * kh * kw * channels))
        self.blocks = [Block(0, 0, *stretch) for stretch in _stretches(images, *result, most)]

    def parts(self, block: Block) -> Iterator[tuple[slice | Array, slice | Array, Array]]:
        """Yield taps, positions that have them, and what these meet: (groups, positions, taps · channels)."""
        places = slice(block.start, block.start + block.size)
        if self.is_matrix:
            yield slice(None), places, self.rows[None, places]
            return
        seen = _box(self.seen, block.start, block.size)  # … G kh kw C
        matrix = np.empty((self.groups, block.size, int(np.prod(seen.shape[-3:]))), seen.dtype)
        np.copyto(matrix.reshape(self.groups, *seen.shape[:-4], *seen.shape[-3:]), np.moveaxis(seen, -4, 0))
        yield slice(None), places, matrix


class _ByTable:
    """The columns of an array N H W C, found through a table."""

    blocks: Sequence[Block]

    def __init__(self, x: Array, size: Pair, window: Window, groups: int, backwards: bool) -> None:
        self.rows, self.groups = x.reshape(-1, x.shape[-1]), groups
        self.blocks, self.kinds = _listed(len(x), size, window, backwards)

    def parts(self, block: Block) -> Iterator[tuple[slice | Array, slice | Array, Array]]:
        """Yield the same, but several parts of a block where positions have other taps."""
        for taps, places, at in self.kinds[block.kind]:
            here = slice(block.start, block.start + block.size) if isinstance(places, slice) else block.start + places
            yield taps, here, _gather(self.rows, at, block.source, self.groups)


Columns: TypeAlias = _ByStrides | _ByTable


def _columns(x: Array, window: Window, groups: int) -> Columns:
    """Return the columns of x (N, H, W, C)."""
    size = x.shape[1], x.shape[2]
    if live_share(size, window) < _LIVE:
        return _ByTable(x, size, window, groups, backwards=False)
    whole = window._replace(padding=((0, 0), (0, 0)))
    return _ByStrides(_padded(x, window), whole, window.output_size(*size), groups)


def _columns_back(g: Array, input_shape: Shape, window: Window, groups: int) -> Columns:
    """Return the columns of g (N, H', W', O) whose product with the weights is ∂L/∂x."""
    if _is_convolution_of_g(window):
        return _columns(g, _backwards(window), groups)
    return _ByTable(g, (input_shape[2], input_shape[3]), window, groups, backwards=True)


def _backward_weights(w: Array, window: Window, groups: int) -> Array:
    """Return the weights for :func:`_columns_back`: (groups, taps, O/groups, C/groups)."""
    weights = _by_group(w, groups).transpose(0, 2, 1, 3)  # G O T C -> G T O C
    return weights[:, ::-1] if _is_convolution_of_g(window) else weights


def _is_convolution_of_g(window: Window) -> bool:
    """Return whether ∂L/∂x is a convolution of g: with stride 1, and no padding beyond the kernel."""
    return window.stride == (1, 1) and all(
        max(p) <= d * (k - 1) for p, d, k in zip(window.padding, window.dilation, window.kernel, strict=True)
    )


def _backwards(window: Window) -> Window:
    """Return the window of the convolution that gives ∂L/∂x."""
    full = [d * (k - 1) for d, k in zip(window.dilation, window.kernel, strict=True)]
    (top, bottom), (left, right) = window.padding
    return window._replace(padding=((full[0] - top, full[0] - bottom), (full[1] - left, full[1] - right)))


def _padded(x: Array, window: Window) -> Array:
    """Return x (N, H, W, C) inside its padding, zeros."""
    return window.pad(_logical(x)).transpose(0, 2, 3, 1)  # N C H W -> N H W C


def _stretches(images: int, rows: int, columns: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first position, positions) of blocks: several images, rows of one image, or a part of a row."""
    image = rows * columns
    if image <= most:
        step = most // image
        yield from ((i * image, (min(i + step, images) - i) * image) for i in range(0, images, step))
        return
    for i in range(images):
        if columns <= most:
            step = most // columns
            for r in range(0, rows, step):
                yield (i * rows + r) * columns, (min(r + step, rows) - r) * columns
        else:
            for r in range(rows):
                for c in range(0, columns, most):
                    yield (i * rows + r) * columns + c, min(c + most, columns) - c


def _box(array: Array, start: int, count: int) -> Array:
    """Return the part of an array (N, H', W', …) that holds a block of :func:`_stretches`."""
    _, rows, columns = array.shape[:3]
    image, place = divmod(start, rows * columns)
    if count >= rows * columns:
        return array[image : image + count // (rows * columns)]
    row, column = divmod(place, columns)
    if count >= columns:
        return array[image, row : row + count // columns]
    return array[image, row, column : column + count]


@remembered
def _listed(images: int, size: Pair, window: Window, backwards: bool) -> tuple[tuple[Block, ...], tuple[Parts, ...]]:
    """Return the blocks of a table, and the parts of each of its kinds."""
    table = (backward_table if backwards else forward_table)(images, size, window, _BLOCK)
    blocks = [Block(kind, source, start, len(table.kinds[kind])) for kind, source, start in table.blocks.tolist()]
    return tuple(blocks), tuple(tuple(_parts(kind)) for kind in table.kinds)


def _parts(kind: Array) -> list[Part]:
    """Return taps, positions, and what they meet, which together are all entries of a kind that are not −1.

    Where most are −1, as in the gradient of x with a stride, each part has positions with the same taps. Otherwise
    there is one part, with some −1.
    """
    live = kind >= 0
    taps = np.flatnonzero(live.any(axis=0))
    if 2 * np.count_nonzero(live) > len(kind) * len(taps):
        return [(taps, slice(None), kind[:, taps])]
    masks, which = np.unique(live, axis=0, return_inverse=True)
    parts: list[Part] = []
    for number, mask in enumerate(masks):
        places, taps = np.flatnonzero(which.reshape(-1) == number), np.flatnonzero(mask)
        parts.append((taps, places, kind[places][:, taps]))
    return parts


def _gather(source: Array, at: Array, first: int, groups: int) -> Array:
    """Return what positions see, of entries (positions, taps): (groups, positions, taps · channels)."""
    positions, taps = at.shape
    channels = source.shape[1] // groups
    seen = np.take(source, at + first, axis=0, mode="clip")  # P T C
    seen[at < 0] = 0
    if groups == 1:
        return seen.reshape(1, positions, taps * channels)
    seen = seen.reshape(positions, taps, groups, channels).transpose(2, 0, 1, 3)  # -> G P T C/G
    return seen.reshape(groups, positions, taps * channels)


# --- Few channels, many outputs: the products are fewer numbers than the columns of g ---


def _sends_less_than_it_gathers(w: Array, window: Window) -> bool:
    """Return whether it is faster to send products of g back to x: there are far more outputs than inputs."""
    return len(w) >= 4 * w.shape[1] and not window.is_pointwise


def _sent_back(g: Array, w: Array, input_shape: Shape, window: Window, groups: int, parallel: Parallel) -> Array:
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


# --- Depthwise: each channel by itself, so the products are of numbers, not of matrices ---


def _depthwise(x: Array, w: Array, window: Window, parallel: Parallel) -> Array:
    """Return y (N, H', W', C) of x (N, H, W, C) and a kernel for each channel, w (C, 1, kh, kw)."""
    n, height, width, channels = x.shape
    rows, columns = window.output_size(height, width)
    xp, y = _padded(x, window), np.empty((n, rows, columns, channels), x.dtype)
    wide = np.broadcast_to(w.transpose(2, 3, 1, 0), (*window.kernel, columns, channels)).reshape(*window.kernel, -1)
    (sh, sw), (dh, dw) = window.stride, window.dilation

    def run(blocks: list[tuple[int, slice]]) -> None:
        for i, at in blocks:
            total = y[i, at].reshape(at.stop - at.start, -1)
            total[...] = 0
            for tap in np.ndindex(*window.kernel):
                top, left = tap[0] * dh + at.start * sh, tap[1] * dw
                seen = xp[i, top : top + (len(total) - 1) * sh + 1 : sh, left : left + (columns - 1) * sw + 1 : sw]
                total += seen.reshape(total.shape) * wide[tap]

    step = max(1, _BYTES // (8 * x.itemsize * columns * channels))
    parallel(run, [(i, slice(r, min(r + step, rows))) for i in range(n) for r in range(0, rows, step)])
    return y


def _depthwise_weight_gradient(x: Array, g: Array, window: Window, parallel: Parallel) -> Array:
    """Return dw (C, kh, kw, 1) of x (N, H, W, C) and g (N, H', W', C)."""
    xp, (kh, kw) = _padded(x, window), window.kernel
    taps = [(seen[1], seen[2]) for _, _, seen in window.taps(*x.shape[1:3])]

    def run(images: list[int]) -> list[Array]:
        found = []
        for i in images:
            products = (sums.total(xp[i, down, across] * g[i], (0, 1)) for down, across in taps)
            found.append(np.stack(list(products)))
        return found

    shares = [share for part in parallel(run, range(len(x))) for share in part]
    total: Array = sums.total(np.stack(shares), (0,))
    return np.ascontiguousarray(total.T).reshape(-1, kh, kw, 1)  # taps, C -> C kh kw 1


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
