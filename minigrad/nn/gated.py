"""Modules of smooth activations and gates; each calls the function of the same name."""

from __future__ import annotations

from minigrad.nn import functional as F
from minigrad.nn.activations import ReLU, Softmax
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Mish(ReLU):
    """y = x · tanh(ln(1 + eˣ)).

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Mish()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-0.0726,  0.0000,  1.9440])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class SELU(ReLU):
    """y = s · x above 0 and s · α · (eˣ − 1) below, s ≈ 1.0507 and α ≈ 1.6733.

    Args:
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.SELU()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-1.7259,  0.0000,  2.1014])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class CELU(Module):
    """y = x above 0 and α · (e^(x/α) − 1) below.

    Args:
        alpha: α.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CELU()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-0.9817,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class LogSigmoid(Module):
    """y = ln(1 / (1 + e⁻ˣ)).

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LogSigmoid()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-4.0181, -0.6931, -0.1269])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """y = x / (1 + |x|).

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softsign()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-0.8000,  0.0000,  0.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """y = x − tanh x.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Tanhshrink()(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([-3.0007,  0.0000,  1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class Softmin(Softmax):
    """Softmax of −x over a dimension.

    Args:
        dim: the dimension over which the result sums to 1.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softmin(dim=0)(minigrad.tensor([-4.0, 0.0, 2.0]))
    tensor([0.9796, 0.0179, 0.0024])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each pixel.

    Shape:
        input and output (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Softmax2d()(minigrad.zeros(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)


class GLU(Module):
    """y = a · sigmoid(b) of the halves a and b of the input along a dimension.

    Args:
        dim: the dimension.

    Shape:
        input (…, 2n, …), output (…, n, …).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GLU()(minigrad.tensor([3.0, 1.0, 0.0, 0.0]))
    tensor([1.5000, 0.5000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
