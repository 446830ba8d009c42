"""Evaluation on several ranks: each takes every K-th batch, and all get the result of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from inception.evaluation import Evaluation, evaluate
from inception.model import InceptionV3
from inception.progress import shown
from inception.ranks import ranks
from minigrad.data import DataLoader


def evaluate_together(model: InceptionV3, loader: DataLoader, device: str, dtype: str) -> Evaluation:
    """Return the evaluation of the model on all batches of a loader, the same on every rank.

    The batches are those of a single rank, so each image is computed in the same company, with the same result.

    Args:
        loader: of the whole set.
        device, dtype: those of the model.
    """
    group = ranks()
    if group.size == 1:
        return evaluate(model, shown(loader, "validation", unit="batch"), device, dtype)
    batches = list(loader.batch_sampler)
    own = DataLoader(
        loader.dataset,
        batch_sampler=batches[group.rank :: group.size],
        num_workers=loader.num_workers,
        seed=loader.seed,
    )
    found = evaluate(model, shown(own, "validation", unit="batch"), device, dtype) if len(own) else None
    everywhere: list[Evaluation | None] = group.gather(found)
    return _whole([len(batch) for batch in batches], everywhere, model.fc.out_features)


def _whole(sizes: Sequence[int], parts: Sequence[Evaluation | None], num_classes: int) -> Evaluation:
    """Return the evaluation of batches of these sizes, of which each rank has evaluated every K-th."""
    losses, predictions, labels = [], [], []
    begun = [0] * len(parts)
    for number, size in enumerate(sizes):
        rank = number % len(parts)
        part, start = parts[rank], begun[rank]
        assert part is not None
        begun[rank] += size
        losses.append(part.losses[start : start + size])
        predictions.append(part.predictions[start : start + size])
        labels.append(part.labels[start : start + size])
    all_losses = np.concatenate(losses)
    among_five = sum(round(part.in_top5 * part.seen) for part in parts if part is not None)
    return Evaluation(
        float(all_losses.mean(dtype=np.float64)),
        np.concatenate(predictions),
        np.concatenate(labels),
        among_five / len(all_losses),
        num_classes,
        all_losses,
    )


def alive_anywhere(alive: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return for each layer which channels were alive on any rank."""
    joined: dict[str, np.ndarray] = {}
    for found in ranks().gather(dict(alive)):
        for name, channels in found.items():
            joined[name] = channels | joined[name] if name in joined else channels
    return joined
