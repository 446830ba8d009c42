"""SWALR: the way to the constant rate at which weights are averaged."""

from __future__ import annotations

import math
from typing import Literal

from minigrad.optim.lr_scheduler.schedule import LRScheduler, for_each_group
from minigrad.optim.optimizer import Optimizer


class SWALR(LRScheduler):
    """lr = (1 − a)·base + a·swa_lr, where a goes from 0 to 1 in ``anneal_epochs`` steps, evenly or by half a cosine.

    As a recursion: the base is found again from the present rate, so that another schedule may have changed it.
    Source: Izmailov et al. 2018, arXiv 1803.05407; torch documentation, "SWALR".

    Args:
        swa_lr: the last rate, or a list of one for each group.
        anneal_strategy: ``"cos"`` or ``"linear"``.

    Raises:
        ValueError: for another strategy, or ``anneal_epochs`` that is no integer of at least 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, for_each_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """Return a, the share of ``swa_lr`` at a step."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        step = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, last = group["lr"], group["swa_lr"]
            base = last if before == 1 else (lr - before * last) / (1 - before)
            rates.append(last * now + base * (1 - now))
        return rates
