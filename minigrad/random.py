"""Seeded random numbers. Every random choice in minigrad draws from a :class:`Generator`.

The numbers of ``randn``, initialisers and the like are NumPy's (PCG64), drawn on the host and then moved, so that a
seed gives the same on every device. Where drawing belongs to computing, as in dropout, a device draws its own (Philox
4×32, ``kernels/philox.py``), which are not those of the CPU. None are torch's numbers: two libraries'
generators cannot agree bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np


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
        """Restarts the stream from ``seed``, an integer; a negative one counts back from 2⁶⁴, as in torch.

        Raises:
            ValueError: for anything else, or below −2⁶³.
        """
        if not isinstance(seed, int | np.integer) or seed < -(2**63):
            raise ValueError(f"a seed is an integer of at least -2**63, got {seed!r}")
        self._seed = int(seed) + (2**64 if seed < 0 else 0)
        self._drawn_on_devices = 0
        self.numpy = np.random.Generator(np.random.PCG64(self._seed))
        return self

    def initial_seed(self) -> int:
        """The seed that the stream was last started from."""
        return self._seed

    def uniform(self, shape: tuple[int, ...], dtype: Any, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Numbers of a floating dtype uniform on [low, high): rounding never makes one ``high`` itself."""
        dtype = np.dtype(dtype)
        drawn = np.float64 if dtype == np.float64 else np.float32  # what NumPy's generator can draw
        numbers: np.ndarray = np.asarray(self.numpy.random(shape, dtype=drawn))
        if (low, high) != (0.0, 1.0):
            numbers = numbers * (high - low) + low
        return numbers.astype(dtype) if low == high else np.minimum(numbers.astype(dtype), below(high, dtype))

    def on_device(self, count: int) -> tuple[int, int]:
        """For a device to draw ``count`` numbers by: the seed, and where in its stream they begin."""
        start = self._drawn_on_devices
        self._drawn_on_devices += -(-count // 4)  # it draws four at a time
        return self._seed, start

    def get_state(self) -> dict[str, Any]:
        """The state as plain values (it goes into JSON), to be given to :meth:`set_state`."""
        state = self.numpy.bit_generator.state
        return {**state, "seed": self._seed, "drawn_on_devices": self._drawn_on_devices}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues the stream from where :meth:`get_state` was called."""
        own = ("seed", "drawn_on_devices")
        self._seed, self._drawn_on_devices = state["seed"], state.get("drawn_on_devices", 0)
        self.numpy.bit_generator.state = {key: value for key, value in state.items() if key not in own}


def below(bound: float, dtype: Any) -> Any:
    """The largest number of ``dtype`` below ``bound``."""
    nearest = np.dtype(dtype).type(bound)
    return nearest if float(nearest) < bound else np.nextafter(nearest, np.dtype(dtype).type(-np.inf))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seeds the generator that dropout, initialisers and ``randn`` use when none is given."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> dict[str, Any]:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: dict[str, Any]) -> None:
    """Sets the default generator's state."""
    default_generator.set_state(state)
