"""Activations seen as rows of channels: N C H W to their user, C N H W in memory."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.blocked.executor import copy
from minigrad.typing import Array, Shape


def channels_first(x: Array) -> Array:
    """Return ``x`` as a contiguous C N H W array: a view if it lies so in memory already, else a copy."""
    view = x.transpose(1, 0, 2, 3)  # N C H W -> C N H W
    return view if view.flags.c_contiguous else copy(np.empty(view.shape, x.dtype), view)


def rows_of(x: Array) -> Array:
    """Return ``x`` as a matrix with one contiguous row a channel."""
    return channels_first(x).reshape(x.shape[1], x.size // x.shape[1] if x.shape[1] else 0)


def logical(rows: Array, shape: Shape) -> Array:
    """Return the N C H W array of ``shape`` whose channels are ``rows``."""
    n, c, h, w = shape
    return rows.reshape(c, n, h, w).transpose(1, 0, 2, 3)  # C N H W -> N C H W


def channel_blocks(channels: int, elements_each: int, elements: int) -> list[slice]:
    """Return stretches of channels that hold about ``elements`` elements each."""
    step = max(1, elements // max(1, elements_each))
    return [slice(c, min(c + step, channels)) for c in range(0, channels, step)]
