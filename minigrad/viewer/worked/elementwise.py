"""An element of an operation that works element by element: its formula with the numbers put in.

No list says which operations these are. The operation is run again on the one element, and on a few others;
if the results are those that it computed in the whole tensor, an element depends on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from minigrad.engine.grad_mode import no_grad
from minigrad.typing import Array, Shape
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.signatures import input_names
from minigrad.viewer.sources import source_of
from minigrad.viewer.worked.element import Element, Run, alone, wide, with_sum

_TRIED = 5  # elements beside the one that is worked out


def output(run: Run, at: Index) -> Element | None:
    """Work out an element by the operation's formula; None if the operation does not work element by element."""
    y = run.outputs[0]
    if y is None or not _fits(run.inputs, y.shape):
        return None
    values = {name: value for name, value in _values(run, at).items() if value is not None}
    if not values or not _works_alone(run, at):
        return None
    formula = source_of(type(run.node)).formula
    left, right = _sides(formula)
    name = right or formula or type(run.node).__name__
    element = Element(place(left or "y", at), name, number(y[at]), kind="elementwise")
    inputs = [name for name in values if re.search(rf"(?<![\w∂]){re.escape(name)}(?![\w])", right)]
    if right and len(inputs) == len(values):
        element.known = [("in numbers", _put_in(right, values))]
    element.known += [(name, number(value)) for name, value in values.items()]
    for k, x in enumerate(run.inputs):
        if isinstance(x, np.ndarray):
            element.marks[k] = alone(_own(at, x.shape))
    return element


def gradient(run: Run, k: int, at: Index) -> Element | None:
    """Work out an element of a gradient: what arrived, times the slope; summed where the input was broadcast."""
    y, g, result = run.outputs[0], run.gradients[0], run.results[k]
    if g is None or result is None:
        return None
    name = input_names(type(run.node), k + 1)[k]
    source = source_of(type(run.node))
    derivative = _derivative_of(source.derivative, name)
    if result.shape != g.shape:
        return None
    element = Element(place(f"∂L/∂{name}", at), derivative or source.derivative, number(result[at]))
    left = _sides(source.formula)[0] or "y"
    element.known = [(f"∂L/∂{left}", number(g[at]))]
    element.known += [(key, number(value)) for key, value in _values(run, at).items() if value is not None]
    if y is not None:
        element.known.append((left, number(y[at])))
    element.gradient_mark = alone(at)
    if derivative and " where " not in derivative:
        known = {f"∂L/∂{left}": float(g[at]), left: None if y is None else float(y[at]), **_values(run, at)}
        element.known.insert(0, ("in numbers", _put_in(derivative.partition("=")[2].strip(), known)))
    if " where " not in derivative and derivative:
        return element
    if float(g[at]) != 0 and np.isfinite(result[at]):
        slope = float(result[at]) / float(g[at])
        element.known.append((f"∂{left}/∂{name} here", number(slope)))
    return element


def broadcast_gradient(run: Run, k: int, at: Index, raw: Array) -> Element:
    """Work out an element of a gradient whose input was broadcast: the sum over its copies (engine/backward.py)."""
    result = run.results[k]
    assert result is not None
    name = input_names(type(run.node), k + 1)[k]
    element = Element(
        place(f"∂L/∂{name}", at), f"Σ over the copies that broadcasting made of {name}", number(result[at])
    )
    new = raw.ndim - result.ndim
    where = (slice(None),) * new + tuple(
        slice(None) if n == 1 else slice(i, i + 1) for n, i in zip(result.shape, at, strict=True)
    )
    start = tuple(part.start or 0 for part in where)

    def describe(index: Index) -> tuple[str, str]:
        return f"copy at [{', '.join(str(a + b) for a, b in zip(start, index, strict=True))}]", ""

    return with_sum(element, wide(raw[where]), describe)


def _fits(inputs: object, shape: Shape) -> bool:
    arrays = [x for x in inputs if isinstance(x, np.ndarray)]  # type: ignore[attr-defined]  # a sequence
    try:
        return bool(arrays) and np.broadcast_shapes(*[x.shape for x in arrays]) == shape
    except ValueError:
        return False


def _works_alone(run: Run, at: Index) -> bool:
    """Return whether the operation gives an element, and a few others, if it gets nothing but that element."""
    y = run.outputs[0]
    if y is None or any(isinstance(option, np.ndarray) and option.ndim for option in run.options.values()):
        return False
    if y.size == 1:
        return all(x.size == 1 for x in run.inputs if isinstance(x, np.ndarray))
    others = np.linspace(0, y.size - 1, _TRIED).astype(int)
    tried = [at, *[tuple(int(i) for i in np.unravel_index(k, y.shape)) for k in others]]
    return all(_is_reproduced(run, y, index) for index in tried)


def _is_reproduced(run: Run, y: Array, at: Index) -> bool:
    inputs = [x[_own(at, x.shape)].reshape(1) if isinstance(x, np.ndarray) and x.ndim else x for x in run.inputs]
    node = type(run.node)()
    node._edges = run.node._edges  # forward may look at which gradients are wanted
    try:
        with no_grad():
            again = node.forward(*inputs, **run.options)
    except Exception:  # whatever a Function of the reader's own raises: it needs more than one element
        return False
    same = isinstance(again, np.ndarray) and again.size == 1
    return same and bool(np.allclose(again.reshape(()), y[at], rtol=1e-5, atol=0, equal_nan=True))


def _values(run: Run, at: Index) -> dict[str, float | None]:
    """Return the value of every input at an element, by the name that ``forward`` gives it."""
    found: dict[str, float | None] = {}
    for name, x in zip(input_names(type(run.node), len(run.inputs)), run.inputs, strict=True):
        if isinstance(x, np.ndarray):
            found[name] = x[_own(at, x.shape)].item()
        else:
            found[name] = x if isinstance(x, int | float) else None
    return found


def _own(at: Index, shape: Shape) -> Index:
    """Return the index of the element of an input of this shape that was broadcast to ``at``."""
    return tuple(0 if n == 1 else i for n, i in zip(shape, at[len(at) - len(shape) :], strict=True))


def _sides(formula: str) -> tuple[str, str]:
    """Return the name on the left of a formula and its right side; empty if it is none."""
    found = re.match(r"^(\w)\s*[=←]\s*(.+)$", formula)
    return (found[1], found[2]) if found else ("", "")


def _derivative_of(text: str, name: str) -> str:
    """Return the part of "∂L/∂x = …,  ∂L/∂y = …" that is about one input."""
    for part in re.split(r"[,;]\s\s+", text):
        if re.match(rf"^∂\w/∂{re.escape(name)}\s*=", part):
            return part
    return ""


def _put_in(formula: str, values: Mapping[str, float | None]) -> str:
    """Return a formula with numbers in place of names; a negative one stands in parentheses."""
    known = {name: number(value) for name, value in values.items() if value is not None}
    if not known:
        return formula
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))

    def write(match: re.Match[str]) -> str:
        text = known[match[0]]
        return f"({text})" if text.startswith("-") else text

    return re.sub(rf"(?<![\w∂/])(?:{names})(?![\w/ᵢₖ])", write, formula)
