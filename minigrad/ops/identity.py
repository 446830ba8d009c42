"""y = x: operations that keep the values and do something else, to where they are or to the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minigrad.devices import device, device_of, to_device
from minigrad.engine.function import Function
from minigrad.memory_order import copy_in, memory_format, preserve_format
from minigrad.typing import Array, Tensor

if TYPE_CHECKING:
    Gradients: TypeAlias = tuple[Tensor | None, ...]


class Clone(Function):
    """y = a copy of x, in its memory order or another        ∂L/∂x = ∂L/∂y"""

    def forward(self, x: Array, *, format: memory_format = preserve_format) -> Array:
        return np.copy(x, order="K") if format is preserve_format else copy_in(format, x)

    def backward(self, grad: Tensor) -> Tensor:
        return grad


class ToDevice(Function):
    """y = x on another device        ∂L/∂x = ∂L/∂y on the device of x"""

    def forward(self, x: Array, *, target: device, non_blocking: bool = False) -> Array:
        self.origin = device_of(x)
        return to_device(x, target, non_blocking)

    def backward(self, grad: Tensor) -> Tensor:
        return ToDevice.apply(grad, target=self.origin)


class ScaleGradient(Function):
    """y = x        ∂L/∂x = factor · ∂L/∂y, with a constant factor that broadcasts"""

    def forward(self, x: Array, factor: Array) -> Array:
        self.save_for_backward(factor)
        return np.copy(x, order="K")

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (factor,) = self.saved_tensors
        return grad * factor, None


class Passage(Function):
    """yᵢ = xᵢ        (∂L/∂x₁, …) = watch(∂L/∂y₁, …), which may look at the gradients or replace them"""

    def forward(self, *xs: Array, watch: Callable[[Gradients], Gradients]) -> tuple[Array, ...]:
        self.watch = watch
        return tuple(np.copy(x, order="K") for x in xs)

    def backward(self, *grads: Tensor) -> Gradients:
        return self.watch(grads)
