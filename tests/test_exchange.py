"""Tensors to and from elsewhere: copies, pickles, other libraries' memory."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn


def test_deepcopy_has_memory_and_grad_of_its_own() -> None:
    x = minigrad.ones(3, requires_grad=True)
    (x * x).sum().backward()
    other = copy.deepcopy(x)
    other.detach().fill_(5.0)
    other.grad.fill_(7.0)
    assert (x.tolist(), x.grad.tolist()) == ([1.0] * 3, [2.0] * 3)
    assert other.requires_grad
    assert other.is_leaf


def test_deepcopy_of_an_inner_tensor_is_refused_with_the_remedy() -> None:
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(minigrad.ones(3, requires_grad=True) * 2)


def test_deepcopy_keeps_a_tensor_that_occurs_twice_one_tensor() -> None:
    x = minigrad.ones(3)
    first, second = copy.deepcopy([x, x])
    assert first is second


def test_a_model_survives_deepcopy_and_pickle() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    x = minigrad.randn(3, 1, 4, 4)
    expected = model(x).tolist()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other(x).tolist() == expected
        assert type(other[0].weight) is nn.Parameter
        assert other[0].weight.requires_grad
        nn.init.zeros_(other[4].weight)
    assert model(x).tolist() == expected


def test_pickle_keeps_values_dtype_and_requires_grad_and_drops_the_graph() -> None:
    for x in (minigrad.arange(6).reshape(2, 3), minigrad.randn(2, 3).t(), minigrad.ones(2, requires_grad=True) * 3):
        other = pickle.loads(pickle.dumps(x))
        assert other.tolist() == x.tolist()
        assert (other.dtype, other.shape, other.requires_grad) == (x.dtype, x.shape, x.requires_grad)
        assert other.grad_fn is None


def test_dlpack_shares_memory_with_numpy_both_ways() -> None:
    array = np.arange(6.0).reshape(2, 3)
    x = minigrad.from_dlpack(array)
    x[0, 0] = 9.0
    assert array[0, 0] == 9.0
    back = np.from_dlpack(x)
    assert np.shares_memory(back, array)


def test_where_of_one_argument_and_nonzero_are_positions() -> None:
    x = minigrad.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    assert [position.tolist() for position in minigrad.where(x > 0)] == [[0, 1], [1, 0]]


def test_dlpack_refuses_what_the_other_library_would_not_see() -> None:
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(minigrad.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="__dlpack__"):
        minigrad.from_dlpack([1, 2])
    with pytest.raises(NotImplementedError, match="complex"):
        minigrad.from_dlpack(np.zeros(2, complex))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("out", lambda: minigrad.zeros(2, out=minigrad.ones(2))),
        ("layout", lambda: minigrad.zeros(2, layout="sparse")),
        ("memory_format", lambda: minigrad.zeros(2, memory_format=minigrad.channels_last)),
        ("channels_last_3d", lambda: minigrad.ones(2).clone(memory_format=minigrad.channels_last_3d)),
        ("sparse", lambda: nn.Embedding(3, 2, sparse=True)),
        ("sparse_grad", lambda: minigrad.gather(minigrad.ones(2), 0, minigrad.tensor([0]), sparse_grad=True)),
        ("complex", lambda: minigrad.from_numpy(np.zeros(2, complex))),
        ("complex", lambda: minigrad.ones(2) * 1j),
        ("pin_memory", lambda: minigrad.zeros(2, pin_memory=True)),
    ],
)
def test_what_is_not_supported_is_refused_by_name(name: str, call: Any) -> None:
    with pytest.raises(NotImplementedError, match=name):
        call()
    assert minigrad.ones(2, out=None).tolist() == [1.0, 1.0]


def test_a_function_has_no_argument_out() -> None:
    with pytest.raises(TypeError, match=r"add\(\) got an unexpected keyword argument 'out'"):
        minigrad.add(minigrad.ones(2), 1, out=minigrad.ones(2))  # type: ignore[call-arg]
