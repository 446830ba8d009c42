"""Exercise: the derivative of max pooling."""

from __future__ import annotations

import numpy as np

from minigrad import kernels
from minigrad.kernels.geometry import Window
from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.learn.windows import SIZE_FOR_STRIDE, cropped, padded
from minigrad.nn import functional as F
from minigrad.ops.pool import MaxPool2d
from minigrad.typing import Array


def forward(x: Array, size: int, stride: int) -> Array:
    seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return np.asarray(seen.max((4, 5)))


def saved(x: Array, size: int, stride: int) -> tuple[object, ...]:
    return x, forward(x, size, stride), size, stride


def small(draw: Draw) -> tuple[object, ...]:
    return np.arange(16.0).reshape(1, 1, 4, 4) * 7 % 16, 2, 2


def overlapping(draw: Draw) -> tuple[object, ...]:
    return draw(2, 2, 5, 6), 3, 2


def dense(draw: Draw) -> tuple[object, ...]:
    return draw(1, 2, 4, 4), 2, 1


def probes(random: np.random.Generator) -> list[Probe]:
    made = derivative(forward, (small, overlapping, dense), {"dx": 0}, saved)(random)
    ties = np.array([[[[1.0, 5.0, 2.0, 2.0, -3.0, 1.0], [5.0, 0.0, 2.0, 2.0, 3.0, 0.0]]]])
    note = "Three windows of 2 x 2: in two of them several elements are the largest, and the first one wins."
    made.insert(4, Probe((np.array([[[[10.0, 20.0, 30.0]]]]), *saved(ties, 2, 2)), "numbers", note))
    return made


def replaces(function: Written) -> list[Swap]:
    engine_forward = MaxPool2d.forward

    def pool(node: MaxPool2d, x: Array, *, window: Window) -> Array:
        y = engine_forward(node, x, window=window)
        vars(node)["x_and_y"] = x, y
        return y

    def backward(node: MaxPool2d, grad: Array) -> tuple[Array | None, ...]:
        x, y = vars(node)["x_and_y"]
        window = node.window
        square = window.kernel[0] == window.kernel[1] and window.stride[0] == window.stride[1]
        if not square or window.dilation != (1, 1) or window.ceil_mode:
            (taps,) = node.saved_arrays
            return (_engine_scatter(node, grad, taps),)
        (dx,) = arrays(function(grad, padded(x, window, -np.inf), y, window.kernel[0], window.stride[0]), 1)
        return (cropped(dx, window, x.shape),)

    return [Swap(MaxPool2d, "forward", pool), fused(MaxPool2d, backward)]


def _engine_scatter(node: MaxPool2d, grad: Array, taps: Array) -> Array:
    return kernels.of(grad).max_pool2d_scatter(grad, taps, node.x_shape, node.window)


EXERCISE = Exercise(
    slug="max_pool",
    title="The winner takes it",
    chapter=6,
    function="max_pool_backward",
    text=prose("""
        Max pooling makes images smaller: a window of size x size moves by stride,
        and keeps the largest element it covers, in each channel on its own.

        Given: grad, the gradient of y; x (N, C, H, W); y, the result of the forward
            pass; size; stride.
        Write: the gradient of x.

        Only the largest element of a window, its winner, has an effect on y. If two
        are equally large, the first one wins: row by row, from left to right.
        Windows may overlap (stride < size), and one element may win several times.

        As in exercise 16, loop over the places (i, j) of the window. y compared with
        what the windows see there tells where this place holds the largest element.
        For the ties, remember in an array of True and False which windows have
        found their winner: np.zeros(grad.shape, bool) is all False. ~taken is the
        opposite of taken; & means "and", | means "or".
    """),
    template=code('''
        import numpy as np


        def max_pool_backward(grad, x, y, size, stride):
            """Return dx, the gradient of x."""
            dx = np.zeros_like(x)
            P, Q = grad.shape[2:]
            ...
            return dx
    '''),
    hints=(
        "At the place (i, j) the windows see x[seen], an array of the shape of y, with the slices of exercise 16. "
        "x[seen] == y is True where the winner is there.",
        "dx[seen] += grad where this place wins, and += 0 elsewhere. A comparison is a factor of 0 or 1, as in "
        "exercise 8.",
        "Before the loop, taken = np.zeros(grad.shape, bool). In it:\n\n    wins = (x[seen] == y) & ~taken\n"
        "    dx[seen] += grad * wins\n    taken = taken | wins",
    ),
    solution=code('''
        import numpy as np


        def max_pool_backward(grad, x, y, size, stride):
            """Return dx, the gradient of x."""
            dx = np.zeros_like(x)
            P, Q = grad.shape[2:]
            taken = np.zeros(grad.shape, bool)
            for i, j in np.ndindex(size, size):
                rows = np.s_[i : i + stride * P : stride]
                columns = np.s_[j : j + stride * Q : stride]
                seen = np.s_[:, :, rows, columns]
                wins = (x[seen] == y) & ~taken
                dx[seen] += grad * wins
                taken = taken | wins
            return dx
    '''),
    why=prose("""
        A small change of x changes no winner, so on the way back the choice is a
        constant: a gate that is open for one element of each window. ReLU is the
        same with two candidates, x and 0. Most of x gets no gradient at all; yet on
        average each channel learns, because other images have other winners.

        In the engine: class MaxPool2d in minigrad/ops/pool.py. It keeps the number of
        the winner in each window rather than x and y: a byte instead of floats.
    """),
    returns=("dx",),
    probes=probes,
    mistakes=(
        Mistake(
            "every tie gets the gradient",
            {" & ~taken": ""},
            "Where several elements are the largest, each got the whole gradient. Only the first one wins.",
        ),
        Mistake(
            "last of the ties wins",
            {"np.ndindex(size, size):": "list(np.ndindex(size, size))[::-1]:"},
            "Of equal elements the last one wins here. The first one must: row by row, from left to right.",
        ),
        Mistake(
            "= for +=",
            {"dx[seen] += grad": "dx[seen] = grad"},
            "dx is overwritten where windows overlap. An element may win several windows: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(size, size):\n": (
                    "    for n, c, p, q in np.ndindex(*grad.shape):\n"
                    "        a, b = p * stride, q * stride\n"
                    "        window = x[n, c, a : a + size, b : b + size]\n"
                    "        i, j = np.unravel_index(window.argmax(), window.shape)\n"
                    "        dx[n, c, a + i, b + j] = grad[n, c, p, q]\n"
                    "    for i, j in ():\n"
                ),
            },
            "dx is overwritten where windows overlap. An element may win several windows: +=.",
        ),
        Mistake(
            "shared equally",
            {"grad * wins": "grad / (size * size)"},
            "Each element of a window got an equal share, as for the mean. Only the largest has an effect on y.",
        ),
        Mistake(
            "everything passes",
            {"grad * wins": "grad"},
            "The gradient goes to each element of a window. Only the largest has an effect on y.",
        ),
        Mistake("gradient from above missing", {"grad * wins": "1.0 * wins"}),
        Mistake(
            "output instead of slope",
            {"grad * wins": "grad * wins * x[seen]"},
            "The gradient was multiplied by the element. The slope is 1 for the winner.",
        ),
        Mistake(
            "columns before rows",
            {"for i, j in np.ndindex(size, size):": "for j, i in np.ndindex(size, size):"},
            "Ties go to the first in column order. The order is row by row, from left to right.",
        ),
        Mistake("sign", {"grad * wins": "-grad * wins"}),
        Mistake(
            "shared by the ties",
            {
                "    taken = np.zeros(grad.shape, bool)\n": (
                    "    taken = np.zeros(grad.shape, bool)\n"
                    "    n = np.zeros(grad.shape)\n"
                    "    for i, j in np.ndindex(size, size):\n"
                    "        n += x[:, :, i : i + stride * P : stride, j : j + stride * Q : stride] == y\n"
                ),
                " & ~taken": "",
                "grad * wins": "grad * wins / n",
            },
            "Equally large elements share the gradient here. As in PyTorch, the first of them gets all of it.",
        ),
        Mistake(
            "stride ignored",
            {"i : i + stride * P : stride": "i : i + P", "j : j + stride * Q : stride": "j : j + Q"},
            "The windows are stride apart: the slices need a step.",
        ),
        SIZE_FOR_STRIDE,
        Mistake(
            "largest of the whole image",
            {"x[seen] == y": "x[seen] == x.max(axis=(2, 3), keepdims=True)"},
            "Only the largest element of the whole image gets a gradient. Each window has a winner of its own: "
            "compare with y.",
        ),
        Mistake(
            "channels mixed up",
            {"taken | wins": "taken | wins.any(axis=1, keepdims=True)"},
            "A winner in one channel keeps another channel from having its own. Each channel has its winners.",
        ),
        Mistake(
            "output instead of gradient",
            {"grad * wins": "y * wins"},
            "The winners get y, the output. They get grad, the gradient that arrives.",
        ),
        Mistake(
            "smallest wins",
            {
                "x[seen] == y": (
                    "x[seen] == np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, "
                    "::stride, ::stride].min(axis=(4, 5))"
                ),
            },
            "The smallest element of each window gets the gradient. The largest one does.",
        ),
        Mistake(
            "only the last winner is remembered",
            {"taken = taken | wins": "taken = wins"},
            "taken forgets the winners of earlier places: a third tie gets the gradient again. Keep them: taken | "
            "wins.",
        ),
        Mistake(
            "last row and column of the window forgotten",
            {"np.ndindex(size, size)": "np.ndindex(size - 1, size - 1)"},
            "The last row and column of the window are left out: i and j run from 0 to size - 1.",
        ),
        Mistake(
            "corner instead of winner",
            {"wins = (x[seen] == y) & ~taken": "wins = np.full(grad.shape, i == 0 and j == 0)"},
            "The upper left corner of each window gets the gradient. Its largest element does.",
        ),
        Mistake(
            "gradient not multiplied in",
            {"dx[seen] += grad * wins": "dx[seen] = np.where(wins, 1.0, dx[seen])"},
            "The winners get 1. The chain rule multiplies that by grad, the gradient from above.",
        ),
        Mistake(
            "place in the window for place in the image",
            {
                "    P, Q = grad.shape[2:]\n": (
                    "    for n, c, p, q in np.ndindex(*grad.shape):\n"
                    "        a, b = p * stride, q * stride\n"
                    "        window = x[n, c, a : a + size, b : b + size]\n"
                    "        i, j = np.unravel_index(window.argmax(), window.shape)\n"
                    "        dx[n, c, i, j] += grad[n, c, p, q]\n"
                    "    return dx\n"
                    "    P, Q = grad.shape[2:]\n"
                ),
            },
            "The gradient goes to the place within the window. Add where the window stands: p * stride + "
            "i, q * stride + j.",
        ),
        Mistake(
            "stride ignored",
            {
                "    P, Q = grad.shape[2:]\n": (
                    "    for n, c, p, q in np.ndindex(*grad.shape):\n"
                    "        a, b = p, q\n"
                    "        window = x[n, c, a : a + size, b : b + size]\n"
                    "        i, j = np.unravel_index(window.argmax(), window.shape)\n"
                    "        dx[n, c, a + i, b + j] += grad[n, c, p, q]\n"
                    "    return dx\n"
                    "    P, Q = grad.shape[2:]\n"
                ),
            },
            "The windows stand at p and q. They are stride apart: at p * stride and q * stride.",
        ),
        Mistake(
            "absolute values compared",
            {
                "(x[seen] == y)": "(abs(x[seen]) == abs(y))",
            },
            "The absolute values are compared, so -3 wins where the largest element is 3.",
        ),
    ),
    teaches=frozenset({"bool", "&", "~", "|"}),
    terms=frozenset({"pooling", "winner"}),
    properties=(linear_in_grad(forward, overlapping, 1, saved),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: F.max_pool2d(x, 3, 2, 1), numbers(2, 3, 6, 7)),
    replaced="MaxPool2d.backward",
)
