"""Rprop: steps of the gradient's sign, each element with a size that grows while the sign stays."""

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
class RpropRule(Rule):
    """s ← min(max(s · η, smallest), largest),   p ← p − s · sign g        η⁺ where g keeps its sign, η⁻ where not"""

    arrays: ClassVar[dict[str, str]] = {"prev": "", "step_size": ""}
    shrink: float
    grow: float
    smallest: float
    largest: float
    maximize: bool

    def step(self, p: Array, g: Array, previous: Array, size: Array) -> None:
        if self.maximize:
            g = -g
        same = np.sign(g * previous)
        size *= np.where(same > 0, self.grow, np.where(same < 0, self.shrink, 1.0)).astype(size.dtype)
        np.clip(size, self.smallest, self.largest, out=size)
        kept = np.where(same < 0, 0, g)  # where the sign changed, the element waits for a step
        p -= np.sign(kept) * size
        previous[...] = kept


class Rprop(Optimizer):
    """Move each element against the sign of its gradient, by a size of its own.

    The size is multiplied by η⁺ where the sign is that of the last step, and by η⁻ where it changed; there the
    element does not move. It is meant for gradients of all the data. Source: Riedmiller & Braun 1993.

    Args:
        etas: η⁻ and η⁺.
        step_sizes: the smallest and the largest size.

    Raises:
        ValueError: for a negative learning rate, or not 0 < η⁻ < 1 < η⁺.
    """

    rule_type = RpropRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **implementation: Unpack[Implementation],
    ) -> None:
        check_non_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        options = {"lr": lr, "etas": tuple(etas), "step_sizes": tuple(step_sizes), "maximize": maximize}
        super().__init__(params, options, **implementation)

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        return {"step": 0.0, "prev": zeros_state(parameter), "step_size": zeros_state(parameter).fill_(group["lr"])}

    def rule(self, parameter: Tensor, state: State, group: Group) -> RpropRule:
        state["step"] += 1
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        return RpropRule(shrink, grow, smallest, largest, group["maximize"])
