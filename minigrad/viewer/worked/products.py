"""An element of a matrix product or of a linear layer, and of their gradients: sums of products (ops/linalg.py)."""

from __future__ import annotations

from minigrad.typing import Array
from minigrad.viewer.samples import Index, number, place
from minigrad.viewer.worked.element import Element, Run, Term, alone, product, wide, with_sum


def linear(run: Run, at: Index) -> Element | None:
    """Work out y[r, k]: row r of x times row k of the weights, plus the bias."""
    x, w, b = run.inputs
    y = run.outputs[0]
    if x is None or w is None or y is None:
        return None
    *row, k = at
    bias = [] if b is None else [Term(place("b", (k,)), "", number(b[k]))]
    element = Element(place("y", at), "Σ over j of x[r, j] · W[k, j]" + (" + b[k]" if bias else ""), number(y[at]))
    width = x.shape[-1]
    element.marks[0] = ((*row, 0), (row[-1] if row else 0, 0, 1, width))
    element.marks[1] = ((k, 0), (k, 0, 1, width))
    element.marks[2] = alone((k,))
    return _dot(element, ("x", x, (*row, None)), ("W", w, (k, None)), bias)


def linear_gradient(run: Run, i: int, at: Index) -> Element | None:
    """Work out an element of ∂L/∂x = g W, of ∂L/∂W = gᵀ x, or of ∂L/∂b = the sum of g over the rows."""
    x, w = run.inputs[:2]
    result, g = run.results[i], run.gradients[0]
    if result is None or g is None:
        return None
    value, name = number(result[at]), place(f"∂L/∂{'xWb'[i]}", at)
    if i == 0 and w is not None:
        element = Element(name, "Σ over k of ∂L/∂y[r, k] · W[k, j]", value)
        element.gradient_mark = ((*at[:-1], 0), (at[-2] if len(at) > 1 else 0, 0, 1, g.shape[-1]))
        return _dot(element, ("∂L/∂y", g, (*at[:-1], None)), ("W", w, (None, at[-1])))
    if i == 1 and x is not None and g.ndim == 2:
        element = Element(name, "Σ over r of ∂L/∂y[r, k] · x[r, j]", value)
        element.gradient_mark = ((0, at[0]), (0, at[0], g.shape[0], 1))
        return _dot(element, ("∂L/∂y", g, (None, at[0])), ("x", x, (None, at[1])))
    if i == 2 and g.ndim == 2:
        element = Element(name, "Σ over r of ∂L/∂y[r, k]", value)
        return with_sum(element, wide(g[:, at[0]]), lambda r: (place("∂L/∂y", (*r, at[0])), ""))
    return None


def matmul(run: Run, at: Index) -> Element | None:
    """Work out C[i, k]: row i of A times column k of B."""
    a, b = run.inputs
    c = run.outputs[0]
    if a is None or b is None or c is None or min(a.ndim, b.ndim) < 2:
        return None
    *batch, i, k = at
    element = Element(place("C", at), "Σ over j of A[i, j] · B[j, k]", number(c[at]))
    of_a, of_b = _of_batch(a, batch), _of_batch(b, batch)
    element.marks[0] = ((*of_a, i, 0), (i, 0, 1, a.shape[-1]))
    element.marks[1] = ((*of_b, 0, k), (0, k, b.shape[-2], 1))
    return _dot(element, ("A", a, (*of_a, i, None)), ("B", b, (*of_b, None, k)))


def matmul_gradient(run: Run, which: int, at: Index) -> Element | None:
    """Work out an element of ∂L/∂A = g Bᵀ or of ∂L/∂B = Aᵀ g; not where a batch was broadcast."""
    a, b = run.inputs
    result, g = run.results[which], run.gradients[0]
    if result is None or g is None or g.shape[:-2] != result.shape[:-2]:
        return None
    *batch, row, column = at
    if which == 0 and b is not None:
        element = Element(place("∂L/∂A", at), "Σ over k of ∂L/∂C[i, k] · B[j, k]", number(result[at]))
        return _dot(element, ("∂L/∂C", g, (*batch, row, None)), ("B", b, (*_of_batch(b, batch), column, None)))
    if which == 1 and a is not None:
        element = Element(place("∂L/∂B", at), "Σ over i of A[i, j] · ∂L/∂C[i, k]", number(result[at]))
        return _dot(element, ("A", a, (*_of_batch(a, batch), None, row)), ("∂L/∂C", g, (*batch, None, column)))
    return None


Line = tuple[str, Array, tuple[int | None, ...]]  # a name, an array, and the index of a line in it; None runs along it


def _dot(element: Element, a: Line, b: Line, more: list[Term] | None = None) -> Element:
    """Add the products of two lines, element by element, as terms."""
    left, right = _elements(a), _elements(b)

    def describe(index: Index) -> tuple[str, str]:
        (j,) = index
        names = f"{place(a[0], _along(a[2], j))} · {place(b[0], _along(b[2], j))}"
        return names, product(left[j], right[j])

    return with_sum(element, wide(left) * wide(right), describe, more or ())


def _elements(line: Line) -> Array:
    elements: Array = line[1][tuple(slice(None) if i is None else i for i in line[2])]
    return elements


def _along(index: tuple[int | None, ...], j: int) -> Index:
    return tuple(j if i is None else i for i in index)


def _of_batch(array: Array, batch: list[int]) -> tuple[int, ...]:
    """Return the index of a matrix of ``array`` where the batch may have been broadcast."""
    own = array.shape[:-2]
    return tuple(0 if n == 1 else i for n, i in zip(own, batch[len(batch) - len(own) :], strict=True))
