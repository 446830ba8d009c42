"""``torch.nn.utils.parametrizations``: weights with a norm of their own, and weights divided by their spectral norm."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, nn, no_grad
from minigrad.as_torch.torch.nn.utils.parametrize import register_parametrization
from minigrad.nn import functional as F


class _WeightNorm(nn.Module):
    """g · v / ‖v‖."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def norm(self, v: Tensor) -> Tensor:
        if self.dim is None:
            return v.norm()
        return v.norm(2, [d for d in range(v.ndim) if d != self.dim % v.ndim], True)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / self.norm(v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(weight), weight


class _SpectralNorm(nn.Module):
    """W / (uᵀ W v), where u and v come closer to the singular vectors each time in training."""

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        if weight.ndim > 1:
            matrix = self._matrix(weight.detach())
            rows, columns = matrix.shape
            self.register_buffer("_u", F.normalize(matrix.new_empty(rows).normal_(0, 1), dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(matrix.new_empty(columns).normal_(0, 1), dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.mT @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        normalised: Tensor = weight / (self._u.clone() @ (matrix @ self._v.clone()))
        return normalised

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Make a weight g · v / ‖v‖, with a norm for each index of ``dim``, or one for all (Salimans & Kingma 2016)."""
    return register_parametrization(module, name, _WeightNorm(dim))


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value (Miyato et al. 2018)."""
    if dim is None:
        dim = int(isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d))
    return register_parametrization(module, name, _SpectralNorm(getattr(module, name), n_power_iterations, dim, eps))
