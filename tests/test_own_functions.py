"""Mistakes in a Function of the reader's own are answered with one sentence, which says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.autograd import Function
from minigrad.testing import gradcheck


def _double(forward: Callable[..., Any] | None = None, backward: Callable[..., Any] | None = None) -> type[Function]:
    """Return an operation called Double, y = 2 x, with a mistake."""
    right = {"forward": lambda self, x: x * 2, "backward": lambda self, grad: grad * 2}
    given = {"forward": forward, "backward": backward}
    return type("Double", (Function,), {**right, **{name: f for name, f in given.items() if f is not None}})


def _x() -> minigrad.Tensor:
    return minigrad.ones(2, requires_grad=True)


def _forgets_return(self: Any, grad: Any) -> Any:
    grad * 2


def _unpacks_two(self: Any, grad: Any) -> Any:
    x, w = self.saved_tensors
    return grad * x * w


FORWARD = {
    "a Tensor": (lambda self, x: minigrad.from_numpy(x * 2), "forward returned a Tensor.* return an array"),
    "nothing": (lambda self, x: None, "forward returned None: end it with `return y`"),
    "a list": (lambda self, x: [2.0, 2.0], "forward returned a list: return an array, such as np.asarray"),
    "a float": (lambda self, x: 2.0, "forward returned a float: return an array, such as np.asarray"),
    "a tuple with a list": (lambda self, x: (x, [1.0]), "forward returned a list: return an array"),
}


@pytest.mark.parametrize("mistake", FORWARD)
@pytest.mark.parametrize("recorded", [True, False])
def test_forward_that_returns_no_array_is_told_what_to_return(mistake: str, recorded: bool) -> None:
    forward, sentence = FORWARD[mistake]
    with pytest.raises(TypeError, match=f"Double.{sentence}"):
        _double(forward).apply(minigrad.ones(2, requires_grad=recorded))


BACKWARD = {
    "an array": (lambda self, grad: np.ones(2), "returned a NumPy array for input 0: .*minigrad.from_numpy"),
    "a NumPy number": (lambda self, grad: np.float32(1), "returned a NumPy array for input 0: .*minigrad.from_numpy"),
    "a float": (lambda self, grad: 1.0, "returned a float for input 0: expected a Tensor or None"),
    "nothing": (_forgets_return, "returned nothing for its 1 input: it has no `return`; end it with `return dx`"),
    "another shape": (
        lambda self, grad: grad.sum(),
        r"returned a gradient of shape \[\] for input 0, which has shape \[2\]: a gradient has the shape of its input",
    ),
    "too many": (lambda self, grad: (grad, grad), "returned 2 gradients for 1 inputs: return one for each argument"),
    "a list": (lambda self, grad: [grad], "returned a list: return a tuple, one gradient for each input"),
    "what was not saved": (
        _unpacks_two,
        r"unpacks another number of values than the 0 that Double.forward saved .*call self.save_for_backward",
    ),
}


@pytest.mark.parametrize("mistake", BACKWARD)
@pytest.mark.parametrize("create_graph", [True, False])
def test_backward_with_a_mistake_is_told_what_to_write(mistake: str, create_graph: bool) -> None:
    backward, sentence = BACKWARD[mistake]
    y = _double(None, backward).apply(_x())
    with pytest.raises(RuntimeError, match=f"Double.backward {sentence}") as error:
        y.sum().backward(create_graph=create_graph)
    assert "minigrad/engine" not in str(error.value)


def test_too_few_gradients_name_the_operation() -> None:
    class Product(Function):
        def forward(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return x * y

        def backward(self, grad: minigrad.Tensor) -> minigrad.Tensor:
            return grad

    with pytest.raises(RuntimeError, match=r"Product.backward returned 1 gradients for 2 inputs: return one for each"):
        Product.apply(_x(), _x()).sum().backward()


def test_none_may_be_returned_on_purpose() -> None:
    x = _x()
    _double(None, lambda self, grad: None).apply(x).sum().backward()
    assert x.grad is None


def test_torchs_static_methods_are_recognised_when_the_class_is_defined() -> None:
    sentence = re.escape("Square.forward is a static method, as in torch; here the instance is the context: write ")
    with pytest.raises(TypeError, match=sentence + re.escape("`def forward(self, x)` without @staticmethod")):

        class Square(Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x * x


def test_gradcheck_of_a_class_says_to_write_apply() -> None:
    x = minigrad.ones(2, dtype=minigrad.float64, requires_grad=True)
    with pytest.raises(TypeError, match=r"write Double\.apply instead of the class Double"):
        gradcheck(_double(), (x,))
    assert gradcheck(_double().apply, (x,))


def test_a_new_backward_replaces_an_inherited_fused_one() -> None:
    class Fused(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

        def backward(self, grad: minigrad.Tensor) -> minigrad.Tensor:
            return grad * 2

        def fused_backward(self, grad: np.ndarray) -> tuple[np.ndarray]:
            return (grad * 2,)

    class Other(Fused):
        def backward(self, grad: minigrad.Tensor) -> minigrad.Tensor:
            return grad * 3

    for operation, slope in ((Fused, 2), (Other, 3)):
        x = _x()
        operation.apply(x).sum().backward()
        np.testing.assert_array_equal(x.grad, np.full(2, slope, np.float32))
