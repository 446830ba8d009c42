"""Exercise: the forward pass of batch normalisation."""

from __future__ import annotations

import numpy as np

from minigrad.creation import from_numpy
from minigrad.learn.derivative import normal, whole
from minigrad.learn.engine_runs import numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.rows import as_rows, from_rows
from minigrad.learn.swap import arrays
from minigrad.nn import functional as F
from minigrad.ops.norm import BatchNorm
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = [Probe((np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 20.0]]), 1e-5), "one element", "Two columns, eps = 1e-5.")]
    made += [Probe((whole(random)(4, 3), eps), "one element", f"eps = {eps}.") for eps in (1e-3, 0.5)]
    made += [Probe((3 + 2 * normal(random)(*s), 1e-3), "numbers", "Random numbers.") for s in ((5, 2), (8, 4))]
    return [*made, Probe((np.full((3, 2), 7.0), 1e-3), "numbers", "Each column is constant.")]


def _mean_0_deviation_1(function: Written, random: np.random.Generator) -> str | None:
    x = 5 + 3 * random.standard_normal((50, 4))
    x_hat, _ = arrays(function(x, 1e-12), 2)
    if not np.allclose(x_hat.mean(axis=0), 0, atol=1e-9) or not np.allclose((x_hat**2).mean(axis=0), 1):
        return "the columns of x_hat have other means or mean squares."
    if not np.allclose(arrays(function(10 * x - 4, 1e-12), 2)[0], x_hat):
        return "x_hat changes if x is scaled and shifted."
    return None


def replaces(function: Written) -> list[Swap]:
    def forward(
        node: BatchNorm, x: Array, weight: Array | None, bias: Array | None, *, eps: float
    ) -> tuple[Array, Array, Array]:
        node.eps = eps
        x_hat, sigma = arrays(function(as_rows(x), eps), 2)
        y = x_hat if weight is None else x_hat * weight
        y = y if bias is None else y + bias
        mean, var = as_rows(x).mean(0), (sigma**2 - eps).astype(x.dtype)
        node.save_for_backward(x, weight, mean, var)
        node.mark_non_differentiable(mean, var)
        return from_rows(np.asarray(y.astype(x.dtype)), x.shape), mean, var

    return [Swap(BatchNorm, "forward", forward)]


def in_engine() -> list[Array]:
    x, w, b = from_numpy(numbers(4, 3, 2, 2)), from_numpy(numbers(3)), from_numpy(numbers(3, seed=1))
    return [F.batch_norm(x, None, None, w, b, training=True).array]


EXERCISE = Exercise(
    slug="normalize",
    title="Mean 0, deviation 1",
    chapter=7,
    function="normalize",
    text=prose("""
        Deep in a network, a layer's inputs change their size whenever the layers
        before it learn. Batch normalisation makes them calm: each channel gets mean
        0 and standard deviation 1, over the batch (and the pixels).

            mu    = mean of the column
            sigma = square root of (mean of (x - mu)^2, plus eps)
            x_hat = (x - mu) / sigma

        The mean of the squares is the variance; np.sqrt takes the root. The small eps
        keeps sigma from 0 where a channel is constant.

        Given: x, one column for each channel, and one row for each example (and
            pixel); eps.
        Write: return x_hat, of x's shape, and sigma, a number for each column.
    """),
    template=code('''
        import numpy as np


        def normalize(x, eps):
            """Return x_hat and sigma."""
            sigma = ...
            x_hat = ...
            return x_hat, sigma
    '''),
    hints=(
        "All means go over the rows: axis=0. Compute x - mean once, and use it twice.",
        "The variance is the mean of the squares of the centred x: divide by N, not by N - 1.",
        "With centred = x - x.mean(axis=0):\n\n    sigma = np.sqrt((centred * centred).mean(axis=0) + eps)\n"
        "    x_hat = centred / sigma",
    ),
    solution=code('''
        import numpy as np


        def normalize(x, eps):
            """Return x_hat and sigma."""
            centred = x - x.mean(axis=0)
            variance = (centred * centred).mean(axis=0)
            sigma = np.sqrt(variance + eps)
            x_hat = centred / sigma
            return x_hat, sigma
    '''),
    why=prose("""
        eps stands under the root, so sigma is at least sqrt(eps), and its slope is
        finite there. The variance divides by N. There is another one, which divides
        by N - 1 and estimates the variance of all data from a sample; batch norm
        uses that for its running statistics, but not here: with N the columns of
        x_hat have exactly the mean square 1 (up to eps).

        In the engine: class BatchNorm in minigrad/ops/norm.py.
    """),
    returns=("x_hat", "sigma"),
    probes=probes,
    mistakes=(
        Mistake(
            "biased variance expected",
            {"(centred * centred).mean(axis=0)": "(centred * centred).sum(axis=0) / (len(x) - 1)"},
            "The variance was divided by N - 1 (unbiased). Batch norm normalises with the biased one: divide by N.",
        ),
        Mistake(
            "eps outside the root",
            {"np.sqrt(variance + eps)": "np.sqrt(variance) + eps"},
            "eps was added to the root. It stands inside: np.sqrt(variance + eps).",
        ),
        Mistake(
            "eps forgotten",
            {"variance + eps": "variance"},
            "eps is missing: a constant channel divides by 0.",
        ),
        Mistake(
            "root forgotten",
            {"np.sqrt(variance + eps)": "variance + eps"},
            "This divides by the variance. Divide by its square root.",
        ),
        Mistake(
            "mean not subtracted",
            {"x_hat = centred / sigma": "x_hat = x / sigma"},
            "x_hat lacks the first half: the mean was not subtracted.",
        ),
        Mistake(
            "variance without the mean",
            {"(centred * centred)": "(x * x)"},
            "The squares are those of x. The variance is the mean of (x - mu) squared.",
        ),
        Mistake(
            "statistics over the wrong dimension",
            {"x.mean(axis=0)": "x.mean(axis=1, keepdims=True)"},
            "The mean goes over the rows of the batch, axis=0: one for each channel.",
        ),
        Mistake(
            "statistics over everything",
            {"(centred * centred).mean(axis=0)": "(centred * centred).mean() * np.ones(x.shape[1])"},
            "One variance for all channels. Each column has its own: axis=0.",
        ),
        Mistake(
            "mean without count",
            {"(centred * centred).mean(axis=0)": "(centred * centred).sum(axis=0)"},
            "The squares were added up, but not divided by their number.",
        ),
        Mistake(
            "mean absolute deviation",
            {"(centred * centred).mean(axis=0)": "abs(centred).mean(axis=0) ** 2"},
            "This is the mean of |x - mean|, squared. The variance is the mean of the squares.",
        ),
        Mistake(
            "multiplied by sigma",
            {"centred / sigma": "centred * sigma"},
            "Multiplied by sigma. Dividing by it makes the deviation 1.",
        ),
        Mistake(
            "statistics over everything",
            {"x.mean(axis=0)": "x.mean()"},
            "The mean is over all columns. Each column has a mean of its own: axis=0.",
        ),
        Mistake(
            "variance returned",
            {"return x_hat, sigma": "return x_hat, variance"},
            "The second result is the variance. sigma is asked for, the root of variance + eps.",
        ),
        Mistake(
            "square of the mean",
            {"(centred * centred).mean(axis=0)": "centred.mean(axis=0) ** 2"},
            "The mean of what is centred is 0, and so is its square. Square first, then take the mean.",
        ),
        Mistake(
            "larger of variance and eps",
            {
                "np.sqrt(variance + eps)": "np.sqrt(np.maximum(variance, eps))",
            },
            "The larger of variance and eps is taken. Both are added: variance + eps.",
        ),
        Mistake(
            "parentheses missing",
            {
                "x_hat = centred / sigma": "x_hat = x - x.mean(axis=0) / sigma",
            },
            "Only the mean is divided by sigma. Parentheses: (x - mu) / sigma.",
        ),
        Mistake(
            "root taken twice",
            {
                "np.sqrt(variance + eps)": "np.sqrt(np.sqrt(variance) + eps)",
            },
            "The root is taken twice. sigma is the square root of variance + eps.",
        ),
        Mistake(
            "statistics over the wrong dimension",
            {
                "axis=0)\n    sigma": "axis=1, keepdims=True)\n    sigma",
                "x.mean(axis=0)": "x.mean(axis=1, keepdims=True)",
            },
            "Mean and variance go over the channels of each example (that is layer norm). Batch norm "
            "takes them over the rows, axis=0.",
        ),
        Mistake(
            "square of the mean forgotten",
            {
                "(centred * centred).mean(axis=0)": "(x * x).mean(axis=0) - x.mean(axis=0)",
            },
            "The variance is the mean of the squares minus the *square* of the mean.",
        ),
    ),
    teaches=frozenset({"np.sqrt"}),
    terms=frozenset({"Batch normalisation", "variance"}),
    properties=(Property("with a tiny eps each column has mean 0 and mean square 1", _mean_0_deviation_1),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="BatchNorm.forward",
)
