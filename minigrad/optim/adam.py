"""Adam and AdamW: each element of a parameter gets a step of its own size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_betas, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class Adam(Optimizer):
    """Divides a running mean of the gradient g by the root of a running mean of its square.

        m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
        p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

    The divisions by 1 − βᵗ undo the bias towards the zeros that m and v start from. Weight decay λ is
    added to the gradient (g ← g + λ·p); AdamW, and ``decoupled_weight_decay``, keep it apart.
    With ``amsgrad``, v is its largest value so far.
    Source: Kingma & Ba 2014, arXiv 1412.6980; torch documentation, "Adam", for the place of ε.

    Raises:
        ValueError: for a negative option, a β outside [0, 1), or only one β that is a tensor.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": check_betas(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": 0.0, "exp_avg": zeros_state(parameter), "exp_avg_sq": zeros_state(parameter)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_state(parameter)
        return state

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        state["step"] += 1
        lr, (beta1, beta2) = group["lr"], group["betas"]
        return Update(
            adam,
            parameter,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            state["max_exp_avg_sq"] if group["amsgrad"] else None,
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


def adam(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    largest: Any,
    *,
    lr: float,
    step_size: float,
    root_correction: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """One step of parameter p with gradient g and running means m and v, in place; corrections are step t's."""
    if maximize:
        g = -g
    if decay and decoupled:
        p *= 1 - lr * decay
    elif decay:
        g = g + decay * p
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * g * g
    if largest is not None:
        np.maximum(largest, v, out=largest)
    denominator = np.sqrt(v if largest is None else largest)
    denominator /= root_correction
    denominator += eps
    p -= step_size * (m / denominator)


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← p − lr·λ·p, apart from the gradient (Loshchilov & Hutter 2017)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
