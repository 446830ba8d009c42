"""``torch.add(x, y, out=z)``: write the result into a tensor that is there, outside a graph."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import minigrad
from minigrad import Tensor


@functools.cache
def taking_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of minigrad's that takes ``out``, a tensor or several, as torch's function does.

    >>> z = minigrad.zeros(2)
    >>> taking_out(minigrad.add)(minigrad.ones(2), 1, out=z) is z, z
    (True, tensor([2., 2.]))
    """
    if "out" in inspect.signature(function).parameters:
        return function

    @functools.wraps(function)
    def call(*arguments: Any, out: Any = None, **options: Any) -> Any:
        result = function(*arguments, **options)
        if out is None:
            return result
        if isinstance(out, Tensor):
            return _written(function.__name__, result, out)
        for one, to in zip(result, out, strict=True):
            _written(function.__name__, one, to)
        return type(result)(*out) if hasattr(result, "_fields") else tuple(out)

    return call


def _written(name: str, result: Tensor, out: Tensor) -> Tensor:
    if result.requires_grad or (out.requires_grad and minigrad.is_grad_enabled()):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if not minigrad.can_cast(result.array.dtype, out.array.dtype):
        raise RuntimeError(
            f"result type {result.array.dtype} can't be cast to the desired output type {out.array.dtype}"
        )
    if out.array.shape != result.array.shape:
        if out.array.size:
            raise RuntimeError(
                f"{name}(): the result has shape {list(result.array.shape)}, but out has {list(out.array.shape)}; give "
                "one of that shape, or an empty one"
            )
        out.data = result.to(out.array.dtype)
        return out
    return out.copy_(result)
