"""The same elements under another shape, and arrays joined into one.

A reshaped, permuted or expanded array is a *view*: it shares its memory with the input and copies nothing.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.typing import Array, Shape, Tensor


class Reshape(Function):
    """y = x in another shape, its elements in the same row-major order        ∂L/∂x = ∂L/∂y reshaped back"""

    makes_view = True

    def forward(self, x: Array, *, shape: Shape) -> Array:
        self.x_shape, self.shape = x.shape, shape
        return np.reshape(x, shape)

    def backward(self, grad: Tensor) -> Tensor:
        return Reshape.apply(grad, shape=self.x_shape)


class Permute(Function):
    """Dimension i of y is dimension dims[i] of x        ∂L/∂x = ∂L/∂y permuted back"""

    makes_view = True

    def forward(self, x: Array, *, dims: tuple[int, ...]) -> Array:
        self.dims = dims
        return np.transpose(x, dims)

    def backward(self, grad: Tensor) -> Tensor:
        inverse = tuple(self.dims.index(d) for d in range(len(self.dims)))
        return Permute.apply(grad, dims=inverse)


class Expand(Function):
    """y = x repeated along dimensions of size 1, without a copy        ∂L/∂x = Σ of ∂L/∂y over the repetitions

    The sum is the one that undoes broadcasting in any operation, so the engine computes it.
    """

    makes_view = True
    broadcasts = True

    def forward(self, x: Array, *, shape: Shape) -> Array:
        return np.broadcast_to(x, shape)

    def backward(self, grad: Tensor) -> Tensor:
        return grad


class Cat(Function):
    """y = the inputs one after the other along a dimension        each input gets its own part of ∂L/∂y"""

    def forward(self, *xs: Array, dim: int) -> Array:
        self.dim = dim
        self.lengths = [x.shape[dim] for x in xs]
        return kernels.of(xs[0]).concatenate(xs, dim)

    def backward(self, grad: Tensor) -> tuple[Tensor, ...]:
        ends = accumulate(self.lengths, initial=0)
        before = (slice(None),) * self.dim
        return tuple([grad[(*before, slice(start, end))] for start, end in pairwise(ends)])


class Split(Function):
    """The outputs are the pieces of x, one after the other along a dimension        ∂L/∂x = their gradients joined

    It is for results that nobody else holds, such as the gates of an LSTM: the pieces share their memory, and a write
    into one is not noted in the others. What ``split`` returns are views, each with a gradient as large as x.
    """

    def forward(self, x: Array, *, lengths: tuple[int, ...], dim: int) -> tuple[Array, ...]:
        self.dim = dim
        before = (slice(None),) * dim
        return tuple([x[(*before, slice(start, end))] for start, end in pairwise(accumulate(lengths, initial=0))])

    def backward(self, *grads: Tensor) -> Tensor:
        joined: Tensor = Cat.apply(*grads, dim=self.dim)
        return joined


def expand_reduced(grad: Tensor, shape: Shape, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """Return a reduction's gradient repeated to ``shape``, the shape before the dimensions ``dims`` were reduced."""
    if not keepdim:
        grad = Reshape.apply(grad, shape=tuple(1 if d in dims else n for d, n in enumerate(shape)))
    return Expand.apply(grad, shape=shape)
