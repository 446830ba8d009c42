"""To be moved here from ``minigrad/ops/activation.py``."""

from minigrad.ops.activation import elu, gelu, hardswish, leaky_relu, relu6, silu, softplus

__all__ = [
    "elu",
    "gelu",
    "hardswish",
    "leaky_relu",
    "relu6",
    "silu",
    "softplus",
]
