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

from typing import TYPE_CHECKING, Any

from minigrad import kernels
from minigrad.engine.function import Function
from minigrad.kernels.geometry import Window
from minigrad.ops.padding import pad
from minigrad.ops.promotion import as_tensor_operand, lowered
from minigrad.typing import Array, Shape

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class Conv2d(Function):
    """y = x ⋆ w        ∂L/∂x = Conv2dInput(∂L/∂y, w),  ∂L/∂w = Conv2dWeight(x, ∂L/∂y)"""

    def forward(self, x: Array, w: Array, window: Window, groups: int) -> Array:
        self.x_shape, self.w_shape, self.window, self.groups = x.shape, w.shape, window, groups
        self.save_for_backward(x, w)
        return kernels.of(x).conv2d(x, w, window, groups)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w = self.saved_tensors
        need_x, need_w, *_ = self.needs_input_grad
        dx = Conv2dInput.apply(grad, w, self.x_shape, self.window, self.groups) if need_x else None
        dw = Conv2dWeight.apply(x, grad, self.w_shape, self.window, self.groups) if need_w else None
        return dx, dw, None, None

    def fused_backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, w = self.saved_arrays
        need_x, need_w, *_ = self.needs_input_grad
        return *kernels.of(x).conv2d_backward(x, w, grad, self.window, self.groups, need_x, need_w), None, None


class Conv2dInput(Function):
    """dx = the x-gradient of a convolution, from g and w        ∂L/∂g = dx' ⋆ w,  ∂L/∂w = Conv2dWeight(dx', g)

    where dx' is the gradient with respect to dx. It is also the transposed convolution of g with w.
    """

    def forward(self, g: Array, w: Array, x_shape: Shape, window: Window, groups: int) -> Array:
        self.w_shape, self.window, self.groups = w.shape, window, groups
        self.save_for_backward(g, w)
        return kernels.of(g).conv2d_input(g, w, x_shape, window, groups)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        g, w = self.saved_tensors
        need_g, need_w, *_ = self.needs_input_grad
        dg = Conv2d.apply(grad, w, self.window, self.groups) if need_g else None
        dw = Conv2dWeight.apply(grad, g, self.w_shape, self.window, self.groups) if need_w else None
        return dg, dw, None, None, None


class Conv2dWeight(Function):
    """dw = the w-gradient of a convolution, from x and g        ∂L/∂x = Conv2dInput(g, dw'),  ∂L/∂g = x ⋆ dw'

    where dw' is the gradient with respect to dw.
    """

    def forward(self, x: Array, g: Array, w_shape: Shape, window: Window, groups: int) -> Array:
        self.x_shape, self.window, self.groups = x.shape, window, groups
        self.save_for_backward(x, g)
        return kernels.of(x).conv2d_weight(x, g, w_shape, window, groups)

    def backward(self, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, g = self.saved_tensors
        need_x, need_g, *_ = self.needs_input_grad
        dx = Conv2dInput.apply(g, grad, self.x_shape, self.window, self.groups) if need_x else None
        dg = Conv2d.apply(x, grad, self.window, self.groups) if need_g else None
        return dx, dg, None, None, None


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
    input, weight, bias = lowered(input, weight, bias)
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
    y = _plus_bias(Conv2d.apply(batched, w, window, groups), bias)
    return y if x.array.ndim == 4 else y.squeeze(0)


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """One-dimensional convolution: that of pictures one pixel high. The options are as in :func:`conv2d`.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, k).
        bias: (O).

    Raises:
        RuntimeError, ValueError: as :func:`conv2d`.
    """
    x, w = as_tensor_operand("conv1d", input), as_tensor_operand("conv1d", weight, "weight")
    if x.array.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {list(x.array.shape)}"
        )
    if w.array.ndim != 3:
        raise RuntimeError(f"expected 3-dimensional weight (O, C/groups, k), got {list(w.array.shape)}")
    strides, dilations = single(stride, "stride"), single(dilation, "dilation")
    if not isinstance(padding, str):
        padding = (0, single(padding, "padding"))
    y = conv2d(x.unsqueeze(-2), w.unsqueeze(-2), bias, (1, strides), padding, (1, dilations), groups)
    return y.squeeze(-2)  # … 1 L -> … L


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution: the input-gradient of a :func:`conv2d` with this weight, as an operation of its own.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, kh, kw).
        bias: (O).
        output_padding: how much larger the output is, at its end, since several sizes give the same convolution.

    Returns:
        (N, O, H', W') with H' = (H − 1)·stride − 2·padding + dilation·(kh − 1) + output_padding + 1.

    Raises:
        RuntimeError: if the shapes, channel counts or dtypes do not fit, or the output padding is not smaller than
            stride or dilation.
    """
    x, w = as_tensor_operand("conv_transpose2d", input), as_tensor_operand("conv_transpose2d", weight, "weight")
    if x.array.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D (unbatched) or 4D (batched) input to conv_transpose2d, but got input of size: "
            f"{list(x.array.shape)}"
        )
    if w.array.ndim != 4:
        raise RuntimeError(f"expected 4-dimensional weight (C, O/groups, kh, kw), got {list(w.array.shape)}")
    g = x if x.array.ndim == 4 else x.unsqueeze(0)
    window = conv_window(w.array.shape[2:], stride, padding, dilation)
    extra = pair(output_padding, "output_padding")
    if any(e < 0 or e >= max(s, d) for e, s, d in zip(extra, window.stride, window.dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be non-negative and smaller than either stride or dilation, but got "
            f"output_padding {extra}, stride {window.stride}, dilation {window.dilation}"
        )
    _check_channels(g.array, w.array, w.array.shape[0], groups)
    out = w.array.shape[1] * groups
    _check_bias_and_dtypes(g.array, w.array, bias, out)
    size = [
        (n - 1) * s - 2 * before + d * (k - 1) + 1 + e
        for n, s, (before, _), d, k, e in zip(
            g.array.shape[2:], window.stride, window.padding, window.dilation, window.kernel, extra, strict=True
        )
    ]
    if min(*size, *g.array.shape[2:]) < 1:
        raise RuntimeError(f"Given input size per channel: {list(g.array.shape[2:])}. Output size {size} is too small")
    # The rows that output padding adds at the end see the input as far as `padding` had cut them off; beyond, zeros.
    seen = [min(e, before) for e, (before, _) in zip(extra, window.padding, strict=True)]
    (top, _), (left, _) = window.padding
    window = window._replace(padding=((top, top - seen[0]), (left, left - seen[1])))
    beyond = [e - s for e, s in zip(extra, seen, strict=True)]
    inner = (g.array.shape[0], out, *(n - e for n, e in zip(size, beyond, strict=True)))
    y = Conv2dInput.apply(g, w, inner, window, groups)
    y = _plus_bias(pad(y, (0, beyond[1], 0, beyond[0])) if any(beyond) else y, bias)
    return y if x.array.ndim == 4 else y.squeeze(0)


def _plus_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def single(value: Any, name: str) -> int:
    """``value``, an int or a sequence of one, as an int."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) != 1 or not isinstance(values[0], int):
        raise RuntimeError(f"expected {name} to be a single integer value or a list of 1 values, but got {value}")
    return int(values[0])


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
    _check_channels(x, w, w.shape[1] * groups, groups)
    _check_bias_and_dtypes(x, w, bias, w.shape[0])
    if min(window.output_size(*x.shape[-2:])) < 1:
        (top, bottom), (left, right) = window.padding
        reach = [d * (k - 1) + 1 for d, k in zip(window.dilation, window.kernel, strict=True)]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({x.shape[2] + top + bottom} x {x.shape[3] + left + right}). "
            f"Kernel size: ({reach[0]} x {reach[1]}). Kernel size can't be greater than actual input size"
        )


def _check_channels(x: Any, w: Any, channels: int, groups: int) -> None:
    if groups < 1:
        raise RuntimeError(f"groups must be a positive integer, got {groups}")
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(w.shape)} instead"
        )
    if x.shape[1] != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have "
            f"{channels} channels, but got {x.shape[1]} channels instead"
        )


def _check_bias_and_dtypes(x: Any, w: Any, bias: Any, out: int) -> None:
    if bias is not None and bias.array.shape != (out,):
        raise RuntimeError(
            f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with {out} elements, "
            f"but got bias of size {list(bias.array.shape)} instead"
        )
    for name, other in (("weight", w), ("bias", None if bias is None else bias.array)):
        if other is not None and x.dtype != other.dtype:
            raise RuntimeError(f"Input type ({x.dtype}) and {name} type ({other.dtype}) should be the same")
