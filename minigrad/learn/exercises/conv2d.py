"""Exercise: the derivative of a convolution of images."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.windows import replaced_conv2d
from minigrad.nn import functional as F
from minigrad.typing import Array


def forward(x: Array, w: Array) -> Array:
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))  # N C H' W' I J
    return np.asarray(np.einsum("ncpqij,ocij->nopq", seen, w))


def small(draw: Draw) -> tuple[object, ...]:
    return draw(1, 1, 4, 4), draw(1, 1, 2, 2)


def images(draw: Draw) -> tuple[object, ...]:
    return draw(2, 3, 4, 5), draw(4, 3, 3, 2)


def square(draw: Draw) -> tuple[object, ...]:
    return draw(2, 2, 4, 4), draw(2, 2, 3, 3)


def replaces(function: Written) -> list[Swap]:
    return [replaced_conv2d(function, lambda node, x, w: node.window.stride == (1, 1), with_stride=False)]


EXERCISE = Exercise(
    slug="conv2d",
    title="A window on an image",
    chapter=5,
    function="conv2d_backward",
    text=prose("""
        The same in two dimensions, for many images and channels:

            y[n, o, p, q] = sum over c, i, j of w[o, c, i, j] * x[n, c, p + i, q + j]

        n counts images; c the input channels (such as red, green, blue) and o the
        output channels; (p, q) is the position of the window, and (i, j) the place
        in the window.

        Given: grad, the gradient of y; x (N, C, H, W); w (O, C, I, J).
        Write: the gradients of x and of w.

        Seven loops are right, but slow; a network needs speed. Better: loop over
        the places (i, j) only, and do all n, o, c, p, q in one NumPy call. At (i, j)
        the windows see   x[:, :, i : i + P, j : j + Q],   with P, Q = grad.shape[2:].
        This index, to use it twice:  seen = np.s_[:, :, i : i + P, j : j + Q]
        np.einsum multiplies and adds up by names of indices: for example
        np.einsum("nopq,ncpq->oc", a, b, optimize=True)  sums over n, p and q.
    """),
    template=code('''
        import numpy as np


        def conv2d_backward(grad, x, w):
            """Return dx and dw, the gradients of x and w."""
            dx = np.zeros_like(x)
            dw = np.zeros_like(w)
            P, Q = grad.shape[2:]
            ...
            return dx, dw
    '''),
    hints=(
        "Start from exercise 14. In seven loops the first of the two lines is\n\n"
        "    dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, i, j]\n\n"
        "What is the other one?",
        "Keep the loops over i and j. p and q become slices: p + i for all p is i : i + P. dw[:, :, i, j] is then one "
        "sum over n, p, q: an einsum of grad and the part of x that is seen.",
        "Inside the loop over i and j:\n\n"
        '    dx[seen] += np.einsum("nopq,oc->ncpq", grad, w[:, :, i, j],\n                          optimize=True)\n\n'
        'and dw[:, :, i, j] is the einsum "nopq,ncpq->oc" of grad and x[seen].',
    ),
    solution=code('''
        import numpy as np


        def conv2d_backward(grad, x, w):
            """Return dx and dw, the gradients of x and w."""
            dx = np.zeros_like(x)
            dw = np.zeros_like(w)
            P, Q = grad.shape[2:]
            for i, j in np.ndindex(*w.shape[2:]):
                seen = np.s_[:, :, i : i + P, j : j + Q]
                w_ij = w[:, :, i, j]
                dx[seen] += np.einsum("nopq,oc->ncpq", grad, w_ij, optimize=True)
                dw_ij = np.einsum("nopq,ncpq->oc", grad, x[seen], optimize=True)
                dw[:, :, i, j] = dw_ij
            return dx, dw
    '''),
    why=prose("""
        It looked hard, and is exercise 14 with more names. Each window
        sends its gradient, times w, back to the patch that it saw; patches overlap,
        so dx needs +=. And one w serves all images and positions, so dw sums over n,
        p and q. The loop over places (i, j) does few steps on large arrays: that is
        how the engine's reference works, too.

        In the engine: minigrad/ops/conv.py has the formulas with one worked example.
    """),
    returns=("dx", "dw"),
    probes=derivative(forward, (small, images, square), {"dx": 0, "dw": 1}),
    mistakes=(
        Mistake(
            "= for +=",
            {"dx[seen] +=": "dx[seen] ="},
            "dx is overwritten where windows overlap. A pixel lies in several windows, and their gradients add up: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(*w.shape[2:]):\n": (
                    "    for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):\n"
                    "        dx[n, c, p + i, q + j] = grad[n, o, p, q] * w[o, c, i, j]\n"
                    "        dw[o, c, i, j] += grad[n, o, p, q] * x[n, c, p + i, q + j]\n"
                    "    for i, j in ():\n"
                ),
            },
            "dx is overwritten where windows overlap. A pixel lies in several windows, and their gradients add up: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(*w.shape[2:]):\n": (
                    "    for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):\n"
                    "        dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, i, j]\n"
                    "        dw[o, c, i, j] = grad[n, o, p, q] * x[n, c, p + i, q + j]\n"
                    "    for i, j in ():\n"
                ),
            },
            "dw is overwritten at each position of the window. Each weight is used at all of them: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(*w.shape[2:]):\n": (
                    "    I, J = w.shape[2:]\n"
                    "    for p, q in np.ndindex(P, Q):\n"
                    "        seen = np.s_[:, :, p : p + I, q : q + J]\n"
                    '        dx[seen] = np.einsum("no,ocij->ncij", grad[:, :, p, q], w)\n'
                    '        dw += np.einsum("no,ncij->ocij", grad[:, :, p, q], x[seen])\n'
                    "    for i, j in ():\n"
                ),
            },
            "dx is overwritten where windows overlap. A pixel lies in several windows, and their gradients add up: +=.",
        ),
        Mistake(
            "= for +=",
            {
                "    for i, j in np.ndindex(*w.shape[2:]):\n": (
                    "    I, J = w.shape[2:]\n"
                    "    for p, q in np.ndindex(P, Q):\n"
                    "        seen = np.s_[:, :, p : p + I, q : q + J]\n"
                    '        dx[seen] += np.einsum("no,ocij->ncij", grad[:, :, p, q], w)\n'
                    '        dw [...] = np.einsum("no,ncij->ocij", grad[:, :, p, q], x[seen])\n'
                    "    for i, j in ():\n"
                ),
            },
            "dw is overwritten at each position of the window. Each weight is used at all of them: +=.",
        ),
        Mistake(
            "flipped kernel",
            {"w_ij = w[:, :, i, j]": "w_ij = w[:, :, -1 - i, -1 - j]"},
            "The kernel is flipped in dx. The window read x[p + i] through w[i], so grad goes back through it.",
        ),
        Mistake(
            "flipped kernel",
            {"dw[:, :, i, j] =": "dw[:, :, -1 - i, -1 - j] ="},
            "dw is flipped: the place (i, j) of the window saw x[p + i, q + j].",
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
            {'"nopq,ncpq->oc", grad, x[seen]': '"nopq,ncpq->oc", grad[:1], x[seen][:1]'},
            "dw comes from the first image alone. One kernel serves all images: sum over n.",
        ),
        Mistake(
            "sum over the batch missing",
            {'"nopq,ncpq->oc", grad, x[seen]': '"nopq,ncpq->oc", grad[-1:], x[seen][-1:]'},
            "dw comes from the last image alone. One kernel serves all images: sum over n.",
        ),
        Mistake(
            "mean over the batch",
            {"x[seen], optimize=True)": "x[seen], optimize=True) / x.shape[0]"},
            "dw is divided by the number of images. The loss has done that already: leave it a sum.",
        ),
        Mistake(
            "rows and columns swapped",
            {
                "i, j in np.ndindex(*w.shape[2:])": "j, i in np.ndindex(*w.shape[:1:-1])",
                "w[:, :, i, j]": "w[:, :, j % w.shape[2], i % w.shape[3]]",
            },
            "Rows and columns of the kernel are swapped: i goes with rows, j with columns.",
        ),
        Mistake(
            "shift forgotten",
            {"grad, x[seen]": "grad, x[:, :, :P, :Q]"},
            "In dw the shift is missing: the place (i, j) saw x[:, :, i : i + P, j : j + Q].",
        ),
        Mistake(
            "channels added up",
            {
                '"nopq,ncpq->oc", grad, x[seen]': '"nopq,nzpq->o", grad, x[seen]',
                "= dw_ij": "= dw_ij[:, None]",
            },
            "dw is the same for each input channel: they were added up. Each channel c has weights of its own.",
        ),
        Mistake("sign", {"= dw_ij": "= -dw_ij"}),
        Mistake(
            "gradient from above missing",
            {'pq", grad, w': 'pq", np.ones_like(grad), w', 'oc", grad, x': 'oc", np.ones_like(grad), x'},
        ),
        Mistake(
            "last place forgotten",
            {"in np.ndindex(*w.shape[2:])": "in list(np.ndindex(*w.shape[2:]))[:-1]"},
            "The last place of the window is left out: i runs to I - 1 and j to J - 1, both included.",
        ),
        Mistake(
            "kernel taken for a square",
            {"np.ndindex(*w.shape[2:])": "np.ndindex(w.shape[2], w.shape[2])"},
            "The kernel need not be a square: i runs over w.shape[2], and j over w.shape[3].",
        ),
        Mistake(
            "kernel taken for a square",
            {"np.ndindex(*w.shape[2:])": "np.ndindex(w.shape[3], w.shape[3])"},
            "The kernel need not be a square: i runs over w.shape[2], and j over w.shape[3].",
        ),
        Mistake(
            "image taken for a square",
            {"P, Q = grad.shape[2:]": "P = Q = grad.shape[2]"},
            "The image need not be a square: P is grad.shape[2], and Q is grad.shape[3].",
        ),
        Mistake(
            "last row and column forgotten",
            {
                "P, Q = grad.shape[2:]": "P, Q = grad.shape[2] - 1, grad.shape[3] - 1",
                "grad, w_ij": "grad[:, :, :P, :Q], w_ij",
                "grad, x[seen]": "grad[:, :, :P, :Q], x[seen]",
            },
            "The last row and the last column of positions are left out: y has H - I + 1 rows and W - J + 1 columns.",
        ),
        Mistake(
            "wrong number of positions",
            {"P, Q = grad.shape[2:]": "P, Q = x.shape[2] - w.shape[2], x.shape[3] - w.shape[3]"},
            "There are H - I + 1 positions in a column, and W - J + 1 in a row, as many as grad has: P, Q = "
            "grad.shape[2:].",
        ),
        Mistake(
            "wrong number of positions",
            {"P, Q = grad.shape[2:]": "P, Q = x.shape[2:]"},
            "The window does not stand at each pixel: it has as many positions as grad has elements, P, Q = "
            "grad.shape[2:].",
        ),
        Mistake(
            "shift forgotten",
            {"dx[seen] += ": "dx[:, :, :P, :Q] += "},
            "In dx the shift is missing: the place (i, j) saw x[:, :, i : i + P, j : j + Q], so the gradient goes "
            "there.",
        ),
        Mistake(
            "one output channel alone",
            {'"nopq,oc->ncpq", grad, w_ij': '"nopq,oc->ncpq", grad[:, :1], w_ij[:1]'},
            "dx comes from the first output channel alone. Each pixel has an effect on all of them: sum over o.",
        ),
        Mistake(
            "channels added up",
            {'"nopq,oc->ncpq", grad, w_ij': '"nopq,oc->ncpq", grad, w_ij.sum(1, keepdims=True) * np.ones_like(w_ij)'},
            "dx is the same for each input channel: the weights were added up. Channel c has its own, w[:, c].",
        ),
        Mistake(
            "mean over the positions",
            {"x[seen], optimize=True)": "x[seen], optimize=True) / (P * Q)"},
            "dw is divided by the number of positions. y is no mean: the gradients of all positions add up.",
        ),
        Mistake(
            "one position alone",
            {'"nopq,ncpq->oc", grad, x[seen]': '"nopq,ncpq->oc", grad[..., :1, :1], x[seen][..., :1, :1]'},
            "dw comes from the first position alone. The window used its weights at all of them: sum over p and q.",
        ),
        Mistake(
            "channels swapped",
            {
                '"nopq,ncpq->oc"': '"nopq,ncpq->co"',
                "= dw_ij": "= dw_ij.reshape(w_ij.shape)",
            },
            "Input and output channels are swapped in dw: w[o, c, i, j] has the output channel first, so "
            "the einsum ends in oc.",
        ),
        Mistake(
            "the same for all places",
            {
                "dw[:, :, i, j] = dw_ij": "dw += dw_ij[:, :, None, None]",
            },
            "All places of the window got the sum over all places. dw[:, :, i, j] belongs to the place (i, j) alone.",
        ),
    ),
    teaches=frozenset({"np.einsum", "np.s_", "optimize"}),
    terms=frozenset({"channels"}),
    properties=(linear_in_grad(forward, images, 2),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x, w: F.conv2d(x, w, padding=1), numbers(2, 3, 4, 5), numbers(4, 3, 3, 3)),
    replaced="Conv2d.backward",
)
