"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

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
class AdamaxRule(Rule):
    """m ← β₁·m + (1 − β₁)·g,   u ← max(β₂·u, |g| + ε),   p ← p − rate · m / u"""

    arrays: ClassVar[dict[str, str]] = {"exp_avg": "", "exp_inf": ""}
    rate: float
    beta1: float
    beta2: float
    eps: float
    decay: float
    maximize: bool

    def step(self, p: Array, g: Array, m: Array, u: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        m += (1 - self.beta1) * (g - m)
        u *= self.beta2
        np.maximum(u, np.abs(g) + self.eps, out=u)
        p -= self.rate * m / u


class Adamax(Optimizer):
    """m ← β₁·m + (1 − β₁)·g,   u ← max(β₂·u, |g| + ε),   p ← p − lr / (1 − β₁ᵗ) · m / u

    Source: Kingma & Ba 2014, arXiv 1412.6980, section 7.1; torch documentation, "Adamax".

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    rule_type = AdamaxRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
            "maximize": maximize,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> AdamaxRule:
        state["step"] += 1
        beta1, beta2 = group["betas"]
        return AdamaxRule(
            rate=group["lr"] / (1 - beta1 ** state["step"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            decay=group["weight_decay"],
            maximize=group["maximize"],
        )
