"""Values at which formulas break: infinities, NaN, zeros, kinks, and the ends of a dtype; and samples that use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from minigrad.testing.samples import Sample, in_strides_of
from minigrad.typing import Array, Number

#: Zeros of both signs, infinities, NaN, and the kinks of many functions.
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0)

#: Elements of a cotangent.
SPECIAL_COTANGENTS = (1.0, -2.5, 0.0, np.inf, -np.inf, np.nan)


def ends_of(dtype: DTypeLike) -> tuple[Number, ...]:
    """Return the largest numbers of a dtype and those closest to 0, in both signs."""
    if np.dtype(dtype).kind == "b":
        return (False, True)
    if np.dtype(dtype).kind != "f":
        return (np.iinfo(dtype).min, np.iinfo(dtype).max)
    info = np.finfo(dtype)
    positive = (info.max, info.tiny, info.smallest_subnormal, info.eps)
    return (*positive, *(-x for x in positive))


def special_values(
    dtype: DTypeLike, own: tuple[float, ...] = (), domain: tuple[float, float] | None = None
) -> list[Number]:
    """Return ``SPECIAL``, the operation's ``own`` kinks and the ends of the dtype, as far as they lie in ``domain``."""
    values = [*SPECIAL, *own, *ends_of(dtype)]
    return values if domain is None else [x for x in values if domain[0] <= x <= domain[1]]


@st.composite
def with_special_values(
    draw: st.DrawFn,
    samples: st.SearchStrategy[Sample],
    dtype: DTypeLike,
    values: Sequence[Number],
    most: int = 3,
    except_tensors: Sequence[int] = (),
) -> Sample:
    """Draw a sample in ``dtype``, with one to ``most`` elements replaced by special values.

    They are drawn from ``values``; if there may be several, some are copies of the first element, which makes a tie.
    They stand in any floating tensors but the ``except_tensors``.
    """
    sample = draw(samples)
    arrays = [in_strides_of(a, a.astype(dtype)) if a.dtype.kind == "f" else a for a in sample.arrays]
    filled = [a for i, a in enumerate(arrays) if a.dtype.kind == "f" and a.size and i not in except_tensors]
    choices = [*([None] if most > 1 else []), *values]
    for _ in range(draw(st.integers(1, most)) if filled else 0):
        array = filled[draw(st.integers(0, len(filled) - 1))]
        value = draw(st.sampled_from(choices))
        array.flat[draw(st.integers(0, array.size - 1))] = array.flat[0] if value is None else value
    return Sample(arrays, sample.options, sample.constants)


@st.composite
def with_integers(draw: st.DrawFn, samples: st.SearchStrategy[Sample], dtype: DTypeLike, ends: bool = True) -> Sample:
    """Draw a sample with integers (or bools) of ``dtype`` for floats; with ``ends``, some are ends of the dtype."""
    sample = draw(samples)
    arrays = []
    for a in sample.arrays:
        if a.dtype.kind == "f":
            kind = np.dtype(dtype).kind
            whole = a > 0 if kind == "b" else np.rint(np.abs(a) * 4 if kind == "u" else a * 4)
            a = in_strides_of(a, np.asarray(whole).astype(dtype))
            if ends and a.size and draw(st.booleans()):
                a.flat[draw(st.integers(0, a.size - 1))] = draw(st.sampled_from(ends_of(dtype)))
        arrays.append(a)
    return Sample(arrays, sample.options, sample.constants)


def every_combination(values: Sequence[Number], dtype: DTypeLike, count: int) -> list[Array]:
    """Return ``count`` arrays that contain every combination of the values, for each of ``SPECIAL_COTANGENTS``.

    The cotangents lie along dimension 0; see ``along_the_first``.
    """
    grids = np.meshgrid(np.empty(len(SPECIAL_COTANGENTS)), *[np.array(values, dtype)] * count, indexing="ij")
    return [np.ascontiguousarray(grid) for grid in grids[1:]]


def along_the_first(like: Array, random: np.random.Generator | None = None) -> Array:
    """Return ``SPECIAL_COTANGENTS`` along dimension 0 of an array with the shape of ``like``."""
    column = np.array(SPECIAL_COTANGENTS, like.dtype).reshape(-1, *(1,) * (like.ndim - 1))
    return np.ascontiguousarray(np.broadcast_to(column, like.shape))


def cotangents_with(values: Sequence[float]) -> Callable[[Array, np.random.Generator], Array]:
    """Return a function that draws cotangents for ``assert_parity``, with the values at random positions."""

    def cotangent(like: Array, random: np.random.Generator) -> Array:
        drawn = np.asarray(random.standard_normal(like.shape)).astype(like.dtype)
        for value in values if like.size else ():
            drawn.flat[random.integers(like.size)] = value
        return drawn

    return cotangent
