"""Random numbers that depend only on a seed and a counter, so that each can be computed on its own.

Philox 4×32 with 10 rounds: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011). torch's GPU generator and
cuRAND use it too. The rounds turn counter i into four random words; number 4·i + j is made of word j.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.typing import Array

_WORD, _HALF = np.uint64(2**32 - 1), np.uint64(32)


def uniform(like: Array, count: int, seed: int, start: int) -> Array:
    """Return ``count`` float32 numbers of [0, 1), on the device of ``like``, from counter ``start`` on."""
    counters = np.arange(start, start + -(-count // 4), like=like).astype(np.uint64)
    words = philox([counters & _WORD, counters >> _HALF, counters & 0, counters & 0], seed)
    four = np.stack(words, axis=-1).reshape(4 * counters.size)[:count]
    numbers: Array = (four >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)
    return numbers


def philox(counter: Sequence[Array | np.uint64], seed: int) -> list[Array | np.uint64]:
    """Return four random words of 32 bits (in 64-bit integers) for each counter, which consists of four such words."""
    a, b, c, d = counter
    keys = [seed % 2**32, seed // 2**32 % 2**32]
    for _ in range(10):
        first, second = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b = (second >> _HALF) ^ b ^ np.uint64(keys[0]), second & _WORD
        c, d = (first >> _HALF) ^ d ^ np.uint64(keys[1]), first & _WORD
        keys = [(keys[0] + 0x9E3779B9) % 2**32, (keys[1] + 0xBB67AE85) % 2**32]
    return [a, b, c, d]
