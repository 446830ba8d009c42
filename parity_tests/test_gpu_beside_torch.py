"""Every operation on a GPU beside torch on the same GPU; collected only with ``--device gpu``."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.testing import OpRecord
from minigrad.testing.parity import flat_outputs
from parity_tests.compare import assert_close
from parity_tests.records import RECORDS
from parity_tests.test_devices import run
from parity_tests.tolerances import FLOAT64


@pytest.mark.parametrize("record", RECORDS, ids=repr)
@settings(max_examples=4)
@given(data=st.data())
def test_op_on_a_gpu_equals_torchs_on_the_same_gpu(record: OpRecord, pytestconfig: Any, data: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this torch was not built for the GPU")
    sample = data.draw(record.samples)
    with torch.device("cuda"):
        inputs = [torch.from_numpy(array.copy(order="K")).cuda() for array in sample.arrays]
        theirs = list(flat_outputs(record.call(torch, torch.nn.functional, *inputs, **sample.options)))
    ours = run(record, sample, pytestconfig.getoption("--device"))[: len(theirs)]
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b.detach().cpu().numpy(), FLOAT64, f"result {i}")
