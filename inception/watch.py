"""Warnings about a run while it lasts, each with what to do about it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from inception.wording import counted

EXPLODING = 30.0  # times the usual norm of all gradients
VANISHING = 1e-7  # times the norm of the weights
HUGE = 1e6  # norm of the weights; that of a new Inception V3 is a few hundred
DEAD = 0.75  # share of a layer's channels
RISES = 2  # epochs in a row
NOTICEABLE = 1.01  # times the validation loss before the rise
OVERFLOWS = 3  # measurements in a row


class Watch:
    """Collects what a run measures, and returns warnings about it; each kind at most once per epoch."""

    def __init__(self) -> None:
        self.norms: deque[float] = deque(maxlen=50)
        self.losses: list[tuple[float, float, float]] = []  # of each epoch: validation, training, learning rate
        self.overflows = 0  # gradients in a row that were infinite or NaN
        self.given: set[str] = set()  # kinds of warnings in this epoch

    def gradients(
        self, total: float, weights: float, accuracy: float = 0.0, clip: float | None = None, amp: bool = False
    ) -> list[str]:
        """Return warnings about the norm of all gradients.

        Args:
            total: the norm, before gradients were clipped.
            weights: the norm of the weights that are trained.
            accuracy: the share of right answers in the step: where all are right, small gradients are no fault.
            clip: the norm to which gradients are clipped, if they are.
            amp: whether the run uses mixed precision, which leaves out steps whose gradients overflow.
        """
        if not math.isfinite(total):
            self.overflows += 1
            return self._once(self._overflow(total, amp))
        self.overflows = 0
        found = {}
        usual = median(self.norms) if len(self.norms) >= 5 else None
        if usual is not None and total > EXPLODING * usual:
            text = f"gradients explode: their norm is {total:.3g}, usually {usual:.2g}. "
            if clip is None:
                found["exploding"] = text + f"If this happens often, clip them (--clip {2 * usual:.1g}) or lower --lr"
            else:
                found["exploding"] = text + f"They were clipped to {clip:g}; if this happens often, lower --lr"
        if weights > HUGE:
            found["huge"] = (
                f"the norm of the trained weights is {weights:.3g}: the steps are far too large. Start again with a "
                "lower --lr"
            )
        elif total < VANISHING * weights and accuracy < 1:
            found["vanishing"] = (
                f"gradients vanish: their norm is {total:.3g}, that of the trained weights {weights:.3g}. A larger "
                "--lr does not help: the norms by layer (metrics.jsonl) show where they get lost. If an earlier step "
                "was too large, start again with a lower --lr or with --clip"
            )
        self.norms.append(total)
        return self._once(found)

    def _overflow(self, total: float, amp: bool) -> dict[str, str]:
        if not amp:
            return {
                "overflow": f"the norm of the gradients is {total}, so the weights are no longer numbers after this "
                "step. Start again, or continue from the last checkpoint, with a lower --lr"
            }
        if self.overflows < OVERFLOWS:  # expected at times: the scale of the loss is lowered then
            return {}
        return {
            "overflow": f"in mixed precision the gradients overflowed {self.overflows} times in a row when they were "
            "measured; such steps are left out, so little is learned. Lower --lr, or leave out --amp"
        }

    def dead(self, shares: dict[str, float], epoch: int = 1, frozen: Iterable[str] = ()) -> list[str]:
        """Return a warning if in some layers most channels are 0 for every image.

        Args:
            shares: the share of such channels in each layer.
            epoch: the number of epochs finished: in the first ones this may pass.
            frozen: beginnings of the names of layers that are not trained.
        """
        worst = sorted(((share, name) for name, share in shares.items() if share > DEAD), reverse=True)
        if not worst:
            return []
        shown = ", ".join(f"{name} {share:.0%}" for share, name in worst[:3])
        layers = counted(len(worst), "layer")
        text = f"dead ReLUs: most channels of {layers} are 0 for every validation image ({shown}). "
        if all(name.startswith(tuple(frozen)) for _, name in worst):
            text += "These layers are frozen: check that --weights and --normalize belong together"
        elif epoch == 1:
            text += "After one epoch this often passes; if it stays, start again with a lower --lr"
        else:
            text += "Training does not bring them back: start again with a lower --lr"
        return self._once({"dead": text})

    def validation(
        self, loss: float, training_loss: float = 0.0, rate: float = 0.0, used: Iterable[str] = ()
    ) -> list[str]:
        """Return a warning if the validation loss keeps rising. A new epoch begins.

        Args:
            training_loss: the mean loss of the epoch's steps.
            rate: the learning rate at its end.
            used: the remedies that the run uses already, such as "--augment".
        """
        self.given.clear()
        self.losses.append((loss, training_loss, rate))
        validation, training, rates = zip(*self.losses[-RISES - 1 :], strict=True)
        if len(validation) <= RISES or not _rises(validation) or validation[-1] < NOTICEABLE * validation[0]:
            return []
        text = f"the validation loss has risen for {RISES} epochs ({' → '.join(f'{x:.3f}' for x in validation)})"
        if _rises(training):
            return [f"{text}, and the training loss too: the steps are too large. Lower --lr"]
        if _rises(rates):
            return [f"{text}, as often happens while the learning rate rises: wait until it falls, or lower --lr"]
        left = [each for each in ("--augment", "--weight-decay", "--mixup") if each not in used]
        advice = ["stop early (--patience)"] if "--patience" not in used else []
        advice += [f"use {' or '.join(left)}"] if left else []
        return [f"{text}, while the training loss has not: the model overfits. " + _sentence(advice)]

    def state_dict(self) -> dict[str, object]:
        """Return what has been seen so far, for a checkpoint."""
        return {
            "norms": list(self.norms),
            "losses": list(self.losses),
            "overflows": self.overflows,
            "given": sorted(self.given),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what another one has seen."""
        self.norms = deque(state["norms"], maxlen=self.norms.maxlen)
        self.losses = [(validation, training, rate) for validation, training, rate in state["losses"]]
        self.overflows, self.given = state["overflows"], set(state["given"])

    def _once(self, warnings: dict[str, str]) -> list[str]:
        """Return the warnings of kinds that have not been given in this epoch."""
        new = {kind: text for kind, text in warnings.items() if kind not in self.given}
        self.given |= new.keys()
        return list(new.values())


def _rises(values: Iterable[float]) -> bool:
    return all(later > earlier for earlier, later in pairwise(values))


def _sentence(advice: list[str]) -> str:
    return ", or ".join(advice)[:1].upper() + ", or ".join(advice)[1:] if advice else "More images help most"
