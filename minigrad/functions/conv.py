"""To be moved here from ``minigrad/ops/conv.py``."""

from minigrad.ops.conv import conv1d, conv2d, conv_transpose2d

__all__ = [
    "conv1d",
    "conv2d",
    "conv_transpose2d",
]
