"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_betas, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class NAdam(Optimizer):
    """Adam that looks one step of momentum ahead, with a momentum μ that warms up.

        μₜ = β₁ · (1 − ½ · 0.96^(t·ψ))                    momentum decay ψ
        m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
        p ← p − lr · ((1 − μₜ)/(1 − Π₁ᵗ μ) · g + μₜ₊₁/(1 − Π₁ᵗ⁺¹ μ) · m) / (√(v / (1 − β₂ᵗ)) + ε)

    Source: Dozat 2016; torch documentation, "NAdam".

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
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": check_betas(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        means = {"exp_avg": zeros_state(parameter), "exp_avg_sq": zeros_state(parameter)}
        return {"step": 0.0, "mu_product": 1.0, **means}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        state["step"] += 1
        t, lr, (beta1, beta2), eps = state["step"], group["lr"], group["betas"], group["eps"]
        decay, decoupled, maximize = group["weight_decay"], group["decoupled_weight_decay"], group["maximize"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
        state["mu_product"] = float(np.float32(state["mu_product"]) * np.float32(mu))  # torch keeps it as a float32
        of_gradient = lr * (1 - mu) / (1 - state["mu_product"])
        of_momentum = lr * mu_next / (1 - state["mu_product"] * mu_next)

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
            denominator = np.sqrt(v / (1 - beta2**t)) + eps
            p -= (of_gradient * g + of_momentum * m) / denominator

        return Update(formula, parameter, grad, state["exp_avg"], state["exp_avg_sq"])
