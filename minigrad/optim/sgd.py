"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Unpack

from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Implementation, Optimizer, Parameters
from minigrad.optim.options import check_non_negative
from minigrad.optim.states import Group, State, zeros_state
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class SGDRule(Rule):
    """g ← g + λ·p,   b ← μ·b + f·g,   p ← p − lr·(b, or g + μ·b for Nesterov)        f: the share of g in b"""

    arrays: ClassVar[dict[str, str]] = {"momentum_buffer": "momentum"}
    lr: float
    momentum: float
    decay: float
    fresh: float
    nesterov: bool
    maximize: bool

    def step(self, p: Array, g: Array, b: Array | None) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        if b is not None:
            b *= self.momentum
            b += g if self.fresh == 1 else self.fresh * g
            g = g + self.momentum * b if self.nesterov else b
        p -= self.lr * g


class SGD(Optimizer):
    """Step against the gradient g; with momentum μ, against a running sum of gradients.

        g ← g + λ·p                      weight decay λ
        b ← μ·b + (1 − τ)·g              momentum μ, dampening τ; b starts as the first g
        g ← g + μ·b (Nesterov)  or  b
        p ← p − lr·g

    Source: torch documentation, "SGD"; Sutskever et al. 2013.

    Raises:
        ValueError: for a negative option, or Nesterov without momentum or with dampening.
    """

    rule_type = SGDRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"momentum_buffer": None} if group["momentum"] else {}

    def rule(self, parameter: Tensor, state: State, group: Group) -> SGDRule:
        is_first = state.get("momentum_buffer") is None
        if group["momentum"] and is_first:
            state["momentum_buffer"] = zeros_state(parameter)
        return SGDRule(
            lr=group["lr"],
            momentum=group["momentum"],
            decay=group["weight_decay"],
            fresh=1.0 if is_first else 1 - group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
