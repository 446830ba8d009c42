"""Pooling of signals (N, C, L) or (C, L): that of images one pixel high."""

from __future__ import annotations

from typing import Literal, overload

from minigrad.functions.adaptive_pool import adaptive_avg_pool2d, adaptive_max_pool2d
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.pool import avg_pool2d, max_pool2d
from minigrad.functions.windows import single
from minigrad.typing import IntOrInts, Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "avg_pool1d",
    "max_pool1d",
    "max_pool1d_with_indices",
]


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def max_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the largest element of each window; the options are those of :func:`max_pool2d`.

    Raises:
        RuntimeError: if the window does not fit or the padding is more than half the kernel.
    """
    kernel, step = _window("max_pool1d", input, kernel_size, stride)
    pads, apart = (0, single(padding, "padding")), (1, single(dilation, "dilation"))
    image = input.unsqueeze(-2)  # … L -> … 1 L
    result = max_pool2d(image, kernel, step, pads, apart, ceil_mode, return_indices)
    if isinstance(result, tuple):
        return result[0].squeeze(-2), result[1].squeeze(-2)
    return result.squeeze(-2)  # … 1 L' -> … L'


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the maxima of :func:`max_pool1d` and their positions; ``return_indices`` has no effect."""
    return max_pool1d(  # type: ignore[return-value]
        input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True
    )


def avg_pool1d(
    input: Tensor,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window; the options are those of :func:`avg_pool2d`.

    Raises:
        RuntimeError: if the window does not fit or the padding is more than half the kernel.
        NotImplementedError: for integers other than int64.
    """
    kernel, step = _window("avg_pool1d", input, kernel_size, stride)
    pads = 0, single(padding, "padding")
    return avg_pool2d(input.unsqueeze(-2), kernel, step, pads, ceil_mode, count_include_pad).squeeze(-2)


def adaptive_avg_pool1d(input: Tensor, output_size: IntOrInts) -> Tensor:
    """Return the means of ``output_size`` cells of nearly equal length.

    Raises:
        NotImplementedError: for integers.
    """
    _check_line("adaptive_avg_pool1d", input)
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, single(output_size, "output_size"))).squeeze(-2)


def adaptive_max_pool1d(
    input: Tensor, output_size: IntOrInts, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the maxima of ``output_size`` cells of nearly equal length, and with ``return_indices`` their positions.

    Raises:
        NotImplementedError: for integers.
    """
    _check_line("adaptive_max_pool1d", input)
    y, indices = adaptive_max_pool2d(input.unsqueeze(-2), (1, single(output_size, "output_size")), return_indices=True)
    return (y.squeeze(-2), indices.squeeze(-2)) if return_indices else y.squeeze(-2)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: IntOrInts, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the maxima of :func:`adaptive_max_pool1d` and their positions; ``return_indices`` has no effect."""
    return adaptive_max_pool1d(input, output_size, return_indices=True)  # type: ignore[return-value]


def _window(
    name: str, input: Tensor, kernel_size: IntOrInts, stride: IntOrInts | None
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return kernel size and stride of the image."""
    _check_line(name, input)
    kernel = single(kernel_size, "kernel_size")
    step = kernel if stride is None or stride in ([], ()) else single(stride, "stride")
    return (1, kernel), (1, step)


def _check_line(name: str, input: Tensor) -> None:
    ndim = as_tensor_operand(name, input).array.ndim
    if ndim not in (2, 3):
        raise RuntimeError(f"{name}(): Expected 2D or 3D (batch mode) tensor, but got {list(input.array.shape)}")
