"""Determinants, inverses and decompositions of matrices, or of batches of them, (…, n, m).

``minigrad.linalg`` has them under the names of ``torch.linalg``; in ``minigrad`` itself are torch's older names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.named_parts import by_line
from minigrad.functions.selection import where
from minigrad.ops.decompositions import Cholesky, Determinant, Eigh, Inverse, LogDeterminant, Qr, Solve, Svd
from minigrad.ops.shape import Cat
from minigrad.typing import Tensor

__all__ = ["cholesky", "det", "inverse", "logdet", "qr", "slogdet", "svd"]

R = TypeVar("R")


class LinAlgError(RuntimeError):
    """A matrix that has no inverse, or no decomposition of the kind that is wanted."""


class SignAndLogarithm(NamedTuple):
    """The parts of a determinant, sign · exp(logabsdet)."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return by_line(self)


class QAndR(NamedTuple):
    """The factors of a matrix, orthogonal and upper triangular."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return by_line(self)


class Eigen(NamedTuple):
    """The eigenvalues of a symmetric matrix in ascending order, and its eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return by_line(self)


class SingularValues(NamedTuple):
    """The factors U · diag(S) · Vᵀ of a matrix; S descends."""

    U: Tensor
    S: Tensor
    Vh: Tensor

    def __repr__(self) -> str:
        return by_line(self)


class OlderSingularValues(NamedTuple):
    """The factors U · diag(S) · Vᵀ of a matrix, with V itself."""

    U: Tensor
    S: Tensor
    V: Tensor

    def __repr__(self) -> str:
        return by_line(self)


def matrices(name: str, input: Tensor, square: bool = True) -> Tensor:
    """Return the input, if it has matrices in its last two dimensions.

    Raises:
        RuntimeError: if it has no matrices, or none that are square where they are to be, or is not float32 or float64.
    """
    x = as_tensor_operand(name, input)
    if x.array.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions, but got {x.array.ndim}")
    if square and x.array.shape[-1] != x.array.shape[-2]:
        rows, columns = x.array.shape[-2:]
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {rows} by {columns} matrices")
    if x.array.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}: Expected a floating point tensor as input. Got {x.array.dtype}; use x.float()")
    return x


def computed(name: str, compute: Callable[..., R], *inputs: Tensor) -> R:
    """Return what ``compute`` makes of the inputs, with torch's error where NumPy has its own.

    Raises:
        LinAlgError: naming the operation.
    """
    try:
        return compute(*inputs)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{name}: The computation could not be completed: {error}") from None


def det(input: Tensor) -> Tensor:
    """Return the determinants of square matrices."""
    return Determinant.apply(matrices("linalg.det", input))


def slogdet(input: Tensor) -> SignAndLogarithm:
    """Return the signs of determinants and the logarithms of their sizes; 0 and −∞ for a matrix without inverse."""
    return SignAndLogarithm(*computed("linalg.slogdet", LogDeterminant.apply, matrices("linalg.slogdet", input)))


def logdet(input: Tensor) -> Tensor:
    """Return the logarithms of determinants; NaN for negative ones."""
    sign, logarithm = slogdet(input)
    return where(sign < 0, float("nan"), logarithm)


def inverse(input: Tensor) -> Tensor:
    """Return the inverses of square matrices.

    Raises:
        RuntimeError: if a matrix has no inverse.
    """
    return computed("linalg.inv", Inverse.apply, matrices("linalg.inv", input))


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:  # noqa: N803  (torch's names)
    """Return X with A · X = B, or with X · A = B unless ``left``; B may be a vector for each matrix.

    Raises:
        RuntimeError: if a matrix has no inverse, or the shapes or dtypes differ.
    """
    a, b = matrices("linalg.solve", A), as_tensor_operand("linalg.solve", B, "B")
    if a.array.dtype != b.array.dtype:
        raise RuntimeError(f"linalg.solve: Expected A and B to have the same dtype, but found {a.dtype} and {b.dtype}")
    is_vector = b.array.ndim == 1 or (a.array.ndim - 1 == b.array.ndim and b.array.shape == a.array.shape[:-1])
    if is_vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False")
    b = b.unsqueeze(-1) if is_vector else b
    a, b = (a, b) if left else (a.mT, b.mT)
    if b.array.ndim < 2 or a.array.shape[-1] != b.array.shape[-2]:
        raise RuntimeError(f"linalg.solve: Incompatible shapes of A and B: {list(A.shape)} and {list(B.shape)}")
    batch = np.broadcast_shapes(a.array.shape[:-2], b.array.shape[:-2])
    a, b = (x.expand(*batch, *x.array.shape[-2:]) for x in (a, b))
    x = computed("linalg.solve", Solve.apply, a, b)
    if is_vector:
        return x.squeeze(-1)
    return x if left else x.mT


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Return lower triangular L with L · Lᵀ = input, which is symmetric and positive definite; with ``upper``, Lᵀ.

    Raises:
        RuntimeError: if a matrix is not positive definite.
    """
    lower = computed("linalg.cholesky", Cholesky.apply, matrices("linalg.cholesky", input))
    return lower.mT if upper else lower


def qr(input: Tensor, some: bool = True) -> QAndR:
    """Return Q and R of each matrix; Q has as many columns as the smaller of the two sizes.

    Without ``some`` Q is square. The columns that it then has more are arbitrary, and there is no gradient.
    """
    x = matrices("linalg.qr", input, square=False)
    rows, columns = x.array.shape[-2:]
    if rows < columns:  # A = [B C]: Q of B, and R = [R of B, QᵀC]
        q, r = computed("linalg.qr", Qr.apply, x[..., :rows])
        return QAndR(q, Cat.apply(r, q.mT @ x[..., rows:], dim=x.array.ndim - 1))
    return QAndR(*computed("linalg.qr", lambda a: Qr.apply(a, complete=not some and rows > columns), x))


def eigh(A: Tensor, UPLO: Literal["L", "U"] = "L") -> Eigen:  # noqa: N803
    """Return the eigenvalues, in ascending order, and eigenvectors of matrices of which one triangle is read.

    Raises:
        ValueError: if ``UPLO`` is neither "L" nor "U".
    """
    x = matrices("linalg.eigh", A)
    if UPLO not in ("L", "U"):
        raise ValueError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return Eigen(*computed("linalg.eigh", lambda a: Eigh.apply(a, triangle=UPLO), x))


def singular_values(input: Tensor, full: bool) -> SingularValues:
    """Return U, S and Vᵀ of each matrix; U and V are square if ``full``, else they have as many columns as S."""
    x = matrices("linalg.svd", input, square=False)
    return SingularValues(*computed("linalg.svd", lambda a: Svd.apply(a, full=full), x))


def reduced_svd(input: Tensor) -> SingularValues:
    """Return U, S and Vᵀ of each matrix, with as many singular values as the smaller of the two sizes."""
    return singular_values(input, full=False)


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> OlderSingularValues:
    """Return U, S and V, not transposed, of each matrix; without ``compute_uv`` zeros for U and V.

    U and V are square without ``some``, and if they are not computed.
    """
    u, s, vh = singular_values(input, full=not (some and compute_uv))
    if not compute_uv:
        u, vh = (wrap(np.zeros_like(x.array)) for x in (u, vh))
    return OlderSingularValues(u, s, vh.mT)
