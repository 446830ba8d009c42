"""Counts, choices and sums without NaN, composed of other operations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import minigrad
from minigrad import Tensor


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Return the smallest and the largest element."""
    return input.amin(() if dim is None else dim, keepdim), input.amax(() if dim is None else dim, keepdim)


def argwhere(input: Tensor) -> Tensor:
    """Return the positions of the elements that are not 0, one a row."""
    return minigrad.nonzero(input)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Return between which of the ascending ``boundaries`` each element lies."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None
) -> Tensor:
    """Return where each element would go into an ascending sequence, or, of several rows, into its own."""
    values, ascending = minigrad.as_tensor(input).detach(), sorted_sequence.detach()
    row = ascending if ascending.ndim == 1 else ascending.unsqueeze(-2)
    above = values.unsqueeze(-1) >= row if right or side == "right" else values.unsqueeze(-1) > row
    return above.sum(-1).to(minigrad.int32 if out_int32 else minigrad.int64)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """Return how many elements are not 0."""
    return (input != 0).sum(dim)


class Histogram(NamedTuple):
    """The counts of elements between each two edges, and the edges."""

    hist: Tensor
    bin_edges: Tensor


def histogram(
    input: Tensor, bins: Any = 100, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogram:
    """Return how many elements lie in each of some bins, of equal width or between given edges, and the edges."""
    edges = bins.detach().numpy() if isinstance(bins, Tensor) else bins
    weights = None if weight is None else weight.detach().numpy().ravel()
    found = np.histogram(input.detach().numpy(), edges, range, density, weights)
    return Histogram(*(minigrad.from_numpy(np.asarray(part, input.array.dtype)) for part in found))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Return how many elements lie in each of some equal intervals from ``min`` to ``max``, or of all the elements."""
    x = input.detach().numpy()
    limits = (min, max) if min != max else (x.min(), x.max())
    return minigrad.from_numpy(np.histogram(x, bins, limits)[0].astype(x.dtype))


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Return whether each element is one of ``test_elements``."""
    found = (minigrad.as_tensor(elements).unsqueeze(-1) == minigrad.as_tensor(test_elements).flatten()).any(-1)
    return ~found if invert else found


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the sum without the NaNs."""
    return minigrad.where(minigrad.isnan(input), 0.0, input).sum(dim, keepdim)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return the mean without the NaNs."""
    return nansum(input, dim, keepdim) / (~minigrad.isnan(input)).sum(dim, keepdim)


def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the elements at the shares ``q`` of the ascending order, interpolated linearly."""
    x = input.flatten() if dim is None else input.movedim(dim, -1)
    ordered, shares = x.sort(-1).values, minigrad.as_tensor(q, dtype=input.dtype).detach()
    place = shares.reshape(-1) * (ordered.shape[-1] - 1)
    below, above = place.floor().long(), place.ceil().long()
    low = ordered.index_select(-1, below)
    between = low + (ordered.index_select(-1, above) - low) * (place - below.to(place.dtype))
    result = between.movedim(-1, 0)
    if keepdim:
        result = result.unsqueeze(1 + dim % input.ndim) if dim is not None else result.reshape(-1, *(1,) * input.ndim)
    return result if shares.ndim else result.squeeze(0)
