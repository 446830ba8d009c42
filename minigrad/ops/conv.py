"""Convolution and its two gradients. As in every deep learning library, the kernel is not flipped (cross-correlation).

One image x, one kernel w. A *tap* is a position (i, j) in the kernel; for the output at (p, q) it reads one pixel:

    y[p, q] = Σ over i, j of w[i, j] · x[p + i, q + j]

    x = 1  2  0    w = 1 -1    y = 8  7    g = 1  0    ∂L/∂w = 3  4    ∂L/∂x = 1 -1  0
        3  1  1        2  3        8 16        0  2            7  9            2  5 -2
        0  2  4                                                                0  4  6

Here y[0, 0] = 1·1 − 1·2 + 2·3 + 3·1 = 8. With images n, input channels c and output channels o,

    y[n, o, p, q] = Σ over c, i, j of w[o, c, i, j] · x[n, c, p + i, q + j]                                          (1)

Backward gets g = ∂L/∂y, where L is the loss. If a small change of x or w changes y by dy, L changes by dL = Σ g · dy
(the chain rule). Here g is a fixed array of numbers, so this is also the change of the sum ⟨g, y⟩ = Σ g · y. To
differentiate L, one may therefore differentiate ⟨g, y⟩ with g held fixed. By (1) it is

    ⟨g, y⟩ = Σ over n, o, p, q, c, i, j of g[n, o, p, q] · w[o, c, i, j] · x[n, c, p + i, q + j]                     (2)

To differentiate by one element, keep the terms that contain it and drop it from them. Pixel (u, v) is in the terms with
p + i = u and q + j = v, hence

    ∂L/∂w[o, c, i, j] = Σ over n, p, q of g[n, o, p, q] · x[n, c, p + i, q + j]
    ∂L/∂x[n, c, u, v] = Σ over o, i, j of g[n, o, u − i, v − j] · w[o, c, i, j]        (terms outside g are left out)

In the example ∂L/∂w[0, 0] = 1·1 + 2·1 = 3. Each g[p, q] sends g[p, q] · w to the window that y[p, q] saw: 1 · w to
the upper left, 2 · w to the lower right. Both windows contain the middle pixel, and it gets the sum 1·3 + 2·1 = 5. (The
minus signs say the same from the pixel's side: g is convolved with the kernel turned by 180°.)

In NumPy all three are loops over the taps; ``seen`` is the part of x that tap (i, j) reads (kernels/reference.py):

    y += w[:, :, i, j] @ seen          dw[:, :, i, j] = g @ seenᵀ          dx[seen] += w[:, :, i, j]ᵀ @ g

(2) is linear in x, in w and in g. Its derivative by one of them is an operation on the other two, so the derivatives of
each of the three operations below are the other two, to any order.

A stride s, dilation d and padding turn p + i into p·s + i·d − padding, and pixels outside the image are 0. With groups,
o and c are channels of the same group. Source: Dumoulin & Visin, "A guide to convolution arithmetic", 2016.
"""

from __future__ import annotations

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels.geometry import Window
from minigrad.typing import Array, Shape, Tensor


class Conv2d(Function):
    """y = x ⋆ w + b, by (1)        ∂L/∂x = Conv2dInput(∂L/∂y, w),  ∂L/∂w = Conv2dWeight(x, ∂L/∂y),  ∂L/∂b = Σ ∂L/∂y

    The bias b has one element for each output channel; None stands for no bias.
    """

    def forward(self, x: Array, w: Array, b: Array | None, *, window: Window, groups: int) -> Array:
        self.x_shape, self.w_shape, self.window, self.groups = x.shape, w.shape, window, groups
        self.save_for_backward(x, w)
        y = kernels.of(x).conv2d(x, w, window, groups)  # N C H W, O C/groups kh kw -> N O H' W'
        if b is not None:
            kernels.of(x).add_to_channels(y, b)
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w = self.saved_tensors
        grad_x = grad_w = grad_b = None
        if self.needs_input_grad[0]:
            grad_x = Conv2dInput.apply(grad, w, x_shape=self.x_shape, window=self.window, groups=self.groups)
        if self.needs_input_grad[1]:
            grad_w = Conv2dWeight.apply(x, grad, w_shape=self.w_shape, window=self.window, groups=self.groups)
        if self.needs_input_grad[2]:
            grad_b = grad.sum((0, 2, 3))
        return grad_x, grad_w, grad_b

    def fused_backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, w = self.saved_arrays
        need_x, need_w, need_b = self.needs_input_grad
        gradients = kernels.of(x).conv2d_backward(x, w, grad, self.window, self.groups, need_x, need_w)
        return *gradients, kernels.of(x).channel_sums(grad) if need_b else None


class Conv2dInput(Function):
    """dx = ∂L/∂x of a convolution, from g and w        ∂/∂g = dx' ⋆ w,  ∂/∂w = Conv2dWeight(dx', g)

    Here dx' is the gradient with respect to dx, and takes the place of x in (2). As a layer of its own this operation
    is the transposed convolution of g with w.
    """

    def forward(self, g: Array, w: Array, *, x_shape: Shape, window: Window, groups: int) -> Array:
        self.w_shape, self.window, self.groups = w.shape, window, groups
        self.save_for_backward(g, w)
        return kernels.of(g).conv2d_input(g, w, x_shape, window, groups)  # N O H' W', O C/groups kh kw -> N C H W

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        g, w = self.saved_tensors
        grad_g = grad_w = None
        if self.needs_input_grad[0]:
            grad_g = Conv2d.apply(grad, w, None, window=self.window, groups=self.groups)
        if self.needs_input_grad[1]:
            grad_w = Conv2dWeight.apply(grad, g, w_shape=self.w_shape, window=self.window, groups=self.groups)
        return grad_g, grad_w


class Conv2dWeight(Function):
    """dw = ∂L/∂w of a convolution, from x and g        ∂/∂x = Conv2dInput(g, dw'),  ∂/∂g = x ⋆ dw'

    Here dw' is the gradient with respect to dw, and takes the place of w in (2).
    """

    def forward(self, x: Array, g: Array, *, w_shape: Shape, window: Window, groups: int) -> Array:
        self.x_shape, self.window, self.groups = x.shape, window, groups
        self.save_for_backward(x, g)
        return kernels.of(x).conv2d_weight(x, g, w_shape, window, groups)  # N C H W, N O H' W' -> O C/groups kh kw

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, g = self.saved_tensors
        grad_x = grad_g = None
        if self.needs_input_grad[0]:
            grad_x = Conv2dInput.apply(g, grad, x_shape=self.x_shape, window=self.window, groups=self.groups)
        if self.needs_input_grad[1]:
            grad_g = Conv2d.apply(x, grad, None, window=self.window, groups=self.groups)
        return grad_x, grad_g
