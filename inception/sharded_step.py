"""A training step over shards: the same four phases, with the same result on any number of ranks.

    for each shard of this rank:
        outputs = forward_pass(model, images)
        loss = loss_computation(outputs, labels)
        backward_pass(…)                            the gradients set out to the other ranks meanwhile
    gradients.finish()                              now every rank has the mean over all shards
    optimization_pass(optimizer, scheduler)         the same step everywhere

What is random in a shard (dropout, mixing) is drawn from the number of the step and of the shard, never of the rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple, TypeAlias

import numpy as np

import minigrad
from inception.batch import mix, to_device
from inception.clock import EXCHANGE, PhaseClock
from inception.model import logits_of
from inception.ranks import ranks
from inception.step import FULL_PRECISION, forward_pass, loss_computation, optimization_pass
from inception.step_result import NonFiniteLossError, StepResult
from minigrad import Tensor, nn, optim
from minigrad.amp import GradScaler, autocast
from minigrad.data import DataLoader
from minigrad.distributed.gradients import ShardGradients
from minigrad.nn import functional as F
from minigrad.optim.lr_scheduler import LRScheduler


class Settings(NamedTuple):
    """The settings of a recipe on which a shard's loss depends."""

    classes: int
    device: str
    dtype: str
    mixup: float
    cutmix: float
    label_smoothing: float
    class_weights: Tensor | None
    together: bool  # the shards take turns at every batch norm, to share its statistics


#: The loss of a batch, its scores and its labels.
Seen: TypeAlias = tuple[Tensor, Tensor, Tensor]


class ShardResult(NamedTuple):
    """The numbers of one batch of one shard that the report shows."""

    loss: float
    correct: int
    images: int
    cross_entropy: float


def sharded_step(
    model: nn.Module,
    gradients: ShardGradients,
    loaded: Sequence[Sequence[tuple[Tensor, Tensor]]],
    key: tuple[int, ...],
    settings: Settings,
    optimizer: optim.Optimizer,
    scheduler: LRScheduler | None,
    clock: PhaseClock,
    clip: float | None = None,
    scaler: GradScaler = FULL_PRECISION,
) -> StepResult:
    """Take one step, together with all other ranks.

    Args:
        loaded: for each of the rank's shards its batches, whose gradients are averaged.
        key: of random numbers: the seed, the epoch and the step.

    Raises:
        NonFiniteLossError: on every rank, if the loss of any shard is NaN or infinite; the weights have not changed.
    """
    optimizer.zero_grad()

    def compute(shard: int) -> list[Seen]:
        seen, batches = [], loaded[shard - gradients.own.start]
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            with random_numbers_of(*key, shard, number), nullcontext() if last else gradients.no_sync():
                seen.append(_forward_and_backward(model, batch, 1 / len(batches), settings, clock, scaler))
        return seen

    seen = gradients.compute(compute, settings.together)
    with clock(EXCHANGE):
        gradients.finish()
    result = _joined([_numbers(*batch) for batches in seen for batch in batches], gradients)
    with clock("optimization pass"):
        norm = optimization_pass(optimizer, scheduler, clip, scaler)
    return result if norm is None else result.with_norm(float(norm))


def _forward_and_backward(
    model: nn.Module,
    loaded: tuple[Tensor, Tensor],
    share: float,
    settings: Settings,
    clock: PhaseClock,
    scaler: GradScaler,
) -> Seen:
    """Run three of the four phases; return the loss, the scores and the labels."""
    batch = to_device(loaded, settings.device, settings.dtype)
    images, labels, targets = mix(batch, settings.classes, settings.mixup, settings.cutmix)
    with autocast(enabled=scaler.is_enabled()):
        with clock("forward pass"):
            outputs = forward_pass(model, images)
        with clock("loss computation"):
            loss = loss_computation(outputs, targets, settings.label_smoothing, settings.class_weights)
    with clock("backward pass"):
        scaler.scale(loss * share).backward()
    return loss.detach(), logits_of(outputs).detach(), labels


def _numbers(loss: Tensor, scores: Tensor, labels: Tensor) -> ShardResult:
    correct = int((scores.argmax(1) == labels).sum())
    return ShardResult(float(loss), correct, len(labels), float(F.cross_entropy(scores.float(), labels)))


def _joined(own: list[ShardResult], gradients: ShardGradients) -> StepResult:
    """Return the result of all shards, in their order, on every rank.

    Raises:
        NonFiniteLossError: on every rank, if one loss is NaN or infinite.
    """
    group = ranks()
    waited, group.waited = group.waited, 0.0
    everywhere: list[tuple[list[ShardResult], float]] = group.gather((own, waited))
    for rank, (results, _) in enumerate(everywhere):
        for number, result in enumerate(results):
            if not math.isfinite(result.loss):
                batches = len(results) // len(gradients.own)
                shard = rank * len(gradients.own) + number // batches
                raise NonFiniteLossError(f"the loss is {result.loss} in shard {shard} (of rank {rank} here)")
    results = [result for found, _ in everywhere for result in found]
    losses, correct, counts, cross_entropies = map(list, zip(*results, strict=True))
    waiting = [seconds for _, seconds in everywhere] if group.size > 1 else None
    return StepResult(losses, correct, counts, cross_entropies, waiting_seconds=waiting)


@contextmanager
def random_numbers_of(*key: int) -> Iterator[None]:
    """Inside ``with``, the default generator draws the numbers of this key; afterwards it goes on as before."""
    before = minigrad.get_rng_state()
    minigrad.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))
    try:
        yield
    finally:
        minigrad.set_rng_state(before)


class ShardBatches:
    """The batches of a rank: from each batch of all ranks the parts that are the rank's own shards.

    Args:
        sampler: the order of the images, the same on every rank.
        batch_size: of all shards together.
        own: the numbers of the rank's shards.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, shards: int, own: range) -> None:
        self.sampler, self.batch_size, self.size, self.own = sampler, batch_size, batch_size // shards, own

    def __len__(self) -> int:
        return len(self.sampler) // self.batch_size * len(self.own)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[list[int]]:
        order = list(self.sampler)
        for start in range(0, len(order) - self.batch_size + 1, self.batch_size):
            for shard in self.own:
                begin = start + shard * self.size
                yield order[begin : begin + self.size]


def shard_loader(loader: DataLoader, batch_size: int, shards: int, own: range) -> None:
    """Let a loader of whole batches give the parts of this rank, one after the other."""
    loader.batch_sampler = ShardBatches(loader.sampler, batch_size, shards, own)


def next_parts(loaded: Iterator[tuple[Tensor, Tensor]], shards: int, batches: int) -> list[list[tuple[Tensor, Tensor]]]:
    """Return for each of the rank's shards its part of the next ``batches`` batches."""
    parts = [[next(loaded) for _ in range(shards)] for _ in range(batches)]
    return [list(of_shard) for of_shard in zip(*parts, strict=True)]
