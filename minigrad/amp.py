"""Mixed precision training, as ``torch.amp``: ``autocast`` and ``GradScaler``.

scaler = GradScaler()
with autocast("gpu"):
    loss = loss_function(model(images), labels)
optimizer.zero_grad()
scaler.scale(loss).backward()
scaler.step(optimizer)
scaler.update()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from minigrad.absent import module_getattr as _module_getattr
from minigrad.autocast import autocast, is_autocast_enabled
from minigrad.devices import compute_beside, in_use, to_host
from minigrad.optim import Optimizer
from minigrad.tensor import Tensor
from minigrad.typing import Array

__all__ = ["GradScaler", "autocast", "is_autocast_enabled"]

_Loss = TypeVar("_Loss")


class GradScaler:
    """Multiply the loss, so that small gradients do not become 0 in half precision, and divide the gradients again.

    If a gradient has become infinite or NaN, the step is skipped and the scale is lowered; after
    ``growth_interval`` steps without such a gradient the scale is raised. Source: torch documentation, "Gradient
    Scaling".

    Raises:
        ValueError: if ``growth_factor`` is not above 1, or ``backoff_factor`` not below 1.
    """

    def __init__(
        self,
        device: str = "gpu",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if growth_factor <= 1.0:
            raise ValueError(f"The growth factor must be > 1.0, got {growth_factor}")
        if not backoff_factor < 1.0:
            raise ValueError(f"The backoff factor must be < 1.0, got {backoff_factor}")
        self._scale, self._enabled = float(init_scale), enabled
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._steps_without_overflow = 0
        self._found: dict[int, bool] = {}  # by id of an optimiser: its divided gradients have overflowed

    def is_enabled(self) -> bool:
        """Return whether the scaler is enabled; otherwise it leaves everything unchanged."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the factor of the loss."""
        return self._scale if self._enabled else 1.0

    @overload
    def scale(self, outputs: Tensor) -> Tensor: ...
    @overload
    def scale(self, outputs: Sequence[Tensor]) -> Sequence[Tensor]: ...
    def scale(self, outputs: Tensor | Sequence[Tensor]) -> Tensor | Sequence[Tensor]:
        """Return a tensor, or several in a list or tuple, multiplied by the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        several: Callable[[Iterable[Tensor]], Sequence[Tensor]] = type(outputs)
        return several(self.scale(output) for output in outputs)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the scale, for example in order to clip them before ``step``.

        Raises:
            RuntimeError: if this has been called since the last ``update``.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        check: float | Array = 0.0
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    grad = parameter.grad.array
                    if in_use.several:
                        compute_beside(grad)
                    grad *= grad.dtype.type(1 / self._scale)
                    check = check + np.sum(grad * 0)  # 0 · ∞ is NaN: one scalar to copy from the GPU at the end
        total = check if isinstance(check, float) else to_host(check)
        self._found[id(optimizer)] = not bool(np.isfinite(total))

    def step(self, optimizer: Optimizer, *closure: Callable[[], _Loss]) -> _Loss | None:
        """Call ``optimizer.step()`` with the gradients divided; skip it if one of them is infinite or NaN."""
        if not self._enabled:
            return optimizer.step(*closure)
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        optimizer.has_stepped = True
        return None if self._found[id(optimizer)] else optimizer.step(*closure)

    def update(self, new_scale: float | None = None) -> None:
        """Lower or raise the scale after the optimisers' steps, or set it to ``new_scale``.

        Raises:
            RuntimeError: if no optimiser has taken a step since the last call.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise RuntimeError("No inf checks were recorded prior to update.")
        elif any(self._found.values()):
            self._scale *= self._backoff
            self._steps_without_overflow = 0
        else:
            self._steps_without_overflow += 1
            if self._steps_without_overflow == self._interval:
                self._scale *= self._growth
                self._steps_without_overflow = 0
        self._found.clear()

    def state_dict(self) -> dict[str, object]:
        """Return the state for a checkpoint, under torch's names."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._steps_without_overflow,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state that :meth:`state_dict` returned.

        Raises:
            RuntimeError: for the state of a scaler that was not enabled.
        """
        if not self._enabled:
            return
        if not state:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled GradScaler."
            )
        self._scale, self._growth, self._backoff = state["scale"], state["growth_factor"], state["backoff_factor"]
        self._interval, self._steps_without_overflow = state["growth_interval"], state["_growth_tracker"]


if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
