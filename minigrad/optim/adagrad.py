"""Adagrad: steps that shrink by the sum of all squared gradients so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np

from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Implementation, Optimizer, Parameters
from minigrad.optim.options import check_non_negative
from minigrad.optim.states import Group, State, zeros_state
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class AdagradRule(Rule):
    """s ← s + g²,   p ← p − rate · g / (√s + ε)"""

    arrays: ClassVar[dict[str, str]] = {"sum": ""}
    rate: float
    eps: float
    decay: float
    maximize: bool

    def step(self, p: Array, g: Array, s: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        s += g * g
        p -= self.rate * g / (np.sqrt(s) + self.eps)


class Adagrad(Optimizer):
    """s ← s + g²,   p ← p − lr / (1 + (t − 1)·η) · g / (√s + ε)        learning-rate decay η

    Source: Duchi et al. 2011; torch documentation, "Adagrad".

    Raises:
        ValueError: for a negative option.
    """

    rule_type = AdagradRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
        }
        check_non_negative(**options)
        super().__init__(params, {**options, "maximize": maximize}, **implementation)
        for group in self.param_groups:  # at once, as in torch, so that a state dict is never without it
            for parameter in group["params"]:
                self.state[parameter] = self.initial_state(parameter, group)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, "sum": zeros_state(parameter).fill_(group["initial_accumulator_value"])}

    def rule(self, parameter: Tensor, state: State, group: Group) -> AdagradRule:
        state["step"] += 1
        return AdagradRule(
            rate=group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"]),
            eps=group["eps"],
            decay=group["weight_decay"],
            maximize=group["maximize"],
        )
