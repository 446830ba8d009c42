"""To be moved here from ``minigrad/ops/resample.py``."""

from minigrad.ops.resample import interpolate

__all__ = [
    "interpolate",
]
