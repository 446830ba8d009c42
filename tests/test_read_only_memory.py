"""Memory that is read-only is refused where it would be written, and keeps its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import kernels, nn
from minigrad.nn import functional as F

WRITES: dict[str, Callable[[Any], object]] = {
    "add_": lambda x: x.add_(1),
    "mul_": lambda x: x.mul_(2),
    "+=": lambda x: x.__iadd__(minigrad.ones(*x.shape)),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(3),
    "copy_": lambda x: x.copy_(minigrad.ones(*x.shape)),
    "clamp_": lambda x: x.clamp_(-0.1, 0.1),
    "relu_": lambda x: F.relu(x, inplace=True),
    "an index": lambda x: x.__setitem__(0, 5.0),
    "a mask": lambda x: x.masked_fill_(x > 0, 0.0),
    "normal_": lambda x: x.normal_(),
    "uniform_": lambda x: x.uniform_(),
    "init": lambda x: nn.init.ones_(x),
    "a view": lambda x: x.view(-1)[1:].add_(1),
}


def _read_only(size: int) -> tuple[minigrad.Tensor, bytes]:
    """Return a tensor in the memory of a bytes object, as files are mapped, and these bytes."""
    content = np.random.default_rng(0).standard_normal((4, size // 4)).astype(np.float32).tobytes()
    return minigrad.from_numpy(np.frombuffer(content, np.float32).reshape(4, -1)), content


@pytest.mark.parametrize("size", [40, 80_000])  # NumPy's kernels, and compiled ones
@pytest.mark.parametrize("what", WRITES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_write_in_place_is_refused(what: str, size: int) -> None:
    x, content = _read_only(size)
    before = bytes(bytearray(content))
    with pytest.raises((ValueError, RuntimeError), match="read-only"):
        WRITES[what](x)
    assert content == before


@pytest.mark.parametrize("size", [40, 80_000])
@pytest.mark.parametrize("rule", [minigrad.optim.SGD, minigrad.optim.Adam, minigrad.optim.RMSprop])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_step_of_an_optimiser_is_refused(rule: Any, size: int) -> None:
    x, content = _read_only(size)
    before = bytes(bytearray(content))
    x.requires_grad_()
    x.grad = minigrad.ones(*x.shape)
    with pytest.raises((ValueError, RuntimeError), match="read-only"):
        rule([x], lr=0.1).step()
    assert content == before


def test_kernels_refuse_to_write_to_read_only_arrays() -> None:
    x = np.random.default_rng(0).standard_normal((4, 8, 40, 40)).astype(np.float32)
    fixed = x.copy()
    fixed.flags.writeable = False
    backend = kernels.of(x)
    writes = [
        lambda: backend.add(x, x, fixed),
        lambda: backend.relu(x, fixed),
        lambda: backend.clamp(x, -1.0, 1.0, fixed),
        lambda: backend.clamp_in_place(fixed, -1.0, 1.0),
        lambda: backend.add_to_channels(fixed, np.ones(8, np.float32)),
        lambda: backend.blend(fixed[0, :, 0, 0], np.ones(8, np.float32), 0.5, 0.5),
    ]
    for write in writes:
        with pytest.raises(ValueError, match="read-only"):
            write()
        assert np.array_equal(fixed, x)
