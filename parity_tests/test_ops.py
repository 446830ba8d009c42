"""Every operation against torch: values, gradients, gradients of gradients, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from parity_tests.compare import compare_call
from parity_tests.records import RECORDS, OpRecord
from parity_tests.tolerances import FLOAT32, FLOAT32_SUMS, FLOAT64

each_op = pytest.mark.parametrize("record", RECORDS, ids=repr)


@each_op
@given(data=st.data())
def test_float64_value_gradient_and_second_gradient_equal_torchs(record: OpRecord, data: Any) -> None:
    compare_call(record.call, data.draw(record.samples), np.float64, FLOAT64, second=record.second)


@each_op
@given(data=st.data())
def test_float32_value_and_gradient_equal_torchs(record: OpRecord, data: Any) -> None:
    tolerance = FLOAT32_SUMS if record.sums else FLOAT32
    compare_call(record.call, data.draw(record.samples), np.float32, tolerance, second=False)


ERRORS = [(record, i) for record in RECORDS for i in range(len(record.errors))]


@pytest.mark.parametrize(("record", "i"), ERRORS, ids=lambda value: str(value))
def test_bad_input_raises_torchs_type_of_error(record: OpRecord, i: int) -> None:
    with pytest.raises(Exception) as theirs:
        record.errors[i](torch, torch.nn.functional)
    with pytest.raises(type(theirs.value)) as ours:
        record.errors[i](minigrad, F)
    assert type(ours.value) is type(theirs.value)
    assert len(str(ours.value)) > 15, "the message must say what was wrong"
