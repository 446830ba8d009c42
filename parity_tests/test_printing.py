"""Tensors print as torch's do, to the digit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import minigrad
from minigrad import nn


@pytest.fixture(autouse=True)
def _usual_options() -> Iterator[None]:
    yield
    minigrad.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


def same(own: minigrad.Tensor, reference: torch.Tensor) -> bool:
    """Return whether both print alike. The names of dtypes differ in length, and so may the breaks before them."""
    texts = (repr(own).replace("minigrad.", "torch."), repr(reference))
    first, second = (re.sub(r",\s+(?=(size|dtype|grad_fn|requires_grad)=)", ", ", text) for text in texts)
    assert first == second
    return True


def same_of(array: Any) -> bool:
    return same(minigrad.from_numpy(array), torch.from_numpy(array))


ARRAYS = {
    "fractions": np.float32([0.1, 0.22, 0.333]),
    "halves": np.float32([0.5, 1.0]),
    "not finite": np.float32([math.nan, math.inf, -math.inf]),
    "not finite beside whole numbers": np.float32([math.nan, 1, -math.inf]),
    "not finite beside fractions": np.float32([math.nan, 1.5, -math.inf]),
    "tiny": np.float32([1e-8, 1.0]),
    "a ratio of 1000": np.float32([1.0, 1000.0]),
    "a ratio above 1000": np.float32([1.0, 1001.0]),
    "large": np.float32([1e8, 1e8]),
    "very large": np.float64([2e8, 3e300]),
    "the whole range": np.float64([5e-324, 1.7e308]),
    "ragged columns": np.float32([[1.134, 0.8762], [-10, 3]]),
    "zeros of both signs": np.float32([0.0, -0.0]),
    "minus zero beside a fraction": np.float32([-0.0, 0.25]),
    "float64": np.float64([0.1, 1 / 3]),
    "float16": np.float16([0.1, 65504]),
    "bool": np.array([True, False]),
    "uint8": np.uint8([[0, 255], [3, 4]]),
    "int8": np.int8([-128, 5]),
    "int64": np.int64([-1, 2**62]),
    "a long line": np.float32(np.arange(40) / 7),
    "long lines": np.int64(np.arange(120).reshape(2, 60)),
    "three dimensions": np.float32(np.arange(12).reshape(2, 3, 2)),
    "five dimensions": np.float32(np.arange(8).reshape(2, 1, 2, 1, 2)),
    "a summary": np.float32(np.arange(1001)),
    "a summary of a matrix": np.float32(np.arange(2000).reshape(4, 500)),
    "a summary of channels": np.float32(np.arange(5000).reshape(10, 5, 10, 10) / 3),
    "a scalar": np.array(2.5, np.float32),
    "a whole scalar": np.array(-3.0),
    "a nan": np.array(math.nan, np.float32),
    "a bool": np.array(True),
    "empty": np.zeros(0, np.float32),
    "empty rows": np.zeros((0, 3), np.float32),
    "empty integers": np.zeros((2, 0), np.int64),
    "empty bools": np.zeros((3, 0, 2), bool),
    "empty halves": np.zeros(0, np.float16),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_tensor_prints_as_torchs(name: str) -> None:
    assert same_of(ARRAYS[name])


OPTIONS: dict[str, dict[str, Any]] = {
    "precision": {"precision": 2},
    "no digits": {"precision": 0},
    "threshold": {"threshold": 5},
    "edgeitems": {"threshold": 5, "edgeitems": 1},
    "no edgeitems": {"threshold": 5, "edgeitems": 0},
    "linewidth": {"linewidth": 30},
    "a narrow line": {"linewidth": 5},
    "short": {"profile": "short"},
    "full": {"profile": "full"},
    "full, narrow": {"profile": "full", "linewidth": 40},
    "scientific": {"sci_mode": True},
    "not scientific": {"sci_mode": False, "precision": 3},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_have_torchs_effect(name: str) -> None:
    minigrad.set_printoptions(**OPTIONS[name])
    torch.set_printoptions(**OPTIONS[name])
    for array in ARRAYS.values():
        assert same_of(array)
    own, reference = minigrad.printing.get_printoptions(), torch._tensor_str.get_printoptions()
    assert own == reference


def test_options_hold_inside_a_block() -> None:
    x = minigrad.tensor([1.12345])
    with minigrad.printing.printoptions(precision=2):
        assert repr(x) == "tensor([1.12])"
    assert repr(x) == "tensor([1.1235])"


@pytest.mark.parametrize("options", [{"profile": "fancy"}, {"precision": -1}, {"edgeitems": "3"}, {"threshold": None}])
def test_an_option_that_makes_no_sense_is_refused_and_changes_nothing(options: dict[str, Any]) -> None:
    before = minigrad.printing.get_printoptions()
    if options == {"threshold": None}:
        minigrad.set_printoptions(**options)
    else:
        with pytest.raises(ValueError, match=next(iter(options))):
            minigrad.set_printoptions(linewidth=20, **options)
    assert minigrad.printing.get_printoptions() == before


numbers = st.one_of(
    st.floats(width=32),
    st.floats(-2, 2, width=32),
    st.integers(-2000, 2000).map(float),
    st.sampled_from([0.0, -0.0, math.inf, math.nan, 1e-4, 9.9e-5, 1e8, 0.00005, 0.5]),
)
cases = st.one_of(
    *(
        arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6), elements=elements)
        for dtype, elements in [
            (np.float32, st.floats(width=32)),
            (np.float64, st.floats()),
            (np.float64, numbers),
            (np.float16, st.floats(width=16)),
            (np.float32, st.floats(-2, 2, width=32)),
            (np.int64, st.integers(-(10**6), 10**6)),
            (np.uint8, st.integers(0, 255)),
            (np.bool_, st.booleans()),
        ]
    )
)
options = st.fixed_dictionaries(
    {
        "precision": st.integers(0, 7),
        "threshold": st.sampled_from([0, 5, 20, 1000]),
        "edgeitems": st.integers(0, 3),
        "linewidth": st.integers(0, 100),
        "sci_mode": st.sampled_from([None, None, True, False]),
    }
)


@given(cases, options, st.booleans())
def test_every_tensor_prints_as_torchs_with_every_option(array: Any, chosen: dict[str, Any], learns: bool) -> None:
    minigrad.set_printoptions(**chosen)
    torch.set_printoptions(**chosen)
    assert same_of(array)
    if learns and array.dtype.kind == "f":
        own, reference = minigrad.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        assert same(own, reference)
        assert repr(own.exp()).endswith("grad_fn=<ExpBackward>)")


def test_a_long_suffix_stands_on_a_line_of_its_own() -> None:
    for size in range(1, 14):
        own = minigrad.full((size,), 0.25, requires_grad=True)
        reference = torch.full((size,), 0.25, requires_grad=True)
        assert repr(own) == repr(reference)


def test_parameters_and_subclasses_are_named() -> None:
    own, reference = nn.Parameter(minigrad.ones(2, 2)), torch.nn.Parameter(torch.ones(2, 2))
    assert repr(own) == repr(reference)

    class Image(minigrad.Tensor):
        pass

    image = Image([1.0, 2.0])

    class Reference(torch.Tensor):
        pass

    assert repr(image) == repr(torch.tensor([1.0, 2.0]).as_subclass(Reference)).replace("Reference", "Image")


def test_the_usual_dtype_is_not_shown() -> None:
    for library in (minigrad, torch):
        library.set_default_dtype(library.float64)
    try:
        for dtype in (np.float32, np.float64):
            assert same_of(np.ones(2, dtype))
    finally:
        for library in (minigrad, torch):
            library.set_default_dtype(library.float32)


@pytest.mark.parametrize("name", ["max", "sort", "svd", "qr", "slogdet"])
def test_results_of_several_parts_print_a_part_a_line(name: str) -> None:
    def shown(m: Any) -> str:
        x = m.eye(2)
        found = m.max(x, 1) if name == "max" else getattr(m.linalg if name == "slogdet" else m, name)(x)
        return str(found).split("(", 1)[1].replace("-0.", "0.").replace(" ", "")

    assert shown(minigrad) == shown(torch)
