"""Layers and losses of torch's that minigrad leaves out because each is a line: ``Unflatten``, ``PairwiseDistance``."""

from __future__ import annotations

import math
from typing import Any

import minigrad
from minigrad import Tensor, nn
from minigrad.nn import functional as F


class Unflatten(nn.Module):
    """One dimension divided into several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class UpsamplingNearest2d(nn.Upsample):
    """An image resampled to the nearest pixels."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(nn.Upsample):
    """An image resampled bilinearly, whose corners meet."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of (N, C, L) or (C, L)."""
    if not training or not p:
        return input
    mask = F.dropout(minigrad.ones(*input.shape[:-1], 1, dtype=input.dtype, device=input.device), p)
    return input.mul_(mask) if inplace else input * mask


class Dropout1d(nn.Dropout):
    """Whole channels of (N, C, L) or (C, L) set to 0."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout1d(input, self.p, self.training, self.inplace)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Return the p-norms of x₁ − x₂ + eps along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


class PairwiseDistance(nn.Module):
    """The p-norm of x₁ − x₂ + eps."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.options = (p, eps, keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, *self.options)


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None
) -> Tensor:
    """Return images in another size; the older name of ``interpolate``."""
    return F.interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Return images resampled to the nearest pixels."""
    return F.interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Return images resampled bilinearly, whose corners meet."""
    return F.interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _reduced(each: Tensor, reduction: str) -> Tensor:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; use 'none', 'mean' or 'sum'")
    return each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()


def soft_margin_loss(input: Tensor, target: Tensor, *_: Any, reduction: str = "mean") -> Tensor:
    """Return ln(1 + e^(−yx))."""
    return _reduced(F.softplus(-target * input), reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Return ½ (ln σ² + (x − y)² / σ²), with σ² ≥ eps, which has no gradient there; plus ½ ln 2π if ``full``."""
    variance = minigrad.as_tensor(var, dtype=input.dtype)
    if variance.ndim == input.ndim - 1 and variance.shape == input.shape[:-1]:
        variance = variance.unsqueeze(-1)
    variance = variance + (variance.detach().clamp(min=eps) - variance.detach())
    each = (variance.log() + (input - target) ** 2 / variance) / 2
    return _reduced(each + 0.5 * math.log(2 * math.pi) if full else each, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    size_average: Any = None,
    full: bool = False,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Return eˣ − y · x, or x − y · ln(x + eps) if x is no logarithm; plus Stirling's ln y! of y > 1 if ``full``."""
    each = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        y = minigrad.where(target > 1, target, 1.0)
        each = each + minigrad.where(target > 1, y * y.log() - y + 0.5 * (2 * math.pi * y).log(), 0.0)
    return _reduced(each, reduction)


class SoftMarginLoss(nn.Module):
    """ln(1 + e^(−yx))."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return soft_margin_loss(input, target, reduction=self.reduction)


class GaussianNLLLoss(nn.Module):
    """½ (ln σ² + (x − y)² / σ²)."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__()
        self.full, self.eps, self.reduction = full, eps, reduction

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class PoissonNLLLoss(nn.Module):
    """eˣ − y · x."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.log_input, self.full, self.eps, self.reduction = log_input, full, eps, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return poisson_nll_loss(input, target, self.log_input, full=self.full, eps=self.eps, reduction=self.reduction)
