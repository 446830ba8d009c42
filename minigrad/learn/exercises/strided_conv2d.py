"""Exercise: the derivative of a convolution with stride and padding."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.windows import replaced_conv2d
from minigrad.nn import functional as F
from minigrad.ops.conv import Conv2d
from minigrad.typing import Array


def forward(x: Array, w: Array, stride: int, padding: int) -> Array:
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.asarray(np.einsum("ncpqij,ocij->nopq", seen, w))


def small(draw: Draw) -> tuple[object, ...]:
    return draw(1, 1, 5, 5), draw(1, 1, 3, 3), 2, 0


def images(draw: Draw) -> tuple[object, ...]:
    return draw(2, 3, 5, 6), draw(4, 3, 3, 2), 2, 1


def leftover(draw: Draw) -> tuple[object, ...]:
    return draw(2, 2, 6, 6), draw(2, 2, 3, 3), 2, 0


def dense(draw: Draw) -> tuple[object, ...]:
    return draw(2, 2, 4, 4), draw(2, 2, 3, 3), 1, 1


def replaces(function: Written) -> list[Swap]:
    def fits(node: Conv2d, x: Array, w: Array) -> bool:
        return node.window.stride[0] == node.window.stride[1] > 1

    return [replaced_conv2d(function, fits, with_stride=True)]


EXERCISE = Exercise(
    slug="strided_conv2d",
    title="Stride and padding",
    chapter=5,
    function="strided_conv2d_backward",
    text=prose("""
        Two things are added. The *stride* s is how far the window moves from one
        position to the next: with s = 2, y has half as many rows and columns. And
        *padding* puts a border of zeros around x, so that the window can stand at
        the edge. With x_padded for x and its border,

            y[n, o, p, q] = sum of w[o, c, i, j] * x_padded[n, c, p*s + i, q*s + j]

        Given: grad; x; w; stride; padding, the width of the border on each side.
        Write: the gradients of x (without the border) and of w.

        A slice with a step: x[i : i + s*P : s] is x[i], x[i + s], ..., P elements.
        np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))) puts a border of width 1 around
        the last two dimensions.
    """),
    template=code('''
        import numpy as np


        def strided_conv2d_backward(grad, x, w, stride, padding):
            """Return dx and dw, the gradients of x and w."""
            dx = ...
            dw = np.zeros_like(w)
            P, Q = grad.shape[2:]
            return dx, dw
    '''),
    hints=(
        "Begin with the border: pad x, make an array of zeros of the padded shape for its gradient, and cut the border "
        "off at the end.",
        "In between it is exercise 15; only the slices change. The place (i, j) of the window sees rows i, i + s, "
        "i + 2*s, ... : i : i + s*P : s.",
        "With H, W = x.shape[2:],\n\n    rows = np.s_[i : i + stride * P : stride]         # and columns\n"
        "    seen = np.s_[:, :, rows, columns]\n    dx = dpadded[:, :, padding : padding + H,\n"
        "                       padding : padding + W]    # after the loop",
    ),
    solution=code('''
        import numpy as np


        def strided_conv2d_backward(grad, x, w, stride, padding):
            """Return dx and dw, the gradients of x and w."""
            border = (padding, padding)
            padded = np.pad(x, ((0, 0), (0, 0), border, border))
            dpadded = np.zeros_like(padded)
            dw = np.zeros_like(w)
            P, Q = grad.shape[2:]
            for i, j in np.ndindex(*w.shape[2:]):
                rows = np.s_[i : i + stride * P : stride]
                columns = np.s_[j : j + stride * Q : stride]
                seen = np.s_[:, :, rows, columns]
                w_ij = w[:, :, i, j]
                dpadded[seen] += np.einsum("nopq,oc->ncpq", grad, w_ij, optimize=True)
                dw_ij = np.einsum("nopq,ncpq->oc", grad, padded[seen], optimize=True)
                dw[:, :, i, j] = dw_ij
            H, W = x.shape[2:]
            dx = dpadded[:, :, padding : padding + H, padding : padding + W]
            return dx, dw
    '''),
    why=prose("""
        Pixels between the positions of a wide stride may be seen by fewer places of
        the window, or by none: their gradient is smaller, or 0. What flows into the
        border is dropped: zeros are no parameters. And if the last window does not
        reach the edge, the rest of x gets 0, which falls out by itself if dx starts
        as zeros of the padded shape.

        In the engine: class Conv2d in minigrad/ops/conv.py; the slices are Window.taps
        in minigrad/kernels/geometry.py. Yours now serves every layer with a stride.
    """),
    returns=("dx", "dw"),
    probes=derivative(forward, (small, images, leftover, dense), {"dx": 0, "dw": 1}),
    mistakes=(
        Mistake(
            "= for +=",
            {"dpadded[seen] +=": "dpadded[seen] ="},
            "dx is overwritten where windows overlap. Their gradients add up: +=.",
        ),
        Mistake(
            "flipped kernel",
            {"w_ij = w[:, :, i, j]": "w_ij = w[:, :, -1 - i, -1 - j]"},
            "The kernel is flipped in dx. grad goes back through the very weight that was used.",
        ),
        Mistake(
            "flipped kernel",
            {"dw[:, :, i, j] =": "dw[:, :, -1 - i, -1 - j] ="},
            "dw is flipped: the place (i, j) of the window saw x_padded[p*s + i, q*s + j].",
        ),
        Mistake(
            "padding not cut off",
            {"dpadded[:, :, padding : padding + H, padding : padding + W]": "dpadded"},
            "dx still has the border. Cut it off: dx has x's shape.",
        ),
        Mistake(
            "wrong part cut out",
            {"padding : padding + H, padding : padding + W": ":H, :W"},
            "The wrong part was cut out: x begins after the border, at [padding, padding].",
        ),
        Mistake(
            "stride ignored",
            {
                "i : i + stride * P : stride": "i : i + P",
                "j : j + stride * Q : stride": "j : j + Q",
            },
            "The window moves by stride pixels, not by one: i : i + stride * P : stride.",
        ),
        Mistake(
            "stride only for the rows",
            {"j : j + stride * Q : stride": "j : j + Q"},
            "The columns move by the stride, too.",
        ),
        Mistake(
            "flipped kernel",
            {"w_ij = w[:, :, i, j]": "w_ij = w[:, :, -1 - i, j]"},
            "The rows of the kernel are flipped in dx. grad goes back through the very weight that was used.",
        ),
        Mistake(
            "flipped kernel",
            {"w_ij = w[:, :, i, j]": "w_ij = w[:, :, i, -1 - j]"},
            "The columns of the kernel are flipped in dx. grad goes back through the very weight that was used.",
        ),
        Mistake(
            "sum over the batch missing",
            {"grad, padded[seen]": "grad[:1], padded[seen][:1]"},
            "dw comes from the first image alone. One kernel serves all images: sum over n.",
        ),
        Mistake(
            "last row and column forgotten",
            {"    border = ": "    grad = grad.copy()\n    grad[:, :, -1] = grad[:, :, :, -1] = 0\n    border = "},
            "The last positions of the window are left out.",
        ),
        Mistake(
            "padding on one side",
            {
                "np.pad(x, ((0, 0), (0, 0), border, border))": (
                    "np.pad(x, ((0, 0), (0, 0), (0, 2 * padding), (0, 2 * padding)))"
                ),
            },
            "The border is at the bottom and on the right alone. It belongs on all four sides: (padding, padding) "
            "for rows and for columns.",
        ),
        Mistake(
            "padding on one side",
            {
                "np.pad(x, ((0, 0), (0, 0), border, border))": (
                    "np.pad(x, ((0, 0), (0, 0), (2 * padding, 0), (2 * padding, 0)))"
                ),
            },
            "The border is at the top and on the left alone. It belongs on all four sides: (padding, padding) for "
            "rows and for columns.",
        ),
        Mistake(
            "padding for the rows alone",
            {"border, border)": "border, (0, 0))"},
            "Only the rows have a border. The columns need one, too.",
        ),
        Mistake(
            "padding for the columns alone",
            {"border, border)": "(0, 0), border)"},
            "Only the columns have a border. The rows need one, too.",
        ),
        Mistake(
            "padding forgotten",
            {"np.pad(x, ((0, 0), (0, 0), border, border))": "x"},
            "The border is missing: the windows stand on x with zeros around it, np.pad(x, ...), and so do their "
            "gradients.",
        ),
        Mistake(
            "padding forgotten",
            {
                "np.pad(x, ((0, 0), (0, 0), border, border))": "x",
                "rows = np.s_[i :": (
                    "P, Q = ((a - b) // stride + 1 for a, b in zip(x.shape[2:], w.shape[2:]))\n        rows = np.s_[i :"
                ),
                "grad, w_ij": "grad[:, :, :P, :Q], w_ij",
                "grad, padded": "grad[:, :, :P, :Q], padded",
            },
            "The border is missing: the windows stand on x with zeros around it, np.pad(x, ...), and so do their "
            "gradients.",
        ),
        Mistake(
            "border not of zeros",
            {"border, border))": "border, border), mode='edge')"},
            "The border repeats the edge of the image. It is of zeros: np.pad without a mode.",
        ),
        Mistake(
            "border not of zeros",
            {"border, border))": "border, border), constant_values=1)"},
            "The border is of ones. It is of zeros.",
        ),
        Mistake(
            "cut fails without padding",
            {"padding : padding + H, padding : padding + W": "padding:-padding, padding:-padding"},
            "With padding = 0 the slice padding:-padding is 0:0, which is empty. Count from the front: padding : "
            "padding + H.",
        ),
        Mistake(
            "place multiplied by the stride",
            {
                "i : i + stride * P : stride": "i * stride : i * stride + stride * P : stride",
                "j : j + stride * Q : stride": "j * stride : j * stride + stride * Q : stride",
            },
            "The stride multiplies the position of the window, not the place in it: p * stride + i, so the slice "
            "begins at i.",
        ),
        Mistake(
            "place multiplied by the stride",
            {
                "i : i + stride * P : stride": "i * stride : i * stride + P",
                "j : j + stride * Q : stride": "j * stride : j * stride + Q",
            },
            "The stride multiplies the position of the window, not the place in it: p * stride + i, so the slice "
            "begins at i, and takes every stride-th element.",
        ),
        Mistake(
            "end of the slice without stride",
            {"i + stride * P": "i + P", "j + stride * Q": "j + Q"},
            "The slice ends too early: P positions reach from i to i + stride * P.",
        ),
        Mistake(
            "rows and columns swapped",
            {"w_ij = w[:, :, i, j]": "w_ij = w[:, :, j % w.shape[2], i % w.shape[3]]"},
            "Rows and columns of the kernel are swapped in dx: i goes with rows, j with columns.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(*w.shape[2:]):\n": (
                    "    for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):\n"
                    "        a, b = p * stride + i, q * stride + j\n"
                    "        dpadded[n, c, a, b] += grad[n, o, p, q] * w[o, c, i, j]\n"
                    "        dw[o, c, i, j] = grad[n, o, p, q] * padded[n, c, a, b]\n"
                    "    for i, j in ():\n"
                ),
            },
            "dw is overwritten at each position of the window. Each weight is used at all of them: +=.",
        ),
        Mistake(
            "wrong part cut out",
            {
                "padding : padding + H, padding : padding + W]": "padding : H - padding, padding : W - padding]",
            },
            "The end of the cut is at H - padding, a place in x. In the array with its border, x ends at padding + H.",
        ),
        Mistake(
            "padding not cut off",
            {
                "padding : padding + H, padding : padding + W]": "padding:, padding:]",
            },
            "The border is cut off in front, and not at the end: padding : padding + H, and padding : padding + W.",
        ),
    ),
    teaches=frozenset({"np.pad"}),
    terms=frozenset({"stride", "padding"}),
    properties=(linear_in_grad(forward, images, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(
        lambda x, w: F.conv2d(x, w, stride=2, padding=1), numbers(2, 3, 5, 6), numbers(4, 3, 3, 3)
    ),
    replaced="Conv2d.backward, with a stride",
)
