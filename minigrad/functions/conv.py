"""Convolutions, with torch's arguments. The mathematics is in ``minigrad/ops/conv.py``."""

from __future__ import annotations

from minigrad import dtypes
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.padding import pad
from minigrad.functions.promotion import lowered
from minigrad.functions.windows import conv_window, pair, single
from minigrad.kernels.geometry import Window
from minigrad.ops.conv import Conv2d, Conv2dInput
from minigrad.typing import Array, IntOrInts, Tensor

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    """Return the two-dimensional convolution of a batch of images, or of one.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, kh, kw).
        bias: (O), added at every position.
        stride, dilation: an integer or (height, width), at least 1.
        padding: an integer or (height, width) of zeros on both sides; ``"valid"`` for none; ``"same"`` (stride 1
            only) for an output as large as the input, the extra zero of an even kernel after it.
        groups: input and output channels are split into this many groups; an output channel sees its group only.

    Returns:
        (N, O, H', W') with H' = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1.

    Raises:
        RuntimeError: if the shapes, channel counts or dtypes do not fit, naming them; for padding ``"same"`` with a
            stride.

    The example of ``minigrad/ops/conv.py``:

    >>> import minigrad
    >>> x = minigrad.tensor([[[1., 2., 0.], [3., 1., 1.], [0., 2., 4.]]], requires_grad=True)
    >>> w = minigrad.tensor([[[[1., -1.], [2., 3.]]]], requires_grad=True)
    >>> y = conv2d(x, w)
    >>> y
    tensor([[[ 8.,  7.],
             [ 8., 16.]]], grad_fn=<ReshapeBackward>)
    >>> y.backward(minigrad.tensor([[[1., 0.], [0., 2.]]]))
    >>> w.grad
    tensor([[[[3., 4.],
              [7., 9.]]]])
    >>> x.grad
    tensor([[[ 1., -1.,  0.],
             [ 2.,  5., -2.],
             [ 0.,  4.,  6.]]])
    """
    input, weight, bias = lowered(input, weight, bias)
    x, w = _operands("conv2d", input, weight, "O, C/groups, kh, kw")
    batch = x if x.array.ndim == 4 else x.unsqueeze(0)  # C H W -> 1 C H W
    window = conv_window(w.array.shape[2:], stride, padding, dilation)
    _check_channels(batch.array, w.array, w.array.shape[1] * groups, groups)
    _check_bias_and_dtypes(batch.array, w.array, bias, w.array.shape[0])
    _check_size(batch.array, window)
    y = Conv2d.apply(batch, w, bias, window=window, groups=groups)  # -> N O H' W'
    return y if x.array.ndim == 4 else y.squeeze(0)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Tensor:
    """Return the one-dimensional convolution: that of images one pixel high. The options are as in :func:`conv2d`.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, k).
        bias: (O).

    Raises:
        RuntimeError: as :func:`conv2d`.
    """
    x, w = _operands("conv1d", input, weight, "O, C/groups, k")
    strides, dilations = single(stride, "stride"), single(dilation, "dilation")
    pads = padding if isinstance(padding, str) else (0, single(padding, "padding"))
    image, kernel = x.unsqueeze(-2), w.unsqueeze(-2)  # … L -> … 1 L
    y = conv2d(image, kernel, bias, (1, strides), pads, (1, dilations), groups)
    return y.squeeze(-2)  # … 1 L' -> … L'


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    """Return the transposed convolution: what the gradient of a :func:`conv2d` with this weight does to its input.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, kh, kw).
        bias: (O).
        output_padding: how much larger the output is, at its end, since a convolution with a stride makes the same
            size of several sizes.

    Returns:
        (N, O, H', W') with H' = (H − 1)·stride − 2·padding + dilation·(kh − 1) + output_padding + 1.

    Raises:
        RuntimeError: if the shapes, channel counts or dtypes do not fit, or the output padding is not smaller than
            stride or dilation.
    """
    x, w = _operands("conv_transpose2d", input, weight, "C, O/groups, kh, kw")
    g = x if x.array.ndim == 4 else x.unsqueeze(0)  # C H W -> 1 C H W
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
    y = Conv2dInput.apply(g, w, x_shape=inner, window=window, groups=groups)  # N C H W -> N O H' W'
    y = _plus_bias(pad(y, (0, beyond[1], 0, beyond[0])) if any(beyond) else y, bias)
    return y if x.array.ndim == 4 else y.squeeze(0)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Tensor:
    """Return the transposed convolution of signals: that of images one pixel high.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, k).
        bias: (O).

    Raises:
        RuntimeError: as :func:`conv_transpose2d`.
    """
    x, w = _operands("conv_transpose1d", input, weight, "C, O/groups, k")
    step, apart = (1, single(stride, "stride")), (1, single(dilation, "dilation"))
    pads, extra = (0, single(padding, "padding")), (0, single(output_padding, "output_padding"))
    image, kernel = x.unsqueeze(-2), w.unsqueeze(-2)  # … L -> … 1 L
    return conv_transpose2d(image, kernel, bias, step, pads, extra, groups, apart).squeeze(-2)  # … 1 L' -> … L'


def _operands(name: str, input: Tensor, weight: Tensor, axes: str) -> tuple[Tensor, Tensor]:
    """Return input and weight after a check of their dimensions; ``axes`` names those of the weight."""
    x, w = as_tensor_operand(name, input), as_tensor_operand(name, weight, "weight")
    n = len(axes.split(", "))
    if x.array.ndim not in (n - 1, n):
        raise RuntimeError(
            f"Expected {n - 1}D (unbatched) or {n}D (batched) input to {name}, but got input of size: "
            f"{list(x.array.shape)}"
        )
    if w.array.ndim != n:
        raise RuntimeError(f"expected {n}-dimensional weight ({axes}), got {list(w.array.shape)}")
    return x, w


def _plus_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)  # O -> 1 O 1 1


def _check_size(x: Array, window: Window) -> None:
    if min(window.output_size(*x.shape[-2:])) < 1:
        (top, bottom), (left, right) = window.padding
        reach = [d * (k - 1) + 1 for d, k in zip(window.dilation, window.kernel, strict=True)]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({x.shape[2] + top + bottom} x {x.shape[3] + left + right}). "
            f"Kernel size: ({reach[0]} x {reach[1]}). Kernel size can't be greater than actual input size"
        )


def _check_channels(x: Array, w: Array, channels: int, groups: int) -> None:
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
            f"{channels} channels, but got {x.shape[1]} channels instead{_order_hint(x, channels)}"
        )


def _order_hint(x: Array, channels: int) -> str:
    """Return a question for an input whose last dimension, not the second, has the size of the channels."""
    is_likely = x.shape[3] == channels and x.shape[2] > 1  # a row of height 1 is conv1d's
    return "; is it N H W C? x.permute(0, 3, 1, 2) brings the channels to their place" if is_likely else ""


def _check_bias_and_dtypes(x: Array, w: Array, bias: Tensor | None, out: int) -> None:
    if bias is not None and bias.array.shape != (out,):
        raise RuntimeError(
            f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with {out} elements, "
            f"but got bias of size {list(bias.array.shape)} instead"
        )
    for name, other in (("weight", w), ("bias", None if bias is None else bias.array)):
        if other is not None and x.dtype != other.dtype:
            advice = "write x.float()" if other.dtype == dtypes.float32 else f"write x.to(minigrad.{other.dtype})"
            advice += " or model.double()" if x.dtype == dtypes.float64 else ""
            raise RuntimeError(f"Input type ({x.dtype}) and {name} type ({other.dtype}) should be the same; {advice}")
