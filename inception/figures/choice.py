"""Choice: which images of a set a figure shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np


def evenly_chosen(labels: np.ndarray, predictions: np.ndarray, count: int, seed: int = 0) -> list[int]:
    """Return the indices of up to ``count`` images, of all classes alike, of each about as many right as wrong.

    With fewer places than classes, chance decides about the classes. The order is that of the classes.

    Args:
        labels, predictions: the true and the predicted class of every image of the set.
    """
    chosen = islice(_in_turn(labels, predictions, np.random.default_rng(seed)), count)
    return sorted(chosen, key=lambda index: (labels[index], labels[index] != predictions[index], index))


def _in_turn(labels: np.ndarray, predictions: np.ndarray, random: np.random.Generator) -> Iterator[int]:
    """Yield all indices: one of each class, then another one of each; right and wrong ones in turn, while there are."""
    pools: dict[int, tuple[list[int], list[int]]] = {}  # of each class: right ones, wrong ones
    for index in random.permutation(len(labels)).tolist():
        wrong = int(labels[index] != predictions[index])
        pools.setdefault(int(labels[index]), ([], []))[wrong].append(index)
    classes = list(pools.values())  # in the order of chance
    turn = 0
    while classes:
        for place, pool in enumerate(classes):
            wanted = (turn + place) % 2
            yield (pool[wanted] or pool[1 - wanted]).pop()
        classes = [pool for pool in classes if pool[0] or pool[1]]
        turn += 1
