"""RAdam: Adam that waits until its estimate of the variance is worth anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Implementation, Optimizer, Parameters
from minigrad.optim.options import check_betas, check_non_negative
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class RAdamRule(Rule):
    """m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²,   p ← p − scale · m / (√v + ε)  or, at first,  p − scale · m"""

    arrays: ClassVar[dict[str, str]] = {"exp_avg": "", "exp_avg_sq": ""}
    lr: float
    scale: float
    rectified: bool  # else v has seen too few gradients to divide by it
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
        p -= self.scale * m / (np.sqrt(v) + self.eps) if self.rectified else self.scale * m


class RAdam(Optimizer):
    """Adam whose step is rectified by how many gradients its variance v has seen.

        ρ∞ = 2/(1 − β₂) − 1        ρ = ρ∞ − 2·t·β₂ᵗ/(1 − β₂ᵗ)        m̂ = m / (1 − β₁ᵗ)
        p ← p − lr · m̂ · r · √(1 − β₂ᵗ) / (√v + ε)    if ρ > 5,  with r² = (ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)
        p ← p − lr · m̂                                 else

    Source: Liu et al. 2019, arXiv 1908.03265; torch documentation, "RAdam".

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    rule_type = RAdamRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        options = {
            "lr": lr,
            "betas": check_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> RAdamRule:
        state["step"] += 1
        t, lr, (beta1, beta2) = state["step"], group["lr"], group["betas"]
        most = 2 / (1 - beta2) - 1  # ρ∞
        length = most - 2 * t * beta2**t / (1 - beta2**t)  # ρ
        scale = lr / (1 - beta1**t)
        if length > 5:
            rectification = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            scale *= math.sqrt(rectification * (1 - beta2**t))
        return RAdamRule(
            lr=lr,
            scale=scale,
            rectified=length > 5,
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
