"""Arrange feature maps as the rows that a learner's function is written for."""

from __future__ import annotations

import numpy as np

from minigrad.typing import Array, Shape


def as_rows(x: Array) -> Array:
    """Return (N, C, …) as N·… rows of C channels."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def from_rows(rows: Array, shape: Shape) -> Array:
    """Undo :func:`as_rows` for an array of this shape."""
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
