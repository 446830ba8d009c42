"""RMSprop: steps divided by the running root mean square of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class RMSprop(Optimizer):
    """v ← α·v + (1 − α)·g²,   p ← p − lr · g / (√v + ε)

    ``centered`` subtracts the square of the mean gradient from v; ``momentum`` keeps a running sum of the
    quotients and steps along it. torch has ε outside the root, TensorFlow inside.
    Source: Tieleman & Hinton 2012; torch documentation, "RMSprop".

    Raises:
        ValueError: for a negative option.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state = {"step": 0.0, "square_avg": zeros_state(parameter)}
        if group["momentum"]:
            state["momentum_buffer"] = zeros_state(parameter)
        if group["centered"]:
            state["grad_avg"] = zeros_state(parameter)
        return state

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        momentum, centered = group["momentum"], group["centered"]
        state["step"] += 1
        return Update(
            rmsprop,
            parameter,
            grad,
            state["square_avg"],
            state["momentum_buffer"] if momentum else None,
            state["grad_avg"] if centered else None,
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            decay=group["weight_decay"],
            momentum=momentum,
            maximize=group["maximize"],
        )


def rmsprop(
    p: Any,
    g: Any,
    v: Any,
    buffer: Any,
    mean: Any,
    *,
    lr: float,
    alpha: float,
    eps: float,
    decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """One step of parameter p with gradient g and its running mean square v, in place."""
    if maximize:
        g = -g
    if decay:
        g = g + decay * p
    v *= alpha
    v += (1 - alpha) * g * g
    if mean is not None:
        mean += (1 - alpha) * (g - mean)
        v = v - mean * mean
    direction = g / (np.sqrt(v) + eps)
    if momentum:
        buffer *= momentum
        buffer += direction
        direction = buffer
    p -= lr * direction
