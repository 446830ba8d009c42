"""Activation modules; each calls the function of the same name."""

from __future__ import annotations

from typing import Literal

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0).

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReLU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ).

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Sigmoid()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0.2689, 0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """y = tanh x.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Tanh()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.7616,  0.0000,  0.9640])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Softmax(Module):
    """Softmax over a dimension: yᵢ = e^xᵢ / Σⱼ e^xⱼ.

    Args:
        dim: the dimension over which the result sums to 1.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softmax(dim=0)(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0.0420, 0.1142, 0.8438])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """Logarithm of the softmax over a dimension.

    Args:
        dim: the dimension over which the softmax sums to 1.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LogSoftmax(dim=0)(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-3.1698, -2.1698, -0.1698])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class ReLU6(ReLU):
    """y = min(max(x, 0), 6).

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ReLU6()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)


class SiLU(ReLU):
    """y = x · sigmoid(x).

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.SiLU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Hardswish(ReLU):
    """y = x · min(max(x + 3, 0), 6) / 6.

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Hardswish()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class LeakyReLU(Module):
    """y = x for x > 0, else negative_slope · x.

    Args:
        negative_slope: the slope below 0.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LeakyReLU(0.1)(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1000,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """y = x for x > 0, else α · (eˣ − 1).

    Args:
        alpha: α, the limit below 0.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """y = x · Φ(x), where Φ is the normal distribution; or its tanh approximation.

    Args:
        approximate: ``none``, or ``tanh``.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GELU()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = ln(1 + e^(β·x)) / β.

    Args:
        beta: β.
        threshold: return x itself where β·x is larger.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softplus()(minigrad.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3133, 0.6931, 2.1269])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"
