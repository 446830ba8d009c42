"""Pooling: a scalar for each window of a feature map; channels do not mix.

A window of k × k elements slides over the image as in a convolution (conv.py), without weights.

*Max pooling* keeps the largest element of each window, the winner:

    y[p] = x[winner[p]]                                                 p and u are positions (row, column)
    ∂L/∂x[u] = Σ over the windows p with winner[p] = u of ∂L/∂y[p]

A small change of x changes no winner (but at ties), so ``winner`` is a constant to the derivative: the forward pass is
a read at fixed positions ("gather"). The gradient goes only to the winners; windows may overlap, and an element that
won several windows gets the sum ("scatter": write, adding). The gradient of that sum is a read again.

*Average pooling* with a factor a (1 / number of elements) is linear:

    y[p] = a · Σ of x[u] over the u in window p
    ∂L/∂x[u] = Σ over the windows p that contain u of a · ∂L/∂y[p]

Every element of a window gets the same share of its gradient ("spread"). For example, windows of two on one row:

    x = 1  3  2    max:  y = 3  3      winner = 1  1    g = ∂L/∂y = 10  1    ∂L/∂x = 0  11   0
                   mean: y = 2  2.5                     g = ∂L/∂y = 10  1    ∂L/∂x = 5  5.5  0.5

In both cases the forward pass is y = A x for a matrix A that does not depend on x, and the gradient is Aᵀ g. The
derivative of Aᵀ g is A again, so two operations give the derivatives of every order.
"""

from __future__ import annotations

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels.geometry import Window
from minigrad.typing import Array, Shape, Tensor


class MaxPool2d(Function):
    """y = the largest element of each window        ∂L/∂x: each ∂L/∂y goes to the element that won

    Of equal elements the first in row-major order wins, as in torch. ``taps`` holds the winner of each window as its
    number within the window, 0 … k·k − 1.
    """

    def forward(self, x: Array, *, window: Window) -> Array:
        self.x_shape, self.window = x.shape, window
        y, taps = kernels.of(x).max_pool2d(x, window)  # N C H W -> N C H' W'
        self.save_for_backward(taps)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        (taps,) = self.saved_tensors
        return MaxPool2dScatter.apply(grad, taps, x_shape=self.x_shape, window=self.window)


class MaxPool2dScatter(Function):
    """dx = zeros, with each g added to the element that won its window        ∂L/∂g = ∂L/∂dx gathered from there"""

    def forward(self, g: Array, taps: Array, *, x_shape: Shape, window: Window) -> Array:
        self.window = window
        self.save_for_backward(taps)
        return kernels.of(g).max_pool2d_scatter(g, taps, x_shape, window)  # N C H' W' -> N C H W

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (taps,) = self.saved_tensors
        return MaxPool2dGather.apply(grad, taps, window=self.window), None


class MaxPool2dGather(Function):
    """y = the element of x that ``taps`` names in each window        ∂L/∂x = ∂L/∂y scattered there"""

    def forward(self, x: Array, taps: Array, *, window: Window) -> Array:
        self.x_shape, self.window = x.shape, window
        self.save_for_backward(taps)
        return kernels.of(x).max_pool2d_gather(x, taps, window)  # N C H W -> N C H' W'

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        (taps,) = self.saved_tensors
        return MaxPool2dScatter.apply(grad, taps, x_shape=self.x_shape, window=self.window), None


class AvgPool2d(Function):
    """y = scale · Σ of each window        ∂L/∂x: scale · ∂L/∂y, to every element of the window

    ``scale`` is a number, or an (H', W') array where windows at the border count fewer elements.
    """

    def forward(self, x: Array, *, window: Window, scale: float | Array) -> Array:
        self.x_shape, self.window, self.scale = x.shape, window, scale
        return kernels.of(x).avg_pool2d(x, window, scale)  # N C H W -> N C H' W'

    def backward(self, grad: Tensor) -> Tensor:
        return AvgPool2dSpread.apply(grad, x_shape=self.x_shape, window=self.window, scale=self.scale)


class AvgPool2dSpread(Function):
    """dx = scale · g, added to every element of its window        ∂L/∂g = scale · Σ of each window of ∂L/∂dx"""

    def forward(self, g: Array, *, x_shape: Shape, window: Window, scale: float | Array) -> Array:
        self.window, self.scale = window, scale
        return kernels.of(g).avg_pool2d_backward(g, x_shape, window, scale)  # N C H' W' -> N C H W

    def backward(self, grad: Tensor) -> Tensor:
        return AvgPool2d.apply(grad, window=self.window, scale=self.scale)
