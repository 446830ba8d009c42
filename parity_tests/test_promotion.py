"""The dtype of every mixture of dtypes, dimensions and Python numbers is torch's; so are edge shapes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad.nn import functional as F
from minigrad.testing.parity import flat_outputs

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
OPERATIONS = ("add", "mul", "div", "maximum", "eq", "lt")


def same_result_or_error(call: Any) -> None:
    """Assert equal dtypes, shapes and values, or equal types of error, except where torch only lacks a kernel."""
    try:
        theirs = flat_outputs(call(torch, torch.nn.functional))
    except Exception as error:
        if "not implemented for '" in str(error):
            return
        with pytest.raises(type(error)):
            call(minigrad, F)
        return
    ours = flat_outputs(call(minigrad, F))
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == np.dtype(str(b.dtype).removeprefix("torch."))
        assert a.shape == tuple(b.shape)
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, equal_nan=True)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dims", [(1, 1), (0, 1), (1, 0), (0, 0)], ids=str)
def test_two_tensors_of_any_dtypes(operation: str, dims: tuple[int, int]) -> None:
    for first, second in product(DTYPES, DTYPES):
        arrays = [np.ones((2,) * d, dtype) for d, dtype in zip(dims, (first, second), strict=True)]

        def call(m: Any, F: Any, arrays: Any = arrays) -> Any:
            make = m.from_numpy
            return getattr(m, operation)(make(arrays[0]), make(arrays[1]))

        same_result_or_error(call)


@pytest.mark.parametrize("number", [True, 3, 2.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_and_a_python_number(dtype: str, number: Any) -> None:
    for d in (0, 1):
        array = np.ones((2,) * d, dtype)
        for call in (
            lambda m, F, a=array: m.from_numpy(a) + number,
            lambda m, F, a=array: number * m.from_numpy(a),
            lambda m, F, a=array: m.from_numpy(a) / number,
            lambda m, F, a=array: number / m.from_numpy(a),
            lambda m, F, a=array: m.from_numpy(a) > number,
        ):
            same_result_or_error(call)


FUNCTIONS = {
    "sum": lambda m, F, x: m.sum(x),
    "mean": lambda m, F, x: m.mean(x),
    "exp": lambda m, F, x: m.exp(x),
    "sqrt": lambda m, F, x: m.sqrt(x),
    "sigmoid": lambda m, F, x: m.sigmoid(x),
    "tanh": lambda m, F, x: m.tanh(x),
    "relu": lambda m, F, x: m.relu(x),
    "abs": lambda m, F, x: m.abs(x),
    "neg": lambda m, F, x: -x,
    "pow": lambda m, F, x: x**2,
    "max": lambda m, F, x: m.max(x),
    "argmax": lambda m, F, x: m.argmax(x),
    "all": lambda m, F, x: m.all(x),
    "softmax": lambda m, F, x: F.softmax(x, -1),
    "where": lambda m, F, x: m.where(x > 0, x, 2.5),
    "cat": lambda m, F, x: m.cat([x.reshape(-1), m.ones(2)]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_any_dtype(name: str) -> None:
    for dtype in DTYPES:
        array = np.ones(3, dtype)
        same_result_or_error(lambda m, F, a=array: FUNCTIONS[name](m, F, m.from_numpy(a)))


EMPTY = {
    "sum": lambda m, F: m.zeros(0, 3).sum(0),
    "sum of nothing": lambda m, F: m.zeros(0).sum(),
    "mean of nothing": lambda m, F: m.zeros(0).mean(),
    "amax over what is there": lambda m, F: m.zeros(0, 3).amax(1),
    "max of nothing": lambda m, F: m.zeros(0).max(),
    "matmul": lambda m, F: m.zeros(2, 0) @ m.zeros(0, 3),
    "matmul of no rows": lambda m, F: m.zeros(0, 2) @ m.zeros(2, 3),
    "linear": lambda m, F: F.linear(m.zeros(0, 2, 4), m.zeros(3, 4), m.ones(3)),
    "softmax": lambda m, F: F.softmax(m.zeros(0, 3), 1),
    "softmax over nothing": lambda m, F: F.softmax(m.zeros(3, 0), 1),
    "cat": lambda m, F: m.cat([m.zeros(0, 2), m.zeros(3, 2)]),
    "reshape": lambda m, F: m.zeros(0, 3).reshape(3, 0),
    "reshape ambiguous": lambda m, F: m.zeros(0, 3).reshape(-1, 0),
    "index": lambda m, F: m.zeros(3, 4)[1:1],
    "index by nothing": lambda m, F: m.zeros(3, 4)[m.zeros(0, dtype=m.int64)],
    "conv2d": lambda m, F: F.conv2d(m.zeros(0, 3, 5, 5), m.zeros(2, 3, 3, 3)),
    "relu": lambda m, F: F.relu(m.zeros(0, 2)),
    "cross entropy of nothing, summed": lambda m, F: F.cross_entropy(
        m.zeros(0, 3), m.zeros(0, dtype=m.int64), reduction="sum"
    ),
    "cross entropy of nothing": lambda m, F: F.cross_entropy(m.zeros(0, 3), m.zeros(0, dtype=m.int64)),
    "0-d dim": lambda m, F: m.tensor(3.0).sum(0) + m.tensor(3.0).sum(-1) + m.tensor(2.0).amax(0),
    "0-d max": lambda m, F: m.tensor(3.0).max(0),
    "0-d softmax": lambda m, F: F.softmax(m.tensor(3.0), 0),
    "0-d wrong dim": lambda m, F: m.tensor(3.0).sum(1),
    "dim=()": lambda m, F: m.ones(2, 3).sum(()),
    "flatten 0-d": lambda m, F: m.tensor(3.0).flatten(),
    "squeeze to 0-d": lambda m, F: m.ones(1, 1).squeeze(),
    "nan in max": lambda m, F: m.tensor([1.0, float("nan"), 2.0]).max(),
    "nan in max over dim": lambda m, F: m.tensor([1.0, float("nan"), 2.0]).max(0),
    "nan in pooling": lambda m, F: F.max_pool2d(m.tensor([[[1.0, float("nan")], [2.0, 3.0]]]), 2),
    "nan in relu": lambda m, F: F.relu(m.tensor([-1.0, float("nan")])),
    "infinite logits": lambda m, F: F.cross_entropy(m.tensor([[0.0, float("-inf")]]), m.tensor([0])),
    "logsumexp of large numbers": lambda m, F: m.logsumexp(m.tensor([1000.0, 1000.0, -1000.0]), 0),
    "logsumexp of infinities": lambda m, F: m.logsumexp(m.tensor([[float("-inf")] * 2, [float("inf"), 1.0]]), 1),
    "kl_div of a negative probability": lambda m, F: F.kl_div(m.zeros(3), m.tensor([0.0, 0.5, -0.5]), reduction="sum"),
    "repeat once": lambda m, F: m.zeros(3).repeat(1).add_(1),
    "cross entropy where all is ignored": lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([1, 1]), ignore_index=1),
    "its gradient": lambda m, F: m.autograd.grad(
        F.cross_entropy((x := m.ones(2, 3, requires_grad=True)), m.tensor([1, 1]), ignore_index=1), x
    ),
    "ignore_index with probabilities": lambda m, F: F.cross_entropy(m.zeros(2, 3), m.ones(2, 3), ignore_index=1),
    "division by zero": lambda m, F: m.tensor([1.0, 0.0]) / m.tensor([0.0, 0.0]),
    "log of zero": lambda m, F: m.log(m.tensor([0.0, -1.0])),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_scalar_and_non_finite_inputs(name: str) -> None:
    same_result_or_error(EMPTY[name])
