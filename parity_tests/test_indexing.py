"""Indexing and assignment by any mixture of ints, slices, new dimensions, ellipsis, positions and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

pytestmark = pytest.mark.device

SHAPE = (4, 3, 5)
BASE = np.random.default_rng(0).standard_normal(SHAPE)


def _parts() -> st.SearchStrategy[Any]:
    positions = st.sampled_from([np.array([0, 2]), np.array([[1], [-1]]), np.array([1, 1, 0]), [0, 1], np.array(1)])
    masks = st.sampled_from([True, False, np.array(True), *(np.arange(n) % 2 == 0 for n in SHAPE)])
    slices = st.builds(
        slice,
        st.sampled_from([None, 0, 1, -2]),
        st.sampled_from([None, 2, -1]),
        st.sampled_from([None, 1, 2]),
    )
    planes = st.sampled_from([BASE > 0, BASE[0] > 0, BASE[:, 0] > 0])
    return st.one_of(st.integers(-5, 4), slices, st.none(), st.just(...), positions, masks, planes)


def _for(m: Any, index: Any) -> Any:
    """Return the index with its arrays as tensors of a library."""
    if isinstance(index, tuple):
        return tuple(_for(m, part) for part in index)
    return m.tensor(index.tolist(), dtype=getattr(m, index.dtype.name)) if isinstance(index, np.ndarray) else index


def _everything(m: Any, index: Any) -> Any:
    """Return the values read, their gradient, and the result of two assignments; or the type of the error."""
    x = m.tensor(BASE.tolist(), dtype=m.float64).requires_grad_()
    try:
        y = x[_for(m, index)]
        weights = m.tensor(np.arange(1.0, y.numel() + 1).tolist(), dtype=m.float64).reshape(tuple(y.shape))
        (gradient,) = m.autograd.grad((y * weights).sum(), x)
        filled, copied = x * 1, x * 1
        filled[_for(m, index)] = 7.0
        copied[_for(m, index)] = y.detach() * 2
    except (IndexError, ValueError, TypeError, RuntimeError) as error:
        return type(error)
    return [y, gradient, filled, copied]


@settings(max_examples=400)
@given(st.one_of(_parts(), st.lists(_parts(), min_size=1, max_size=4).map(tuple)))
def test_reading_writing_and_gradients_equal_torchs(index: Any) -> None:
    if isinstance(index, tuple) and sum(part is ... for part in index) > 1:
        return  # torch takes a second ellipsis for a slice; NumPy and minigrad refuse it
    theirs, ours = _everything(torch, index), _everything(minigrad, index)
    if isinstance(theirs, type):
        assert ours is theirs
        return
    assert not isinstance(ours, type), f"raises {ours}, torch does not"
    for a, b, what in zip(ours, theirs, ("value", "gradient", "filled", "copied"), strict=True):
        assert_close(a, b, FLOAT64, what)


def test_a_second_ellipsis_is_an_error() -> None:
    with pytest.raises(IndexError, match="ellipsis"):
        minigrad.zeros(2, 2)[..., 0, ...]
