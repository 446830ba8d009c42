"""Exercise: the derivative of average pooling."""

from __future__ import annotations

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.learn.windows import SIZE_FOR_STRIDE, cropped, padded
from minigrad.nn import functional as F
from minigrad.ops.pool import AvgPool2d, AvgPool2dSpread
from minigrad.typing import Array


def forward(x: Array, size: int, stride: int) -> Array:
    seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return np.asarray(seen.mean((4, 5)))


def small(draw: Draw) -> tuple[object, ...]:
    return draw(1, 1, 4, 4), 2, 2


def overlapping(draw: Draw) -> tuple[object, ...]:
    return draw(2, 2, 5, 6), 3, 2


def dense(draw: Draw) -> tuple[object, ...]:
    return draw(1, 2, 4, 5), 3, 1


def replaces(function: Written) -> list[Swap]:
    def backward(node: AvgPool2d, grad: Array) -> tuple[Array]:
        window = node.window
        (kernel, other), (stride, side) = window.kernel, window.stride
        fits = kernel == other and stride == side and node.scale == 1 / (kernel * other) and not window.ceil_mode
        if not isinstance(node.scale, float) or not fits:
            shares = AvgPool2dSpread.apply(wrap(grad), x_shape=node.x_shape, window=window, scale=node.scale)
            return (shares.array,)
        x = padded(np.zeros(node.x_shape, grad.dtype), window)
        (dx,) = arrays(function(grad, x, kernel, stride), 1)
        return (cropped(dx, window, node.x_shape),)

    return [fused(AvgPool2d, backward)]


EXERCISE = Exercise(
    slug="average_pool",
    title="Equal shares",
    chapter=6,
    function="average_pool_backward",
    text=prose("""
        Average pooling returns the mean of each window of size x size, which moves
        by stride. Inception uses it in its blocks and at its end.

        Given: grad, the gradient of y; x (N, C, H, W); size; stride.
        Write: the gradient of x.

        It is exercise 17 without a winner, and exercise 4 in each window.
    """),
    template=code('''
        import numpy as np


        def average_pool_backward(grad, x, size, stride):
            """Return dx, the gradient of x."""
            dx = np.zeros_like(x)
            P, Q = grad.shape[2:]
            ...
            return dx
    '''),
    hints=(
        "Each of the size * size elements of a window has the same share in its mean.",
        "Loop over the places (i, j) of the window, with the slices of exercise 17. Each place gets the same share of "
        "grad.",
        "dx[seen] += grad / (size * size)",
    ),
    solution=code('''
        import numpy as np


        def average_pool_backward(grad, x, size, stride):
            """Return dx, the gradient of x."""
            dx = np.zeros_like(x)
            P, Q = grad.shape[2:]
            for i, j in np.ndindex(size, size):
                rows = np.s_[i : i + stride * P : stride]
                columns = np.s_[j : j + stride * Q : stride]
                seen = np.s_[:, :, rows, columns]
                dx[seen] += grad / (size * size)
            return dx
    '''),
    why=prose("""
        It is a convolution with a fixed kernel, 1 / size^2 everywhere, in each channel
        on its own. Nothing depends on x but the shape: the operation is linear, and
        so its derivative is the same everywhere.

        In the engine: class AvgPool2d in minigrad/ops/pool.py.
    """),
    returns=("dx",),
    probes=derivative(forward, (small, overlapping, dense), {"dx": 0}),
    mistakes=(
        Mistake(
            "1/N forgotten",
            {"grad / (size * size)": "grad"},
            "Each element has 1 / (size * size) of the mean, so it gets this share of the gradient.",
        ),
        Mistake(
            "divided by the side",
            {"/ (size * size)": "/ size"},
            "A window has size * size elements, not size.",
        ),
        Mistake(
            "= for +=",
            {"dx[seen] +=": "dx[seen] ="},
            "dx is overwritten where windows overlap. Their shares add up: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(size, size):\n": (
                    "    for n, c, p, q in np.ndindex(*grad.shape):\n"
                    "        a, b = p * stride, q * stride\n"
                    "        window = x[n, c, a : a + size, b : b + size]\n"
                    "        dx[n, c, a : a + size, b : b + size] = grad[n, c, p, q] / window.size\n"
                    "    for i, j in ():\n"
                ),
            },
            "dx is overwritten where windows overlap. Their shares add up: +=.",
        ),
        Mistake(
            "stride ignored",
            {"i : i + stride * P : stride": "i : i + P", "j : j + stride * Q : stride": "j : j + Q"},
            "The window moves by stride: i : i + stride * P : stride.",
        ),
        Mistake(
            "only the first element",
            {"np.ndindex(size, size)": "np.ndindex(1, 1)"},
            "Only one element of each window got its share. All size * size do.",
        ),
        Mistake(
            "divided by the number of windows",
            {"/ (size * size)": "/ (P * Q)"},
            "Divided by the number of windows. The mean is over the elements of one window.",
        ),
        Mistake("sign", {"+= grad": "-= grad"}),
        Mistake("gradient from above missing", {"+= grad /": "+= 1.0 /"}),
        SIZE_FOR_STRIDE,
        Mistake(
            "multiplied by x",
            {"grad / (size * size)": "grad * x[seen] / (size * size)"},
            "The result depends on x. A mean is linear: each element has the slope 1 / (number of elements).",
        ),
        Mistake(
            "divided by the windows that cover an element",
            {
                "    return dx": (
                    "    n = np.zeros_like(x)\n"
                    "    for i, j in np.ndindex(size, size):\n"
                    "        n[:, :, i : i + stride * P : stride, j : j + stride * Q : stride] += 1\n"
                    "    return dx / np.maximum(n, 1)"
                ),
            },
            "Divided by the number of windows that cover an element. Their gradients add up.",
        ),
        Mistake(
            "last row and column of the window forgotten",
            {"np.ndindex(size, size)": "np.ndindex(size - 1, size - 1)"},
            "The last row and column of the window are left out: i and j run from 0 to size - 1.",
        ),
        Mistake(
            "divided by all elements",
            {"/ (size * size)": "/ x.size"},
            "Divided by the number of all elements of x. Each mean is over one window, of size * size.",
        ),
        Mistake(
            "divided by the stride",
            {"/ (size * size)": "/ (stride * stride)"},
            "Divided by the stride squared. A window has size * size elements.",
        ),
        Mistake(
            "mean of the gradient",
            {"grad / (size * size)": "grad.mean() / (size * size)"},
            "The gradients of all windows were averaged. Each window sends its own to its own elements.",
        ),
        Mistake(
            "stride for size",
            {
                "np.ndindex(size, size)": "np.ndindex(stride, stride)",
            },
            "The loop goes over stride * stride places. The window has size * size of them.",
        ),
        Mistake(
            "largest instead of sum",
            {
                "dx[seen] += grad / (size * size)": "dx[seen] = np.maximum(dx[seen], grad / (size * size))",
            },
            "Of several windows only the largest share is kept. Their gradients add up: +=.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset(),
    properties=(linear_in_grad(forward, overlapping, 1),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: F.avg_pool2d(x, 3, 1, 1), numbers(2, 3, 5, 6)),
    replaced="AvgPool2d.backward",
)
