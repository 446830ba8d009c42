"""RAdam: Adam that waits until its estimate of the variance is worth anything."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_betas, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class RAdam(Optimizer):
    """Adam whose step is rectified by how many gradients its variance v has seen.

        ρ∞ = 2/(1 − β₂) − 1        ρ = ρ∞ − 2·t·β₂ᵗ/(1 − β₂ᵗ)        m̂ = m / (1 − β₁ᵗ)
        p ← p − lr · m̂ · r · √(1 − β₂ᵗ) / (√v + ε)    if ρ > 5,  with r² = (ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)
        p ← p − lr · m̂                                 else

    Source: Liu et al. 2019, arXiv 1908.03265; torch documentation, "RAdam".

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": check_betas(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0.0, "exp_avg": zeros_state(parameter), "exp_avg_sq": zeros_state(parameter)}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        state["step"] += 1
        t, lr, (beta1, beta2), eps = state["step"], group["lr"], group["betas"], group["eps"]
        decay, decoupled, maximize = group["weight_decay"], group["decoupled_weight_decay"], group["maximize"]
        most = 2 / (1 - beta2) - 1
        length = most - 2 * t * beta2**t / (1 - beta2**t)
        scale = lr / (1 - beta1**t)
        if length > 5:
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            scale *= math.sqrt(rectified * (1 - beta2**t))

        def formula(p: Any, g: Any, m: Any, v: Any) -> None:
            if maximize:
                g = -g
            if decay and decoupled:
                p *= 1 - lr * decay
            elif decay:
                g = g + decay * p
            m += (1 - beta1) * (g - m)
            v *= beta2
            v += (1 - beta2) * g * g
            p -= scale * m / (np.sqrt(v) + eps) if length > 5 else scale * m

        return Update(formula, parameter, grad, state["exp_avg"], state["exp_avg_sq"])
