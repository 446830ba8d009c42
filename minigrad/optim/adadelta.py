"""Adadelta: steps in the ratio of the sizes of past steps and past gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Implementation, Optimizer, Parameters
from minigrad.optim.options import check_non_negative
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class AdadeltaRule(Rule):
    """v ← ρ·v + (1 − ρ)·g²,   Δ = √(u + ε) / √(v + ε) · g,   u ← ρ·u + (1 − ρ)·Δ²,   p ← p − lr·Δ"""

    arrays: ClassVar[dict[str, str]] = {"square_avg": "", "acc_delta": ""}
    lr: float
    rho: float
    eps: float
    decay: float
    maximize: bool

    def step(self, p: Array, g: Array, v: Array, u: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        v *= self.rho
        v += (1 - self.rho) * g * g
        delta = np.sqrt(u + self.eps) / np.sqrt(v + self.eps) * g
        u *= self.rho
        u += (1 - self.rho) * delta * delta
        p -= self.lr * delta


class Adadelta(Optimizer):
    """Divide the gradient by the root of a running mean of its square, and multiply by that of the steps.

        v ← ρ·v + (1 − ρ)·g²        Δ = √(u + ε) / √(v + ε) · g        u ← ρ·u + (1 − ρ)·Δ²        p ← p − lr·Δ

    So a step has the unit of the parameter, and needs no learning rate. Source: Zeiler 2012, arXiv 1212.5701.

    Raises:
        ValueError: for a negative option, or a ρ outside [0, 1].
    """

    rule_type = AdadeltaRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> AdadeltaRule:
        state["step"] += 1
        return AdadeltaRule(group["lr"], group["rho"], group["eps"], group["weight_decay"], group["maximize"])
