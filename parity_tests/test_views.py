"""Whose memory a result lies in, and whether it may be written: as in torch, for every record."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from minigrad.testing import OpRecord
from minigrad.testing.close import as_numpy
from minigrad.testing.parity import copy_with_strides, flat_outputs
from minigrad.testing.samples import Sample
from parity_tests.records import RECORDS

COPIES = {"einsum.ii->i"}  # a view in torch; docs/parity.md lists it

few = settings(
    max_examples=2, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
each_op = pytest.mark.parametrize("record", RECORDS, ids=repr)


class Side:
    """One of the libraries: it makes tensors, calls, and says what a result shares and what a write does."""

    def __init__(self, library: Any, functional: Any, from_numpy: Any, record: OpRecord, sample: Sample) -> None:
        self.library, self.functional, self.from_numpy = library, functional, from_numpy
        self.record, self.sample = record, sample

    def call(self, inner: bool) -> tuple[list[Any], list[Any], list[Any]]:
        """Leaves, inputs (inside a graph if ``inner``) and outputs, which are tensors."""
        leaves = []
        for i, array in enumerate(self.sample.arrays):
            tensor = self.from_numpy(copy_with_strides(array))
            leaves.append(tensor.requires_grad_(self.sample.differentiable(i) and inner))
        inputs = [x.clone() if x.requires_grad else x for x in leaves]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs = self.record.call(self.library, self.functional, *inputs, **self.sample.options)
        return leaves, inputs, [y for y in flat_outputs(outputs) if hasattr(y, "requires_grad")]

    def sharing(self) -> list[list[bool]]:
        """Return for each output and each input whether they share memory."""
        _, inputs, outputs = self.call(inner=False)
        arrays = [x.detach().numpy() for x in inputs]
        return [[bool(np.may_share_memory(y.detach().numpy(), a)) for a in arrays] for y in outputs]

    def written(self, how: str, i: int) -> Any:
        """Output ``i`` after a write, and the gradients of its sum; or the error."""
        leaves, inputs, outputs = self.call(inner=True)
        y = outputs[i]
        del inputs, outputs  # a user holds the result only
        try:
            if how == "+=":
                y += 1
            elif how == "relu_":
                y.relu_()
            else:
                y[...] = y.detach() * 2
            if y.requires_grad:
                y.sum().backward()
        except RuntimeError as error:
            return error
        if how == "relu_":  # its gradient hangs on the sign of elements that may be 0 but for rounding
            return [y.detach()]
        return [y.detach(), *(np.zeros(1) if x.grad is None else x.grad for x in leaves)]


def sides(record: OpRecord, sample: Sample) -> tuple[Side, Side]:
    return (
        Side(minigrad, F, minigrad.from_numpy, record, sample),
        Side(torch, torch.nn.functional, torch.from_numpy, record, sample),
    )


@each_op
@few
@given(data=st.data())
def test_a_result_shares_memory_with_an_input_where_torchs_does(record: OpRecord, data: Any) -> None:
    if record.name not in COPIES:
        ours, theirs = sides(record, data.draw(record.samples))
        assert ours.sharing() == theirs.sharing()


@each_op
@few
@given(data=st.data())
def test_a_result_can_be_written_in_place_where_torchs_can(record: OpRecord, data: Any) -> None:
    ours, theirs = sides(record, data.draw(record.samples))
    for i in range(len(theirs.call(inner=False)[2])):
        for how in ("+=", "relu_", "[...] ="):
            expected, got = theirs.written(how, i), ours.written(how, i)
            if not isinstance(expected, Exception):
                assert not isinstance(got, Exception), f"output {i} {how}: {got}"
                for a, b in zip(got, expected, strict=True):
                    np.testing.assert_allclose(as_numpy(a), as_numpy(b), rtol=1e-9, atol=1e-9, err_msg=f"{i} {how}")
