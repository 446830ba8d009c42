"""Lion: every element moves by the same amount; only the direction is learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.optim.optimizer import Optimizer, Update, check_betas, check_non_negative, zeros_state
from minigrad.tensor import Tensor


class Lion(Optimizer):
    """Steps along the sign of a mixture of gradient and momentum; weight decay λ is kept apart from the gradient.

        p ← p − lr · (sign(β₁·m + (1 − β₁)·g) + λ·p)
        m ← β₂·m + (1 − β₂)·g

    torch has no Lion. Source: Chen et al. 2023, arXiv 2302.06675, program 1.

    Raises:
        ValueError: for a negative option or a β outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        check_non_negative(lr=lr, weight_decay=weight_decay)
        super().__init__(
            params, {"lr": lr, "betas": check_betas(betas), "weight_decay": weight_decay, "maximize": maximize}
        )

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"exp_avg": zeros_state(parameter)}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        lr, (beta1, beta2), decay, maximize = group["lr"], group["betas"], group["weight_decay"], group["maximize"]

        def formula(p: Any, g: Any, m: Any) -> None:
            if maximize:
                g = -g
            if decay:
                p *= 1 - lr * decay
            p -= lr * np.sign(beta1 * m + (1 - beta1) * g)
            m *= beta2
            m += (1 - beta2) * g

        return Update(formula, parameter, grad, state["exp_avg"])
