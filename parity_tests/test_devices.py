"""Every operation on another device: the same results as on the CPU, and never through the host.

Without options this is the stand-in device, which needs no GPU; ``pytest --device gpu`` runs it on a GPU, beside the
other parity tests, which then compare with torch on the same GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, autograd
from minigrad.nn import functional as F
from minigrad.testing import OpRecord, register_stand_in_device
from minigrad.testing.parity import flat_outputs
from parity_tests.compare import assert_close
from parity_tests.records import RECORDS
from parity_tests.tolerances import FLOAT64

SETTINGS = settings()


@pytest.fixture(scope="module")
def device(request: Any) -> str:
    """Return the device of the tests: that of ``--device``, or the stand-in."""
    chosen = request.config.getoption("--device")
    return chosen if chosen is not None else register_stand_in_device()


def run(record: OpRecord, sample: Any, where: str, elsewhere: str | None = None) -> list[Tensor]:
    """Return outputs, gradients and second gradients of a device, on the CPU; before each step call ``elsewhere``."""
    random = np.random.default_rng(2)
    inputs = []
    for i, array in enumerate(sample.arrays):
        x = minigrad.from_numpy(array.copy(order="K")).to(where)
        inputs.append(x.detach().requires_grad_(sample.differentiable(i)))
    minigrad.zeros(1, device=elsewhere)
    with minigrad.device(where):
        outputs = list(flat_outputs(record.call(minigrad, F, *inputs, **sample.options)))
    results = [o.detach().cpu() for o in outputs]
    roots, wanted = [o for o in outputs if o.requires_grad], [x for x in inputs if x.requires_grad]
    for _ in range(2 if record.second else 1):
        if not roots or not wanted:
            break
        cotangents = [minigrad.from_numpy(np.asarray(random.standard_normal(o.shape))).to(where) for o in roots]
        minigrad.zeros(1, device=elsewhere)
        grads = autograd.grad(roots, wanted, cotangents, create_graph=True, allow_unused=True)
        results += [g.detach().cpu() for g in grads if g is not None]
        roots = [g for g in grads if g is not None and g.requires_grad]
    return results


@pytest.mark.device
@pytest.mark.parametrize("record", RECORDS, ids=repr)
@settings(max_examples=max(2, SETTINGS.max_examples // 15))
@given(data=st.data())
def test_op_runs_on_the_device_as_on_the_cpu(record: OpRecord, device: str, data: Any) -> None:
    sample = data.draw(record.samples)
    here, there = run(record, sample, "cpu"), run(record, sample, device)
    assert len(here) == len(there)
    for i, (a, b) in enumerate(zip(there, here, strict=True)):
        assert_close(a, b.numpy(), FLOAT64, f"result {i}")


@pytest.mark.parametrize("record", RECORDS, ids=repr)
@settings(max_examples=max(2, SETTINGS.max_examples // 15))
@given(data=st.data())
def test_op_computes_where_its_inputs_are_although_another_device_computed_before(record: OpRecord, data: Any) -> None:
    register_stand_in_device()
    sample = data.draw(record.samples)
    for result in run(record, sample, "stand_in:1", elsewhere="stand_in:0"):
        assert result.device == minigrad.device("cpu")
