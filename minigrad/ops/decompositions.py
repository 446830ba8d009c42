"""Inverses, solutions and decompositions of square matrices and of others, each of a batch (…, n, m).

A derivative is found from the equation that defines the result: A·X = B gives A·dX = dB − dA·X.
Source: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation".
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.function import Function
from minigrad.engine.tensor_base import wrap
from minigrad.ops.diagonal import OnDiagonal, on_diagonal
from minigrad.ops.selection import Where
from minigrad.typing import Array, Tensor


class Inverse(Function):
    """X = A⁻¹        ∂L/∂A = −Xᵀ ∂L/∂X Xᵀ"""

    def forward(self, a: Array) -> Array:
        x: Array = np.linalg.inv(a)
        self.save_for_backward(x)
        return x

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        return -(x.mT @ grad @ x.mT)


class PseudoInverse(Function):
    """X = A⁺, which is given        ∂L/∂A = −(XGX)ᵀ + (G − AXG) XXᵀ + XᵀX (G − GXA),  G = (∂L/∂X)ᵀ

    The last two terms are 0 for a square A that has an inverse. Source: Golub & Pereyra 1973, "The differentiation of
    pseudo-inverses".
    """

    def forward(self, a: Array, x: Array) -> Array:
        y = np.copy(x)
        self.save_for_backward(a, y)
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor, None]:
        a, x = self.saved_tensors
        g, xt = grad.mT, x.mT
        left = (g - a @ (x @ g)) @ x @ xt
        right = xt @ x @ (g - (g @ x) @ a)
        return left + right - (x @ g @ x).mT, None


class Solve(Function):
    """X with A·X = B        ∂L/∂B = A⁻ᵀ ∂L/∂X,  ∂L/∂A = −∂L/∂B Xᵀ"""

    def forward(self, a: Array, b: Array) -> Array:
        x: Array = np.linalg.solve(a, b)
        self.save_for_backward(a, x)
        return x

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        a, x = self.saved_tensors
        grad_b = Solve.apply(a.mT, grad)
        return -(grad_b @ x.mT), grad_b


class Determinant(Function):
    """y = det A        ∂L/∂A = ∂L/∂y · C,  C = det A · A⁻ᵀ, the matrix of the cofactors

    Of A = U·diag(s)·Vᵀ it is det U · det V · U·diag(∏ of the other s)·Vᵀ, where A has no inverse.
    """

    def forward(self, a: Array) -> Array:
        y = _array(np.linalg.det(a))
        self.save_for_backward(a, y)
        self.singular = bool(to_host(np.any(y == 0)))
        return y

    def backward(self, grad: Tensor) -> Tensor:
        a, y = self.saved_tensors
        grad = grad.unsqueeze(-1).unsqueeze(-1)
        if not self.singular:
            return grad * y.unsqueeze(-1).unsqueeze(-1) * Inverse.apply(a).mT
        u, s, vt = Svd.apply(a)
        n = s.shape[-1]
        others = Where.apply(wrap(on_diagonal(n, s.array)), 1, s.unsqueeze(-2).expand(*s.shape, n))
        sign = (Determinant.apply(u) * Determinant.apply(vt)).unsqueeze(-1).unsqueeze(-1)
        return grad * sign * ((u * others.prod(-1).unsqueeze(-2)) @ vt)


class LogDeterminant(Function):
    """s, l with det A = s·eˡ        ∂L/∂A = ∂L/∂l · A⁻ᵀ"""

    def forward(self, a: Array) -> tuple[Array, Array]:
        sign, logarithm = np.linalg.slogdet(a)
        self.save_for_backward(a)
        return _array(sign), _array(logarithm)

    def backward(self, grad_sign: Tensor, grad: Tensor) -> Tensor:
        (a,) = self.saved_tensors
        return grad.unsqueeze(-1).unsqueeze(-1) * Inverse.apply(a).mT


class Cholesky(Function):
    """L, lower triangular, with A = L·Lᵀ        ∂L/∂A = ½ (S + Sᵀ),  S = L⁻ᵀ Φ(Lᵀ ∂L/∂L) L⁻¹

    Φ keeps the lower triangle and halves the diagonal.
    """

    def forward(self, a: Array) -> Array:
        lower: Array = np.linalg.cholesky(a)
        self.save_for_backward(lower)
        return lower

    def backward(self, grad: Tensor) -> Tensor:
        (lower,) = self.saved_tensors
        inside = lower.mT @ grad
        phi = (inside.tril() + inside.tril(-1)) / 2
        s = Solve.apply(lower.mT, phi)
        s = Solve.apply(lower.mT, s.mT).mT
        return (s + s.mT) / 2


class Eigh(Function):
    """w, V with A·V = V·diag(w), for symmetric A

    ∂L/∂A = the symmetric part of V (diag(∂L/∂w) + (Vᵀ ∂L/∂V) ∘ F) Vᵀ

    F has 1 / (wⱼ − wᵢ) in row i and column j, and 0 on the diagonal. Only one triangle of A is read.
    """

    def forward(self, a: Array, *, triangle: Literal["L", "U"]) -> tuple[Array, Array]:
        w, v = np.linalg.eigh(a, triangle)
        self.save_for_backward(w, v)
        return w, v

    def backward(self, grad_w: Tensor, grad_v: Tensor) -> Tensor:
        w, v = self.saved_tensors
        inside = _diagonal(grad_w) + (v.mT @ grad_v) * _inverse_differences(w)
        result = v @ inside @ v.mT
        return (result + result.mT) / 2


class Svd(Function):
    """U, s, Vᵀ with A = U·diag(s)·Vᵀ; U and V have k columns, the smaller of the two sizes, or are square if ``full``

    ∂L/∂A = U (diag(∂L/∂s) + (F ∘ (Q − Qᵀ)) S + S (F ∘ (R − Rᵀ))) Vᵀ + the parts of ∂L/∂U and ∂L/∂V that are
    orthogonal to U and V,  with Q = Uᵀ ∂L/∂U,  R = Vᵀ ∂L/∂V,  Fᵢⱼ = 1 / (sⱼ² − sᵢ²) off the diagonal,
    where U and V have k columns
    """

    def forward(self, a: Array, *, full: bool = False) -> tuple[Array, Array, Array]:
        u, s, vt = np.linalg.svd(a, full_matrices=full)
        self.save_for_backward(u, s, vt)
        return u, s, vt

    def backward(self, grad_u: Tensor, grad_s: Tensor, grad_vt: Tensor) -> Tensor:
        u, s, vt = self.saved_tensors
        k = s.shape[-1]
        u, grad_u, vt, grad_vt = u[..., :k], grad_u[..., :k], vt[..., :k, :], grad_vt[..., :k, :]
        v, grad_v = vt.mT, grad_vt.mT
        differences = _inverse_differences(s * s)
        q, r = u.mT @ grad_u, v.mT @ grad_v
        across, down = s.unsqueeze(-2), s.unsqueeze(-1)
        inside = _diagonal(grad_s) + differences * (q - q.mT) * across + down * (differences * (r - r.mT))
        result = u @ inside @ vt
        if u.shape[-2] > u.shape[-1]:
            result = result + ((grad_u - u @ q) / across) @ vt
        if v.shape[-2] > v.shape[-1]:
            result = result + u @ ((grad_v - v @ r) / across).mT
        return result


class Qr(Function):
    """Q, R with A = Q·R, for at least as many rows as columns        ∂L/∂A = (∂L/∂Q + Q·copyltu(M)) R⁻ᵀ

    M = R (∂L/∂R)ᵀ − (∂L/∂Q)ᵀ Q, and copyltu copies the lower triangle to the upper one. There is no derivative of a
    Q that is ``complete``, square, since what it has more is arbitrary.
    """

    def forward(self, a: Array, *, complete: bool = False) -> tuple[Array, Array]:
        q, r = np.linalg.qr(a, "complete" if complete else "reduced")
        self.complete = complete
        self.save_for_backward(q, r)
        return q, r

    def backward(self, grad_q: Tensor, grad_r: Tensor) -> Tensor:
        q, r = self.saved_tensors
        if self.complete:
            raise RuntimeError(
                "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use 'reduced'"
            )
        m = r @ grad_r.mT - grad_q.mT @ q
        symmetric = m.tril() + m.tril(-1).mT
        return Solve.apply(r, (grad_q + q @ symmetric).mT).mT


def _array(x: Array | np.floating) -> Array:
    """Return a result of NumPy's, which for a single matrix is a number, as an array."""
    return np.asarray(x) if isinstance(x, np.floating) else x


def _diagonal(x: Tensor) -> Tensor:
    """Return the matrices with the vectors (…, n) on their diagonals."""
    return OnDiagonal.apply(x, shape=(*x.shape, x.shape[-1]), offset=0)


def _inverse_differences(x: Tensor) -> Tensor:
    """Return 1 / (xⱼ − xᵢ) in row i and column j, and 0 on the diagonal."""
    differences = x.unsqueeze(-2) - x.unsqueeze(-1)
    diagonal = wrap(on_diagonal(x.shape[-1], x.array))
    return Where.apply(diagonal, 0, 1 / Where.apply(diagonal, 1, differences))
