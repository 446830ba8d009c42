"""``torch.autograd``: ``Function`` in torch's form, and ``Variable``, which today is a tensor."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from minigrad import Tensor, no_grad
from minigrad.as_torch.own_function import Function
from minigrad.engine.anomaly import anomaly_enabled, detect_anomaly
from minigrad.testing.gradcheck import gradcheck as gradcheck

__all__ = ["Function", "Variable", "gradcheck", "once_differentiable", "set_detect_anomaly"]


class _KindOfVariable(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = (), requires_grad: bool = False, volatile: bool = False) -> Tensor:
        """Return the tensor, as one whose gradient is wanted or not."""
        tensor = data.detach() if isinstance(data, Tensor) else Tensor(data)
        return tensor.requires_grad_(requires_grad) if requires_grad else tensor


class Variable(metaclass=_KindOfVariable):
    """The old name of a tensor with a gradient."""


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Make a ``backward`` that computes gradients without a graph of their own."""

    @wraps(backward)
    def without_graph(*args: object) -> Any:
        with no_grad():
            return backward(*args)

    return without_graph


class set_detect_anomaly:  # noqa: N801  (torch's name)
    """Name the operation whose gradient is NaN: from here on, or in a block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        detect_anomaly()  # which adds the watcher
        self.before = anomaly_enabled.get()
        anomaly_enabled.set(mode)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        anomaly_enabled.set(self.before)
