"""Hooks on tensors: functions of the user that receive a gradient once it is complete, and may replace it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minigrad.devices import device_of
from minigrad.engine.tensor_base import TensorBase, type_name
from minigrad.typing import Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Function
    from minigrad.engine.tensor_base import Hook


def after_hooks(hooks: dict[int, Hook] | None, gradient: Tensor) -> Tensor:
    """Return the gradient, or what the hooks of its tensor replaced it with."""
    for hook in list(hooks.values()) if hooks else ():
        replacement = hook(gradient)
        if replacement is not None:
            refuse_as_replacement(hook, gradient, replacement)
            gradient = replacement
    return gradient


def at_outputs(node: Function, gradients: list[Tensor | None]) -> list[Tensor | None]:
    """Run the hooks of the tensors that ``node`` made, and set ``grad`` where ``retain_grad`` was called."""
    results: list[Tensor | None] = []
    for index, gradient in enumerate(gradients):
        if gradient is not None:
            gradient = after_hooks(node.tensor_hooks.get(index), gradient)
            reference = node.retained.get(index)
            tensor = None if reference is None else reference()
            if tensor is not None:
                tensor._grad = gradient.clone() if tensor._grad is None else tensor._grad + gradient
        results.append(gradient)
    return results


def refuse_as_replacement(hook: Callable[..., object], gradient: Tensor, value: object) -> None:
    """Refuse what a hook may not return in place of a gradient.

    Raises:
        TypeError: if it is not a Tensor.
        RuntimeError: if it has another shape, dtype or device than the gradient.
    """
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(value, TensorBase):
        raise TypeError(f"expected a Tensor or None, but hook '{name}' returned '{type_name(value)}'")
    was, now = gradient.array, value.array
    if was.dtype != now.dtype or device_of(was) != device_of(now):
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {was.dtype} on {device_of(was)}, got {now.dtype} on "
            f"{device_of(now)})"
        )
    if was.shape != now.shape:
        raise RuntimeError(
            f"hook '{name}' has changed the size of value (was {list(was.shape)}, got {list(now.shape)})"
        )
