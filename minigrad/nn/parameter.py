"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.devices import DeviceLike
from minigrad.engine.tensor_base import wrap
from minigrad.memory_order import empty_channels_last
from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and ``module.parameters()`` yields it."""

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        data = creation.empty(0) if data is None else data
        self.array = data.array.view()  # not the same object: a node tells its inputs apart by their arrays
        self._version_cell = data._storage_version  # one memory, so a write to ``data`` counts for both
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, object]) -> Parameter:
        """Return a copy of the values. Unlike a plain tensor's, it leaves the gradient behind, as in torch."""
        copy = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def new_parameter(*shape: int, device: DeviceLike | None, dtype: DTypeLike | None) -> Parameter:
    """Return a parameter whose values are not yet set."""
    return Parameter(creation.empty(*shape, device=device, dtype=dtype))


def new_kernel(*shape: int, device: DeviceLike | None, dtype: DTypeLike | None) -> Parameter:
    """Return the weight of a convolution, (O, C, …), whose values are not yet set; in memory it lies O … C.

    A CPU's kernels read weights in the order of feature maps, and return their gradients in it (docs/memory-layout.md).
    """
    plain = creation.empty(*shape, device=device, dtype=dtype)
    on_cpu = plain.device.type == "cpu"
    return Parameter(wrap(empty_channels_last(shape, plain.dtype)) if on_cpu else plain)
