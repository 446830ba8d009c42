"""``fused_backward`` returns what ``backward`` returns, for every operation that has both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad
from minigrad.autograd import Function
from minigrad.nn import functional as F
from parity_tests.records import RECORDS

# For every operation with a ``fused_backward``, the records whose graphs contain it.
RECORDS_OF = {
    "BatchNorm": ["batch_norm.training"],
    "BatchNormRelu": ["batch_norm_relu.training"],
    "Conv2d": ["conv2d"],
    "Gelu": ["gelu"],
    "GeluByTanh": ["gelu.tanh"],
    "Linear": ["linear"],
    "MulConstant": ["mul.scalar"],
    "Relu": ["relu"],
    "ReluInPlace": ["relu.inplace"],
    "Relu6": ["relu6"],
    "Relu6InPlace": ["relu6.inplace"],
    "Silu": ["silu"],
    "CrossEntropy": ["cross_entropy"],
}
CASES = [(name, record) for name, records in RECORDS_OF.items() for record in records]


def _operations(base: type[Function] = Function) -> Iterator[type[Function]]:
    for operation in base.__subclasses__():
        yield operation
        yield from _operations(operation)


def test_the_table_names_every_operation_that_has_a_fused_backward() -> None:
    ours = [op for op in _operations() if op.__module__.startswith("minigrad.ops.")]
    assert {op.__name__ for op in ours if op.fused_backward is not None} == set(RECORDS_OF)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize(("name", "record_name"), CASES, ids=str)
@given(data=st.data())
def test_fused_backward_equals_backward(name: str, record_name: str, dtype: Any, data: Any) -> None:
    record = next(r for r in RECORDS if r.name == record_name)
    operation = next(op for op in _operations() if op.__name__ == name)
    sample = data.draw(record.samples)
    inputs = [minigrad.from_numpy(a.astype(dtype) if a.dtype.kind == "f" else a) for a in sample.arrays]
    for i, x in enumerate(inputs):  # any of the gradients may be unwanted
        x.requires_grad_(sample.differentiable(i) and data.draw(st.booleans()))
    results = record.call(minigrad, F, *inputs, **sample.options)
    outputs = [y for y in (results if isinstance(results, tuple) else (results,)) if y.grad_fn is not None]
    assume(outputs)
    random = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    cotangents = [minigrad.from_numpy(np.asarray(random.standard_normal(y.shape), y.dtype)) for y in outputs]
    calls = []
    fused_backward = operation.fused_backward

    def compare(node: Any, *grads: Any) -> Any:
        fused = fused_backward(node, *grads)
        with minigrad.enable_grad():
            general = node.backward(*[None if g is None else minigrad.from_numpy(g) for g in grads])
        _compare(fused, general if isinstance(general, tuple) else (general,), node.needs_input_grad)
        calls.append(node)
        return fused

    with mock.patch.object(operation, "fused_backward", compare):
        minigrad.autograd.backward(outputs, cotangents)
    assume(calls)  # a few samples of a record are calls that need another operation


def _compare(fused: tuple[Any, ...], general: tuple[Any, ...], wanted: tuple[bool, ...]) -> None:
    assert len(fused) == len(general) == len(wanted)
    for ours, tensor, want in zip(fused, general, wanted, strict=True):
        if want:
            theirs = tensor.detach().array
            assert ours.shape == theirs.shape
            tolerance = 1e-11 if ours.dtype == np.float64 else 2e-5
            size = float(np.abs(theirs).max(initial=1.0))
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size)
