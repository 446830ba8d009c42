"""The distance of two correct results: how far a result moves when what it is computed from is rounded.

The terms of a sum are rounded, and if they cancel, their errors are large beside the sum: no share of the *result* says
how large. The terms cannot be seen from outside, but the inputs that they are made of can be moved. If each number x
becomes x (1 ± u), where u is half the distance from 1 to the next number of the dtype, then a sum of terms tᵢ moves by

        u · √Σ tᵢ²        as a root mean square over the signs,

which is also the size of the rounding errors of the tᵢ. (Numerical analysis calls this the condition of the problem,
and an algorithm that errs no more than this *backward stable*.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.testing.close import as_numpy
from minigrad.typing import Array

DIRECTIONS = 16  # choices of the signs
ROUNDINGS = 6.0  # times the root mean square: several roundings of each term, in each of two libraries, and chance
STEP = 1 / 8  # of u, by which the inputs move: so no two change places

#: Groups of arguments; the arrays among them are moved.
Groups = Sequence[Sequence[object]]


def rounding_errors(compute: Callable[..., Sequence[object]], *groups: Sequence[object]) -> list[Array] | None:
    """Return for each result of ``compute(*groups)`` how far its elements may lie from those of another computation.

    Everything is computed in float64, with floating arrays moved at random (equal numbers alike, so that what was a tie
    stays one), there and back: what moves in one direction only has a kink there, which is no rounding error.

    Args:
        compute: returns tensors (or ``None``) for groups of arguments.
        groups: the arguments; the errors are those of the coarsest floating dtype among their arrays.

    Returns:
        The errors, 0 where a result is not finite; or ``None`` if ``compute`` takes no float64.
    """
    floats = [x for group in groups for x in group if isinstance(x, np.ndarray) and _is_floating(x)]
    unit = max((float(np.finfo(x.dtype).eps) for x in floats), default=0.0) / 2
    numbers = np.concatenate([x.ravel().astype(np.float64) for x in floats]) if floats else np.empty(0)
    distinct, which = np.unique(numbers, return_inverse=True)
    random = np.random.default_rng(0)
    try:
        results = _results(compute, groups, numbers)
        squares = [np.zeros(y.shape) for y in results]
        for _ in range(DIRECTIONS):
            steps = (STEP * unit * random.choice([-1.0, 1.0], distinct.shape))[which]
            there, back = (_results(compute, groups, numbers * (1 + sign * steps)) for sign in (1, -1))
            for total, y, a, b in zip(squares, results, there, back, strict=True):
                with np.errstate(invalid="ignore"):
                    distance = np.minimum(np.abs(a - y), np.abs(b - y))
                total += np.where(np.isfinite(distance), distance, 0.0) ** 2
    except Exception:  # of any kind: the function is the user's
        return None
    return [ROUNDINGS / STEP * np.sqrt(total / DIRECTIONS) for total in squares]


def _is_floating(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _results(compute: Callable[..., Sequence[object]], groups: Groups, numbers: Array) -> list[Array]:
    """Return the results as float64, computed with these numbers in place of those in the floating arrays."""
    begin = 0
    replaced = []
    for group in groups:
        replaced.append(list(group))
        for i, x in enumerate(group):
            if isinstance(x, np.ndarray) and _is_floating(x):
                moved = np.empty_like(x, np.float64)  # in the memory order of x
                moved[...] = numbers[begin : begin + x.size].reshape(x.shape)
                replaced[-1][i] = moved
                begin += x.size
    return [np.zeros(()) if y is None else as_numpy(y).astype(np.float64) for y in compute(*replaced)]
