"""Convolution (as in every deep learning library: cross-correlation) and its two gradients.

        y[n, o, p, q] = Σ_c Σ_i Σ_j  w[o, c, i, j] · x[n, c, p·s + i·d − pad, q·s + j·d − pad]

The loss sees y only, so for a given g = ∂L/∂y everything follows from the number

        ⟨g, y⟩ = Σ g[n, o, p, q] · w[o, c, i, j] · x[n, c, p·s + i·d − pad, …]

which is linear in each of x, w and g. Its derivative with respect to one of them is an operation on the
other two, and there are just three such operations:

        Conv2d        (x, w) → y      the forward pass
        Conv2dInput   (g, w) → ∂L/∂x  every y sends its gradient back to what it saw: the taps run backwards,
                                      which is why the kernel appears flipped, and why overlaps add
        Conv2dWeight  (x, g) → ∂L/∂w  each weight meets one (shifted, strided) picture of x

So the family closes on itself: the derivatives of each are the other two, to any order.
Sources: Dumoulin & Visin, "A guide to convolution arithmetic", 2016; torch documentation, "conv2d".
"""

from __future__ import annotations

from typing import Any

from minigrad import kernels
from minigrad.function import Function
from minigrad.grad_mode import is_grad_enabled
from minigrad.kernels.geometry import Window
from minigrad.ops.promotion import as_tensor_operand


class Conv2d(Function):
    """y = x ⋆ w        ∂L/∂x = Conv2dInput(∂L/∂y, w),  ∂L/∂w = Conv2dWeight(x, ∂L/∂y)"""

    def forward(self, x: Any, w: Any, window: Window, groups: int) -> Any:
        self.x_shape, self.w_shape, self.window, self.groups = x.shape, w.shape, window, groups
        self.save_for_backward(x, w)
        return kernels.of(x).conv2d(x, w, window, groups)

    def backward(self, grad: Any) -> Any:
        x, w = self.saved_tensors
        need_x, need_w, *_ = self.needs_input_grad
        if not is_grad_enabled() and need_x and need_w:
            return *Conv2dBackward.apply(x, w, grad, self.window, self.groups), None, None
        dx = Conv2dInput.apply(grad, w, self.x_shape, self.window, self.groups) if need_x else None
        dw = Conv2dWeight.apply(x, grad, self.w_shape, self.window, self.groups) if need_w else None
        return dx, dw, None, None


class Conv2dInput(Function):
    """dx = the x-gradient of a convolution, from g and w        ∂L/∂g = dx' ⋆ w,  ∂L/∂w = Conv2dWeight(dx', g)

    where dx' is the gradient with respect to dx. It is also the transposed convolution of g with w.
    """

    def forward(self, g: Any, w: Any, x_shape: tuple[int, ...], window: Window, groups: int) -> Any:
        self.w_shape, self.window, self.groups = w.shape, window, groups
        self.save_for_backward(g, w)
        return kernels.of(g).conv2d_input(g, w, x_shape, window, groups)

    def backward(self, grad: Any) -> Any:
        g, w = self.saved_tensors
        need_g, need_w, *_ = self.needs_input_grad
        dg = Conv2d.apply(grad, w, self.window, self.groups) if need_g else None
        dw = Conv2dWeight.apply(grad, g, self.w_shape, self.window, self.groups) if need_w else None
        return dg, dw, None, None, None


class Conv2dWeight(Function):
    """dw = the w-gradient of a convolution, from x and g        ∂L/∂x = Conv2dInput(g, dw'),  ∂L/∂g = x ⋆ dw'

    where dw' is the gradient with respect to dw.
    """

    def forward(self, x: Any, g: Any, w_shape: tuple[int, ...], window: Window, groups: int) -> Any:
        self.x_shape, self.window, self.groups = x.shape, window, groups
        self.save_for_backward(x, g)
        return kernels.of(x).conv2d_weight(x, g, w_shape, window, groups)

    def backward(self, grad: Any) -> Any:
        x, g = self.saved_tensors
        need_x, need_g, *_ = self.needs_input_grad
        dx = Conv2dInput.apply(g, grad, self.x_shape, self.window, self.groups) if need_x else None
        dg = Conv2d.apply(x, grad, self.window, self.groups) if need_g else None
        return dx, dg, None, None, None


class Conv2dBackward(Function):
    """Both gradients in one call, which lets the kernel share work. Only for when no graph is recorded."""

    def forward(self, x: Any, w: Any, g: Any, window: Window, groups: int) -> Any:
        return kernels.of(x).conv2d_backward(x, w, g, window, groups, True, True)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Two-dimensional convolution of a batch of pictures, or of one.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, kh, kw).
        bias: (O), added to every position.
        stride, dilation: an int or (height, width), at least 1.
        padding: an int or (height, width) of zeros on both sides; ``"valid"`` for none; ``"same"``
            (stride 1 only) for an output as large as the input, the extra zero of an even kernel after it.
        groups: input and output channels are split into this many groups that do not see each other.

    Returns:
        (N, O, H', W') with H' = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1.

    Raises:
        RuntimeError: if the shapes, channel counts or dtypes do not fit, naming them.
        ValueError: for padding ``"same"`` with a stride.
    """
    x, w = as_tensor_operand("conv2d", input), as_tensor_operand("conv2d", weight, "weight")
    if x.array.ndim not in (3, 4):
        raise RuntimeError(
            f"Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: {list(x.array.shape)}"
        )
    if w.array.ndim != 4:
        raise RuntimeError(f"expected 4-dimensional weight (O, C/groups, kh, kw), got {list(w.array.shape)}")
    batched = x if x.array.ndim == 4 else x.unsqueeze(0)
    window = conv_window(w.array.shape[2:], stride, padding, dilation)
    _check_conv(batched.array, w.array, bias, window, groups)
    y = Conv2d.apply(batched, w, window, groups)
    y = y if bias is None else y + bias.reshape(1, -1, 1, 1)
    return y if x.array.ndim == 4 else y.squeeze(0)


def pair(value: Any, name: str) -> tuple[int, int]:
    """``value``, an int or two of them, as (height, width)."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) not in (1, 2) or not all(isinstance(v, int) for v in values):
        raise RuntimeError(f"expected {name} to be a single integer value or a list of 2 values, but got {value}")
    return (int(values[0]), int(values[-1]))


def conv_window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The sliding window that a convolution's arguments describe."""
    strides, dilations = pair(stride, "stride"), pair(dilation, "dilation")
    if min(strides) < 1:
        raise RuntimeError(f"non-positive stride is not supported, got {stride}")
    if min(dilations) < 1:
        raise RuntimeError(f"dilation should be greater than zero, but got {dilation}")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'; expected 'same' or 'valid'")
        if padding == "same" and strides != (1, 1):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilations, kernel, strict=True)]
        pads = ((total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2))
    else:
        high, wide = pair(padding, "padding")
        if min(high, wide) < 0:
            raise RuntimeError(f"negative padding is not supported, got {padding}")
        pads = ((high, high), (wide, wide))
    return Window((int(kernel[0]), int(kernel[1])), strides, pads, dilations)


def _check_conv(x: Any, w: Any, bias: Any, window: Window, groups: int) -> None:
    out, channels_each = w.shape[:2]
    if groups < 1:
        raise RuntimeError(f"groups must be a positive integer, got {groups}")
    if out % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(w.shape)} instead"
        )
    if x.shape[1] != channels_each * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have "
            f"{channels_each * groups} channels, but got {x.shape[1]} channels instead"
        )
    if bias is not None and bias.array.shape != (out,):
        raise RuntimeError(
            f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with {out} elements, "
            f"but got bias of size {list(bias.array.shape)} instead"
        )
    if x.dtype != w.dtype:
        raise RuntimeError(f"Input type ({x.dtype}) and weight type ({w.dtype}) should be the same")
    if min(window.output_size(*x.shape[-2:])) < 1:
        (top, bottom), (left, right) = window.padding
        reach = [d * (k - 1) + 1 for d, k in zip(window.dilation, window.kernel, strict=True)]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({x.shape[2] + top + bottom} x {x.shape[3] + left + right}). "
            f"Kernel size: ({reach[0]} x {reach[1]}). Kernel size can't be greater than actual input size"
        )
