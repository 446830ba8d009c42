"""ASGD: gradient descent that also averages the parameters over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from minigrad.kernels.rules import Rule
from minigrad.optim.optimizer import Optimizer, Parameters
from minigrad.optim.options import check_non_negative
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


@dataclass(slots=True)
class ASGDRule(Rule):
    """p ← (1 − λ·η)·p − η·g,   a ← a + μ·(p − a)"""

    arrays: ClassVar[dict[str, str]] = {"ax": ""}
    eta: float
    shrink: float
    mu: float
    decay: float
    maximize: bool

    def step(self, p: Array, g: Array, average: Array) -> None:
        if self.maximize:
            g = -g
        if self.decay:
            g = g + self.decay * p
        p *= self.shrink
        p -= self.eta * g
        if self.mu == 1:
            average[...] = p
        else:
            average += (p - average) * self.mu


class ASGD(Optimizer):
    """Gradient descent with a decreasing rate η, and the mean a of the parameters from step t₀ on.

        p ← (1 − λ·η)·p − η·g        a ← a + μ·(p − a)
        η = lr / (1 + λ·lr·t)^α      μ = 1 / max(1, t − t₀)

    The average is ``optimizer.state[p]["ax"]``. Source: Polyak & Juditsky 1992; torch documentation, "ASGD".

    Raises:
        ValueError: for a negative learning rate or weight decay.
    """

    rule_type = ASGDRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_non_negative(lr=lr, weight_decay=weight_decay)
        options = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, options, foreach=foreach, differentiable=differentiable, capturable=capturable)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> ASGDRule:
        eta, mu = state["eta"], state["mu"]
        state["step"] += 1
        state["eta"] = group["lr"] / (1 + group["lambd"] * group["lr"] * state["step"]) ** group["alpha"]
        state["mu"] = 1 / max(1, state["step"] - group["t0"])
        return ASGDRule(eta, 1 - group["lambd"] * eta, mu, group["weight_decay"], group["maximize"])
