"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_betas, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class Adamax(Optimizer):
    """m ← β₁·m + (1 − β₁)·g,   u ← max(β₂·u, |g| + ε),   p ← p − lr / (1 − β₁ᵗ) · m / u

    Source: Kingma & Ba 2014, arXiv 1412.6980, section 7.1; torch documentation, "Adamax".

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
                "maximize": maximize,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0.0, "exp_avg": zeros_state(parameter), "exp_inf": zeros_state(parameter)}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        state["step"] += 1
        (beta1, beta2), eps = group["betas"], group["eps"]
        decay, maximize = group["weight_decay"], group["maximize"]
        rate = group["lr"] / (1 - beta1 ** state["step"])

        def formula(p: Any, g: Any, m: Any, u: Any) -> None:
            if maximize:
                g = -g
            if decay:
                g = g + decay * p
            m += (1 - beta1) * (g - m)
            u *= beta2
            np.maximum(u, np.abs(g) + eps, out=u)
            p -= rate * m / u

        return Update(formula, parameter, grad, state["exp_avg"], state["exp_inf"])
