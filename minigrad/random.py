"""Seeded random numbers. Every random choice in minigrad draws from a :class:`Generator`.

The numbers of ``randn``, initialisers and the like are NumPy's (PCG64), drawn on the host and then moved, so that a
seed gives the same on every device. Dropout on a GPU draws its numbers there (Philox 4×32, ``kernels/philox.py``), and
they differ from those of the CPU. No numbers equal torch's, whose generator is another one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import Array, Shape

#: The state of a generator, of plain values.
State: TypeAlias = dict[str, Any]


class Generator:
    """A stream of random numbers with a seed and a state that can be saved.

    >>> generator = Generator(7)
    >>> state = generator.get_state()
    >>> first = generator.numpy.random()
    >>> generator.set_state(state)
    >>> generator.numpy.random() == first
    True
    """

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from ``seed``, an integer; a negative one counts back from 2⁶⁴, as in torch.

        Raises:
            ValueError: if ``seed`` is not an integer of at least −2⁶³.
        """
        if not isinstance(seed, int | np.integer) or seed < -(2**63):
            raise ValueError(f"a seed is an integer of at least -2**63, got {seed!r}")
        self._seed = int(seed) + (2**64 if seed < 0 else 0)
        self._drawn_on_devices = 0
        self.numpy = np.random.Generator(np.random.PCG64(self._seed))
        return self

    def initial_seed(self) -> int:
        """Return the seed from which the stream was last started."""
        return self._seed

    def uniform(self, shape: Shape, dtype: DTypeLike, low: float = 0.0, high: float = 1.0) -> Array:
        """Return numbers uniform on [low, high) of a floating dtype; rounding never gives ``high`` itself."""
        dtype = np.dtype(dtype)
        drawn = np.float64 if dtype == np.float64 else np.float32  # NumPy's generator has only these
        numbers: Array = np.asarray(self.numpy.random(shape, dtype=drawn))
        if (low, high) != (0.0, 1.0):
            numbers = numbers * (high - low) + low
        drawn_below: Array = np.asarray(np.minimum(numbers.astype(dtype), below(high, dtype)))
        return numbers.astype(dtype) if low == high else drawn_below

    def on_device(self, count: int) -> tuple[int, int]:
        """Reserve ``count`` numbers for a device; return the seed, and the position in its stream where they begin."""
        start = self._drawn_on_devices
        self._drawn_on_devices += -(-count // 4)  # a device draws four at a time
        return self._seed, start

    def get_state(self) -> State:
        """Return the state for :meth:`set_state`, as plain values that JSON can hold."""
        state = self.numpy.bit_generator.state
        return {**state, "seed": self._seed, "drawn_on_devices": self._drawn_on_devices}

    def set_state(self, state: State) -> None:
        """Continue the stream from the position at which :meth:`get_state` was called."""
        own = ("seed", "drawn_on_devices")
        self._seed, self._drawn_on_devices = state["seed"], state.get("drawn_on_devices", 0)
        self.numpy.bit_generator.state = {key: value for key, value in state.items() if key not in own}


def below(bound: float, dtype: DTypeLike) -> Any:  # a NumPy number
    """Return the largest number of ``dtype`` below ``bound``."""
    kind: type = np.dtype(dtype).type
    nearest = kind(bound)
    return nearest if float(nearest) < bound else np.nextafter(nearest, kind(-np.inf))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the generator that dropout, initialisers and ``randn`` use by default."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> State:
    """Return the state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: State) -> None:
    """Set the state of the default generator."""
    default_generator.set_state(state)
