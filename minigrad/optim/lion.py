"""Lion: every element moves by the same amount; only the direction is learned."""

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
class LionRule(Rule):
    """p ← p − lr · (sign(β₁·m + (1 − β₁)·g) + λ·p),   m ← β₂·m + (1 − β₂)·g"""

    arrays: ClassVar[dict[str, str]] = {"exp_avg": ""}
    lr: float
    beta1: float
    beta2: float
    decay: float
    maximize: bool

    def step(self, p: Array, g: Array, m: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            p *= 1 - self.lr * self.decay
        p -= self.lr * np.sign(self.beta1 * m + (1 - self.beta1) * g)
        m *= self.beta2
        m += (1 - self.beta2) * g


class Lion(Optimizer):
    """Step along the sign of a mixture of gradient and momentum; weight decay λ is kept apart from the gradient.

        p ← p − lr · (sign(β₁·m + (1 − β₁)·g) + λ·p)
        m ← β₂·m + (1 − β₂)·g

    torch has no Lion. Source: Chen et al. 2023, arXiv 2302.06675, program 1.

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    rule_type = LionRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, weight_decay=weight_decay)
        options = {"lr": lr, "betas": check_betas(betas), "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options, **implementation)

    def rule(self, parameter: Tensor, state: State, group: Group) -> LionRule:
        beta1, beta2 = group["betas"]
        return LionRule(group["lr"], beta1, beta2, group["weight_decay"], group["maximize"])
