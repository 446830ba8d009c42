"""To be moved here from ``minigrad/ops/norm.py``."""

from minigrad.ops.norm import (
    batch_norm,
    batch_norm_relu,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
)

__all__ = [
    "batch_norm",
    "batch_norm_relu",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
]
