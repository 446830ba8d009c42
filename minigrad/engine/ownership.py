"""Memory of gradients: which arrays the engine may write into or keep, so that nothing is copied without need.

A gradient that arrives may be in use elsewhere: ``Add`` passes one array on to both of its inputs, and a hook or the
caller of ``backward`` may keep it. Three cases are safe:

- a sum that the engine has made itself, until the sum is complete: the next term is added in place;
- an array to which nothing else refers, when it arrives at a leaf: ``.grad`` takes it over. CPython's reference counts
  tell. This saves a copy of all parameters in every step;
- a ``.grad`` to which only its leaf refers: each gradient that arrives is added to it at once, and freed. Otherwise the
  new gradients of all parameters would be kept, beside the old ones, until their sums are complete.
"""

from __future__ import annotations

import sys

import numpy as np

from minigrad import kernels
from minigrad.devices import compute_beside, in_use
from minigrad.engine.memory import has_overlap
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.typing import Tensor


def add_up(total: Tensor, term: Tensor, in_place: bool) -> Tensor:
    """Return total + term outside the graph, in the memory of ``total`` if ``in_place``."""
    if in_use.several:
        compute_beside(term.array)
    if total.array.dtype != term.array.dtype:
        return total + term
    return wrap(kernels.of(total.array).add(total.array, term.array, out=total.array if in_place else None))


def accumulate(leaf: TensorBase, gradient: Tensor, create_graph: bool) -> None:
    """Do ``leaf.grad += gradient``: gradients add up over calls of backward until the user clears them."""
    if in_use.several:
        compute_beside(gradient.array)
    if gradient.array.dtype != leaf.array.dtype:
        gradient = gradient.to(leaf.array.dtype)
    total = leaf._grad
    if total is None and not create_graph:
        leaf._grad = wrap(gradient.array if _is_sole_owner(gradient) else np.copy(gradient.array, order="K"))
    elif total is None:
        leaf._grad = gradient
    elif create_graph or has_overlap(total.array):
        leaf._grad = total + gradient
    else:
        np.add(total.array, gradient.array, out=total.array)
        total._written_in_place()


def may_accumulate_early(leaf: TensorBase) -> bool:
    """Return whether ``leaf.grad`` may grow before the sweep ends: no hook and no other reference would show it."""
    total = leaf._grad
    hooks = leaf._hooks or leaf._hooks_after_accumulation
    return total is not None and not hooks and _is_sole_owner(total)


def _is_sole_owner(gradient: TensorBase) -> bool:
    """Return whether no view and no reference but the callers' refers to the memory of this gradient."""
    if has_overlap(gradient.array):
        return False
    if sys.getrefcount(gradient) <= _ALONE[0]:
        gradient._base = None  # nobody has the gradient but the engine, so nobody can write through it
    return all(count <= alone for count, alone in zip(_reference_counts(gradient), _ALONE, strict=True))


def _reference_counts(gradient: TensorBase) -> tuple[int, int, int]:
    """Count the references to the tensor, to its array, and to the array that this one is a view of."""
    array = gradient.array
    base = array.base
    return sys.getrefcount(gradient), sys.getrefcount(array), 0 if base is None else sys.getrefcount(base)


def _count_references_of_a_sole_owner() -> tuple[int, int, int]:
    gradient = wrap(np.zeros((2, 3)).T)
    return (lambda argument: (lambda argument: _reference_counts(argument))(argument))(gradient)  # as deep as above


_ALONE = _count_references_of_a_sole_owner()
