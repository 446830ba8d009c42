"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.optim.optimizer import Optimizer, Update, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class SGD(Optimizer):
    """Steps against the gradient g; with momentum μ, against a running sum of gradients.

        g ← g + λ·p                      weight decay λ
        b ← μ·b + (1 − τ)·g              momentum μ, dampening τ; b starts as the first g
        g ← g + μ·b (Nesterov)  or  b
        p ← p − lr·g

    Source: torch documentation, "SGD"; Sutskever et al. 2013.

    Raises:
        ValueError: for a negative option, or Nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"momentum_buffer": None} if group["momentum"] else {}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        momentum = group["momentum"]
        first = state.get("momentum_buffer") is None
        if momentum and first:
            state["momentum_buffer"] = zeros_state(parameter)
        return Update(
            sgd,
            parameter,
            grad,
            state["momentum_buffer"] if momentum else None,
            lr=group["lr"],
            momentum=momentum,
            decay=group["weight_decay"],
            fresh=1.0 if first else 1 - group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )


def sgd(
    p: Any,
    g: Any,
    buffer: Any,
    *,
    lr: float,
    momentum: float,
    decay: float,
    fresh: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of parameter p against gradient g, in place; ``fresh`` is the gradient's share in the buffer."""
    if maximize:
        g = -g
    if decay:
        g = g + decay * p
    if momentum:
        buffer *= momentum
        buffer += g if fresh == 1 else fresh * g
        g = g + momentum * buffer if nesterov else buffer
    p -= lr * g
