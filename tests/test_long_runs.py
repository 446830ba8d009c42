"""Long runs and large graphs: memory and handles do not grow, and nothing recurses or counts in 32 bits."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.system import memory_in_use

MEGABYTE = 2**20
pytestmark = pytest.mark.slow


def growth(work: Callable[[], object], before: Callable[[], object]) -> tuple[int, int]:
    """Return by how many bytes and open files a process grows in ``work``, once ``before`` has warmed it up."""
    before()
    gc.collect()
    memory, handles = memory_in_use(), _handles()
    if memory is None:
        pytest.skip("this system does not report the memory in use")
    work()
    gc.collect()
    return (memory_in_use() or 0) - memory, _handles() - handles


def _handles() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


def test_a_hundred_thousand_steps_take_no_memory() -> None:
    minigrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images, labels = minigrad.randn(8, 8), minigrad.randint(0, 4, (8,))

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()

    memory, handles = growth(lambda: steps(100_000), lambda: steps(2_000))
    assert memory <= MEGABYTE
    assert handles == 0


def test_epochs_with_workers_take_no_memory_and_leave_no_handle() -> None:
    images, labels = minigrad.randn(2_000, 3, 16, 16), minigrad.zeros(2_000, dtype=minigrad.int64)
    loader = DataLoader(TensorDataset(images, labels), 20, shuffle=True, num_workers=2, seed=0)

    def epochs(count: int) -> None:
        for _ in range(count):
            assert sum(len(batch[1]) for batch in loader) == 2_000

    memory, handles = growth(lambda: epochs(3), lambda: epochs(2))
    assert memory <= MEGABYTE
    assert handles == 0


def test_a_graph_of_a_million_operations_is_walked_and_freed() -> None:
    x = minigrad.ones(1, requires_grad=True)

    def chain(length: int) -> None:
        y = x
        for _ in range(length):
            y = y + 1.0
        y.backward()

    memory, _ = growth(lambda: chain(1_000_000), lambda: chain(1_000_000))
    assert x.grad.tolist() == [2.0]
    assert memory <= 10 * MEGABYTE  # what the allocator keeps of a gigabyte differs from time to time


def test_a_tensor_that_is_used_a_hundred_thousand_times_gets_the_sum_of_its_gradients() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    total = minigrad.zeros(2)
    for _ in range(100_000):
        total = total + x * 0.5
    total.sum().backward()
    assert x.grad.tolist() == [50_000.0, 50_000.0]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_an_optimizer_moves_a_hundred_thousand_parameters(kind: type[optim.Optimizer]) -> None:
    parameters = [nn.Parameter(minigrad.full((2,), float(i))) for i in range(100_000)]
    optimizer = kind(parameters, lr=0.5)  # type: ignore[call-arg]
    for p in parameters:
        p.grad = minigrad.ones(2)
    optimizer.step()
    moved = [i - p.tolist()[0] for i, p in enumerate(parameters)]
    assert np.allclose(moved, 0.5, atol=0.01)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    assert len(state["param_groups"][0]["params"]) == 100_000


MANY = 2**31 + 8  # elements: more than a signed number of 32 bits counts


def test_more_than_two_thousand_million_bytes_are_one_tensor() -> None:
    x = minigrad.zeros(MANY, dtype=minigrad.uint8)
    x[-1], x[2**31] = 7, 3
    assert (x.numel(), x.shape[0]) == (MANY, MANY)
    assert x[2**31 - 1 :].tolist() == [0, 3, 0, 0, 0, 0, 0, 0, 7]
    assert x[minigrad.tensor([2**31, 0, MANY - 1])].tolist() == [3, 0, 7]
    assert int(x.argmax()) == MANY - 1
    assert int((x == 3).sum()) == 1
    assert x.reshape(2, MANY // 2)[1, -1].item() == 7


def test_more_than_two_thousand_million_numbers_of_half_precision_are_one_tensor() -> None:
    x = minigrad.zeros(MANY, dtype=minigrad.float16)
    x[-2:] = 1.5
    x.mul_(2)
    assert x[-3:].tolist() == [0.0, 3.0, 3.0]
    assert x.view(8, MANY // 8)[7, -1].item() == 3.0
