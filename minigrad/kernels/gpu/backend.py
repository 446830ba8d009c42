"""Kernels for CuPy arrays: CuPy's matrix products, and the loops in kernels.cu.

Activations made here are N C H W to their user but lie as C N H W in memory: a 1×1 convolution is then one matrix
product, a channel is a row, and a join of channels copies blocks. Every other order is copied on entry. Other
convolutions copy what their taps see into the columns of a matrix, as many at a time as there is memory for, and
multiply once; those of few outputs, for which that copy costs more than the product, go without.

This file calls NumPy's functions, which accept CuPy's arrays; ``launch`` is the only line that needs a GPU. So the
tests run all of it on the CPU too, with the kernels compiled as C++.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.gpu import precision
from minigrad.kernels.addresses import Batch, batches, blocks, share_memory
from minigrad.kernels.geometry import Window
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move
from minigrad.typing import Array, DType, Shape

if TYPE_CHECKING:
    import cupy

#: What a kernel takes: an array, of which it gets the address, or a number of just its type.
Argument: TypeAlias = Array | np.generic

SOURCE = Path(__file__).with_name("kernels.cu")
_FLOAT32: DType = np.dtype(np.float32)
_FLOAT64: DType = np.dtype(np.float64)
_FLOAT16: DType = np.dtype(np.float16)
TYPES: dict[DType, tuple[str, str]] = {
    _FLOAT32: ("float", "float"),
    _FLOAT64: ("double", "double"),
    _FLOAT16: ("half", "float"),
}  # REAL, ACC
_ACCUMULATORS: dict[DType, DType] = {_FLOAT32: _FLOAT32, _FLOAT64: _FLOAT64, _FLOAT16: _FLOAT32}  # of arithmetic: ACC
THREADS = 256  # of a block
_MOST_BLOCKS = 65_535  # in each direction
_MANY_BLOCKS = 2_048  # enough to keep a large GPU busy
_COLUMN_BYTES = 2**30  # of the columns of a convolution at a time
_MOST_TABLES = 16
_MOVE_BLOCK = 2**14  # elements of a parameter that a block of threads moves
_TILE = 64, 128  # outputs and positions of a block of ``convolve``
_NONE = np.uint64(0)  # the address of an array that is not there

#: Up to how many outputs a convolution goes without columns. To write and read a column's element takes a GPU as long
#: as some sixty multiplications, or fewer where matrix products have units of their own. An estimate:
#: ``python -m benchmarks gpu`` measures both ways for every convolution of Inception.
few_outputs: dict[DType | str, int] = {_FLOAT32: 64, _FLOAT64: 64, _FLOAT16: 16, "tf32": 32}


def launch(kernel: str, dtype: DType, grid: tuple[int, int], *arguments: Argument) -> None:
    """Run a kernel of kernels.cu, compiled for arrays of this dtype, on the current stream."""
    wide = False
    for argument in arguments:
        if argument.size >= 2**31:
            wide = True  # positions in memory then need more than 32 bits
    _function(kernel, dtype, wide)(grid, (THREADS,), arguments)


@cache
def _function(kernel: str, dtype: DType, wide: bool) -> cupy.RawKernel:
    return _compiled(dtype, wide).get_function(kernel)


@cache
def _compiled(dtype: DType, wide: bool) -> cupy.RawModule:
    """Compile the kernels for one dtype, by NVRTC or HIPRTC; CuPy keeps the result on disk."""
    import cupy

    real, accumulator = TYPES[dtype]
    header = ""
    if real == "half":
        header = "#include <hip/hip_fp16.h>\n" if cupy.cuda.runtime.is_hip else "#include <cuda_fp16.h>\n"
    index = "long long" if wide else "unsigned int"
    definitions = f"#define REAL {real}\n#define ACC {accumulator}\n#define INDEX {index}\n#define THREADS {THREADS}\n"
    return cupy.RawModule(code=header + definitions + SOURCE.read_text(encoding="utf-8"))


def _over(count: int, by: int = 1) -> tuple[int, int]:
    """Return a grid with a thread for each of ``count`` elements, ``by`` times."""
    return min(_MOST_BLOCKS, -(-count // THREADS)), min(_MOST_BLOCKS, by)


def _as(array: Array, dtype: DTypeLike) -> Array:
    """Return ``array``, without gaps, in a dtype."""
    return _plain(array if array.dtype == dtype else array.astype(dtype))


def _optional(array: Array | None, dtype: DTypeLike) -> Argument:
    """Return ``array``, without gaps, in a dtype; _NONE for None."""
    return _NONE if array is None else _as(array, dtype)


def _suits(*arrays: Array) -> bool:
    """Return whether there are kernels for such arrays: N C H W, of one floating dtype, not empty."""
    dtype = arrays[0].dtype
    return dtype in TYPES and all(a.ndim == 4 and a.dtype == dtype and a.size for a in arrays)


# --- Memory order ---


def _in_order(x: Array) -> Array:
    """Return x (N, C, H, W) as a contiguous C N H W array: a view if it lies so in memory already, else a copy."""
    view = np.transpose(x, (1, 0, 2, 3))
    return view if view.flags.c_contiguous else np.copy(view, order="C")


def _from_order(y: Array) -> Array:
    return np.transpose(y, (1, 0, 2, 3))  # C N H W -> N C H W


def _plain(x: Array) -> Array:
    return x if x.flags.c_contiguous else np.copy(x, order="C")


@lru_cache(maxsize=1024)
def _numbers(window: Window, height: int, width: int) -> tuple[Argument, ...]:
    """Return the numbers that describe a window to a kernel."""
    rows, columns = window.output_size(height, width)
    (top, _), (left, _) = window.padding
    return _ints(height, width, rows, columns, *window.kernel, *window.stride, top, left, *window.dilation)


def _ints(*numbers: int) -> tuple[Argument, ...]:
    return tuple(np.int32(number) for number in numbers)


class Gpu(Reference):
    """Kernels for CuPy arrays."""

    name = "gpu"

    def __init__(self) -> None:
        self._tables: dict[object, tuple[Array, Array]] = {}

    # --- Elementwise, on memory in order: CuPy's own results would lie as N C H W ---

    def add(self, x: Array, y: Array, out: Array | None = None) -> Array:
        if not _lie_alike(x, y, *(() if out is None else (out,))):
            return super().add(x, y, out)
        return _from_order(np.add(_in_order(x), _in_order(y), out=None if out is None else _from_order(out)))

    def relu(self, x: Array, out: Array | None = None) -> Array:
        if not _lie_alike(x, *(() if out is None else (out,))):
            return super().relu(x, out)
        y = np.maximum(_in_order(x), 0, out=None if out is None else _from_order(out))
        return _from_order(y) if out is None else out

    def pass_where_positive(self, g: Array, y: Array) -> Array:
        if not _lie_alike(g, y):
            return super().pass_where_positive(g, y)
        return _from_order(super().pass_where_positive(_in_order(g), _in_order(y)))

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        if axis != 1 or not all(x.ndim == 4 for x in xs):
            return super().concatenate(xs, axis)
        return _from_order(np.concatenate([_in_order(x) for x in xs], axis=0))

    # --- Convolution ---

    def conv2d(self, x: Array, w: Array, window: Window, groups: int) -> Array:
        """Compute y = W · columns(x)."""
        if not _suits(x, w) or groups != 1:
            return super().conv2d(x, w, window, groups)
        xc, outputs = _in_order(x), w.shape[0]
        channels, n, height, width = xc.shape
        rows, columns = window.output_size(height, width)
        y = np.empty_like(xc, shape=(outputs, n * rows * columns))
        if window.is_pointwise:
            np.matmul(w.reshape(outputs, channels), xc.reshape(channels, -1), out=y)
        elif _goes_without_columns(outputs, x.dtype):
            _convolve(xc, w, y, window, (rows, columns), transposed=False)
        else:
            matrix = w.reshape(outputs, -1)
            stretches = _stretches(y.shape[1], matrix.shape[1] * x.dtype.itemsize)
            for first, last in stretches:
                if len(stretches) == 1:
                    np.matmul(matrix, _patches(xc, window, first, last), out=y)
                else:
                    y[:, first:last] = np.matmul(matrix, _patches(xc, window, first, last))
        return _from_order(y.reshape(outputs, n, rows, columns))

    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        """Compute dX = columns⁻¹(Wᵀ · dY)."""
        if not _suits(g, w) or groups != 1:
            return super().conv2d_input(g, w, input_shape, window, groups)
        return _from_order(_input_gradient(_in_order(g), w, input_shape, window))

    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        """Compute dW = dY · columns(x)ᵀ."""
        if not _suits(x, g) or groups != 1:
            return super().conv2d_weight(x, g, weight_shape, window, groups)
        return _weight_gradient(_in_order(x), _in_order(g), window).reshape(weight_shape)

    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        """Put g in memory order once for both gradients, then compute them."""
        ordered = _from_order(_in_order(g)) if _suits(g) and groups == 1 else g
        return super().conv2d_backward(x, w, ordered, window, groups, need_x, need_w)

    # --- Pooling ---

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        if not _suits(x) or window.tap_dtype != np.uint8:
            return super().max_pool2d(x, window)
        xc = _in_order(x)
        y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
        taps = np.empty_like(y, dtype=np.uint8)
        launch("max_pool", x.dtype, _over(y.size), xc, y, taps, np.int64(y.size), *_numbers(window, *x.shape[2:]))
        return _from_order(y), _from_order(taps)

    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        """Gather, for each element, the gradients of the windows that chose it."""
        if not _suits(g) or taps.dtype != np.uint8 or 0 in input_shape:
            return super().max_pool2d_scatter(g, taps, input_shape, window)
        n, channels, height, width = input_shape
        dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
        numbers = np.int64(dx.size), *_numbers(window, height, width)
        launch("max_pool_back", g.dtype, _over(dx.size), _in_order(g), _in_order(taps), dx, *numbers)
        return _from_order(dx)

    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        if not _suits(x) or not isinstance(scale, float):
            return super().avg_pool2d(x, window, scale)
        xc = _in_order(x)
        y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
        numbers = np.float64(scale), np.int64(y.size), *_numbers(window, *x.shape[2:])
        launch("window_sums", x.dtype, _over(y.size), xc, y, *numbers)
        return _from_order(y)

    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        if not _suits(g) or not isinstance(scale, float) or 0 in input_shape:
            return super().avg_pool2d_backward(g, input_shape, window, scale)
        n, channels, height, width = input_shape
        dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
        numbers = np.float64(scale), np.int64(dx.size), *_numbers(window, height, width)
        launch("window_sums_back", g.dtype, _over(dx.size), _in_order(g), dx, *numbers)
        return _from_order(dx)

    # --- Batch normalisation, with the ReLU that may follow: three launches forward, three back ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        if not _suits(x) or x.shape[1] > _MOST_BLOCKS:
            return super().batch_norm(x, weight, bias, eps, relu)
        xc, kind = _in_order(x), _ACCUMULATORS[x.dtype]
        channels, length = xc.shape[0], xc[0].size
        parts = _parts(channels, length)
        found = np.empty_like(xc, shape=(channels, parts, 3), dtype=kind)
        launch("row_moments", x.dtype, (parts, channels), xc, found, np.int64(length))
        mean, var, factor = np.empty_like(xc, shape=(3, channels), dtype=kind)
        sizes = *_ints(parts, channels), _optional(weight, kind), np.float64(eps)
        launch("finish_moments", x.dtype, _over(channels), found, *sizes, mean, var, factor)
        y = _normalized(xc, mean, factor, _optional(bias, kind), relu)
        return y, mean, var

    def batch_norm_backward(
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float,
        bias: Array | None = None, relu: bool = False,
    ) -> tuple[Array, Array, Array]:  # fmt: skip
        if not _suits(g, x) or x.shape[1] > _MOST_BLOCKS:
            return super().batch_norm_backward(g, x, weight, mean, var, eps, bias, relu)
        xc, kind = _in_order(x), _ACCUMULATORS[x.dtype]
        arrays, (channels, length) = (_in_order(g), xc), (xc.shape[0], xc[0].size)
        parts, middle, variance = _parts(channels, length), _as(mean, kind), _as(var, kind)
        weights, masking = _optional(weight, kind), (_optional(bias, kind), np.int32(relu))
        found = np.empty_like(xc, shape=(channels, parts, 2), dtype=kind)
        given = middle, variance, weights, np.float64(eps), *masking
        launch("gradient_sums", x.dtype, (parts, channels), *arrays, *given, found, np.int64(length))
        grad_weight, grad_bias, scale, centre, slope = np.empty_like(xc, shape=(5, channels), dtype=kind)
        options = *_ints(parts, channels), weights, variance, np.float64(eps), np.float64(length)
        results = grad_weight, grad_bias, scale, centre, slope
        launch("finish_gradients", x.dtype, _over(channels), found, *options, *results)
        dx = np.empty_like(xc)
        numbers, sizes = (middle, scale, *masking, centre, slope), (np.int64(length), np.int64(dx.size))
        launch("normalize_back", x.dtype, _over(dx.size), *arrays, *numbers, dx, *sizes)
        kept = x.dtype if weight is None else weight.dtype
        return _from_order(dx), _as(grad_weight, kept), _as(grad_bias, kept)

    def scale_channels(self, x: Array, factor: Array, offset: Array, relu: bool = False) -> Array:
        kind = _ACCUMULATORS.get(x.dtype)
        if kind is None or not _suits(x) or {factor.dtype, offset.dtype} - {x.dtype, kind}:
            return super().scale_channels(x, factor, offset, relu)
        return _normalized(_in_order(x), _NONE, _as(factor, kind), _as(offset, kind), relu)

    def blend(self, running: Array, batch: Array, keep: float, share: float) -> None:
        if running.dtype not in TYPES or batch.dtype != running.dtype or not running.flags.c_contiguous:
            return super().blend(running, batch, keep, share)
        numbers = np.float64(keep), np.float64(share), np.int64(running.size)
        return launch("blend", running.dtype, _over(running.size), running, _plain(batch), *numbers)

    # --- Loss ---

    def softmax_cross_entropy(
        self, x: Array, labels: Array, weight: Array | None, smoothing: float, ignore: int
    ) -> tuple[Array, Array, Array]:
        if x.dtype not in TYPES or not x.size:
            return super().softmax_cross_entropy(x, labels, weight, smoothing, ignore)
        count, classes = x.shape
        losses, factors = np.empty_like(x, shape=(2, count), order="C")
        log_sums = np.empty_like(x, shape=(count,), dtype=_ACCUMULATORS[x.dtype])
        given = _plain(x), *_labels(labels, weight, smoothing, ignore)
        grid = min(count, _MOST_BLOCKS), 1
        launch("softmax_cross_entropy", x.dtype, grid, *given, losses, factors, log_sums, *_ints(classes, count))
        return losses, factors, log_sums

    def softmax_cross_entropy_backward(
        self,
        g: Array,
        x: Array,
        labels: Array,
        weight: Array | None,
        smoothing: float,
        ignore: int,
        factors: Array,
        log_sums: Array,
    ) -> Array:
        if x.dtype not in TYPES or not x.size:
            return super().softmax_cross_entropy_backward(g, x, labels, weight, smoothing, ignore, factors, log_sums)
        count, classes = x.shape
        dx = np.empty_like(x, order="C")
        given = _plain(g), _plain(x), *_labels(labels, weight, smoothing, ignore), factors, log_sums, dx
        launch("softmax_cross_entropy_back", x.dtype, (min(count, _MOST_BLOCKS), 1), *given, *_ints(classes, count))
        return dx

    # --- Random numbers ---

    def uniform(self, like: Array, count: int, seed: int, start: int) -> Array:
        y = np.empty_like(like, shape=(count,), dtype=np.float32)
        if count:
            numbers = np.uint64(seed % 2**64), np.int64(start), np.int64(count)
            launch("uniform", _FLOAT32, _over(-(-count // 4)), y, *numbers)
        return y

    # --- Optimisers ---

    def move(self, moves: Sequence[Move]) -> None:
        """Move all parameters, those whose rule has a kernel in one launch together."""
        if share_memory(moves):
            return super().move(moves)
        together, rest = batches(moves, TYPES)
        for batch in together:
            parts, table = self._tables_of(batch)
            numbers = [np.int32(n) if isinstance(n, bool) else np.float64(n) for n in batch.numbers]
            if parts.shape[0]:
                width = np.int32(table.shape[1])
                launch(batch.loop, batch.dtype, (parts.shape[0], 1), parts, table, width, *numbers)
        return super().move(rest)

    def _tables_of(self, batch: Batch) -> tuple[Array, Array]:
        """Return the blocks and the addresses of a batch on the device.

        They are kept, since a training step mostly finds its arrays where they were.
        """
        addresses, sizes = batch.address_table(), tuple(batch.sizes)
        key = addresses.tobytes(), sizes
        if key not in self._tables:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            parts, like = blocks(sizes, _MOVE_BLOCK), batch.rows[0][0]
            self._tables[key] = _on_device(parts, like), _on_device(addresses, like)
        return self._tables[key]


# --- Parts ---


def _lie_alike(*arrays: Array) -> bool:
    first = arrays[0]
    return all(a.ndim == 4 and a.shape == first.shape and _from_order(a).flags.c_contiguous for a in arrays)


def _weight_gradient(xc: Array, gc: Array, window: Window) -> Array:
    g_rows = gc.reshape(gc.shape[0], -1)
    if window.is_pointwise:
        return np.matmul(g_rows, np.transpose(xc.reshape(xc.shape[0], -1)))
    dw: Array | None = None
    column = xc.shape[0] * window.kernel[0] * window.kernel[1] * xc.dtype.itemsize
    for first, last in _stretches(g_rows.shape[1], column):
        share = np.matmul(g_rows[:, first:last], np.transpose(_patches(xc, window, first, last)))
        dw = share if dw is None else dw + share
    assert dw is not None  # there are positions
    return dw


def _input_gradient(gc: Array, w: Array, x_shape: Shape, window: Window) -> Array:
    n, channels, height, width = x_shape
    matrix = w.reshape(w.shape[0], -1)
    g_rows, positions = gc.reshape(gc.shape[0], -1), gc.shape[2] * gc.shape[3]
    dx = np.empty_like(gc, shape=(channels, n, height, width))
    if window.is_pointwise:
        np.matmul(np.transpose(matrix), g_rows, out=dx.reshape(channels, -1))
        return dx
    column = matrix.shape[1] * gc.dtype.itemsize
    dense = window.stride == (1, 1)  # else most of what ``convolve`` reads would be zeros
    if (dense and _goes_without_columns(channels, gc.dtype)) or positions * column > _COLUMN_BYTES:
        _convolve(gc, w, dx, window, (height, width), transposed=True)
        return dx
    for first, last in _stretches(n, positions * column):
        back = np.matmul(np.transpose(matrix), g_rows[:, first * positions : last * positions])
        count = (last - first) * height * width
        grid = _over(count, channels)
        numbers = np.int64(count), *_ints(channels, n, first), *_numbers(window, height, width)
        launch("patches_back", gc.dtype, grid, back, dx, *numbers)
    return dx


def _goes_without_columns(outputs: int, dtype: DType) -> bool:
    return outputs <= few_outputs["tf32" if precision.tf32 and dtype == _FLOAT32 else dtype]


def _stretches(count: int, bytes_each: int) -> list[tuple[int, int]]:
    """Return stretches of 0 … count−1 that fit in the memory for columns."""
    step = max(1, min(count, _COLUMN_BYTES // max(1, bytes_each)))
    return [(first, min(count, first + step)) for first in range(0, count, step)]


def _patches(xc: Array, window: Window, first: int, last: int) -> Array:
    """Return what the taps see from some positions (of all images), as a matrix (C·kh·kw, positions)."""
    channels, n, height, width = xc.shape
    count = last - first
    out = np.empty_like(xc, shape=(channels * window.kernel[0] * window.kernel[1], count))
    each = max(1, min(channels, _MANY_BLOCKS // max(1, -(-count // THREADS))))  # a thread takes several channels
    numbers = np.int64(count), np.int64(first), *_ints(channels, n), *_numbers(window, height, width)
    launch("patches", xc.dtype, _over(count, each), xc, out, *numbers)
    return out


def _convolve(x: Array, w: Array, y: Array, window: Window, size: tuple[int, int], transposed: bool) -> None:
    """Compute y = the convolution of x (C, N, H, W), or its transpose, for outputs of this size."""
    outputs, channels, taps = y.shape[0], x.shape[0], window.kernel[0] * window.kernel[1]
    steps = (taps, outputs * taps) if transposed else (channels * taps, taps)
    before = [pair[0] for pair in window.padding]
    if transposed:
        looks = 1, 1, *before, *(-d for d in window.dilation), *window.stride
    else:
        looks = *window.stride, *(-p for p in before), *window.dilation, 1, 1
    count = y.size // outputs
    numbers = _ints(outputs, channels, x.shape[1], *steps, *x.shape[2:], *size, *window.kernel, *looks)
    grid = -(-count // _TILE[1]), -(-outputs // _TILE[0])
    launch("convolve", x.dtype, grid, x, _plain(w), y, np.int64(count), *numbers)


def _normalized(xc: Array, mean: Argument, factor: Argument, offset: Argument, relu: bool) -> Array:
    y = np.empty_like(xc)
    sizes = np.int32(relu), np.int64(xc[0].size), np.int64(y.size)
    launch("normalize", xc.dtype, _over(y.size), xc, mean, factor, offset, y, *sizes)
    return _from_order(y)


def _parts(channels: int, length: int) -> int:
    """Return how many blocks share a channel's row: enough to keep the GPU busy, each with some elements a thread."""
    return max(1, min(_MANY_BLOCKS // channels, length // (4 * THREADS)))


def _labels(labels: Array, weight: Array | None, smoothing: float, ignore: int) -> tuple[Argument, ...]:
    weights = _NONE if weight is None else _plain(weight)
    return _as(labels, np.int64), weights, np.float64(smoothing), np.int64(ignore)


def _on_device(host: Array, like: Array | None) -> Array:
    """Return a host array on the device of ``like``."""
    if isinstance(like, np.ndarray):
        return host
    import cupy

    return cupy.asarray(host)
