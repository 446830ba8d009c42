"""RMSprop: steps divided by the running root mean square of the gradient."""

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
class RMSpropRule(Rule):
    """v ← α·v + (1 − α)·g²,   p ← p − lr · g / (√v + ε)"""

    arrays: ClassVar[dict[str, str]] = {"square_avg": "", "momentum_buffer": "momentum", "grad_avg": "centered"}
    lr: float
    alpha: float
    eps: float
    decay: float
    momentum: float
    maximize: bool

    def step(self, p: Array, g: Array, v: Array, b: Array | None, mean: Array | None) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        v *= self.alpha
        v += (1 - self.alpha) * g * g
        if mean is not None:
            mean += (1 - self.alpha) * (g - mean)
            v = v - mean * mean
        direction = g / (np.sqrt(v) + self.eps)
        if b is not None:
            b *= self.momentum
            b += direction
            direction = b
        p -= self.lr * direction


class RMSprop(Optimizer):
    """v ← α·v + (1 − α)·g²,   p ← p − lr · g / (√v + ε)

    ``centered`` subtracts the square of the mean gradient from v; ``momentum`` keeps a running sum of the
    quotients and steps along it. torch has ε outside the root, TensorFlow inside.
    Source: Tieleman & Hinton 2012; torch documentation, "RMSprop".

    Raises:
        ValueError: for a negative option.
    """

    rule_type = RMSpropRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        options = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> RMSpropRule:
        state["step"] += 1
        return RMSpropRule(
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            decay=group["weight_decay"],
            momentum=group["momentum"],
            maximize=group["maximize"],
        )
