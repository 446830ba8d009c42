"""Parameters and buffers of lazy modules, whose shape is not yet known."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.devices import DeviceLike
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor
from minigrad.typing import Shape


class UninitializedTensor(Tensor):
    """A tensor without a shape. It has a dtype and a device, and keeps its identity when it gets its elements."""

    cls_to_become: type[Tensor] = Tensor

    @property
    def shape(self) -> Shape:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized module. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    def numel(self) -> int:
        raise ValueError(
            "Attempted to count the elements of an uninitialized parameter. Call `forward` with a dummy batch to "
            "initialize the parameters before calling functions of them."
        )

    def materialize(self, shape: Shape, device: DeviceLike | None = None, dtype: DTypeLike | None = None) -> None:
        """Become a tensor of this shape, in place, with values that are not yet set."""
        self.become(creation.empty(*shape, device=device or self.device, dtype=dtype or self.dtype))

    def become(self, values: Tensor) -> None:
        """Become a tensor with the memory of another, in place: an optimizer that holds this one moves it."""
        self.array = values.array
        self.__class__ = self.cls_to_become  # type: ignore[assignment]  # both are plain Python classes

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensor, Parameter):
    """A parameter without a shape, which it gets from the first input of its module."""

    cls_to_become = Parameter

    def __init__(
        self, requires_grad: bool = True, device: DeviceLike | None = None, dtype: DTypeLike | None = None
    ) -> None:
        Parameter.__init__(self, creation.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, object]) -> UninitializedParameter:
        copy = type(self)(self.requires_grad, self.device, self.dtype)
        memo[id(self)] = copy
        return copy


class UninitializedBuffer(UninitializedTensor):
    """A buffer without a shape."""

    def __init__(
        self, requires_grad: bool = False, device: DeviceLike | None = None, dtype: DTypeLike | None = None
    ) -> None:
        self.array = creation.empty(0, device=device, dtype=dtype).array
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, object]) -> UninitializedBuffer:
        copy = type(self)(self.requires_grad, self.device, self.dtype)
        memo[id(self)] = copy
        return copy


def is_lazy(tensor: object) -> bool:
    """Return true if a tensor has no shape yet."""
    return isinstance(tensor, UninitializedTensor)
