"""To be moved here from ``minigrad/ops/activation.py``."""

from minigrad.ops.activation import log_softmax, relu, sigmoid, softmax, tanh

__all__ = [
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
