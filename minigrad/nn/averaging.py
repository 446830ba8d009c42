"""Average a model's weights over training (also as ``minigrad.optim.swa_utils``, torch's path)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from minigrad.creation import tensor
from minigrad.devices import DeviceLike
from minigrad.engine.grad_mode import no_grad
from minigrad.nn.module import Module
from minigrad.nn.normalizations import BatchNorm1d, BatchNorm2d, BatchNorm3d
from minigrad.tensor import Tensor

#: Maps (average so far, new value, number of values in the average) to the new average.
AverageFunction: TypeAlias = Callable[[Tensor, Tensor, int], Tensor]
#: Writes the new averages into the first list, from (averages so far, new values, number of values).
MultiAverageFunction: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], int], None]


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


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverageFunction:
    """Return :func:`get_ema_avg_fn` for lists of tensors.

    Raises:
        ValueError: for a decay outside [0, 1].
    """
    return _for_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverageFunction:
    """Return :func:`get_swa_avg_fn` for lists of tensors."""
    return _for_lists(get_swa_avg_fn())


def _for_lists(average_one: AverageFunction) -> MultiAverageFunction:
    def average_all(averages: Sequence[Tensor], new: Sequence[Tensor], count: int) -> None:
        for kept, value in zip(averages, new, strict=True):
            kept.copy_(average_one(kept, value, count))

    return average_all


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's weights.

    Args:
        model: the model to copy; the copy is the attribute ``module``.
        device: where the copy lies; by default where the model does.
        avg_fn: the formula of the average; the plain mean by default.
        multi_avg_fn: such a formula for all tensors at once.
        use_buffers: average the buffers too (running statistics), rather than copy those of the model.

    ``n_averaged`` counts the updates; the first one copies the weights.

    Raises:
        ValueError: if both formulas are given.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: DeviceLike | None = None,
        avg_fn: AverageFunction | None = None,
        multi_avg_fn: MultiAverageFunction | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.average = multi_avg_fn or _for_lists(avg_fn or get_swa_avg_fn())
        self.use_buffers = use_buffers

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
            values = [new.detach().to(kept.device) for kept, new in pairs]
            if count > 0 and pairs:
                self.average([kept.detach() for kept, _ in pairs], values, count)
            else:
                for (kept, _), new in zip(pairs, values, strict=True):
                    kept.copy_(new)
            if not self.use_buffers:
                for kept, new in buffers:
                    kept.copy_(new)
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: DeviceLike | None = None) -> None:
    """Compute the running statistics of every batch norm anew, as the mean over all batches of ``loader``.

    Args:
        loader: yields inputs, or tuples and lists that begin with one.
        device: where the inputs go first.
    """
    norms = [m for m in model.modules() if isinstance(m, BatchNorm1d | BatchNorm2d | BatchNorm3d)]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    model.train()
    with no_grad():
        for batch in loader:
            input = batch[0] if isinstance(batch, list | tuple) else batch
            model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)
