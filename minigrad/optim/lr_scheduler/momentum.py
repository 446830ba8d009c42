"""The momentum of an optimiser's groups, which some schedules set along with the rate."""

from __future__ import annotations

from minigrad.optim.optimizer import Optimizer
from minigrad.optim.states import Group


def refuse_without_momentum(optimizer: Optimizer) -> None:
    """Raise a ValueError for an optimiser that has neither momentum nor betas."""
    if not optimizer.defaults.keys() & {"momentum", "betas"}:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")


def set_momentum(group: Group, momentum: float) -> None:
    """Set the momentum of a group, or the first of its betas."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
