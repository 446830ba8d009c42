"""Half precision, integers and bools: the same values in the same dtype as torch, or the same refusal."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.testing import OpRecord
from minigrad.testing import special_values as special
from minigrad.testing.samples import Sample
from parity_tests.excused import OTHERWISE, excuse_of
from parity_tests.records import RECORDS
from parity_tests.test_promotion import same_result_or_error
from parity_tests.tolerances import FLOAT16, FLOAT16_CHAINS, FLOAT16_SUMS

#: Where torch rounds the terms of the sum over a broadcast dimension, and minigrad the sum alone.
ROUNDED_ONCE = ("lerp", "lerp.weights", "addcmul", "addcdiv")
CHAINS = ("multi_head_attention_forward",)
INTEGERS = (np.uint8, np.int8, np.int16, np.int32, np.int64, np.bool_)
each_op = pytest.mark.parametrize("record", RECORDS, ids=repr)
SETTINGS = settings()


@each_op
@settings(max_examples=max(5, SETTINGS.max_examples // 6))
@given(data=st.data())
def test_float16_value_and_gradient_equal_torchs(record: OpRecord, data: Any) -> None:
    tolerance = FLOAT16_SUMS if record.sums or record.name in ROUNDED_ONCE else FLOAT16
    if record.name in CHAINS:
        tolerance = FLOAT16_CHAINS
    record.compare(data.draw(record.samples), np.float16, second=False, may_refuse=True, **tolerance._asdict())


def compare_integers(record: OpRecord, sample: Sample, dtype: Any) -> None:
    """Assert the same values as torch's, or the same type of error."""
    try:
        record.compare(sample, dtype, second=False, gradient=False, may_refuse=True)
    except AssertionError as error:
        if not any(part in str(error) for part in OTHERWISE.get(record.name, ())):
            raise


@each_op
@settings(max_examples=max(5, SETTINGS.max_examples // 6))
@given(data=st.data())
def test_integers_and_bools_give_torchs_values_or_its_refusal(record: OpRecord, data: Any) -> None:
    dtype = data.draw(st.sampled_from(INTEGERS))
    ends = not excuse_of(record.name, dtype).ends
    compare_integers(record, data.draw(special.with_integers(record.samples, dtype, ends)), dtype)


@pytest.mark.parametrize("record", [record for record in RECORDS if record.elementwise], ids=repr)
@settings(max_examples=2)
@given(data=st.data())
def test_every_combination_of_integers_gives_torchs_values_or_its_refusal(record: OpRecord, data: Any) -> None:
    sample = data.draw(record.samples)
    for dtype in INTEGERS:
        near = (0, 1, 2, 3, 7, 100, *(() if np.dtype(dtype).kind in "bu" else (-1, -2, -7, -100)))
        ends = () if excuse_of(record.name, dtype).ends else special.ends_of(dtype)
        for values in ({*ends, *near}, {*ends, *near} - {0}):  # by 0 torch may refuse to divide
            arrays = special.every_combination(sorted(values), dtype, len(sample.arrays))
            compare_integers(record, Sample([a[0] for a in arrays], sample.options, sample.constants), dtype)


NUMBERS = (0, 1, -1, 2, 200, -200, 300, 40_000, -40_000, 2**31, 2**40, -(2**40), 0.5, -2.5, 1e30, float("inf"), True)
WITH_NUMBERS = {
    "add": lambda m, x, n: x + n,
    "radd": lambda m, x, n: n + x,
    "sub": lambda m, x, n: x - n,
    "rsub": lambda m, x, n: n - x,
    "mul": lambda m, x, n: x * n,
    "div": lambda m, x, n: x / n,
    "floordiv": lambda m, x, n: x // n,
    "mod": lambda m, x, n: x % n,
    "eq": lambda m, x, n: x == n,
    "lt": lambda m, x, n: x < n,
    "ge": lambda m, x, n: x >= n,
    "clamp": lambda m, x, n: m.clamp(x, min=n),
    "clamp max": lambda m, x, n: m.clamp(x, max=n),
    "where": lambda m, x, n: m.where(x > 1, x, n),
    "masked_fill": lambda m, x, n: x.masked_fill(x > 1, n),
    "full_like": lambda m, x, n: m.full_like(x, n),
    "fill_": lambda m, x, n: x.clone().fill_(n),
    "setitem": lambda m, x, n: _set(x.clone(), n),
    "add_": lambda m, x, n: x.clone().add_(n),
    "mul_": lambda m, x, n: x.clone().mul_(n),
    "iadd": lambda m, x, n: _increased(x.clone(), n),
    "fmod": lambda m, x, n: m.fmod(x, n),
    "div trunc": lambda m, x, n: m.div(x, n, rounding_mode="trunc"),
    "div floor": lambda m, x, n: m.div(x, n, rounding_mode="floor"),
    "add alpha": lambda m, x, n: m.add(x, x, alpha=n),
    "pow": lambda m, x, n: x**n if abs(n) < 10 else x,
    "rpow": lambda m, x, n: n**x if 0 <= n < 4 else x,
}


def _set(x: Any, number: Any) -> Any:
    x[0] = number
    return x


def _increased(x: Any, number: Any) -> Any:
    x += number
    return x


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_a_tensor_and_any_python_number(name: str) -> None:
    wrong = []
    for dtype, number in product((*INTEGERS, np.float16), NUMBERS):
        array = np.array([0, 1, 2, 3, 100] if dtype is not np.bool_ else [False, True]).astype(dtype)
        try:
            same_result_or_error(lambda m, F, a=array, n=number: WITH_NUMBERS[name](m, m.from_numpy(a.copy()), n))
        except (Exception, pytest.fail.Exception) as error:  # all of them, so that the list is whole
            wrong.append(f"{np.dtype(dtype)} and {number!r}: {error}")
    assert not wrong, "\n".join(wrong)


def test_tensors_of_one_element_in_a_list_are_numbers() -> None:
    for m in (minigrad, torch):
        one, two = m.tensor([1.0]), m.tensor([[2.0]])
        assert tuple(m.tensor([one, two]).shape) == (2,)
        assert tuple(m.tensor([[one], [two]]).shape) == (2, 1)
