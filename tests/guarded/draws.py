"""Random shapes, windows and arrays of the kernels' cases, often at the edge of what there is."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from minigrad.kernels.geometry import Window

Random = random.Random


def size(rng: Random, most: int) -> int:
    """Return a number from 1 on, more often a small one, or one about a width of vectors."""
    return min(most, rng.choice((1, 1, 2, 3, rng.randint(1, most), rng.choice((7, 8, 9, 15, 16, 17, 31, 32, 33)))))


def values(rng: Random, *shape: int) -> np.ndarray:
    """Return normal numbers that float32 can represent, some of them equal or 0."""
    drawn = np.random.default_rng(rng.getrandbits(40)).standard_normal(shape).astype(np.float32)
    if rng.random() < 0.2:
        drawn = np.round(drawn)
    return drawn.astype(np.float64)


def maps(rng: Random, channels: int = 70) -> tuple[int, int, int, int]:
    """Return the shape N, C, H, W of images, of at most some 200,000 numbers; sometimes a side is 0."""
    n = rng.choice((1, 1, 2, 3, 5, rng.randint(1, 70)))
    found = [n, size(rng, channels), size(rng, 40), size(rng, 40)]
    if rng.random() < 0.1:
        found[rng.choice((2, 3))] = rng.randint(40, 300)
    while np.prod(found) > 200_000:
        found[int(np.argmax(found))] //= 2
    if rng.random() < 0.03:
        found[rng.randrange(4)] = 0
    return found[0], found[1], found[2], found[3]


def window(rng: Random, height: int, width: int, inside: bool = False) -> Window | None:
    """Return a window that has a position on such images, or None if none was found.

    Args:
        inside: let every position see an element, as pooling does.
    """
    for _ in range(50):
        kernel = size(rng, 9), size(rng, 9)
        if rng.random() < 0.05:
            kernel = max(1, height), max(1, width)
        dilation = rng.choice((1, 1, 2, 5)), rng.choice((1, 1, 2, 5))
        stride = rng.choice((1, 1, 2, 3, 9)), rng.choice((1, 1, 2, 3, 9))
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        most = [r // 2 if inside else r + 1 for r in reach]
        padding = tuple((rng.randint(0, m), rng.randint(0, m)) for m in most)
        found = Window(kernel, stride, padding, dilation, inside and rng.random() < 0.3)  # type: ignore[arg-type]
        rows, columns = found.output_size(height, width)
        if 0 < rows <= 400 and 0 < columns <= 400:
            return found
    return None


def placed(rng: Random, given: np.ndarray, dtype: Any) -> np.ndarray:
    """Return an array in new memory, in a memory order of the four kinds that programs make."""
    dtype = dtype if given.dtype.kind == "f" else given.dtype
    kind, gap = rng.randrange(4), rng.choice((1, 5))
    order = list(range(given.ndim))
    if given.ndim == 4 and kind:
        order = [0, 2, 3, 1]
    elif given.ndim == 2 and kind == 1:
        order = [1, 0]
    shape = [given.shape[d] for d in order]
    if kind >= 2 and shape:  # a slice: of the first channels of a joined array, or of the last
        wide = np.empty((*shape[:-1], shape[-1] + gap), dtype)
        view = wide[..., : shape[-1]] if kind == 2 else wide[..., gap:]
    else:
        view = np.empty(shape, dtype)
    result = view.transpose([order.index(d) for d in range(given.ndim)])
    result[...] = given
    return result
