"""Read the arguments that describe a sliding window: kernel size, stride, padding, dilation."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.kernels.geometry import Window
from minigrad.typing import IntOrInts, Shape


def single(value: IntOrInts, name: str) -> int:
    """Return ``value``, an integer or a sequence of one, as an integer.

    Raises:
        RuntimeError: if it is anything else, naming the argument.
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) != 1 or not isinstance(values[0], int):
        raise RuntimeError(f"expected {name} to be a single integer value or a list of 1 values, but got {value}")
    return int(values[0])


def pair(value: IntOrInts, name: str) -> tuple[int, int]:
    """Return ``value``, an integer or a sequence of one or two, as (height, width).

    Raises:
        RuntimeError: if it is anything else, naming the argument.
    """
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int:
        return value  # as layers keep it: their every call comes here
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) not in (1, 2) or not all(isinstance(v, int) for v in values):
        raise RuntimeError(f"expected {name} to be a single integer value or a list of 2 values, but got {value}")
    return (int(values[0]), int(values[-1]))


def conv_window(kernel: Sequence[int], stride: IntOrInts, padding: IntOrInts | str, dilation: IntOrInts) -> Window:
    """Return the window that a convolution's arguments describe.

    Raises:
        RuntimeError: if stride, padding or dilation is too small, or padding is ``"same"`` with a stride.
    """
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


def pool_window(
    name: str,
    shape: Shape,
    kernel_size: IntOrInts,
    stride: IntOrInts | None,
    padding: IntOrInts,
    dilation: IntOrInts,
    ceil_mode: bool,
) -> Window:
    """Return the window that the arguments of a pooling of (N, C, H, W) describe; the stride defaults to its size.

    Raises:
        RuntimeError: if an argument is too small, the padding is more than half the kernel, or nothing would be left.
    """
    size = pair(kernel_size, "kernel_size")
    strides = size if stride is None or stride in ([], ()) else pair(stride, "stride")
    pads, dilations = pair(padding, "padding"), pair(dilation, "dilation")
    if min(size) < 1:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got kH: {size[0]} kW: {size[1]}")
    if min(strides) < 1:
        raise RuntimeError(f"{name}: stride should not be zero, got {strides}")
    if min(dilations) < 1:
        raise RuntimeError(f"{name}: dilation should be greater than zero, got {dilations}")
    if min(pads) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {pads}")
    if any(p > (d * (k - 1) + 1) // 2 for p, k, d in zip(pads, size, dilations, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={pads}, "
            f"kernel_size={size} and dilation={dilations}"
        )
    window = Window(size, strides, ((pads[0], pads[0]), (pads[1], pads[1])), dilations, ceil_mode)
    result = window.output_size(*shape[-2:])
    if min(result) < 1 or 0 in shape[1:]:
        raise RuntimeError(
            f"Given input size: ({shape[1]}x{shape[2]}x{shape[3]}). Calculated output size: "
            f"({shape[1]}x{result[0]}x{result[1]}). Output size is too small"
        )
    return window
