"""To be moved here from ``minigrad/ops/norm.py``."""

from minigrad.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
]
