"""Every operation against torch: values, gradients, gradients of gradients, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.testing import OpRecord
from parity_tests.records import RECORDS
from parity_tests.tolerances import FLOAT32, FLOAT32_SUMS, FLOAT64

on_device = pytest.mark.device
each_op = pytest.mark.parametrize("record", RECORDS, ids=repr)
SETTINGS = settings()


@on_device
@each_op
@settings(max_examples=max(8, SETTINGS.max_examples // 3))
@given(data=st.data())
def test_float64_value_gradient_and_second_gradient_equal_torchs(record: OpRecord, data: Any) -> None:
    record.compare(data.draw(record.samples), np.float64, second=True, **FLOAT64._asdict())


@on_device
@each_op
@settings(max_examples=max(8, SETTINGS.max_examples // 4))
@given(data=st.data())
def test_float32_value_and_gradient_equal_torchs(record: OpRecord, data: Any) -> None:
    tolerance = FLOAT32_SUMS if record.sums else FLOAT32
    record.compare(data.draw(record.samples), np.float32, second=False, **tolerance._asdict())


ERRORS = [(record, i) for record in RECORDS for i in range(len(record.errors))]


@pytest.mark.parametrize(("record", "i"), ERRORS, ids=lambda value: str(value))
def test_bad_input_raises_torchs_type_of_error(record: OpRecord, i: int) -> None:
    record.check_error(i)
