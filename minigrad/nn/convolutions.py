"""Convolution layers; the functions are in ``functional``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from numpy.typing import DTypeLike

from minigrad.devices import DeviceLike
from minigrad.functions.windows import pair, single
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter, new_kernel, new_parameter
from minigrad.nn.signatures import name_init_after
from minigrad.tensor import Tensor

#: An int for all dimensions, or one for each.
IntOrTuple: TypeAlias = int | tuple[int, ...]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """Base of the convolutions: their options, parameters and padding."""

    dimensions = 2
    weight: Parameter
    bias: Parameter  # None with bias=False; not in the type, so that ``layer.bias.grad`` needs no check, as in torch
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]

    def __init_subclass__(cls) -> None:
        name_init_after(cls)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        if groups < 1:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"in_channels and out_channels must be divisible by groups, got {in_channels}, {out_channels}, {groups}"
            )
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode='{padding_mode}'")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string '{padding}', should be one of 'valid', 'same'")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = self._sizes(kernel_size, "kernel_size")
        self.stride, self.dilation = self._sizes(stride, "stride"), self._sizes(dilation, "dilation")
        self.padding = padding if isinstance(padding, str) else self._sizes(padding, "padding")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError("padding='same' is not supported for strided convolutions")
        self.padding_mode = padding_mode
        self.weight = new_kernel(*self._weight_shape(), *self.kernel_size, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, int]:
        return (self.out_channels, self.in_channels // self.groups)

    def _sizes(self, value: IntOrTuple, name: str) -> tuple[int, ...]:
        return pair(value, name) if self.dimensions == 2 else (single(value, name),)

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from ±1/√(number of inputs of one output), torch's default."""
        init.uniform_by_fan_in(math.prod(self.weight.shape[1:]), self.weight, self.bias)

    def _padded(self, input: Tensor) -> tuple[Tensor, str | int | tuple[int, ...]]:
        """Return the input with the border of ``padding_mode``, and the zero padding left to the convolution."""
        if self.padding_mode == "zeros":
            return input, self.padding
        widths = []
        for i in reversed(range(self.dimensions)):
            if isinstance(self.padding, str):
                total = self.dilation[i] * (self.kernel_size[i] - 1) if self.padding == "same" else 0
                widths += [total // 2, total - total // 2]
            else:
                widths += [self.padding[i], self.padding[i]]
        return F.pad(input, widths, mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != "valid" and self.padding != (0,) * self.dimensions:
            text += f", padding={self.padding}"
        if any(getattr(self, "output_padding", ())):
            text += f", output_padding={self.output_padding}"
        if self.dilation != (1,) * self.dimensions:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text + ("" if self.bias is not None else ", bias=False")


class Conv2d(_Convolution):
    """Two-dimensional convolution: slide kernels over an image; see ``functional.conv2d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, the number of kernels.
        kernel_size: height and width of the kernels, or a number for both; so are the next three.
        stride: the step from one window to the next.
        padding: the border of each side, or ``"same"`` or ``"valid"``.
        dilation: the distance between the elements of a kernel.
        groups: parts that the channels are divided into; each output channel sees the input channels of its
            part only.
        bias: add a learned number to each output channel.
        padding_mode: the values of the border: ``zeros``, or ``reflect``, ``replicate`` or ``circular``, as
            in ``functional.pad``.

    Shape:
        input (N, in_channels, H, W), output (N, out_channels, H′, W′), where
        H′ = ⌊(H + 2 · padding − dilation · (kernel_size − 1) − 1) / stride⌋ + 1;
        weight (out_channels, in_channels / groups, kH, kW), bias (out_channels).

    Raises:
        ValueError: if ``groups`` does not divide both numbers of channels; for an unknown padding, or ``"same"`` with a
            stride.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)
    >>> layer(minigrad.randn(5, 3, 28, 28)).shape
    (5, 8, 14, 14)
    """

    stride: tuple[int, int]
    dilation: tuple[int, int]

    def forward(self, input: Tensor) -> Tensor:
        padded, zeros = self._padded(input)
        return F.conv2d(padded, self.weight, self.bias, self.stride, zeros, self.dilation, self.groups)


class Conv1d(_Convolution):
    """One-dimensional convolution: slide kernels over a signal; see ``functional.conv1d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, the number of kernels.
        kernel_size: the length of the kernels.
        stride: the step from one window to the next.
        padding: the border of each side, or ``"same"`` or ``"valid"``.
        dilation: the distance between the elements of a kernel.
        groups: parts that the channels are divided into; each output channel sees the input channels of its
            part only.
        bias: add a learned number to each output channel.
        padding_mode: the values of the border: ``zeros``, or ``reflect``, ``replicate`` or ``circular``, as
            in ``functional.pad``.

    Shape:
        input (N, in_channels, L), output (N, out_channels, L′); weight (out_channels, in_channels / groups,
        k), bias (out_channels).

    Raises:
        ValueError: if ``groups`` does not divide both numbers of channels; for an unknown padding, or ``"same"`` with a
            stride.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Conv1d(2, 4, kernel_size=5, padding="same")(minigrad.randn(3, 2, 20)).shape
    (3, 4, 20)
    """

    dimensions = 1

    def forward(self, input: Tensor) -> Tensor:
        padded, zeros = self._padded(input)
        return F.conv1d(padded, self.weight, self.bias, self.stride[0], zeros, self.dilation[0], self.groups)


class _Transposed(_Convolution):
    """Base of the transposed convolutions: the size of their output."""

    padding: tuple[int, ...]
    output_padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f"Only 'zeros' padding mode is supported for {type(self).__name__}, got {padding_mode!r}")
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = self._sizes(output_padding, "output_padding")

    def _weight_shape(self) -> tuple[int, int]:
        return (self.in_channels, self.out_channels // self.groups)

    def _extra(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        return self.output_padding if output_size is None else self._extra_for(input, output_size)

    def _extra_for(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """Return the output padding for which the output has the wanted size, the last numbers of it."""
        wanted = tuple(output_size)[-self.dimensions :]
        smallest = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[-self.dimensions :], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        extra = tuple(w - n for w, n in zip(wanted, smallest, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            largest = [n + s - 1 for n, s in zip(smallest, self.stride, strict=True)]
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {smallest} to {largest} "
                f"(for an input of {list(input.shape[-self.dimensions :])})"
            )
        return extra


class ConvTranspose2d(_Transposed):
    """Transposed convolution, which enlarges an image; see ``functional.conv_transpose2d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation, groups: those of the convolution whose input gradient this is.
        output_padding: rows and columns added at one side, to choose among the sizes that give the same input
            size.
        bias: add a learned number to each output channel.
        padding_mode: must be ``zeros``.

    Shape:
        input (N, in_channels, H, W), output (N, out_channels, H′, W′), where
        H′ = (H − 1) · stride − 2 · padding + dilation · (kernel_size − 1) + output_padding + 1;
        weight (in_channels, out_channels / groups, kH, kW), bias (out_channels).

    Raises:
        ValueError: for another ``padding_mode``, or if ``groups`` does not divide both numbers of channels.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose2d(8, 3, kernel_size=2, stride=2)(minigrad.randn(5, 8, 14, 14)).shape
    (5, 3, 28, 28)
    """

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )


class ConvTranspose1d(_Transposed):
    """Transposed convolution, which lengthens a signal; see ``functional.conv_transpose1d``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation, groups: those of the convolution whose input gradient this is.
        output_padding: elements added at one side, to choose among the lengths that give the same input length.
        bias: add a learned number to each output channel.
        padding_mode: must be ``zeros``.

    Shape:
        input (N, in_channels, L), output (N, out_channels, L′), where
        L′ = (L − 1) · stride − 2 · padding + dilation · (kernel_size − 1) + output_padding + 1;
        weight (in_channels, out_channels / groups, k), bias (out_channels).

    Raises:
        ValueError: for another ``padding_mode``, or if ``groups`` does not divide both numbers of channels.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.ConvTranspose1d(8, 3, kernel_size=2, stride=2)(minigrad.randn(5, 8, 14)).shape
    (5, 3, 28)
    """

    dimensions = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self._extra(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )
