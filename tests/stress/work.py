"""The kernels that are called under stress; their results must always have the same bits."""

from __future__ import annotations

import random

import numpy as np

from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.geometry import Window

_random = np.random.default_rng(0)
_X = _random.standard_normal((4, 16, 24, 24)).astype(np.float32)  # as many elements as kernels share out
_W = _random.standard_normal((16, 16, 3, 3)).astype(np.float32)
_WINDOW = Window((3, 3), (1, 1), ((1, 1), (1, 1)))
_kernels = Compiled()

KERNELS = {
    "add": lambda: _kernels.add(_X, _X),
    "relu": lambda: _kernels.relu(_X),
    "convolution": lambda: _kernels.conv2d(_X, _W, _WINDOW, 1),
    "pooling": lambda: _kernels.max_pool2d(_X, _WINDOW)[0],
    "batch norm": lambda: _kernels.batch_norm(_X, None, None, 1e-3)[0],
}
_expected: dict[str, np.ndarray] = {}


def prepare() -> None:
    """Compute all results once, alone."""
    for name, kernel in KERNELS.items():
        _expected[name] = np.array(kernel())


def one(rng: random.Random) -> None:
    """Call one kernel.

    Raises:
        AssertionError: if its result is not the first one.
    """
    name = rng.choice(sorted(KERNELS))
    assert np.array_equal(KERNELS[name](), _expected[name]), f"{name}: other numbers"
