"""Optimiser steps as one pass over all parameters, compiled by Numba and shared out among a team of threads.

Each function does what ``step`` of the rule does for which minigrad/optim/loops.py registers it; the tests hold the two
equal. A row of its ``table`` has the addresses of a parameter's arrays: the parameter, its gradient, its state (0 where
there is none). Its ``blocks`` are (row of the table, first element, last + 1), one for each part.
"""

from __future__ import annotations

import numpy as np

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Team
from minigrad.kernels.compiled.pointers import stretch
from minigrad.kernels.compiled.team import as_job, share_out
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"


@compiled
def _elements(table: Array, row: int, column: int, first: int, last: int, like: Array) -> Array:
    """Return elements first … last − 1 of an array in the table; none where there is no array."""
    address = table[row, column]
    return stretch(address, first, last - first if address else 0, like)


@compiled
def _decayed(gradient: float, decay: float, x: float) -> float:
    """Return the gradient with weight decay; without it, 0 · ∞ must not make NaN of an infinite parameter."""
    return gradient if decay == 0 else gradient + decay * x


@compiled
def _sgd_part(
    part: int, blocks: Array, table: Array, like: Array, lr: float, momentum: float, decay: float, fresh: float,
    nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    row, first, last = blocks[part, 0], blocks[part, 1], blocks[part, 2]
    p, g, b = [_elements(table, row, column, first, last, like) for column in range(3)]
    kind = like.dtype.type
    rate, mu, weight_decay, share, sign = (
        kind(lr),
        kind(momentum),
        kind(decay),
        kind(fresh),
        kind(-1 if maximize else 1),
    )
    if b.size == 0:
        for i in range(p.size):
            p[i] -= rate * _decayed(sign * g[i], weight_decay, p[i])
    elif nesterov:
        for i in range(p.size):
            direction = _decayed(sign * g[i], weight_decay, p[i])
            b[i] = mu * b[i] + share * direction
            p[i] -= rate * (direction + mu * b[i])
    else:
        for i in range(p.size):
            b[i] = mu * b[i] + share * _decayed(sign * g[i], weight_decay, p[i])
            p[i] -= rate * b[i]


@compiled
def sgd(
    team: Team, blocks: Array, table: Array, like: Array, lr: float, momentum: float, decay: float, fresh: float,
    nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """Move parameters by the rule of ``SGD``."""
    options = (lr, momentum, decay, fresh, nesterov, maximize)
    share_out(team, len(blocks), as_job(_sgd_part, (blocks, table, like, *options)))


@compiled
def _adam_part(
    part: int, blocks: Array, table: Array, like: Array, lr: float, step_size: float, root_correction: float,
    beta1: float, beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    row, first, last = blocks[part, 0], blocks[part, 1], blocks[part, 2]
    p, g, m, v, largest = [_elements(table, row, column, first, last, like) for column in range(5)]
    kind = like.dtype.type
    shrink = kind(1 - lr * decay) if decoupled else kind(1)
    added = kind(0) if decoupled else kind(decay)
    sign = kind(-1 if maximize else 1)
    new, kept_square, new_square = kind(1 - beta1), kind(beta2), kind(1 - beta2)
    size, correction, epsilon = kind(step_size), kind(root_correction), kind(eps)
    for i in range(p.size):
        x = p[i] * shrink
        gradient = _decayed(sign * g[i], added, x)
        mean = m[i] + new * (gradient - m[i])
        square = kept_square * v[i] + new_square * gradient * gradient
        m[i], v[i] = mean, square
        if largest.size:
            most = square if square > largest[i] else largest[i]
            square = most if square == square else square  # NaN stays, in either
            largest[i] = square
        p[i] = x - size * (mean / (np.sqrt(square) / correction + epsilon))


@compiled
def adam(
    team: Team, blocks: Array, table: Array, like: Array, lr: float, step_size: float, root_correction: float,
    beta1: float, beta2: float, eps: float, decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """Move parameters by the rule of ``Adam``."""
    options = (lr, step_size, root_correction, beta1, beta2, eps, decay, decoupled, maximize)
    share_out(team, len(blocks), as_job(_adam_part, (blocks, table, like, *options)))


@compiled
def _rmsprop_part(
    part: int, blocks: Array, table: Array, like: Array, lr: float, alpha: float, eps: float, decay: float,
    momentum: float, maximize: bool,
) -> None:  # fmt: skip
    row, first, last = blocks[part, 0], blocks[part, 1], blocks[part, 2]
    p, g, v, b, mean = [_elements(table, row, column, first, last, like) for column in range(5)]
    kind = like.dtype.type
    rate, keep, new, epsilon = kind(lr), kind(alpha), kind(1 - alpha), kind(eps)
    added, mu, sign = kind(decay), kind(momentum), kind(-1 if maximize else 1)
    for i in range(p.size):
        gradient = _decayed(sign * g[i], added, p[i])
        square = keep * v[i] + new * gradient * gradient
        v[i] = square
        if mean.size:
            centre = mean[i] + new * (gradient - mean[i])
            mean[i] = centre
            square -= centre * centre
        direction = gradient / (np.sqrt(square) + epsilon)
        if b.size:
            direction += mu * b[i]
            b[i] = direction
        p[i] -= rate * direction


@compiled
def rmsprop(
    team: Team, blocks: Array, table: Array, like: Array, lr: float, alpha: float, eps: float, decay: float,
    momentum: float, maximize: bool,
) -> None:  # fmt: skip
    """Move parameters by the rule of ``RMSprop``."""
    options = (lr, alpha, eps, decay, momentum, maximize)
    share_out(team, len(blocks), as_job(_rmsprop_part, (blocks, table, like, *options)))
