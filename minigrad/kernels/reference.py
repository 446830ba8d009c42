"""The specification: every hot loop in plain NumPy, as close to its formula as can be.

These functions run on any array that answers NumPy's functions (NumPy, CuPy, the stand-in device of the
tests). cpu.py has faster ones with the same names and signatures, which the tests hold equal to these.
Pictures are N C H W. A "tap" is one position (i, j) of a kernel; for each tap, the elements of the input
that it meets form a strided slice of the size of the output.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.kernels import sums
from minigrad.kernels.geometry import Window
from minigrad.kernels.precision import in_float32, rounded, widened

# --- Sums and joins ---


def add(x: Any, y: Any, out: Any = None) -> Any:
    """x + y, of one shape."""
    return np.add(x, y, out=out)


def concatenate(xs: Sequence[Any], axis: int) -> Any:
    """Arrays one after the other along an axis."""
    return np.concatenate(xs, axis=axis)


# --- Activation ---


def relu(x: Any, out: Any = None) -> Any:
    """max(x, 0); NaN stays NaN."""
    return np.maximum(x, 0, out=out)


def pass_where_positive(g: Any, y: Any) -> Any:
    """g where y > 0 (or NaN: g passes, as in torch), else 0."""
    return chosen(g, ~(y <= 0))


def chosen(x: Any, mask: Any) -> Any:
    """x where the mask holds, else 0. Not x · mask, which is NaN where x is infinite: 0 · ∞ is."""
    return np.where(mask, x, x.dtype.type(0))


# --- Convolution. x (N, C, H, W), w (O, C/groups, kh, kw), y and g (N, O, H', W') ---


@in_float32
def conv2d(x: Any, w: Any, window: Window, groups: int) -> Any:
    """y[n, o] = Σ over taps (i, j) of w[o, :, i, j] · (x[n] as the tap sees it)"""
    n, out = x.shape[0], w.shape[0]
    rows, columns = window.output_size(*x.shape[-2:])
    xp = _grouped(window.pad(x), groups)
    wg = w.reshape(groups, out // groups, *w.shape[1:])
    y = np.zeros_like(x, shape=(n, groups, out // groups, rows * columns))
    for i, j, seen in window.taps(*x.shape[-2:]):
        y += np.matmul(wg[..., i, j], _flat(xp[seen]))  # (G, O/G, C/G) @ (N, G, C/G, H'W')
    return y.reshape(n, out, rows, columns)


@in_float32
def conv2d_input(g: Any, w: Any, input_shape: tuple[int, ...], window: Window, groups: int) -> Any:
    """∂L/∂x: each tap sends w[:, :, i, j]ᵀ · g back to the elements that it saw; overlaps add up."""
    n, channels, height, width = input_shape
    size = window.padded_size(height, width)
    gg = _flat(_grouped(g, groups))
    wg = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    dx = np.zeros_like(g, shape=(n, groups, channels // groups, *size))
    for i, j, seen in window.taps(height, width):
        shares = np.matmul(np.swapaxes(wg[..., i, j], -1, -2), gg)  # (G, C/G, O/G) @ (N, G, O/G, H'W')
        dx[seen] += shares.reshape(*shares.shape[:-1], *g.shape[-2:])
    return dx.reshape(n, channels, *size)[window.inside(height, width)]


@in_float32
def conv2d_weight(x: Any, g: Any, weight_shape: tuple[int, ...], window: Window, groups: int) -> Any:
    """∂L/∂w[o, c, i, j] = Σ over pictures and positions of g[n, o] · (x[n, c] as the tap sees it)"""
    xp = _grouped(window.pad(x), groups)
    gg = _flat(_grouped(g, groups))
    dw = np.zeros_like(g, shape=(groups, weight_shape[0] // groups, *weight_shape[1:]))
    for i, j, seen in window.taps(*x.shape[-2:]):
        products = np.matmul(gg, np.swapaxes(_flat(xp[seen]), -1, -2))  # (N, G, O/G, H'W') @ (N, G, H'W', C/G)
        dw[..., i, j] = sums.total(products, (0,))
    return dw.reshape(weight_shape)


def conv2d_backward(x: Any, w: Any, g: Any, window: Window, groups: int, need_x: bool, need_w: bool) -> tuple[Any, Any]:
    """(∂L/∂x, ∂L/∂w); an accelerator may share work between the two."""
    dx = conv2d_input(g, w, x.shape, window, groups) if need_x else None
    dw = conv2d_weight(x, g, w.shape, window, groups) if need_w else None
    return dx, dw


def _grouped(x: Any, groups: int) -> Any:
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])  # N C H W -> N G C/G H W


def _flat(x: Any) -> Any:
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])  # … H W -> … HW


# --- Fully connected layer. x (N, C), w (O, C), g (N, O) ---


def linear(x: Any, w: Any) -> Any:
    """x wᵀ"""
    return np.matmul(x, np.transpose(w))


def linear_backward(x: Any, w: Any, g: Any) -> tuple[Any, Any]:
    """(∂L/∂x, ∂L/∂w); an accelerator may share work between the two."""
    return np.matmul(g, w), np.matmul(np.transpose(g), x)


# --- Pooling ---


def max_pool2d(x: Any, window: Window) -> tuple[Any, Any]:
    """The largest element under each position, and which tap (in scan order) it was: the first of equals, the last NaN.

    Padding takes no part: it does not win even where every element is the lowest that there is.
    """
    rows, columns = window.output_size(*x.shape[-2:])
    y = np.full_like(x, lowest(x.dtype), shape=(*x.shape[:-2], rows, columns))
    taps = np.zeros_like(y, dtype=tap_dtype(window))
    blind = np.ones_like(y, dtype=bool)  # positions that have seen nothing yet
    for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
        candidate = x[seen]
        better = (candidate > y[at]) | (candidate != candidate) | blind[at]
        np.copyto(y[at], candidate, where=better)
        np.copyto(taps[at], i * window.kernel[1] + j, where=better)
        blind[at] = False
    return y, taps


def lowest(dtype: Any) -> Any:
    """The least number of a dtype: −∞ if it has that."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def tap_dtype(window: Window) -> Any:
    """The smallest integer type that counts the taps."""
    return np.min_scalar_type(window.kernel[0] * window.kernel[1] - 1)


@in_float32
def max_pool2d_scatter(g: Any, taps: Any, input_shape: tuple[int, ...], window: Window) -> Any:
    """Each element of g goes to the element that its tap saw; overlapping windows add up."""
    height, width = input_shape[-2:]
    dx = np.zeros_like(g, shape=(*input_shape[:-2], height, width))
    for i, j, at, seen in window.inner_taps(height, width):
        dx[seen] += chosen(g[at], taps[at] == i * window.kernel[1] + j)
    return dx


def max_pool2d_gather(x: Any, taps: Any, window: Window) -> Any:
    """The element of x that each position's tap sees: the transpose of the scatter."""
    y = np.zeros_like(x, shape=taps.shape)
    for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
        np.copyto(y[at], x[seen], where=taps[at] == i * window.kernel[1] + j)
    return y


@in_float32
def avg_pool2d(x: Any, window: Window, scale: Any) -> Any:
    """scale · Σ of the elements under each position; ``scale`` is a number or an (H', W') array."""
    rows, columns = window.output_size(*x.shape[-2:])
    y = np.zeros_like(x, shape=(*x.shape[:-2], rows, columns))
    for _, row in itertools.groupby(window.inner_taps(*x.shape[-2:]), key=lambda tap: tap[0]):
        total = np.zeros_like(y)  # row by row: no chain of additions is longer than a side of the window
        for _, _, at, seen in row:
            total[at] += x[seen]
        y += total
    return y * scale


@in_float32
def avg_pool2d_backward(g: Any, input_shape: tuple[int, ...], window: Window, scale: Any) -> Any:
    """scale · g, sent to every element under its position."""
    height, width = input_shape[-2:]
    dx = np.zeros_like(g, shape=(*input_shape[:-2], height, width))
    share = g * scale
    for _, _, at, seen in window.inner_taps(height, width):
        dx[seen] += share[at]
    return dx


# --- Batch normalisation over every dimension but the second ---


def batch_norm(x: Any, weight: Any, bias: Any, eps: float, relu: bool = False) -> tuple[Any, Any, Any]:
    """y = (x − mean) / √(var + eps) · weight + bias by channel; also the mean and the (biased) variance.

    With ``relu``, y is its ReLU. Of float16 mean and variance are float32.
    """
    axes = (0, *range(2, x.ndim))
    wide = widened(x)
    mean = sums.mean(wide, axes)
    deviation = wide - _by_channel(mean, x)
    var = sums.mean(deviation * deviation, axes)
    y = deviation * _by_channel(1 / np.sqrt(var + eps) * (1 if weight is None else weight), x)
    y = rounded(y if bias is None else y + _by_channel(bias, x), x.dtype)
    return (np.maximum(y, 0) if relu else y), mean, var


def batch_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, y: Any = None
) -> tuple[Any, Any, Any]:
    """(∂L/∂x, ∂L/∂weight, ∂L/∂bias); the three paths of x are explained in ops/norm.py.

    If a ReLU followed, g is the gradient of *its* output y, and passes where that is positive.
    """
    g, wide = widened(g if y is None else pass_where_positive(g, y)), widened(x)
    axes = (0, *range(2, x.ndim))
    rstd = 1 / np.sqrt(var + eps)
    normalized = (wide - _by_channel(mean, x)) * _by_channel(rstd, x)
    grad_bias = sums.total(g, axes)
    grad_weight = sums.total(g * normalized, axes)
    count = max(math.prod(x.shape[axis] for axis in axes), 1)
    centred = g - _by_channel(grad_bias / count, x) - normalized * _by_channel(grad_weight / count, x)
    dx = centred * _by_channel(rstd if weight is None else rstd * weight, x)
    kept = x.dtype if weight is None else weight.dtype
    return rounded(dx, x.dtype), rounded(grad_weight, kept), rounded(grad_bias, kept)


def scale_channels(x: Any, factor: Any, offset: Any, relu: bool = False) -> Any:
    """x · factor + offset, by channel; with ``relu``, the ReLU of that."""
    y = rounded(widened(x) * _by_channel(factor, x) + _by_channel(offset, x), x.dtype)
    return np.maximum(y, 0) if relu else y


def blend(running: Any, batch: Any, keep: float, share: float) -> None:
    """running ← keep · running + share · batch, in place."""
    running *= keep
    running += (batch * share).astype(running.dtype)


def _by_channel(v: Any, x: Any) -> Any:
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))  # C -> 1 C 1 1, to broadcast against x


# --- Softmax cross entropy. x (N, C), labels (N), weight (C) or None ---


def softmax_cross_entropy(x: Any, labels: Any, weight: Any, smoothing: float, ignore: int) -> tuple[Any, Any, Any]:
    """Of each row: −Σ q_c · log softmax(x)_c, the factor weight[label], and log Σ exp x_c.

    q is (1 − smoothing) · weight at the label, and smoothing / C · weight everywhere; it and the factor are 0 where the
    label is ``ignore``. For a label out of range the loss is NaN.
    """
    wide = widened(x)
    largest = np.max(wide, axis=1, keepdims=True)
    log_sum = np.log(sums.total(np.exp(wide - largest), (1,))) + np.squeeze(largest, 1)
    label, factor = known_labels(x, labels, weight, ignore)
    loss = (log_sum - np.squeeze(np.take_along_axis(wide, np.expand_dims(label, 1), 1), 1)) * ((1 - smoothing) * factor)
    if smoothing:
        spread = np.expand_dims(log_sum, 1) - wide
        everywhere = sums.total(spread if weight is None else spread * weight, (1,)) * (smoothing / x.shape[1])
        loss = loss + everywhere
    return np.where(labels == ignore, x.dtype.type(0), rounded(loss, x.dtype)), factor, log_sum


@in_float32
def softmax_cross_entropy_backward(
    g: Any, x: Any, labels: Any, weight: Any, smoothing: float, ignore: int, factors: Any, log_sums: Any
) -> Any:
    """∂L/∂x_c = g · (softmax(x)_c · Σq − q_c), where g is ∂L/∂loss of each row."""
    q = target_distribution(x, labels, weight, smoothing, ignore)
    p = np.exp(x - np.expand_dims(log_sums, 1))
    return (p * sums.total(q, (1,), keepdims=True) - q) * np.expand_dims(chosen(g, labels != ignore), 1)


def target_distribution(x: Any, labels: Any, weight: Any, smoothing: float, ignore: int) -> Any:
    """q of softmax_cross_entropy, (N, C)."""
    label, factor = known_labels(x, labels, weight, ignore)
    classes = np.expand_dims(np.arange(x.shape[1], like=x), 0)
    q = chosen(np.expand_dims((1 - smoothing) * factor, 1), classes == np.expand_dims(label, 1))
    if smoothing:
        everywhere = smoothing / x.shape[1] * (np.ones_like(x) if weight is None else np.expand_dims(weight, 0))
        q = q + chosen(everywhere, np.expand_dims(labels != ignore, 1))
    return q


def known_labels(x: Any, labels: Any, weight: Any, ignore: int) -> tuple[Any, Any]:
    """Labels that are all in range, and the factor of each: 0 where it is ignored, NaN where it is none.

    x is (N, C, …), the labels (N, …).
    """
    counted, inside = labels != ignore, (labels >= 0) & (labels < x.shape[1])
    label = np.where(counted & inside, labels, 0).astype(np.int64)
    factor = counted.astype(x.dtype) if weight is None else chosen(weight[label], counted)
    return label, np.where(counted & ~inside, np.nan, factor)


# --- Random numbers, drawn where they are used: Philox 4×32 with 10 rounds (Salmon et al. 2011), as torch's and CUDA's.
# --- Number 4·i + j is word j of what the rounds make of the counter i; no number depends on another. ---


def uniform(like: Any, count: int, seed: int, start: int) -> Any:
    """``count`` numbers of [0, 1), float32, beside ``like``, from counter ``start`` on."""
    counters = np.arange(start, start + -(-count // 4), like=like).astype(np.uint64)
    words = philox([counters & _WORD, counters >> _HALF, counters & 0, counters & 0], seed)
    four = np.stack(words, axis=-1).reshape(4 * counters.size)[:count]
    return (four >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)


_WORD, _HALF = np.uint64(2**32 - 1), np.uint64(32)


def philox(counter: Sequence[Any], seed: int) -> list[Any]:
    """Four random words of 32 bits (in arrays of 64) for each counter of four words."""
    a, b, c, d = counter
    keys = [seed % 2**32, seed // 2**32 % 2**32]
    for _ in range(10):
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b = (second >> _HALF) ^ b ^ np.uint64(keys[0]), second & _WORD
        c, d = (first >> _HALF) ^ d ^ np.uint64(keys[1]), first & _WORD
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]
    return [a, b, c, d]


# --- Optimisers ---


def update(updates: Sequence[tuple[Callable[..., None], Sequence[Any]]]) -> None:
    """Runs ``formula(*arrays)`` for each (formula, arrays); it changes its arrays in place, element by element.

    A formula is a ``functools.partial`` of a function and its options; an array that it does not need may be None.
    """
    for formula, arrays in updates:
        formula(*arrays)
