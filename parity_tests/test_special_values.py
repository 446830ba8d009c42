"""Zeros, infinities, NaN, ties, kinks and the ends of each dtype: there too values and gradients are torch's.

Ordinary random samples never hit them, and no formula is wrong anywhere else so often.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import kernels
from minigrad.testing import OpRecord, assert_parity
from minigrad.testing import special_values as special
from minigrad.testing.samples import Sample
from parity_tests.excused import Excuse, excuse_of
from parity_tests.records import RECORDS
from parity_tests.tolerances import FLOAT16, FLOAT16_SUMS, FLOAT32, FLOAT32_SUMS, FLOAT64, Tolerance

FLOATS = (np.float64, np.float32, np.float16)
ELEMENTWISE = [record for record in RECORDS if record.elementwise]
OTHERS = [record for record in RECORDS if not record.elementwise]
SETTINGS = settings()


def tolerance_of(record: OpRecord, dtype: Any) -> Tolerance:
    """Return the tolerance of the record's results in ``dtype``."""
    if dtype is np.float64:
        return FLOAT64
    if dtype is np.float16:
        return FLOAT16_SUMS if record.sums else FLOAT16
    return FLOAT32_SUMS if record.sums else FLOAT32


def values_for(record: OpRecord, dtype: Any, excuse: Excuse) -> list[Any]:
    """Return the special values that the record is tested with in ``dtype``."""
    ends = set(special.ends_of(dtype))
    values = special.special_values(dtype, record.kinks, record.domain)
    left_out = [str(x) for x in excuse.values]  # NaN equals nothing, so by name
    return [x for x in values if not (excuse.ends and x in ends) and str(float(x)) not in left_out]


@pytest.mark.parametrize("record", ELEMENTWISE, ids=repr)
@settings(max_examples=max(2, SETTINGS.max_examples // 10))
@given(data=st.data())
def test_every_combination_of_special_values_gives_torchs_value_and_gradient(record: OpRecord, data: Any) -> None:
    sample = data.draw(record.samples)
    ordinary = [x for x in (2.0, 0.3, -0.7, 12.0, -12.0) if record.domain is None or abs(x - 0.5) < 0.5]
    for dtype in FLOATS:
        excuse = excuse_of(record.name, dtype)
        values = [*values_for(record, dtype, excuse), *ordinary]
        arrays = special.every_combination(values, dtype, len(sample.arrays))
        record.compare(
            Sample(arrays, sample.options, sample.constants),
            dtype,
            second=False,
            elementwise=True,
            may_refuse=True,
            infinite_cotangent=True,
            cotangent=special.along_the_first,
            **tolerance_of(record, dtype)._asdict(),
        )


@pytest.mark.parametrize("record", OTHERS, ids=repr)
@settings(max_examples=max(6, SETTINGS.max_examples // 5))
@given(data=st.data())
def test_special_values_anywhere_give_torchs_value_and_gradient_with_all_kernels(record: OpRecord, data: Any) -> None:
    dtype = data.draw(st.sampled_from(FLOATS))
    excuse = excuse_of(record.name, dtype)
    largest = float(np.finfo(dtype).max)  # whether a sum overflows on its way depends on the order of its terms
    values = [x for x in values_for(record, dtype, excuse) if abs(float(x)) != largest]
    most = 1 if excuse.ties else 3
    sample = data.draw(special.with_special_values(record.samples, dtype, values, most, excuse.tensors))
    cotangents = [x for x in special.SPECIAL_COTANGENTS if not excuse.cotangents or np.isfinite(x)]
    inside = data.draw(st.sampled_from([(), (), *([x] for x in cotangents)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_for_numpy", kernels.CHOICES[data.draw(st.sampled_from(list(kernels.CHOICES)))])
        record.compare(
            sample,
            dtype,
            second=False,
            may_refuse=True,
            infinite_cotangent=not np.isfinite(inside).all(),
            cotangent=special.cotangents_with(inside),
            **tolerance_of(record, dtype)._asdict(),
        )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("exponent", [0, 0.5, 1, 1.5, 2, 3, -0.5, -1, -1.5, -2])
@pytest.mark.parametrize("form", ["number", "one for all", "one for each"])
def test_powers_of_special_values_are_torchs_however_the_exponent_is_given(
    form: str, exponent: float, dtype: Any
) -> None:
    x = np.array([[-np.inf, -0.0, 0.0, -2.0, 2.0, np.inf, np.nan]] * 3, dtype)
    y: Any = exponent
    if form != "number":
        y = np.full(1 if form == "one for all" else x.shape, exponent, dtype)
    assert_parity(operator.pow, operator.pow, x, y, second_gradient=False, elementwise=True)


def both(call: Any) -> tuple[Any, Any]:
    """Return ``call(m, F, …)`` for minigrad and for torch."""
    return partial(call, minigrad, minigrad.nn.functional), partial(call, torch, torch.nn.functional)


@pytest.mark.parametrize("labels", [[0], [1], [1, 0], [1, 2]], ids=str)
@pytest.mark.parametrize("ignore", [-100, 0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_class_that_weighs_nothing_has_torchs_cross_entropy(
    reduction: str, smoothing: float, ignore: int, labels: list[int]
) -> None:
    options = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": ignore}
    weights = [0.5, 0.0, -0.0]

    def loss(m: Any, F: Any, x: Any) -> Any:
        return F.cross_entropy(x, m.tensor(labels), m.tensor(weights, dtype=m.float64), **options)

    assert_parity(*both(loss), np.linspace(-1, 1, 3 * len(labels)).reshape(-1, 3))


@pytest.mark.parametrize("first", [0.0, -2.5])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_the_ctc_gradient_of_a_target_that_does_not_fit_is_torchs(zero_infinity: bool, first: float) -> None:
    lengths = {"input_lengths": (3, 3), "target_lengths": (3, 1)}

    def loss(m: Any, F: Any, x: Any) -> Any:
        return F.ctc_loss(x, m.tensor([[1, 1, 1]] * 2), **lengths, reduction="none", zero_infinity=zero_infinity)

    x, cotangent = np.log([[[0.25, 0.75]] * 2] * 3), np.array([first, 1.0])
    assert_parity(*both(loss), x, second_gradient=False, cotangent=lambda like, random: cotangent)


@pytest.mark.parametrize("weight", [None, 0.5, 2.0])
def test_the_gradient_of_binary_cross_entropy_by_the_target_is_torchs_at_infinite_logits(weight: float | None) -> None:
    def loss(m: Any, F: Any, x: Any, t: Any) -> Any:
        pos_weight = None if weight is None else m.full((5,), weight, dtype=m.float64)
        return F.binary_cross_entropy_with_logits(x, t, reduction="none", pos_weight=pos_weight)

    x = np.array([-np.inf, np.inf, 0.0, -0.0, np.nan])
    assert_parity(*both(loss), x, np.full(5, 0.25), second_gradient=False, elementwise=True)
