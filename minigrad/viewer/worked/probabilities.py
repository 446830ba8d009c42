"""An element of softmax, log softmax and cross entropy, and of their gradients (ops/cross_entropy.py)."""

from __future__ import annotations

import numpy as np

from minigrad.devices import to_host
from minigrad.ops.cross_entropy import CrossEntropy
from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, product, wide, with_sum


def softmax(run: Run, at: Index) -> Element | None:
    """Work out yᵢ = e^xᵢ / Σₖ e^xₖ: the terms are those of the sum below."""
    x, y = run.inputs[0], run.outputs[0]
    if x is None or y is None:
        return None
    dim = _dim(run, x)
    line = _line(x, at, dim)
    powers = np.exp(line - line.max())
    i = at[dim]
    element = Element(place("y", at), "e^xᵢ / Σ over k of e^xₖ, with the largest x subtracted from all", number(y[at]))
    element.known = [
        ("xᵢ", number(line[i])),
        ("e^xᵢ", number(powers[i])),
        ("Σ e^xₖ", number(powers.sum())),
        ("e^xᵢ / Σ e^xₖ", number(powers[i] / powers.sum())),
    ]
    largest = number(line.max())

    def describe(k: Index) -> tuple[str, str]:
        return f"e^{place('x', _at(at, dim, k[0]))}", f"e^({number(line[k[0]])} − {largest})"

    return with_sum(element, powers, describe)


def log_softmax(run: Run, at: Index) -> Element | None:
    """Work out yᵢ = xᵢ − ln Σₖ e^xₖ."""
    element = softmax(run, at)
    x = run.inputs[0]
    if element is None or x is None:
        return None
    line = _line(x, at, _dim(run, x))
    element.formula = "xᵢ − m − ln Σ over k of e^(xₖ − m), where m is the largest x"
    total = float(np.exp(line - line.max()).sum())
    element.known = [
        ("xᵢ", number(line[at[_dim(run, x)]])),
        ("m", number(line.max())),
        ("ln Σ e^(xₖ − m)", number(np.log(total))),
    ]
    return element


def softmax_gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂xᵢ = yᵢ · (∂L/∂yᵢ − Σₖ ∂L/∂yₖ · yₖ): the terms are those of the sum."""
    y, g, result = run.outputs[0], run.gradients[0], run.results[k]
    if y is None or g is None or result is None:
        return None
    dim = _dim(run, y)
    ys, gs, i = _line(y, at, dim), _line(g, at, dim), at[dim]
    element = Element(place("∂L/∂x", at), "yᵢ · (∂L/∂yᵢ − Σ over k of ∂L/∂yₖ · yₖ)", number(result[at]))
    element.known = [("yᵢ", number(ys[i])), ("∂L/∂yᵢ", number(gs[i])), ("Σ", number(float((ys * gs).sum())))]

    def describe(index: Index) -> tuple[str, str]:
        there = _at(at, dim, index[0])
        return f"{place('∂L/∂y', there)} · {place('y', there)}", product(gs[index], ys[index])

    return with_sum(element, gs * ys, describe)


def log_softmax_gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂xᵢ = ∂L/∂yᵢ − e^yᵢ · Σₖ ∂L/∂yₖ."""
    y, g, result = run.outputs[0], run.gradients[0], run.results[k]
    if y is None or g is None or result is None:
        return None
    dim = _dim(run, y)
    ys, gs, i = _line(y, at, dim), _line(g, at, dim), at[dim]
    element = Element(place("∂L/∂x", at), "∂L/∂yᵢ − e^yᵢ · Σ over k of ∂L/∂yₖ", number(result[at]))
    element.known = [("∂L/∂yᵢ", number(gs[i])), ("e^yᵢ", number(np.exp(ys[i]))), ("Σ", number(float(gs.sum())))]
    return with_sum(element, gs, lambda j: (place("∂L/∂y", _at(at, dim, j[0])), ""))


def cross_entropy(run: Run, at: Index) -> Element | None:
    """Work out the loss: each target's −Σ q · log p, and their mean or sum."""
    x, labels = run.inputs[:2]
    result, node = run.outputs[0], run.node
    if x is None or labels is None or result is None or not isinstance(node, CrossEntropy):
        return None
    q, log_p = _rows(wide(_wanted(run, node, x, labels))), _log_p(_rows(wide(x)))
    losses = -(q * log_p).sum(1).reshape(labels.shape)
    if node.reduction == "none":
        row = int(np.ravel_multi_index(at, labels.shape)) if at else 0
        element = Element(place("ℓ", at), "−Σ over c of q_c · log p_c", number(result[at]))
        return _of_target(element, q[row], log_p[row])
    divisor = float(to_host(node.divisor)) if node.divisor is not None else 1.0
    formula = "Σ over n of ℓ[n]" + (f" / {number(divisor)}" if node.reduction == "mean" else "")
    element = Element("L", formula, number(float(result)))
    first = int(labels.reshape(-1)[0])
    element.known = [("label of the first target", str(first))]
    if 0 <= first < log_p.shape[1]:
        element.known += [
            (f"{place('p', (first,))} of it", number(np.exp(log_p[0, first]))),
            (f"−{place('log p', (first,))} of it", number(-log_p[0, first])),
        ]

    def describe(index: Index) -> tuple[str, str]:
        symbols = place("ℓ", index)
        if node.reduction != "mean":
            return symbols, number(losses[index])
        return f"{symbols} / {number(divisor)}", f"{number(losses[index])} / {number(divisor)}"

    return with_sum(element, np.asarray(losses / divisor), describe)


def _of_target(element: Element, q: Array, log_p: Array) -> Element:
    def describe(c: Index) -> tuple[str, str]:
        return f"−{place('q', c)} · {place('log p', c)}", product(-q[c], log_p[c])

    return with_sum(element, -q * log_p, describe)


def cross_entropy_gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out ∂L/∂x[n, k] = (p · Σq − q) · share: predicted minus wanted."""
    x, labels = run.inputs[:2]
    g, result, node = run.gradients[0], run.results[k], run.node
    if k != 0 or x is None or labels is None or g is None or result is None or not isinstance(node, CrossEntropy):
        return None
    dim = _class_dim(x)
    target, c = (*at[:dim], *at[dim + 1 :]), at[dim]
    row = int(np.ravel_multi_index(target, labels.shape)) if target else 0
    q, p = _rows(wide(_wanted(run, node, x, labels)))[row], np.exp(_log_p(_rows(wide(x))))[row]
    share = float(g[target] if g.ndim else g)
    element = Element(place("∂L/∂x", at), "(p · Σq − q) · ∂L/∂ℓ", number(result[at]))
    element.known = [
        ("label", str(int(labels[target]))),
        ("p, predicted", number(p[c])),
        ("q, wanted", number(q[c])),
        ("Σq", number(float(q.sum()))),
        ("p · Σq − q", number(float(p[c] * q.sum() - q[c]))),
    ]
    if node.divisor is not None:
        element.known.append(("∂L/∂ℓ", f"{number(share)} / {number(float(to_host(node.divisor)))}"))
    return element


def _wanted(run: Run, node: CrossEntropy, x: Array, labels: Array) -> Array:
    weight = run.inputs[2] if len(run.inputs) > 2 else None
    return node.distribution(x, labels, weight)


def _class_dim(x: Array) -> int:
    return 1 if x.ndim > 1 else 0


def _rows(x: Array) -> Array:
    """Return the values with one target a row."""
    dim = _class_dim(x)
    return np.moveaxis(x, dim, -1).reshape(-1, x.shape[dim])  # N C … -> N … C -> N·… C


def _log_p(rows: Array) -> Array:
    shifted = rows - rows.max(1, keepdims=True)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return log_p


def _dim(run: Run, x: Array) -> int:
    return int(getattr(run.node, "dim", -1)) % max(x.ndim, 1)


def _line(array: Array, at: Index, dim: int) -> Array:
    """Return the elements along a dimension that holds the element ``at``."""
    return wide(array[tuple(slice(None) if d == dim else i for d, i in enumerate(at))])


def _at(at: Index, dim: int, k: int) -> Index:
    return (*at[:dim], k, *at[dim + 1 :])
