"""Sums over cells, which are stretches of a dimension of different lengths that may overlap.

Adaptive average pooling divides an image into such cells where its size is no multiple of the number of cells.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from minigrad.devices import zeros
from minigrad.engine.function import Function
from minigrad.typing import Array, Tensor

Cells: TypeAlias = list[tuple[int, int]]  #: the start and the stop of each cell


class SumCells(Function):
    """yᵢ = Σ of x over cell i        ∂L/∂x: ∂L/∂yᵢ is added to every element of cell i"""

    def forward(self, x: Array, *, dim: int, cells: Cells) -> Array:
        self.size, self.dim, self.cells = x.shape[dim], dim, cells
        y = np.empty_like(x, shape=(*x.shape[:dim], len(cells), *x.shape[dim + 1 :]))
        for i, (start, stop) in enumerate(cells):
            y[_along(dim, i, i + 1)] = np.sum(x[_along(dim, start, stop)], axis=dim, keepdims=True)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        return SpreadCells.apply(grad, size=self.size, dim=self.dim, cells=self.cells)


class SpreadCells(Function):
    """dx = zeros, with gᵢ added to every element of cell i        ∂L/∂gᵢ = Σ of ∂L/∂dx over cell i"""

    def forward(self, g: Array, *, size: int, dim: int, cells: Cells) -> Array:
        self.dim, self.cells = dim, cells
        dx = zeros(g, (*g.shape[:dim], size, *g.shape[dim + 1 :]))
        for i, (start, stop) in enumerate(cells):
            dx[_along(dim, start, stop)] += g[_along(dim, i, i + 1)]
        return dx

    def backward(self, grad: Tensor) -> Tensor:
        return SumCells.apply(grad, dim=self.dim, cells=self.cells)


def _along(dim: int, start: int, stop: int) -> tuple[slice, ...]:
    """Return the index of the elements from ``start`` to ``stop`` along ``dim``."""
    return (*(slice(None),) * dim, slice(start, stop))
