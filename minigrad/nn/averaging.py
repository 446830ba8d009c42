"""Average a model's weights over training (``torch.optim.swa_utils`` in torch; here because it concerns modules)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from minigrad.creation import tensor
from minigrad.engine.grad_mode import no_grad
from minigrad.nn.module import Module
from minigrad.tensor import Tensor

#: Maps (average so far, new value, number of values in the average) to the new average.
AverageFunction = Callable[[Tensor, Tensor, int], Tensor]


def get_ema_avg_fn(decay: float = 0.999) -> AverageFunction:
    """Return the exponential moving average: decay · average + (1 − decay) · new.

    Raises:
        ValueError: for a decay outside [0, 1].
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
    return lambda average, new, count: average * decay + new * (1 - decay)


def get_swa_avg_fn() -> AverageFunction:
    """Return the plain mean of all values so far."""
    return lambda average, new, count: average + (new - average) / (count + 1)


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's weights.

    Args:
        model: the model to copy; the copy is the attribute ``module``.
        avg_fn: the formula of the average; the plain mean by default.
        use_buffers: average the buffers too (running statistics), rather than copy those of the model.

    ``n_averaged`` counts the updates; the first one copies the weights.
    """

    n_averaged: Tensor

    def __init__(self, model: Module, avg_fn: AverageFunction | None = None, use_buffers: bool = False) -> None:
        super().__init__()
        self.module = copy.deepcopy(model)
        self.avg_fn, self.use_buffers = avg_fn or get_swa_avg_fn(), use_buffers
        self.register_buffer("n_averaged", tensor(0))

    def forward(self, *inputs: object, **options: object) -> Any:  # what the model takes and returns
        return self.module(*inputs, **options)

    def update_parameters(self, model: Module) -> None:
        """Add the present weights of ``model`` to the average."""
        count = int(self.n_averaged)
        with no_grad():
            pairs: list[tuple[Tensor, Tensor]] = list(zip(self.module.parameters(), model.parameters(), strict=True))
            buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
            if self.use_buffers:
                pairs += buffers
            for average, new in pairs:
                average.copy_(self.avg_fn(average, new.detach(), count) if count > 0 else new.detach())
            if not self.use_buffers:
                for kept, new in buffers:
                    kept.copy_(new)
            self.n_averaged += 1
