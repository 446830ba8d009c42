"""Batch normalisation in compiled loops, over images as a matrix (channels.py)."""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.channels import CHAIN, WIDE, bounds, by_channel, cut, scale_part, spread
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import keep, place, stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_LARGE = 1e18  # a number whose distance from others might overflow


# --- Statistics ---
#
# Sums and squares are taken in one pass, as distances from one row of each chain. A row of n cannot be further from
# their mean than √n of their standard deviations. So whatever the numbers are, no more than log₂ n bits of a chain's
# variance cancel. The row is that in the middle: the first pixel of an image is often unlike the others. Chains are
# joined in float64, as distances from the first row of all.


@compiled
def _add_moments(x: int, step: int, first: int, rows: int, count: int, like: Array, table: Array, sums: Array) -> None:
    """Add Σ (x − s) and Σ (x − s)² of a chain of rows, for the s in line 0 of the table."""
    a, b, d = WIDE, 2 * WIDE, 3 * WIDE
    middle = stretch(x, first + rows // 2 * step, count, like)
    for c in range(count):
        table[a + c] = middle[c] if abs(middle[c]) < _LARGE else 0
        table[b + c] = 0
        table[d + c] = 0
    for r in range(0, rows - 3, 4):
        x0, x1 = stretch(x, first + r * step, count, like), stretch(x, first + (r + 1) * step, count, like)
        x2, x3 = stretch(x, first + (r + 2) * step, count, like), stretch(x, first + (r + 3) * step, count, like)
        for c in range(count):
            near = table[a + c]
            d0, d1, d2, d3 = x0[c] - near, x1[c] - near, x2[c] - near, x3[c] - near
            table[b + c] += (d0 + d1) + (d2 + d3)
            table[d + c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
    for r in range(rows // 4 * 4, rows):
        x0 = stretch(x, first + r * step, count, like)
        for c in range(count):
            distance = x0[c] - table[a + c]
            table[b + c] += distance
            table[d + c] += distance * distance
    for c in range(count):
        distance, total = np.float64(table[a + c]) - table[c], np.float64(table[b + c])
        sums[c] += total + rows * distance
        sums[WIDE + c] += table[d + c] + distance * (2 * total + rows * distance)


@compiled
def _moments_part(part: int, x: int, step: int, rows: int, channels: int, like: Array, start: int, sums: Array) -> None:
    fold, column, count, first, last, rest = bounds(part, rows, channels, step == channels)
    table = np.empty(4 * WIDE, like.dtype)
    spread(start, channels, column, count, table, 0, like)
    mine = sums[part]
    for c in range(2 * WIDE):
        mine[c] = 0
    chain = first
    while chain < last + (1 if rest else 0):
        taken = min(CHAIN, last - chain)
        if chain == last:
            taken, count = min(rest, 1), rest
        _add_moments(x, fold * step, chain * fold * step + column, taken, count, like, table, mine)
        chain += taken


# --- Forward ---


@compiled
def normalize(
    team: Team, x: int, step: int, rows: int, channels: int, weight: int, bias: int, mean: int, var: int, eps: float,
    relu: bool, y: int, like: Array,
) -> None:  # fmt: skip
    """Compute y of ``Reference.normalize_channels``; x is ``rows`` pixels, ``step`` elements apart."""
    weights, offsets = stretch(weight, 0, channels, like), stretch(bias, 0, channels, like)
    means, variances = stretch(mean, 0, channels, like), stretch(var, 0, channels, like)
    numbers = np.empty((3, channels), like.dtype)  # centre, factor and offset
    for c in range(channels):
        factor = weights[c] / np.sqrt(np.float64(variances[c]) + eps)
        numbers[0, c], numbers[1, c], numbers[2, c] = 0, factor, offsets[c] - means[c] * factor
    centre = place(numbers)
    factor_at, offset_at = centre + channels * like.itemsize, centre + 2 * channels * like.itemsize
    _, blocks, _, bands, _ = cut(rows, channels, step == channels)
    arguments = x, step, rows, channels, like, centre, factor_at, offset_at, relu, y
    share_out(team, bands * blocks, as_job(scale_part, arguments))
    keep(numbers)


@compiled
def batch_norm(
    team: Team, x: int, step: int, rows: int, channels: int, weight: int, bias: int, eps: float, relu: bool,
    y: int, mean: int, var: int, like: Array,
) -> None:  # fmt: skip
    """Compute y, mean and var of ``Reference.batch_norm``; x is ``rows`` pixels, ``step`` elements apart."""
    dense = step == channels
    _, blocks, _, bands, _ = cut(rows, channels, dense)
    pixel, start, factors = (
        stretch(x, 0, channels, like),
        np.empty(channels, like.dtype),
        np.empty(channels, like.dtype),
    )
    for c in range(channels):
        start[c] = pixel[c] if abs(pixel[c]) < _LARGE else 0
    sums = np.empty((bands * blocks, 2 * WIDE), np.float64)
    arguments = x, step, rows, channels, like, place(start), sums
    share_out(team, bands * blocks, as_job(_moments_part, arguments))
    total, squares = by_channel(sums, 0, rows, channels, dense), by_channel(sums, 1, rows, channels, dense)
    means, variances = stretch(mean, 0, channels, like), stretch(var, 0, channels, like)
    weights = stretch(weight, 0, channels, like)
    for c in range(channels):
        distance = total[c] / rows
        square = squares[c] / rows - distance * distance
        square = 0.0 if square < 0 else square
        means[c], variances[c] = start[c] + distance, square
        factors[c] = weights[c] / np.sqrt(np.float64(variances[c]) + eps)  # as it is backward
    scaling = x, step, rows, channels, like, mean, place(factors), bias, relu, y
    share_out(team, bands * blocks, as_job(scale_part, scaling))
    keep((start, sums, factors))


# --- Backward ---
#
# Where a ReLU followed, g passes where y = (x − mean) · factor + offset is positive (or NaN), so y is computed again.
# Where none did, the offset is ∞, and every g passes.


@compiled
def _products_part(
    part: int, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, dense: bool, like: Array,
    mean: int, factor: int, offset: int, sums: Array,
) -> None:  # fmt: skip
    """Compute Σ g and Σ g · (x − mean) of those g that pass."""
    fold, column, count, first, last, rest = bounds(part, rows, channels, dense)
    a, b, d, e = WIDE, 2 * WIDE, 3 * WIDE, 4 * WIDE
    table = np.empty(5 * WIDE, like.dtype)
    spread(mean, channels, column, count, table, 0, like)
    spread(factor, channels, column, count, table, d, like)
    spread(offset, channels, column, count, table, e, like)
    mine = sums[part]
    for c in range(2 * WIDE):
        mine[c] = 0
    zero = like.dtype.type(0)
    last += 1 if rest else 0
    for start in range(first, last, CHAIN):
        for c in range(count):
            table[a + c] = 0
            table[b + c] = 0
        for r in range(start, min(start + CHAIN, last)):
            wide = rest if rest and r + 1 == last else count
            gs = stretch(g, r * fold * g_step + column, wide, like)
            xs = stretch(x, r * fold * x_step + column, wide, like)
            for c in range(wide):
                deviation = xs[c] - table[c]
                passed = zero if deviation * table[d + c] + table[e + c] <= zero else gs[c]
                table[a + c] += passed
                table[b + c] += passed * deviation
        for c in range(count):
            mine[c] += table[a + c]
            mine[WIDE + c] += table[b + c]


@compiled
def _backward_part(
    part: int, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, dense: bool, like: Array,
    mean: int, factor: int, offset: int, centre: int, slope: int, dx: int,
) -> None:  # fmt: skip
    """Compute dx = factor · (g − centre − (x − mean) · slope), where g is 0 unless it passes."""
    _, blocks, _, bands, _ = cut(rows, channels, dense)
    part = bands * blocks - 1 - part  # backwards: the cache has what was read last
    fold, column, count, first, last, rest = bounds(part, rows, channels, dense)
    a, b, d, e = WIDE, 2 * WIDE, 3 * WIDE, 4 * WIDE
    table = np.empty(5 * WIDE, like.dtype)
    spread(mean, channels, column, count, table, 0, like)
    spread(factor, channels, column, count, table, a, like)
    spread(offset, channels, column, count, table, e, like)
    spread(centre, channels, column, count, table, b, like)
    spread(slope, channels, column, count, table, d, like)
    zero = like.dtype.type(0)
    for r in range(first, last + (1 if rest else 0)):
        if r == last:
            count = rest
        gs = stretch(g, r * fold * g_step + column, count, like)
        xs = stretch(x, r * fold * x_step + column, count, like)
        ds = stretch(dx, r * fold * channels + column, count, like)
        for c in range(count):
            deviation = xs[c] - table[c]
            passed = zero if deviation * table[a + c] + table[e + c] <= zero else gs[c]
            ds[c] = table[a + c] * (passed - table[b + c] - deviation * table[d + c])


@compiled
def batch_norm_backward(
    team: Team, g: int, g_step: int, x: int, x_step: int, rows: int, channels: int, weight: int, offset: int,
    mean: int, var: int, eps: float, dx: int, grad_weight: int, grad_bias: int, like: Array,
) -> None:  # fmt: skip
    """Compute the results of ``Reference.batch_norm_backward``; offset is the bias, or ∞ where no ReLU followed.

    g and x are ``rows`` pixels, their steps apart.
    """
    dense = g_step == channels and x_step == channels
    weights, variances = stretch(weight, 0, channels, like), stretch(var, 0, channels, like)
    numbers = np.empty((3, channels), like.dtype)
    for c in range(channels):
        numbers[0, c] = weights[c] / np.sqrt(np.float64(variances[c]) + eps)
    factor = place(numbers)
    centre, slope = factor + channels * like.itemsize, factor + 2 * channels * like.itemsize
    _, blocks, _, bands, _ = cut(rows, channels, dense)
    sums = np.empty((bands * blocks, 2 * WIDE), np.float64)
    pixels = g, g_step, x, x_step, rows, channels, dense, like, mean, factor, offset
    share_out(team, bands * blocks, as_job(_products_part, (*pixels, sums)))
    total, products = by_channel(sums, 0, rows, channels, dense), by_channel(sums, 1, rows, channels, dense)
    dw, db = stretch(grad_weight, 0, channels, like), stretch(grad_bias, 0, channels, like)
    for c in range(channels):
        rstd = 1.0 / np.sqrt(np.float64(variances[c]) + eps)
        db[c], dw[c] = total[c], products[c] * rstd
        numbers[1, c], numbers[2, c] = total[c] / rows, products[c] * rstd * rstd / rows
    share_out(team, bands * blocks, as_job(_backward_part, (*pixels, centre, slope, dx)))
    keep((sums, numbers))
