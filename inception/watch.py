"""Warnings about a run while it lasts, each with what to do about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from statistics import median
from typing import Any

EXPLODING = 30.0  # times the usual norm of all gradients
VANISHING = 1e-7  # times the norm of the weights
DEAD = 0.75  # share of a layer's channels
RISES = 2  # epochs in a row


class Watch:
    """Collects what a run measures, and returns warnings about it; each kind at most once per epoch."""

    def __init__(self) -> None:
        self.norms: deque[float] = deque(maxlen=50)
        self.losses: list[float] = []
        self.given: set[str] = set()  # kinds of warnings in this epoch

    def state_dict(self) -> dict[str, object]:
        """Return the history, for a checkpoint."""
        return {"norms": list(self.norms), "losses": list(self.losses), "given": sorted(self.given)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with the history of a ``state_dict``."""
        self.norms.clear()
        self.norms.extend(state["norms"])
        self.losses, self.given = list(state["losses"]), set(state["given"])

    def gradients(self, total: float, weights: float) -> list[str]:
        """Return warnings about the norm of all gradients, given the norm of the weights too."""
        found = {}
        usual = median(self.norms) if len(self.norms) >= 5 else None
        if usual is not None and total > EXPLODING * usual:
            found["exploding"] = (
                f"gradients explode: their norm is {total:.3g}, usually {usual:.2g}. Clip them (--clip 1) or lower --lr"
            )
        if total < VANISHING * weights:
            found["vanishing"] = (
                f"gradients vanish: their norm is {total:.3g}, that of the weights {weights:.3g}. Raise --lr, or check "
                "whether a layer is frozen or dead"
            )
        self.norms.append(total)
        return self._once(found)

    def dead(self, shares: dict[str, float]) -> list[str]:
        """Return a warning if in some layers most channels are 0 for every image."""
        worst = sorted(((share, name) for name, share in shares.items() if share > DEAD), reverse=True)
        if not worst:
            return []
        shown = ", ".join(f"{name} {share:.0%}" for share, name in worst[:3])
        text = (
            f"dead ReLUs: most channels of {len(worst)} layers are 0 for every test image ({shown}). Lower --lr, or "
            "train longer if this is the beginning"
        )
        return self._once({"dead": text})

    def validation(self, loss: float) -> list[str]:
        """Return a warning if the validation loss keeps rising. A new epoch begins."""
        self.given.clear()
        self.losses.append(loss)
        last = self.losses[-RISES - 1 :]
        if len(last) > RISES and all(later > earlier for earlier, later in pairwise(last)):
            return [
                f"the validation loss has risen for {RISES} epochs ({' → '.join(f'{x:.3f}' for x in last)}): the model "
                "overfits. Stop early (--patience), or use --augment, --weight-decay or --mixup"
            ]
        return []

    def _once(self, warnings: dict[str, str]) -> list[str]:
        """Return the warnings of kinds that have not been given in this epoch."""
        new = {kind: text for kind, text in warnings.items() if kind not in self.given}
        self.given |= new.keys()
        return list(new.values())
