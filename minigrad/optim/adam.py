"""Adam and AdamW: each element of a parameter gets a step of its own size."""

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
class AdamRule(Rule):
    """m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²,   p ← p − size · m / (√v / correction + ε)"""

    arrays: ClassVar[dict[str, str]] = {"exp_avg": "", "exp_avg_sq": "", "max_exp_avg_sq": "amsgrad"}
    lr: float
    step_size: float
    root_correction: float
    beta1: float
    beta2: float
    eps: float
    decay: float
    decoupled: bool
    maximize: bool

    def step(self, p: Array, g: Array, m: Array, v: Array, largest: Array | None) -> None:
        if self.maximize:
            g = -g
        if self.decay and self.decoupled:
            p *= 1 - self.lr * self.decay
        elif self.decay:
            g = g + self.decay * p
        m += (1 - self.beta1) * (g - m)
        v *= self.beta2
        v += (1 - self.beta2) * g * g
        if largest is not None:
            np.maximum(largest, v, out=largest)
        denominator = np.sqrt(v if largest is None else largest)
        denominator /= self.root_correction
        denominator += self.eps
        p -= self.step_size * (m / denominator)


class Adam(Optimizer):
    """Divide a running mean of the gradient g by the root of a running mean of its square.

        m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
        p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

    The divisions by 1 − βᵗ undo the bias towards the zeros that m and v start from. Weight decay λ is
    added to the gradient (g ← g + λ·p); AdamW, and ``decoupled_weight_decay``, keep it apart.
    With ``amsgrad``, v is its largest value so far.
    Source: Kingma & Ba 2014, arXiv 1412.6980; torch documentation, "Adam", for the position of ε.

    Raises:
        ValueError: for a negative option, a β outside [0, 1), or only one β that is a tensor.
    """

    rule_type = AdamRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        options = {
            "lr": lr,
            "betas": check_betas(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, **super().initial_state(parameter, group)}

    def rule(self, parameter: Tensor, state: State, group: Group) -> AdamRule:
        state["step"] += 1
        lr, (beta1, beta2) = group["lr"], group["betas"]
        return AdamRule(
            lr=lr,
            step_size=lr / (1 - beta1 ** state["step"]),
            root_correction=math.sqrt(1 - beta2 ** state["step"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← p − lr·λ·p, apart from the gradient (Loshchilov & Hutter 2017)."""

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **implementation,
        )
