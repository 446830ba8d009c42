"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from minigrad.dtypes import get_default_dtype
from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Implementation, Optimizer, Parameters
from minigrad.optim.options import check_betas, check_non_negative
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class NAdamRule(Rule):
    """m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²,   p ← p − (a·g + b·m) / (√(v / correction) + ε)"""

    arrays: ClassVar[dict[str, str]] = {"exp_avg": "", "exp_avg_sq": ""}
    lr: float
    of_gradient: float  # a
    of_momentum: float  # b
    correction: float
    beta1: float
    beta2: float
    eps: float
    decay: float
    decoupled: bool
    maximize: bool

    def step(self, p: Array, g: Array, m: Array, v: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay and self.decoupled:
            p *= 1 - self.lr * self.decay
        elif self.decay:
            g = g + self.decay * p
        m += (1 - self.beta1) * (g - m)
        v *= self.beta2
        v += (1 - self.beta2) * g * g
        denominator = np.sqrt(v / self.correction) + self.eps
        p -= (self.of_gradient * g + self.of_momentum * m) / denominator


class NAdam(Optimizer):
    """Adam that looks one step of momentum ahead, with a momentum μ that warms up.

        μₜ = β₁ · (1 − ½ · 0.96^(t·ψ))                    momentum decay ψ
        m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
        p ← p − lr · ((1 − μₜ)/(1 − Π₁ᵗ μ) · g + μₜ₊₁/(1 − Π₁ᵗ⁺¹ μ) · m) / (√(v / (1 − β₂ᵗ)) + ε)

    Source: Dozat 2016; torch documentation, "NAdam".

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    rule_type = NAdamRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        options = {
            "lr": lr,
            "betas": check_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, "mu_product": 1.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> NAdamRule:
        state["step"] += 1
        t, lr, (beta1, beta2) = state["step"], group["lr"], group["betas"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
        kept = get_default_dtype().type  # as torch keeps it
        state["mu_product"] = float(kept(state["mu_product"]) * kept(mu))
        return NAdamRule(
            lr=lr,
            of_gradient=lr * (1 - mu) / (1 - state["mu_product"]),
            of_momentum=lr * mu_next / (1 - state["mu_product"] * mu_next),
            correction=1 - beta2**t,
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
