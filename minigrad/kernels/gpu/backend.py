"""The same functions as reference.py on a GPU: CuPy's matrix products, and the loops in kernels.cu.

Activations made here are N C H W to their user but lie as C N H W in memory: a 1×1 convolution is then one matrix
product, a channel is a row, and a join of channels copies blocks. Any other order is copied on entry. Other
convolutions copy what their taps see into the columns of a matrix, as many at a time as there is memory for, and
multiply once; those of few outputs, for which that copy costs more than the product, go without.

What is written here calls NumPy's functions, which CuPy's arrays answer; ``launch`` is the only line that needs a GPU.
So the tests run all of it on the CPU too, with the kernels compiled as C++.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.gpu import precision
from minigrad.kernels import reference
from minigrad.kernels.blocked.conv import single_gradients
from minigrad.kernels.geometry import Window
from minigrad.kernels.reference import linear, linear_backward, max_pool2d_gather
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

SOURCE = Path(__file__).with_name("kernels.cu")
_FLOAT32, _FLOAT64, _FLOAT16 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16)
TYPES = {_FLOAT32: ("float", "float"), _FLOAT64: ("double", "double"), _FLOAT16: ("half", "float")}  # REAL, ACC
_ACCUMULATORS: dict[Any, Any] = {_FLOAT32: _FLOAT32, _FLOAT64: _FLOAT64, _FLOAT16: _FLOAT32}  # of arithmetic: ACC
THREADS = 256  # of a block
_MOST_BLOCKS = 65_535  # in each direction
_MANY_BLOCKS = 2_048  # enough to keep a large GPU busy
_COLUMN_BYTES = 2**30  # of the columns of a convolution at a time
_UPDATE_BLOCK = 2**14  # elements of a parameter that a block of threads updates
_TILE = 64, 128  # outputs and places of a block of ``convolve``
_NONE = np.uint64(0)  # the address of an array that is not there

#: Up to how many outputs a convolution goes without columns. To write and read a column's element takes a GPU as long
#: as some sixty multiplications, or fewer where matrix products have units of their own. An estimate:
#: ``python -m benchmarks gpu`` measures both ways for every convolution of Inception.
few_outputs = {_FLOAT32: 64, _FLOAT64: 64, _FLOAT16: 16, "tf32": 32}


def launch(kernel: str, dtype: Any, grid: tuple[int, int], *arguments: Any) -> None:
    """Runs a kernel of kernels.cu, compiled for arrays of this dtype, on the current stream."""
    wide = False
    for argument in arguments:
        if argument.size >= 2**31:
            wide = True  # places in memory then need more than 32 bits
    _function(kernel, dtype, wide)(grid, (THREADS,), arguments)


@cache
def _function(kernel: str, dtype: Any, wide: bool) -> Any:
    return _compiled(dtype, wide).get_function(kernel)


@cache
def _compiled(dtype: Any, wide: bool) -> Any:
    """The kernels for one dtype, by NVRTC or HIPRTC; CuPy keeps what it has compiled on disk."""
    import cupy

    real, accumulator = TYPES[dtype]
    header = ""
    if real == "half":
        header = "#include <hip/hip_fp16.h>\n" if cupy.cuda.runtime.is_hip else "#include <cuda_fp16.h>\n"
    index = "long long" if wide else "unsigned int"
    definitions = f"#define REAL {real}\n#define ACC {accumulator}\n#define INDEX {index}\n#define THREADS {THREADS}\n"
    return cupy.RawModule(code=header + definitions + SOURCE.read_text(encoding="utf-8"))


def _over(count: int, by: int = 1) -> tuple[int, int]:
    """A grid with a thread for each of ``count`` elements, ``by`` times."""
    return min(_MOST_BLOCKS, -(-count // THREADS)), min(_MOST_BLOCKS, by)


def _as(array: Any, dtype: Any) -> Any:
    """``array``, without gaps, in a dtype; _NONE for None."""
    return _NONE if array is None else _plain(array if array.dtype == dtype else array.astype(dtype))


def _suits(*arrays: Any) -> bool:
    """Whether there are kernels for such arrays: pictures, of one floating dtype, that are not empty."""
    dtype = arrays[0].dtype
    return dtype in TYPES and all(a.ndim == 4 and a.dtype == dtype and a.size for a in arrays)


# --- Memory order ---


def _in_order(x: Any) -> Any:
    """x (N, C, H, W) as a contiguous C N H W array; itself, seen differently, if it lies so."""
    view = np.transpose(x, (1, 0, 2, 3))
    return view if view.flags.c_contiguous else np.copy(view, order="C")


def _from_order(y: Any) -> Any:
    return np.transpose(y, (1, 0, 2, 3))  # C N H W -> N C H W


def _plain(x: Any) -> Any:
    return x if x.flags.c_contiguous else np.copy(x, order="C")


@lru_cache(maxsize=1024)
def _numbers(window: Window, height: int, width: int) -> tuple[Any, ...]:
    """What a kernel is told of a window."""
    rows, columns = window.output_size(height, width)
    (top, _), (left, _) = window.padding
    return _ints(height, width, rows, columns, *window.kernel, *window.stride, top, left, *window.dilation)


def _ints(*numbers: int) -> tuple[Any, ...]:
    return tuple(np.int32(number) for number in numbers)


# --- Elementwise, on memory in order: CuPy's own results would lie as N C H W ---


def _lie_alike(*arrays: Any) -> bool:
    first = arrays[0]
    return all(a.ndim == 4 and a.shape == first.shape and _from_order(a).flags.c_contiguous for a in arrays)


def add(x: Any, y: Any, out: Any = None) -> Any:
    """As reference.add."""
    if not _lie_alike(x, y, *(() if out is None else (out,))):
        return reference.add(x, y, out)
    return _from_order(np.add(_in_order(x), _in_order(y), out=None if out is None else _from_order(out)))


def relu(x: Any, out: Any = None) -> Any:
    """As reference.relu."""
    if not _lie_alike(x, *(() if out is None else (out,))):
        return reference.relu(x, out)
    y = np.maximum(_in_order(x), 0, out=None if out is None else _from_order(out))
    return _from_order(y) if out is None else out


def pass_where_positive(g: Any, y: Any) -> Any:
    """As reference.pass_where_positive."""
    if not _lie_alike(g, y):
        return reference.pass_where_positive(g, y)
    return _from_order(reference.pass_where_positive(_in_order(g), _in_order(y)))


def concatenate(xs: Sequence[Any], axis: int) -> Any:
    """As reference.concatenate."""
    if axis != 1 or not all(x.ndim == 4 for x in xs):
        return reference.concatenate(xs, axis)
    return _from_order(np.concatenate([_in_order(x) for x in xs], axis=0))


# --- Convolution ---


def conv2d(x: Any, w: Any, window: Window, groups: int) -> Any:
    """As reference.conv2d: y = W · columns(x)."""
    if not _suits(x, w) or groups != 1:
        return reference.conv2d(x, w, window, groups)
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


def conv2d_backward(x: Any, w: Any, g: Any, window: Window, groups: int, need_x: bool, need_w: bool) -> tuple[Any, Any]:
    """As reference.conv2d_backward: dW = dY · columns(x)ᵀ, and dX = columns⁻¹(Wᵀ · dY)."""
    if not _suits(g, w) or groups != 1 or (need_w and not _suits(x, g)):
        return reference.conv2d_backward(x, w, g, window, groups, need_x, need_w)
    gc = _in_order(g)
    dx = _from_order(_conv2d_input(gc, w, x.shape, window)) if need_x else None
    return dx, _conv2d_weight(_in_order(x), gc, window).reshape(w.shape) if need_w else None


conv2d_input, conv2d_weight = single_gradients(conv2d_backward)


def _conv2d_weight(xc: Any, gc: Any, window: Window) -> Any:
    g_rows = gc.reshape(gc.shape[0], -1)
    if window.is_pointwise:
        return np.matmul(g_rows, np.transpose(xc.reshape(xc.shape[0], -1)))
    dw = None
    column = xc.shape[0] * window.kernel[0] * window.kernel[1] * xc.dtype.itemsize
    for first, last in _stretches(g_rows.shape[1], column):
        share = np.matmul(g_rows[:, first:last], np.transpose(_patches(xc, window, first, last)))
        dw = share if dw is None else dw + share
    return dw


def _conv2d_input(gc: Any, w: Any, x_shape: tuple[int, ...], window: Window) -> Any:
    n, channels, height, width = x_shape
    matrix = w.reshape(w.shape[0], -1)
    g_rows, positions = gc.reshape(gc.shape[0], -1), gc.shape[2] * gc.shape[3]
    dx = np.empty_like(gc, shape=(channels, n, height, width))
    if window.is_pointwise:
        np.matmul(np.transpose(matrix), g_rows, out=dx.reshape(channels, -1))
        return dx
    column = matrix.shape[1] * gc.dtype.itemsize
    dense = window.stride == (1, 1)  # else most of what ``convolve`` would look at is not there
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


def _goes_without_columns(outputs: int, dtype: Any) -> bool:
    return outputs <= few_outputs["tf32" if precision.tf32 and dtype == _FLOAT32 else dtype]


def _stretches(count: int, bytes_each: int) -> list[tuple[int, int]]:
    """Stretches of 0 … count−1 that fit in the memory for columns."""
    step = max(1, min(count, _COLUMN_BYTES // max(1, bytes_each)))
    return [(first, min(count, first + step)) for first in range(0, count, step)]


def _patches(xc: Any, window: Window, first: int, last: int) -> Any:
    """What the taps see from some positions (of all pictures), as a matrix (C·kh·kw, positions)."""
    channels, n, height, width = xc.shape
    count = last - first
    out = np.empty_like(xc, shape=(channels * window.kernel[0] * window.kernel[1], count))
    each = max(1, min(channels, _MANY_BLOCKS // max(1, -(-count // THREADS))))  # a thread takes several channels
    numbers = np.int64(count), np.int64(first), *_ints(channels, n), *_numbers(window, height, width)
    launch("patches", xc.dtype, _over(count, each), xc, out, *numbers)
    return out


def _convolve(x: Any, w: Any, y: Any, window: Window, size: tuple[int, int], transposed: bool) -> None:
    """y = the convolution of x (C, N, H, W), or what sends its gradient back, for outputs of this size."""
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


# --- Pooling ---


def max_pool2d(x: Any, window: Window) -> tuple[Any, Any]:
    """As reference.max_pool2d."""
    if not _suits(x) or reference.tap_dtype(window) != np.uint8:
        return reference.max_pool2d(x, window)
    xc = _in_order(x)
    y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
    taps = np.empty_like(y, dtype=np.uint8)
    launch("max_pool", x.dtype, _over(y.size), xc, y, taps, np.int64(y.size), *_numbers(window, *x.shape[2:]))
    return _from_order(y), _from_order(taps)


def max_pool2d_scatter(g: Any, taps: Any, input_shape: tuple[int, ...], window: Window) -> Any:
    """As reference.max_pool2d_scatter, gathered: each element looks for the windows that chose it."""
    if not _suits(g) or taps.dtype != np.uint8 or 0 in input_shape:
        return reference.max_pool2d_scatter(g, taps, input_shape, window)
    n, channels, height, width = input_shape
    dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
    numbers = np.int64(dx.size), *_numbers(window, height, width)
    launch("max_pool_back", g.dtype, _over(dx.size), _in_order(g), _in_order(taps), dx, *numbers)
    return _from_order(dx)


def avg_pool2d(x: Any, window: Window, scale: Any) -> Any:
    """As reference.avg_pool2d."""
    if not _suits(x) or not isinstance(scale, float):
        return reference.avg_pool2d(x, window, scale)
    xc = _in_order(x)
    y = np.empty_like(xc, shape=(*xc.shape[:2], *window.output_size(*x.shape[2:])))
    numbers = np.float64(scale), np.int64(y.size), *_numbers(window, *x.shape[2:])
    launch("window_sums", x.dtype, _over(y.size), xc, y, *numbers)
    return _from_order(y)


def avg_pool2d_backward(g: Any, input_shape: tuple[int, ...], window: Window, scale: Any) -> Any:
    """As reference.avg_pool2d_backward."""
    if not _suits(g) or not isinstance(scale, float) or 0 in input_shape:
        return reference.avg_pool2d_backward(g, input_shape, window, scale)
    n, channels, height, width = input_shape
    dx = np.empty_like(g, shape=(channels, n, height, width), order="C")
    numbers = np.float64(scale), np.int64(dx.size), *_numbers(window, height, width)
    launch("window_sums_back", g.dtype, _over(dx.size), _in_order(g), dx, *numbers)
    return _from_order(dx)


# --- Batch normalisation, with the ReLU that may follow: three launches forward, three back ---


def batch_norm(x: Any, weight: Any, bias: Any, eps: float, relu: bool = False) -> tuple[Any, Any, Any]:
    """As reference.batch_norm."""
    if not _suits(x) or x.shape[1] > _MOST_BLOCKS:
        return reference.batch_norm(x, weight, bias, eps, relu)
    xc, kind = _in_order(x), _ACCUMULATORS[x.dtype]
    channels, length = xc.shape[0], xc[0].size
    parts = _parts(channels, length)
    found = np.empty_like(xc, shape=(channels, parts, 3), dtype=kind)
    launch("row_moments", x.dtype, (parts, channels), xc, found, np.int64(length))
    mean, var, factor = np.empty_like(xc, shape=(3, channels), dtype=kind)
    sizes = *_ints(parts, channels), _as(weight, kind), np.float64(eps)
    launch("finish_moments", x.dtype, _over(channels), found, *sizes, mean, var, factor)
    y = _normalized(xc, mean, factor, _as(bias, kind), relu)
    return y, mean, var


def _normalized(xc: Any, mean: Any, factor: Any, offset: Any, relu: bool) -> Any:
    y = np.empty_like(xc)
    sizes = np.int32(relu), np.int64(xc[0].size), np.int64(y.size)
    launch("normalize", xc.dtype, _over(y.size), xc, mean, factor, offset, y, *sizes)
    return _from_order(y)


def batch_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, y: Any = None
) -> tuple[Any, Any, Any]:
    """As reference.batch_norm_backward."""
    if not _suits(g, x) or x.shape[1] > _MOST_BLOCKS:
        return reference.batch_norm_backward(g, x, weight, mean, var, eps, y)
    xc, kind = _in_order(x), _ACCUMULATORS[x.dtype]
    arrays = _in_order(g), xc, _NONE if y is None else _in_order(y)
    channels, length = xc.shape[0], xc[0].size
    parts, middle = _parts(channels, length), _as(mean, kind)
    found = np.empty_like(xc, shape=(channels, parts, 2), dtype=kind)
    launch("gradient_sums", x.dtype, (parts, channels), *arrays, middle, found, np.int64(length))
    grad_weight, grad_bias, scale, centre, slope = np.empty_like(xc, shape=(5, channels), dtype=kind)
    options = *_ints(parts, channels), _as(weight, kind), _as(var, kind), np.float64(eps), np.float64(length)
    results = grad_weight, grad_bias, scale, centre, slope
    launch("finish_gradients", x.dtype, _over(channels), found, *options, *results)
    dx = np.empty_like(xc)
    sizes = np.int64(length), np.int64(dx.size)
    launch("normalize_back", x.dtype, _over(dx.size), *arrays, middle, scale, centre, slope, dx, *sizes)
    kept = x.dtype if weight is None else weight.dtype
    return _from_order(dx), _as(grad_weight, kept), _as(grad_bias, kept)


def _parts(channels: int, length: int) -> int:
    """How many blocks share a channel's row: enough to keep the GPU busy, each with some elements a thread."""
    return max(1, min(_MANY_BLOCKS // channels, length // (4 * THREADS)))


def scale_channels(x: Any, factor: Any, offset: Any, relu: bool = False) -> Any:
    """As reference.scale_channels."""
    kind = _ACCUMULATORS.get(x.dtype)
    if not _suits(x) or {factor.dtype, offset.dtype} - {x.dtype, kind}:
        return reference.scale_channels(x, factor, offset, relu)
    return _normalized(_in_order(x), _NONE, _as(factor, kind), _as(offset, kind), relu)


def blend(running: Any, batch: Any, keep: float, share: float) -> None:
    """As reference.blend."""
    if running.dtype not in TYPES or batch.dtype != running.dtype or not running.flags.c_contiguous:
        return reference.blend(running, batch, keep, share)
    numbers = np.float64(keep), np.float64(share), np.int64(running.size)
    return launch("blend", running.dtype, _over(running.size), running, _plain(batch), *numbers)


# --- Loss ---


def softmax_cross_entropy(x: Any, labels: Any, weight: Any, smoothing: float, ignore: int) -> tuple[Any, Any, Any]:
    """As reference.softmax_cross_entropy."""
    if x.dtype not in TYPES or not x.size:
        return reference.softmax_cross_entropy(x, labels, weight, smoothing, ignore)
    count, classes = x.shape
    losses, factors = np.empty_like(x, shape=(2, count))
    log_sums = np.empty_like(x, shape=(count,), dtype=_ACCUMULATORS[x.dtype])
    given = _plain(x), *_labels(labels, weight, smoothing, ignore)
    grid = min(count, _MOST_BLOCKS), 1
    launch("softmax_cross_entropy", x.dtype, grid, *given, losses, factors, log_sums, *_ints(classes, count))
    return losses, factors, log_sums


def softmax_cross_entropy_backward(
    g: Any, x: Any, labels: Any, weight: Any, smoothing: float, ignore: int, factors: Any, log_sums: Any
) -> Any:
    """As reference.softmax_cross_entropy_backward."""
    if x.dtype not in TYPES or not x.size:
        return reference.softmax_cross_entropy_backward(g, x, labels, weight, smoothing, ignore, factors, log_sums)
    count, classes = x.shape
    dx = np.empty_like(x, order="C")
    given = _plain(g), _plain(x), *_labels(labels, weight, smoothing, ignore), factors, log_sums, dx
    launch("softmax_cross_entropy_back", x.dtype, (min(count, _MOST_BLOCKS), 1), *given, *_ints(classes, count))
    return dx


def _labels(labels: Any, weight: Any, smoothing: float, ignore: int) -> tuple[Any, ...]:
    weights = _NONE if weight is None else _plain(weight)
    return _as(labels, np.int64), weights, np.float64(smoothing), np.int64(ignore)


# --- Random numbers ---


def uniform(like: Any, count: int, seed: int, start: int) -> Any:
    """As reference.uniform."""
    y = np.empty_like(like, shape=(count,), dtype=np.float32)
    if count:
        numbers = np.uint64(seed % 2**64), np.int64(start), np.int64(count)
        launch("uniform", _FLOAT32, _over(-(-count // 4)), y, *numbers)
    return y


# --- Optimisers ---

_tables: dict[Any, tuple[Any, Any]] = {}
_MOST_TABLES = 16


def update(updates: Sequence[tuple[Callable[..., None], Sequence[Any]]]) -> None:
    """As reference.update: formulas that have a kernel in one launch for all their parameters."""
    if share_memory(updates):
        reference.update(updates)
        return
    together, rest = gathered(updates, TYPES)
    for (name, options, dtype), rows in together.items():
        columns = FORMULAS[name].most
        parts, table = _table(rows, columns)
        numbers = [np.int32(o) if isinstance(o, bool) else np.float64(o) for o in options]
        if parts.shape[0]:
            launch(name, dtype, (parts.shape[0], 1), parts, table, np.int32(columns), *numbers)
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
