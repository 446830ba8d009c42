"""Give a learner's function for sliding windows the arrays that it is written for: padded, and of one stride.

Also the mistake that both poolings invite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad.kernels.geometry import Window
from minigrad.learn.record import Mistake, Swap, Written
from minigrad.learn.swap import arrays, fused
from minigrad.ops.conv import Conv2d
from minigrad.typing import Array

SIZE_FOR_STRIDE = Mistake(
    "size for stride",
    {
        "i : i + stride * P : stride": "i : i + size * P : size",
        "j : j + stride * Q : stride": "j : j + size * Q : size",
    },
    "The windows are taken to be size apart. They are stride apart, and may overlap.",
)


def padded(x: Array, window: Window, value: float = 0.0) -> Array:
    """Return (N, C, H, W) with the padding of a window around it, its channels last in memory as everywhere here.

    ``np.pad`` would put them first, and every product of the learner's would copy them back.
    """
    (top, bottom), (left, right) = window.padding
    n, c, h, w = x.shape
    whole = np.full((n, top + h + bottom, left + w + right, c), value, x.dtype).transpose(0, 3, 1, 2)
    whole[:, :, top : top + h, left : left + w] = x
    return whole


def cropped(x: Array, window: Window, shape: tuple[int, ...]) -> Array:
    """Return the part of a padded array that is not padding."""
    (top, _), (left, _) = window.padding
    return x[:, :, top : top + shape[2], left : left + shape[3]]


def replaced_conv2d(function: Written, fits: Callable[[Conv2d, Array, Array], bool], with_stride: bool) -> Swap:
    """Let ``function(grad, x, w)``, or with a stride and padding, be the derivative of the convolutions that fit it."""
    original = Conv2d.fused_backward
    assert original is not None

    def backward(node: Conv2d, grad: Array) -> tuple[Array | None, ...]:
        x, w = node.saved_arrays
        window = node.window
        if node.groups != 1 or window.dilation != (1, 1) or not fits(node, x, w):
            return original(node, grad)
        if not with_stride:
            dx, dw = arrays(function(grad, padded(x, window), w), 2)
            dx = cropped(dx, window, x.shape)
        elif len({*window.padding[0], *window.padding[1]}) == 1:
            dx, dw = arrays(function(grad, x, w, window.stride[0], window.padding[0][0]), 2)
        else:  # more padding on some sides: the learner gets an image that has it already
            dx, dw = arrays(function(grad, padded(x, window), w, window.stride[0], 0), 2)
            dx = cropped(dx, window, x.shape)
        return dx, dw, grad.sum((0, 2, 3)) if node.needs_input_grad[2] else None

    return fused(Conv2d, backward)
