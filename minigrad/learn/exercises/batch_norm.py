"""Exercise: the three paths of batch normalisation's backward."""

from __future__ import annotations

import numpy as np

from minigrad.learn.derivative import Draw, derivative, linear_in_grad
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Swap, Written, code, prose
from minigrad.learn.rows import as_rows, from_rows
from minigrad.learn.swap import arrays, fused
from minigrad.nn import functional as F
from minigrad.ops.norm import BatchNorm, BatchNormRelu
from minigrad.typing import Array

EPS = 1e-3


def forward(x: Array, w: Array, b: Array) -> Array:
    x_hat, _, _ = saved(x, w, b)
    return np.asarray(np.asarray(x_hat) * w + b)


def saved(x: Array, w: Array, b: Array) -> tuple[object, ...]:
    centred = x - x.mean(axis=0)
    sigma = np.sqrt((centred * centred).mean(axis=0) + EPS)
    return centred / sigma, sigma, w


def small(draw: Draw) -> tuple[object, ...]:
    return draw(4, 2), draw(2), draw(2)


def large(draw: Draw) -> tuple[object, ...]:
    return 2 + 3 * draw(6, 3), draw(3), draw(3)


def replaces(function: Written) -> list[Swap]:
    def gradient(node: BatchNorm, grad: Array, with_relu: bool) -> tuple[Array | None, ...]:
        x, weight, *rest = node.saved_arrays
        mean, var = rest[-2:]
        sigma = np.sqrt(var + node.eps).astype(x.dtype)
        x_hat = (as_rows(x) - mean) / sigma
        w = np.ones_like(sigma) if weight is None else weight
        g = as_rows(grad)
        if with_relu:
            bias = rest[0] if rest[0] is not None else 0
            g = g * (x_hat * w + bias > 0)
        dx, dw, db = arrays(function(g, x_hat, sigma, w), 3)
        needs = node.needs_input_grad
        return from_rows(dx, x.shape), dw if needs[1] else None, db if needs[2] else None

    return [
        fused(BatchNorm, lambda node, grad, *unused: gradient(node, grad, with_relu=False)),
        fused(BatchNormRelu, lambda node, grad, *unused: gradient(node, grad, with_relu=True)),
    ]


def in_engine() -> list[Array]:
    inputs = numbers(4, 3, 2, 2), numbers(3), numbers(3, seed=1)
    return [
        g
        for norm in (F.batch_norm, F.batch_norm_relu)
        for g in gradients(lambda x, w, b, norm=norm: norm(x, None, None, w, b, training=True), *inputs)
    ]


EXERCISE = Exercise(
    slug="batch_norm",
    title="Three paths",
    chapter=7,
    function="batch_norm_backward",
    text=prose("""
        Batch norm's last step gives each channel a weight and a bias of its own:

            y = x_hat * w + b,     x_hat = (x - mu) / sigma

        x reaches y along three paths, and dx is the sum of all three. With g for the
        gradient of x_hat, and means over the rows, two of them are

            direct          g / sigma
            through mu     -(mean of g) / sigma                    (exercise 19)

        Find the third, through sigma, on paper. The slope of x_hat with respect to
        sigma is -x_hat / sigma, and that of sigma with respect to x[i] is
        x_hat[i] / N. All rows of a column share one sigma.

        Given: grad, the gradient of y; x_hat; sigma; w. One column a channel.
        Write: return dx, dw and db.
    """),
    template=code('''
        import numpy as np


        def batch_norm_backward(grad, x_hat, sigma, w):
            """Return dx, dw and db, where y = x_hat * w + b."""
            dw = ...
            db = ...
            dx = ...
            return dx, dw, db
    '''),
    hints=(
        "The last step first: y = x_hat * w + b is exercises 1 and 5 together. It gives dw, db, and g, the gradient "
        "of x_hat.",
        "dw sums grad * x_hat over the rows, db sums grad, and g = grad * w. The gradient of sigma is a sum over the "
        "rows of g * (-x_hat / sigma); each x[i] gets x_hat[i] / N of it. A sum divided by N is a mean.",
        "All three together:\n\n    dx = (g - g.mean(axis=0)\n          - x_hat * (g * x_hat).mean(axis=0)) / sigma",
    ),
    solution=code('''
        import numpy as np


        def batch_norm_backward(grad, x_hat, sigma, w):
            """Return dx, dw and db, where y = x_hat * w + b."""
            dw = (grad * x_hat).sum(axis=0)
            db = grad.sum(axis=0)
            g = grad * w
            direct = g
            through_mu = -g.mean(axis=0)
            through_sigma = -x_hat * (g * x_hat).mean(axis=0)
            dx = (direct + through_mu + through_sigma) / sigma
            return dx, dw, db
    '''),
    why=prose("""
        x_hat does not change if a channel is shifted or scaled. So the gradient of x
        may have no part along a shift (a constant: that is what the term through mu
        takes away) and none along a scaling (a multiple of x_hat: the term through
        sigma). What is left is the direct gradient without these two directions.

        See it: hold mu and sigma fixed, one at a time, with detach:

            import minigrad as mg
            x = mg.randn(5, dtype=mg.float64, requires_grad=True)
            g = mg.randn(5, dtype=mg.float64)
            mu = x.mean()
            sigma = ((x - mu) ** 2).mean().sqrt()
            def path(x, mu, sigma, leaf=x):
                y = ((x - mu) / sigma * g).sum()
                print(mg.autograd.grad(y, leaf, retain_graph=True)[0])
            path(x, mu.detach(), sigma.detach())
            path(x.detach(), mu, sigma.detach())
            path(x.detach(), mu.detach(), sigma)
            path(x, mu, sigma)                       # the sum of the three

        In the engine: class BatchNorm in minigrad/ops/norm.py.
    """),
    returns=("dx", "dw", "db"),
    probes=derivative(forward, (small, large), {"dx": 0, "dw": 1, "db": 2}, saved),
    mistakes=(
        Mistake(
            "statistics held fixed",
            {"direct + through_mu + through_sigma": "direct"},
            "Only the direct path is there. mu and sigma depend on x, too: two paths are missing.",
        ),
        Mistake(
            "path through sigma forgotten",
            {" + through_sigma": ""},
            "The path through sigma is missing: -x_hat * (mean of g * x_hat).",
        ),
        Mistake(
            "path through mu forgotten",
            {" + through_mu": ""},
            "The path through mu is missing: -(mean of g).",
        ),
        Mistake(
            "mean without count",
            {"g.mean(axis=0)": "g.sum(axis=0)", "(g * x_hat).mean(axis=0)": "(g * x_hat).sum(axis=0)"},
            "The two means over the batch are sums here: divide by the number of rows.",
        ),
        Mistake(
            "weight forgotten",
            {"g = grad * w": "g = grad"},
            "The weight is missing: the gradient of x_hat is grad * w.",
        ),
        Mistake(
            "sigma forgotten",
            {" / sigma": ""},
            "All three paths are divided by sigma, since x_hat is.",
        ),
        Mistake(
            "divided by the variance",
            {" / sigma": " / sigma ** 2"},
            "Divided by sigma squared. x_hat = (x - mu) / sigma: divide by sigma once.",
        ),
        Mistake(
            "sign of the path through sigma",
            {"through_sigma = -x_hat": "through_sigma = x_hat"},
            "A larger sigma makes x_hat smaller: the path through sigma has a minus.",
        ),
        Mistake(
            "sum over the batch missing",
            {"dw = (grad * x_hat).sum(axis=0)": "dw = grad * x_hat"},
            "dw has a row for each example. w serves all of them: sum over the rows.",
        ),
        Mistake(
            "mean over the batch",
            {"(grad * x_hat).sum(axis=0)": "(grad * x_hat).mean(axis=0)", "grad.sum(axis=0)": "grad.mean(axis=0)"},
            "dw and db are means over the rows. They are sums: the loss has divided already.",
        ),
        Mistake(
            "x_hat forgotten in dw",
            {"dw = (grad * x_hat)": "dw = grad"},
            "dw is db here: w is multiplied by x_hat, so its gradient is the sum of grad * x_hat.",
        ),
        Mistake(
            "N - 1 for N",
            {
                "through_mu = -g.mean(axis=0)": "through_mu = -g.sum(axis=0) / (len(g) - 1)",
                "(g * x_hat).mean(axis=0)": "(g * x_hat).sum(axis=0) / (len(g) - 1)",
            },
            "The sums are divided by N - 1. Batch norm's mean and sigma divide by N, and so do the paths through them.",
        ),
        Mistake(
            "N - 1 for N",
            {"(g * x_hat).mean(axis=0)": "(g * x_hat).sum(axis=0) / (len(g) - 1)"},
            "The path through sigma is divided by N - 1. Batch norm's sigma divides by N, and so does the path "
            "through it.",
        ),
        Mistake(
            "mean over the wrong dimension",
            {"-g.mean(axis=0)": "-g.mean(axis=1, keepdims=True)"},
            "In the path through mu the mean goes over the channels. mu is the mean of a column: axis=0.",
        ),
        Mistake(
            "mean over the wrong dimension",
            {"(g * x_hat).mean(axis=0)": "(g * x_hat).mean(axis=1, keepdims=True)"},
            "In the path through sigma the mean goes over the channels. sigma belongs to a column: axis=0.",
        ),
        Mistake(
            "mean over the wrong dimension",
            {
                "-g.mean(axis=0)": "-g.mean(axis=1, keepdims=True)",
                "(g * x_hat).mean(axis=0)": "(g * x_hat).mean(axis=1, keepdims=True)",
            },
            "The means go over the channels (that is layer norm). mu and sigma belong to a column: axis=0.",
        ),
        Mistake(
            "mean over everything",
            {"-g.mean(axis=0)": "-g.mean()", "(g * x_hat).mean(axis=0)": "(g * x_hat).mean()"},
            "The means go over all channels at once. Each column has a mu and a sigma of its own: axis=0.",
        ),
        Mistake(
            "sign of the path through mu",
            {"through_mu = -g": "through_mu = g"},
            "A larger mu makes x_hat smaller: the path through mu has a minus.",
        ),
        Mistake(
            "signs of both paths",
            {"through_mu = -g": "through_mu = g", "through_sigma = -x_hat": "through_sigma = x_hat"},
            "A larger mu and a larger sigma make x_hat smaller: both paths have a minus.",
        ),
        Mistake(
            "x_hat forgotten in the path through sigma",
            {"through_sigma = -x_hat * (g": "through_sigma = -(g"},
            "In the path through sigma x_hat stands twice: within the mean, where sigma acts on all rows, and in "
            "front of it, as the slope of sigma with respect to x[i].",
        ),
        Mistake(
            "x_hat forgotten in the path through sigma",
            {"(g * x_hat).mean(axis=0)": "g.mean(axis=0)"},
            "In the path through sigma x_hat stands twice: in front of the mean and within it, since the slope of "
            "x_hat with respect to sigma is -x_hat / sigma.",
        ),
        Mistake(
            "path through sigma counted twice",
            {"through_sigma = -x_hat": "through_sigma = -2 * x_hat"},
            "The path through sigma is twice as large as it should be. The 2 of the square cancels against the 1/2 "
            "of the root.",
        ),
        Mistake(
            "path through sigma halved",
            {"through_sigma = -x_hat": "through_sigma = -x_hat / 2"},
            "The path through sigma is half as large as it should be. The 1/2 of the root cancels against the 2 of "
            "the square.",
        ),
        Mistake(
            "multiplied by sigma",
            {" / sigma": " * sigma"},
            "Multiplied by sigma. x_hat = (x - mu) / sigma: divide by it.",
        ),
        Mistake(
            "sigma taken for the variance",
            {" / sigma": " / np.sqrt(sigma)"},
            "Divided by the root of sigma. sigma is the root of the variance already.",
        ),
        Mistake(
            "one path not divided by sigma",
            {"(direct + through_mu + through_sigma) / sigma": "direct + (through_mu + through_sigma) / sigma"},
            "The direct path is not divided by sigma.",
        ),
        Mistake(
            "one path not divided by sigma",
            {"(direct + through_mu + through_sigma) / sigma": "(direct + through_sigma) / sigma + through_mu"},
            "The path through mu is not divided by sigma.",
        ),
        Mistake(
            "one path not divided by sigma",
            {"(direct + through_mu + through_sigma) / sigma": "(direct + through_mu) / sigma + through_sigma"},
            "The path through sigma is not divided by sigma.",
        ),
        Mistake(
            "path through sigma divided twice",
            {"(direct + through_mu + through_sigma) / sigma": "(direct + through_mu + through_sigma / sigma) / sigma"},
            "The path through sigma is divided by sigma squared. One of the two is in x_hat already.",
        ),
        Mistake(
            "sum over the wrong dimension",
            {"grad.sum(axis=0)": "grad.sum(axis=1)"},
            "db is summed over the channels. Each channel has a bias, which serves all rows: sum over axis 0.",
        ),
        Mistake(
            "weight in its own gradient",
            {"(grad * x_hat).sum": "(grad * x_hat * w).sum"},
            "dw is multiplied by w. In y = x_hat * w + b the slope for w is x_hat alone.",
        ),
        Mistake(
            "weight in the gradient of the bias",
            {"db = grad.sum": "db = (grad * w).sum"},
            "db is multiplied by w. The bias is added after the weight: its slope is 1.",
        ),
        Mistake(
            "weight counted twice",
            {" / sigma": " * w / sigma"},
            "w is a factor twice. It is in g already.",
        ),
        Mistake(
            "weight on the direct path alone",
            {"direct = g\n": "direct = g\n    g = grad\n"},
            "Only the direct path has the weight. All three start from g = grad * w.",
        ),
        Mistake(
            "direct path forgotten",
            {"direct + through_mu": "through_mu"},
            "The direct path is missing: g itself.",
        ),
        Mistake(
            "direct path summed",
            {"direct = g\n": "direct = g.sum(axis=0)\n"},
            "The direct path is summed over the rows. It leads from each x_hat[i] to its own x[i]: no sum.",
        ),
        Mistake(
            "square of x_hat",
            {
                "-x_hat * (g * x_hat).mean(axis=0)": "-(x_hat**2) * g.mean(axis=0)",
            },
            "x_hat is squared in front of the mean. One x_hat stands in front, the other within the mean: g * x_hat.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset(),
    properties=(linear_in_grad(forward, large, 3, saved),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="BatchNorm.backward",
)
