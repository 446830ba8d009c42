"""Replace functions of the engine for a while, and put them back.

An exercise names an attribute of a class or module of the engine and what stands there instead: mostly a few lines that
give the learner's function the arrays it is written for. Everything else of the engine stays as it is, and as fast.

>>> class Engine:
...     def backward(self):
...         return "the engine's"
>>> with swapped([Swap(Engine, "backward", lambda self: "yours")]):
...     Engine().backward()
'yours'
>>> Engine().backward()
"the engine's"
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from minigrad.engine.function import Function
from minigrad.learn.record import Swap, Written
from minigrad.typing import Array

_MISSING = object()


@contextmanager
def swapped(swaps: Sequence[Swap]) -> Iterator[None]:
    """Put the replacements in place, and the originals back at the end, also after an error."""
    originals: list[tuple[Swap, object]] = []
    try:
        for swap in swaps:
            originals.append((swap, vars(swap.owner).get(swap.name, _MISSING)))
            setattr(swap.owner, swap.name, swap.replacement)
        yield
    finally:
        for swap, original in reversed(originals):
            if original is _MISSING:  # it was inherited
                delattr(swap.owner, swap.name)
            else:
                setattr(swap.owner, swap.name, original)


@dataclass
class Counted:
    """A function that counts its calls and the seconds they take."""

    function: Written
    calls: int = 0
    seconds: float = 0.0

    def __call__(self, *arguments: object) -> object:
        start = time.perf_counter()
        try:
            return self.function(*arguments)
        finally:
            self.calls += 1
            self.seconds += time.perf_counter() - start


def arrays(result: object, count: int) -> tuple[Array, ...]:
    """Return what a learner's function returned as ``count`` arrays.

    Raises:
        TypeError: if it is not that.
    """
    several = result if isinstance(result, tuple) else (result,)
    if len(several) != count or not all(isinstance(x, np.ndarray | np.floating | float) for x in several):
        kinds = ", ".join(type(x).__name__ for x in several)
        raise TypeError(f"your function returned {kinds}, where {count} NumPy array{'s' * (count > 1)} must be")
    return tuple([np.asarray(x) for x in several])


def fused(operation: type[Function], backward: Written) -> Swap:
    """Let ``backward(node, grad)``, on arrays, be the derivative of an operation.

    The engine uses it where the gradient needs no gradient of its own. Gradients of gradients stay the engine's.
    """
    return Swap(operation, "fused_backward", backward)
