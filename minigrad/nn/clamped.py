"""Activation modules of straight pieces; each calls the function of the same name."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn.activations import ReLU
from minigrad.nn.init import constant_
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class Hardsigmoid(ReLU):
    """y = min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Hardsigmoid()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([0.0000, 0.5000, 0.8333])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardtanh(Module):
    """y = min(max(x, min_val), max_val).

    Args:
        min_val: the smallest output.
        max_val: the largest output.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    Raises:
        ValueError: if ``max_val`` is not above ``min_val``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Hardtanh()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise ValueError(f"max_val must be larger than min_val, got {max_val} and {min_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class Threshold(Module):
    """y = x above the threshold, else ``value``.

    Args:
        threshold: the threshold.
        value: the output elsewhere.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Threshold(0.5, -1.0)(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-1., -1.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardshrink(Module):
    """y = x where |x| > λ, else 0.

    Args:
        lambd: λ.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Hardshrink()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-4.,  0.,  2.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """y = x − λ above λ, x + λ below −λ, and 0 in between.

    Args:
        lambd: λ, at least 0.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softshrink()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-3.5000,  0.0000,  1.5000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class RReLU(Module):
    """y = x above 0, slope · x below; in training the slope of each element is random.

    Args:
        lower: the smallest slope.
        upper: the largest slope; in evaluation the slope is the mean of both.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.RReLU().eval()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-0.9167,  0.0000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """y = x above 0, weight · x below; the weight is learned.

    Args:
        num_parameters: 1, or the number of channels, each of which has its own weight.
        init: the first value of the weights.

    Shape:
        input and output of any shape, with the channels as dimension 1.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.PReLU()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.], grad_fn=<WhereBackward>)
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(creation.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to their first value."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
