"""Adagrad: steps that shrink by the sum of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class Adagrad(Optimizer):
    """s ← s + g²,   p ← p − lr / (1 + (t − 1)·η) · g / (√s + ε)        learning-rate decay η

    Source: Duchi et al. 2011; torch documentation, "Adagrad".

    Raises:
        ValueError: for a negative option.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )
        for group in self.param_groups:  # at once, as in torch, so that a state dict is never without it
            for parameter in group["params"]:
                self.state[parameter] = self.initial_state(parameter, group)

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0.0, "sum": zeros_state(parameter).fill_(group["initial_accumulator_value"])}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        state["step"] += 1
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        decay, eps, maximize = group["weight_decay"], group["eps"], group["maximize"]

        def formula(p: Any, g: Any, s: Any) -> None:
            if maximize:
                g = -g
            if decay:
                g = g + decay * p
            s += g * g
            p -= rate * g / (np.sqrt(s) + eps)

        return Update(formula, parameter, grad, state["sum"])
