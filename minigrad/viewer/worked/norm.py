"""An element of a batch norm and of its gradients: the three paths in numbers (ops/norm.py)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.ops.norm import BatchNormEval, BatchNormEvalRelu, BatchNormRelu
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, Term, alone, product, wide, with_sum


class _Channel(NamedTuple):
    """One channel, in float64: x, its mean and standard deviation, and x̂; weight and bias."""

    x: Array
    mean: float
    sigma: float
    x_hat: Array
    weight: float
    bias: float


def output(run: Run, at: Index) -> Element | None:
    """Work out y: the element without the channel's mean, divided by its standard deviation, scaled and shifted."""
    y = run.outputs[0]
    channel = _channel(run, at[1])
    if y is None or channel is None:
        return None
    here = (at[0], *at[2:])
    formula = "(x − μ) / σ · w + b"
    element = Element(place("y", at), f"max({formula}, 0)" if _has_relu(run) else formula, number(y[at]))
    element.known = [
        ("x", number(channel.x[here])),
        ("μ", number(channel.mean)),
        ("σ", number(channel.sigma)),
        ("x̂ = (x − μ) / σ", number(channel.x_hat[here])),
        ("w", number(channel.weight)),
        ("b", number(channel.bias)),
        ("x̂ · w + b", number(channel.x_hat[here] * channel.weight + channel.bias)),
    ]
    element.marks = {0: alone(at), 1: alone((at[1],)), 2: alone((at[1],))}
    return element


def gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out an element of the gradient of x, along its three paths; or of the weight's, or of the bias's."""
    result, g = run.results[k], run.gradients[0]
    c = at[1] if k == 0 else at[0]
    channel = _channel(run, c)
    if result is None or g is None or channel is None:
        return None
    arriving = wide(g[:, c])
    if _has_relu(run):
        y = channel.x_hat * channel.weight + channel.bias
        arriving = np.where(y > 0, arriving, 0.0)
    if k == 0:
        return _of_input(run, channel, arriving, at, result)
    name = "∂L/∂w" if k == 1 else "∂L/∂b"
    values = arriving * channel.x_hat if k == 1 else arriving

    def describe(index: Index) -> tuple[str, str]:
        there = place("∂L/∂y", (index[0], c, *index[1:]))
        if k == 2:
            return there, ""
        return f"{there} · {place('x̂', (index[0], c, *index[1:]))}", product(arriving[index], channel.x_hat[index])

    formula = "Σ of ∂L/∂y · x̂ over the channel" if k == 1 else "Σ of ∂L/∂y over the channel"
    return with_sum(Element(place(name, at), formula, number(result[at])), values, describe)


def _of_input(run: Run, channel: _Channel, arriving: Array, at: Index, result: Array) -> Element:
    here, sigma = (at[0], *at[2:]), channel.sigma
    g_hat = arriving * channel.weight
    element = Element(place("∂L/∂x", at), "(ĝ − mean ĝ − x̂ · mean(ĝ · x̂)) / σ", number(result[at]))
    element.known = [("ĝ = ∂L/∂y · w", number(g_hat[here])), ("σ", number(sigma))]
    element.gradient_mark = alone(at)
    if isinstance(run.node, BatchNormEval):
        element.formula = "∂L/∂y · w / σ"
        return element
    mean, along = float(g_hat.mean()), float((g_hat * channel.x_hat).mean())
    x_hat = float(channel.x_hat[here])
    element.known += [("mean ĝ", number(mean)), ("x̂", number(x_hat)), ("mean(ĝ · x̂)", number(along))]
    element.terms = [
        Term("directly: ĝ / σ", f"{number(g_hat[here])} / {number(sigma)}", number(g_hat[here] / sigma)),
        Term("via μ: −mean ĝ / σ", f"{number(-mean)} / {number(sigma)}", number(-mean / sigma)),
        Term(
            "via σ: −x̂ · mean(ĝ · x̂) / σ",
            f"{product(-x_hat, along)} / {number(sigma)}",
            number(-x_hat * along / sigma),
        ),
    ]
    return element


def _channel(run: Run, c: int) -> _Channel | None:
    x, weight, bias = run.inputs[:3]
    if x is None:
        return None
    seen = wide(x[:, c])
    eps = float(getattr(run.node, "eps", 0.0))
    if isinstance(run.node, BatchNormEval):
        mean_, var_ = run.inputs[3:5]
        if mean_ is None or var_ is None:
            return None
        mean, sigma = float(mean_[c]), float(np.sqrt(float(var_[c]) + eps))
    else:
        mean, sigma = float(seen.mean()), float(np.sqrt(seen.var() + eps))
    w, b = (1.0 if weight is None else float(weight[c])), (0.0 if bias is None else float(bias[c]))
    return _Channel(seen, mean, sigma, (seen - mean) / sigma, w, b)


def _has_relu(run: Run) -> bool:
    return isinstance(run.node, BatchNormRelu | BatchNormEvalRelu)
