"""The specification: every hot loop in plain NumPy, as close to its formula as can be.

A backend is a class with these methods, and :class:`Reference` is the first of them. It runs on any array that NumPy's
functions accept: NumPy's, CuPy's, the stand-in device of the tests. The others derive from it, override what they do
faster, and leave the rest to ``super()``. The tests hold every method of theirs equal to the one here.

Images and feature maps are N C H W. A "tap" is one position (i, j) of a kernel; for each tap, the elements of the input
that it meets form a strided slice of the size of the output.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from minigrad.kernels import philox, sums
from minigrad.kernels.geometry import Window
from minigrad.kernels.labels import known_labels, target_distribution
from minigrad.kernels.masking import keep_where, lowest
from minigrad.kernels.precision import in_float32, rounded, wide, widened
from minigrad.kernels.rules import Move
from minigrad.typing import Array, Shape


class Reference:
    """Kernels that are formulas, and the interface of all backends."""

    name = "reference"  # in MINIGRAD_KERNELS

    # --- Sums and joins ---

    def add(self, x: Array, y: Array, out: Array | None = None) -> Array:
        """Return x + y, of one shape; in ``out``, if it is given."""
        return np.add(x, y, out=out)

    def concatenate(self, xs: Sequence[Array], axis: int) -> Array:
        """Return arrays one after the other along an axis."""
        return np.concatenate(xs, axis=axis)

    # --- Activation ---

    def relu(self, x: Array, out: Array | None = None) -> Array:
        """Return max(x, 0), in ``out`` if it is given; NaN stays NaN."""
        return np.maximum(x, 0, out=out)

    def pass_where_positive(self, g: Array, y: Array) -> Array:
        """Return g where y > 0 (or NaN: g passes, as in torch), else 0."""
        return keep_where(g, ~(y <= 0))

    def clamp(self, x: Array, low: float, high: float, out: Array | None = None) -> Array:
        """Return min(max(x, low), high), in ``out`` if it is given; NaN stays NaN."""
        return np.clip(x, low, high, out=out)

    def pass_where_between(self, g: Array, x: Array, low: float, high: float) -> Array:
        """Return g where low < x < high (or x is NaN), else 0."""
        return keep_where(g, ~((x <= low) | (x >= high)))

    def clamp_in_place(self, x: Array, low: float, high: float) -> Array:
        """Compute x ← min(max(x, low), high), and return where x lay between them (or is NaN)."""
        between = ~((x <= low) | (x >= high))
        self.clamp(x, low, high, out=x)
        return between

    def pass_where(self, g: Array, where: Array) -> Array:
        """Return g where ``where`` is true, else 0."""
        return keep_where(g, where)

    # --- Convolution. x (N, C, H, W), w (O, C/groups, kh, kw), y and g (N, O, H', W') ---

    @in_float32
    def conv2d(self, x: Array, w: Array, window: Window, groups: int) -> Array:
        """Return y[n, o] = Σ over taps (i, j) of w[o, :, i, j] · (x[n] as the tap sees it)."""
        n, out = x.shape[0], w.shape[0]
        rows, columns = window.output_size(*x.shape[-2:])
        xp = _grouped(window.pad(x), groups)
        wg = w.reshape(groups, out // groups, *w.shape[1:])
        y = np.zeros_like(x, shape=(n, groups, out // groups, rows * columns))
        for i, j, seen in window.taps(*x.shape[-2:]):
            y += np.matmul(wg[..., i, j], _flat(xp[seen]))  # (G, O/G, C/G) @ (N, G, C/G, H'W')
        return y.reshape(n, out, rows, columns)

    @in_float32
    def conv2d_input(self, g: Array, w: Array, input_shape: Shape, window: Window, groups: int) -> Array:
        """Return ∂L/∂x: each tap sends w[:, :, i, j]ᵀ · g back to the elements that it saw; overlaps add up."""
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
    def conv2d_weight(self, x: Array, g: Array, weight_shape: Shape, window: Window, groups: int) -> Array:
        """Return ∂L/∂w[o, c, i, j] = Σ over images and positions of g[n, o] · (x[n, c] as the tap sees it)."""
        xp = _grouped(window.pad(x), groups)
        gg = _flat(_grouped(g, groups))
        dw = np.zeros_like(g, shape=(groups, weight_shape[0] // groups, *weight_shape[1:]))
        for i, j, seen in window.taps(*x.shape[-2:]):
            products = np.matmul(gg, np.swapaxes(_flat(xp[seen]), -1, -2))  # (N, G, O/G, H'W') @ (N, G, H'W', C/G)
            dw[..., i, j] = sums.total(products, (0,))
        return dw.reshape(weight_shape)

    def conv2d_backward(
        self, x: Array, w: Array, g: Array, window: Window, groups: int, need_x: bool, need_w: bool
    ) -> tuple[Array | None, Array | None]:
        """Return (∂L/∂x, ∂L/∂w), None for one that is not needed; a backend may share work between the two."""
        dx = self.conv2d_input(g, w, x.shape, window, groups) if need_x else None
        dw = self.conv2d_weight(x, g, w.shape, window, groups) if need_w else None
        return dx, dw

    def add_to_channels(self, y: Array, bias: Array) -> None:
        """Compute y ← y + bias, by channel, in place."""
        y += _by_channel(bias, y)

    def channel_sums(self, g: Array) -> Array:
        """Return Σ g of each channel: the gradient of a bias."""
        return sums.total(g, (0, *range(2, g.ndim)))

    # --- Fully connected layer. x (N, C), w (O, C), g (N, O) ---

    def linear(self, x: Array, w: Array) -> Array:
        """Return x wᵀ."""
        return np.matmul(x, np.transpose(w))

    def linear_backward(self, x: Array | None, w: Array | None, g: Array) -> tuple[Array | None, Array | None]:
        """Return (∂L/∂x, ∂L/∂w). The first needs w, the second x: None stands for one that is not needed."""
        dx = None if w is None else np.matmul(g, w)
        dw = None if x is None else np.matmul(np.transpose(g), x)
        return dx, dw

    # --- Pooling ---

    def max_pool2d(self, x: Array, window: Window) -> tuple[Array, Array]:
        """Return the largest element under each position, and the number of its tap in scan order.

        Of equal elements the first counts, of several NaN the last. Padding takes no part: it does not win even where
        every element is the lowest that there is.
        """
        rows, columns = window.output_size(*x.shape[-2:])
        y = np.full_like(x, lowest(x.dtype), shape=(*x.shape[:-2], rows, columns))
        taps = np.zeros_like(y, dtype=window.tap_dtype)
        blind = np.ones_like(y, dtype=bool)  # positions that have seen nothing yet
        for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
            candidate = x[seen]
            better = (candidate > y[at]) | (candidate != candidate) | blind[at]
            np.copyto(y[at], candidate, where=better)
            np.copyto(taps[at], i * window.kernel[1] + j, where=better)
            blind[at] = False
        return y, taps

    @in_float32
    def max_pool2d_scatter(self, g: Array, taps: Array, input_shape: Shape, window: Window) -> Array:
        """Return ∂L/∂x: each element of g goes to the element that its tap saw; overlapping windows add up."""
        height, width = input_shape[-2:]
        dx = np.zeros_like(g, shape=(*input_shape[:-2], height, width))
        for i, j, at, seen in window.inner_taps(height, width):
            dx[seen] += keep_where(g[at], taps[at] == i * window.kernel[1] + j)
        return dx

    def max_pool2d_gather(self, x: Array, taps: Array, window: Window) -> Array:
        """Return the element of x that each position's tap sees: the transpose of the scatter."""
        y = np.zeros_like(x, shape=taps.shape)
        for i, j, at, seen in window.inner_taps(*x.shape[-2:]):
            np.copyto(y[at], x[seen], where=taps[at] == i * window.kernel[1] + j)
        return y

    @in_float32
    def avg_pool2d(self, x: Array, window: Window, scale: float | Array) -> Array:
        """Return scale · Σ of the elements under each position; ``scale`` is a number or an (H', W') array."""
        rows, columns = window.output_size(*x.shape[-2:])
        y = np.zeros_like(x, shape=(*x.shape[:-2], rows, columns))
        for _, row in itertools.groupby(window.inner_taps(*x.shape[-2:]), key=lambda tap: tap[0]):
            total = np.zeros_like(y)  # row by row: no chain of additions is longer than a side of the window
            for _, _, at, seen in row:
                total[at] += x[seen]
            y += total
        return y * scale

    @in_float32
    def avg_pool2d_backward(self, g: Array, input_shape: Shape, window: Window, scale: float | Array) -> Array:
        """Return ∂L/∂x: scale · g, sent to every element under its position."""
        height, width = input_shape[-2:]
        dx = np.zeros_like(g, shape=(*input_shape[:-2], height, width))
        share = g * scale
        for _, _, at, seen in window.inner_taps(height, width):
            dx[seen] += share[at]
        return dx

    # --- Batch normalisation over every dimension but the second ---

    def batch_norm(
        self, x: Array, weight: Array | None, bias: Array | None, eps: float, relu: bool = False
    ) -> tuple[Array, Array, Array]:
        """Return y = (x − mean) / √(var + eps) · weight + bias by channel, the mean, and the (biased) variance.

        With ``relu``, y is its ReLU. Of float16 mean and variance are float32.
        """
        axes = (0, *range(2, x.ndim))
        wide = widened(x)
        mean = sums.mean(wide, axes)
        deviation = wide - _by_channel(mean, x)
        var = sums.mean(deviation * deviation, axes)
        y = _normalized(x, weight, bias, mean, var, eps)
        return (np.maximum(y, 0) if relu else y), mean, var

    def batch_norm_backward(
        self, g: Array, x: Array, weight: Array | None, mean: Array, var: Array, eps: float,
        bias: Array | None = None, relu: bool = False,
    ) -> tuple[Array, Array, Array]:  # fmt: skip
        """Return (∂L/∂x, ∂L/∂weight, ∂L/∂bias); ops/norm.py explains the three paths of x.

        With ``relu``, a ReLU followed: g is the gradient of *its* output, and passes where that is positive (or NaN).
        """
        if relu:
            g = self.pass_where_positive(g, _normalized(x, weight, bias, mean, var, eps))
        g, wide = widened(g), widened(x)
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

    def normalize_channels(
        self, x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float,
        relu: bool = False,
    ) -> Array:  # fmt: skip
        """Return (x − mean) / √(var + eps) · weight + bias, by channel; with ``relu``, the ReLU of that."""
        mean, var = (rounded(statistic, wide(x.dtype)) for statistic in (mean, var))
        factor = 1 / np.sqrt(var + eps) * (1 if weight is None else weight)
        offset = (0 if bias is None else bias) - mean * factor
        return self.scale_channels(x, factor, offset, relu)

    def scale_channels(self, x: Array, factor: Array, offset: Array, relu: bool = False) -> Array:
        """Return x · factor + offset, by channel; with ``relu``, the ReLU of that."""
        y = rounded(widened(x) * _by_channel(factor, x) + _by_channel(offset, x), x.dtype)
        return np.maximum(y, 0) if relu else y

    def blend(self, running: Array, batch: Array, keep: float, share: float) -> None:
        """Compute running ← keep · running + share · batch, in place."""
        running *= keep
        running += (batch * share).astype(running.dtype)

    # --- Softmax cross entropy. x (N, C), labels (N), weight (C) or None ---

    def softmax_cross_entropy(
        self, x: Array, labels: Array, weight: Array | None, smoothing: float, ignore: int
    ) -> tuple[Array, Array, Array]:
        """Return of each row −Σ q_c · log softmax(x)_c, the factor weight[label], and log Σ exp x_c.

        q is (1 − smoothing) · weight at the label, and smoothing / C · weight everywhere; it and the factor are 0 where
        the label is ``ignore``. For a label out of range the loss is NaN.
        """
        wide = widened(x)
        largest = np.max(wide, axis=1, keepdims=True)
        log_sum = np.log(sums.total(np.exp(wide - largest), (1,))) + largest[:, 0]
        label, factor = known_labels(x, labels, weight, ignore)
        loss = (log_sum - wide[np.arange(len(label), like=label), label]) * ((1 - smoothing) * factor)
        if smoothing:
            spread = log_sum[:, None] - wide
            everywhere = sums.total(spread if weight is None else spread * weight, (1,)) * (smoothing / x.shape[1])
            loss = loss + everywhere
        return np.where(labels == ignore, x.dtype.type(0), rounded(loss, x.dtype)), factor, log_sum

    @in_float32
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
        """Return ∂L/∂x_c = g · (softmax(x)_c · Σq − q_c), where g is ∂L/∂loss of each row."""
        q = target_distribution(x, labels, weight, smoothing, ignore)
        p = np.exp(x - log_sums[:, None])
        return (p * sums.total(q, (1,), keepdims=True) - q) * keep_where(g, labels != ignore)[:, None]

    # --- Random numbers, drawn where they are used ---

    def uniform(self, like: Array, count: int, seed: int, start: int) -> Array:
        """Return ``count`` float32 numbers of [0, 1), on the device of ``like``, from Philox's counter ``start`` on."""
        return philox.uniform(like, count, seed, start)

    # --- Optimisers ---

    def move(self, moves: Sequence[Move]) -> None:
        """Move parameters, each by the formula of its rule."""
        for move in moves:
            move.run()


def _grouped(x: Array, groups: int) -> Array:
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])  # N C H W -> N G C/G H W


def _flat(x: Array) -> Array:
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])  # … H W -> … HW


def _normalized(x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float) -> Array:
    factor = 1 / np.sqrt(var + eps) * (1 if weight is None else weight)
    y = (widened(x) - _by_channel(mean, x)) * _by_channel(factor, x)
    return rounded(y if bias is None else y + _by_channel(bias, x), x.dtype)


def _by_channel(v: Array, x: Array) -> Array:
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))  # C -> 1 C 1 1, to broadcast against x
