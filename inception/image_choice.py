"""The choice of images from a set: some of every class, or two parts with the same shares of every class."""

from __future__ import annotations

import numpy as np

from minigrad.typing import Array


def some_of_every_class(targets: Array, count: int, seed: int) -> list[int]:
    """Return the indices of ``count`` random images, sorted, with as many of each class as of every other one.

    A class with too few images gives all it has. A larger ``count`` adds images and takes none away.
    """
    turns = np.empty(len(targets), np.int64)  # of each image: the number of images of its class before it
    for members in _shuffled_classes(targets, seed):
        turns[members] = np.arange(len(members))
    taken = np.lexsort((targets, turns))[:count]  # first one of every class, then a second one, and so on
    return sorted(taken.tolist())


def split_every_class(targets: Array, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return the indices of two random parts, sorted; the second has this share of the images of every class.

    Each part gets at least one image of every class; an image without another one of its class is in the first.
    """
    held_out = [
        members[: min(max(round(share * len(members)), 1), len(members) - 1)]
        for members in _shuffled_classes(targets, seed)
    ]
    is_held_out = np.zeros(len(targets), bool)
    is_held_out[np.concatenate(held_out)] = True
    return np.flatnonzero(~is_held_out).tolist(), np.flatnonzero(is_held_out).tolist()


def _shuffled_classes(targets: Array, seed: int) -> list[Array]:
    """Return the indices of the images of each class that has some, in an order that the seed determines."""
    order = np.argsort(targets, kind="stable")
    ends = np.flatnonzero(np.diff(targets[order])) + 1
    classes = np.split(order, ends)
    return [
        np.random.default_rng((seed, int(targets[members[0]]))).permutation(members)
        for members in classes
        if len(members)
    ]
