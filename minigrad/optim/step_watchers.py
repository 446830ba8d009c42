"""The one place where others take part in the step of an optimiser, as engine/watchers.py is for the engine.

A watcher is called with the optimiser, and with "before" or "after": when the gradients are there and nothing has moved
yet, and when every parameter has moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from minigrad.optim.optimizer import Optimizer

StepWatcher: TypeAlias = Callable[["Optimizer", str], None]

step_watchers: list[StepWatcher] = []
