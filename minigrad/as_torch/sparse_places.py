"""The places and values that a matrix was given by, where it stands in for a sparse one.

A dense matrix does not tell a zero that was given from one that was not. So they are kept beside its array, for as long
as that lives; of any other matrix, the places are those of the elements that are not 0.
"""

from __future__ import annotations

import weakref

import minigrad
from minigrad import Tensor

_given: dict[int, tuple[Tensor, Tensor]] = {}


def keep(matrix: Tensor, places: Tensor, values: Tensor) -> None:
    """Keep the places (dimensions, count) and the values (count) of a matrix."""
    _given[id(matrix.array)] = places, values.detach()
    weakref.finalize(matrix.array, _given.pop, id(matrix.array), None)


def places(matrix: Tensor) -> Tensor:
    """Return the places of the elements that were given, (dimensions, count)."""
    kept = _given.get(id(matrix.array))
    return kept[0] if kept else matrix.nonzero().t()


def values(matrix: Tensor) -> Tensor:
    """Return the values that were given, (count)."""
    kept = _given.get(id(matrix.array))
    return kept[1] if kept else matrix[tuple(matrix.nonzero().t())]


def coalesced(matrix: Tensor) -> Tensor:
    """Return the same matrix with its places in order, each of them once."""
    if id(matrix.array) not in _given:
        return matrix
    unique = minigrad.unique(places(matrix), dim=1)
    result = matrix.clone()
    keep(result, unique, result[tuple(unique)])
    return result
