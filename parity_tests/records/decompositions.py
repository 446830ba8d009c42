"""Records of diagonals, and of inverses, solutions and decompositions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.testing.samples import Sample
from minigrad.testing.strategies import array_of
from parity_tests.records.base import block, record, with_options

#: Matrices that are far from singular, whose singular values differ: the draws change them little.
_square = array_of(shape=(2, 3, 3)).map(lambda a: Sample([0.2 * np.tanh(a) + _DIAGONAL]))
_DIAGONAL = np.diag([1.0, 2.0, 3.5])
_definite = array_of(shape=(2, 3, 3)).map(lambda a: Sample([0.1 * _symmetric(np.tanh(a)) + _DIAGONAL]))
_tall = array_of(shape=(2, 4, 3)).map(lambda a: Sample([0.2 * np.tanh(a) + np.eye(4, 3) * np.array([1.0, 2.0, 3.5])]))


def _symmetric(a: np.ndarray) -> np.ndarray:
    return a + a.swapaxes(-1, -2)


def _up_to_signs(parts: Any) -> tuple[Any, ...]:
    """Return vectors, of which each library chooses the signs, without them; and numbers."""
    return tuple(part.abs() for part in parts)


record(
    "diagonal",
    lambda m, F, x, offset: (
        m.diagonal(x, offset),
        m.diagonal(x, offset, 2, 0),
        x[0].diag(offset),
        m.diag_embed(x, offset, 0, -2),
        m.diag(x[0, 0], -offset),
    ),
    with_options(block, offset=[0, 1, -2, 4]),
    lambda m, F: m.diagonal(m.zeros(2, 2), 0, 1, 1),
    lambda m, F: m.diagonal(m.zeros(2, 2), 0, 0, 2),
    lambda m, F: m.diag(m.zeros(2, 2, 2)),
    lambda m, F: m.diag_embed(m.zeros(2), 0, 1, -1),
)
record(
    "trace",
    lambda m, F, x: (m.trace(x[0]), x[:, 0].trace()),
    block,
    lambda m, F: m.trace(m.zeros(2)),
    sums=True,
)
record(
    "det",
    lambda m, F, x: (m.det(x), m.logdet(x), *m.linalg.slogdet(-x), m.slogdet(x)[1]),
    _square,
    lambda m, F: m.linalg.det(m.zeros(2, 3)),
    lambda m, F: m.linalg.det(m.zeros(2)),
    lambda m, F: m.linalg.det(m.zeros(2, 2, dtype=m.int64)),
    sums=True,
)
record(
    "inverse",
    lambda m, F, x: (m.inverse(x), m.linalg.pinv(x)),
    _square,
    lambda m, F: m.linalg.inv(m.zeros(2, 2)),
    lambda m, F: m.linalg.inv(m.zeros(2, 3)),
    sums=True,
)
record(
    "solve",
    lambda m, F, x: (
        m.linalg.solve(x, x[..., 0]),
        m.linalg.solve(x, x[:1, :, :2]),
        m.linalg.solve(x, x[:, :2], left=False),
    ),
    _square,
    lambda m, F: m.linalg.solve(m.zeros(2, 2), m.ones(2)),
    lambda m, F: m.linalg.solve(m.eye(2), m.ones(3)),
    lambda m, F: m.linalg.solve(m.eye(2), m.ones(2, dtype=m.float64)),
    sums=True,
)
record(
    "cholesky",
    lambda m, F, x: (m.linalg.cholesky(x), m.cholesky(x, upper=True)),
    _definite,
    lambda m, F: m.linalg.cholesky(-m.eye(2)),
    lambda m, F: m.linalg.cholesky(m.zeros(2, 3)),
    sums=True,
)
record(
    "eigh",
    lambda m, F, x: (*_up_to_signs(m.linalg.eigh(x)), m.linalg.eigvalsh(x, "U")),
    _definite,
    lambda m, F: m.linalg.eigh(m.zeros(2, 3)),
    sums=True,
)
record(
    "svd",
    lambda m, F, x: (
        *_up_to_signs(m.linalg.svd(x, full_matrices=False)),
        *_up_to_signs(m.linalg.svd(x)),
        m.linalg.svdvals(x.mT),
        *_up_to_signs(m.svd(x.mT)),
    ),
    _tall,
    lambda m, F: m.linalg.svd(m.zeros(2)),
    sums=True,
)
record(
    "qr",
    lambda m, F, x: (*m.linalg.qr(x), *m.qr(x), *m.linalg.qr(x.mT)),
    _tall,
    lambda m, F: m.linalg.qr(m.zeros(2)),
    lambda m, F: m.linalg.qr(m.ones(2, 2), "economic"),
    lambda m, F: m.linalg.qr(m.ones(3, 2, requires_grad=True), "complete").Q.sum().backward(),
    sums=True,
)
record(
    "linalg.norms",
    lambda m, F, x, ord: (
        m.linalg.matrix_norm(x, ord),
        m.linalg.norm(x, ord, dim=(0, 2), keepdim=True),
        m.linalg.norm(x),
        m.linalg.vector_norm(x, 3, 1),
        m.norm(x, "nuc", (1, 2)),
    ),
    with_options(_tall, ord=["fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")]),
    lambda m, F: m.linalg.matrix_norm(m.zeros(2, 2), 3),
    lambda m, F: m.norm(m.zeros(2), "nuc"),
    sums=True,
)
