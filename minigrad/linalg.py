"""Linear algebra under the names of ``torch.linalg``: norms, inverses and decompositions, with their gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from minigrad.absent import module_getattr as _module_getattr
from minigrad.functions.decompositions import (
    LinAlgError,
    QAndR,
    SingularValues,
    det,
    eigh,
    matrices,
    reduced_svd,
    singular_values,
    slogdet,
    solve,
)
from minigrad.functions.decompositions import cholesky as _cholesky
from minigrad.functions.decompositions import inverse as inv
from minigrad.functions.decompositions import qr as _qr
from minigrad.functions.diagonals import diagonal as _diagonal
from minigrad.functions.linalg import matmul
from minigrad.functions.reduce import norm as _norm
from minigrad.ops.decompositions import PseudoInverse
from minigrad.tensor import Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:  # noqa: N803  (torch's names)
    """Return lower triangular L with L · Lᵀ = A, which is symmetric and positive definite; with ``upper``, Lᵀ."""
    return _cholesky(A, upper)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:  # noqa: N803
    """Return the view of the elements (i, i + offset) of two dimensions, as a new last dimension."""
    return _diagonal(A, offset, dim1, dim2)


def qr(A: Tensor, mode: str = "reduced") -> QAndR:  # noqa: N803
    """Return Q and R of each matrix, with as many columns in Q as the smaller of the two sizes.

    With ``mode="complete"`` Q is square, and with ``mode="r"`` it is empty. The columns that ``"complete"`` adds are
    arbitrary, so that there is no gradient then.

    Raises:
        RuntimeError: for another mode.
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode {mode!r}; expected 'reduced', 'complete' or 'r'")
    q, r = _qr(A, mode != "complete")
    return QAndR(q.new_empty(0), r.detach()) if mode == "r" else QAndR(q, r)


def svd(A: Tensor, full_matrices: bool = True) -> SingularValues:  # noqa: N803
    """Return U, S and Vᵀ of each matrix.

    With ``full_matrices`` U and V are square. The columns that are added to the smaller number of both sizes are
    arbitrary, and no gradient flows through them.
    """
    return singular_values(A, full_matrices)


def svdvals(A: Tensor) -> Tensor:  # noqa: N803
    """Return the singular values of each matrix, in descending order."""
    return reduced_svd(A).S


def eigvalsh(A: Tensor, UPLO: Literal["L", "U"] = "L") -> Tensor:  # noqa: N803
    """Return the eigenvalues of symmetric matrices, in ascending order."""
    return eigh(A, UPLO).eigenvalues


def pinv(
    A: Tensor,  # noqa: N803
    rcond: float | Tensor | None = None,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
    hermitian: bool = False,
) -> Tensor:
    """Return the pseudo-inverse V · diag(1/s) · Uᵀ, without the singular values s ≤ max(atol, rtol · the largest).

    Args:
        rcond: another name of ``rtol``, which is the larger size times the dtype's ε, or 0 if ``atol`` is given.
        hermitian: take A as symmetric, and compute its eigenvalues.
    """
    rtol = rcond if rtol is None else rtol
    x = matrices("linalg.pinv", A, square=hermitian)
    if 0 in x.shape[-2:]:
        return x.mT.clone()
    if hermitian:
        w, u = eigh(x.detach())
        s, vh = w.abs(), (u * w.sign().unsqueeze(-2)).mT
    else:
        u, s, vh = reduced_svd(x.detach())
    if rtol is None:
        rtol = max(x.shape[-2:]) * 2.0 ** (-23 if s.array.dtype.itemsize == 4 else -52) if atol is None else 0.0
    least = s.amax(-1, keepdim=True) * _per_matrix(rtol)
    large = s > (least if atol is None else least.clamp(min=_per_matrix(atol)))
    inverse = (1 / s.masked_fill(~large, 1.0)).masked_fill(~large, 0.0)
    pseudo_inverse: Tensor = PseudoInverse.apply(x, (vh.mT * inverse.unsqueeze(-2)) @ u.mT)
    return pseudo_inverse


def _per_matrix(limit: float | Tensor) -> float | Tensor:
    """Return a limit, or a batch of them, so that it lies beside the singular values of each matrix."""
    return limit.unsqueeze(-1) if isinstance(limit, Tensor) else limit


def vector_norm(
    x: Tensor, ord: float = 2, dim: int | tuple[int, ...] | list[int] | None = None, keepdim: bool = False
) -> Tensor:
    """Return (Σ |xᵢ|^ord)^(1/ord) along the dimensions, by default of all elements; with ∞ the largest."""
    return _norm(x, ord, dim, keepdim)


def matrix_norm(
    A: Tensor,  # noqa: N803
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
) -> Tensor:
    """Return a norm of each matrix: "fro", "nuc", ±1 and ±∞ (sums of columns and rows), ±2 (singular values).

    Raises:
        RuntimeError: for any other ``ord``.
    """
    if ord == "fro":
        return _norm(A, 2, list(dim), keepdim)
    x = A.movedim(list(dim), [-2, -1])
    if ord in (1, -1, math.inf, -math.inf):
        sums = x.abs().sum(-2 if abs(float(ord)) == 1 else -1)
    elif ord in (2, -2, "nuc"):
        sums = svdvals(matrices("linalg.matrix_norm", x, square=False))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if ord == "nuc":
        result = sums.sum(-1)
    else:
        result = sums.amax(-1) if float(ord) > 0 else sums.amin(-1)
    return result.unsqueeze(-1).unsqueeze(-1).movedim([-2, -1], list(dim)) if keepdim else result


def norm(
    A: Tensor,  # noqa: N803
    ord: float | str | None = None,
    dim: int | tuple[int, ...] | list[int] | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Return a norm of a vector, or of matrices where ``dim`` has two dimensions or ``ord`` is given for a matrix.

    Raises:
        RuntimeError: if ``ord`` does not fit the number of dimensions.
    """
    if ord is None:
        return _norm(A, 2, dim, keepdim)
    dims = [dim] if isinstance(dim, int) else list(range(A.ndim)) if dim is None else list(dim)
    if len(dims) == 2:
        return matrix_norm(A, ord, (dims[0], dims[1]), keepdim)
    if len(dims) != 1 or isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: ord={ord!r} does not fit {len(dims)} dimensions")
    return vector_norm(A, ord, dims[0], keepdim)


if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
