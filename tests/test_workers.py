"""Loading in worker processes: the same batches, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.data import DataLoader, Dataset, Subset, WorkerError, get_worker_info, transforms
from minigrad.data.datasets import SyntheticImages

Pair = namedtuple("Pair", "a b")


class Mixed(Dataset):
    """Items of every kind that a batch may hold; some break, hang or kill their process."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> Any:
        if index == 17:
            raise KeyError("number seventeen")
        if index == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        if index == 50:
            time.sleep(60)
        info = get_worker_info()
        size = 1 + index // 60 * 4  # later items are larger
        return {
            "name": str(index),
            "pair": Pair(minigrad.full((size, 2), float(index)), np.float64(index)),
            "worker": -1 if info is None else info.id,
            "nested": (np.arange(3), [index]),
        }


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def as_plain(batch: Any) -> Any:
    if isinstance(batch, minigrad.Tensor):
        return str(batch.dtype), batch.tolist()
    if isinstance(batch, dict):
        return {key: as_plain(value) for key, value in batch.items() if key != "worker"}
    if isinstance(batch, list | tuple):
        return type(batch).__name__, [as_plain(value) for value in batch]
    return batch


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_are_the_same_bits_whatever_the_number_of_workers(workers: int) -> None:
    jitter = transforms.ColorJitter(0.5, 0.5, 0.5, 0.1)
    steps = [transforms.RandomResizedCrop(20), transforms.RandomHorizontalFlip(), jitter, transforms.ToTensor()]
    images = SyntheticImages(25, 30, transform=transforms.Compose(steps))
    alone = DataLoader(images, 4, shuffle=True, seed=3)
    together = DataLoader(images, 4, shuffle=True, seed=3, num_workers=workers)
    for _ in range(2):  # epochs
        expected, found = list(alone), list(together)
        assert [b[0].numpy().tobytes() for b in found] == [b[0].numpy().tobytes() for b in expected]
        assert [b[1].tolist() for b in found] == [b[1].tolist() for b in expected]


def test_batches_of_every_kind_arrive_as_they_left() -> None:
    items = Subset(Mixed(), [*range(5), *range(60, 80)])
    for expected, found in zip(DataLoader(items, 5), DataLoader(items, 5, num_workers=2), strict=True):
        assert as_plain(found) == as_plain(expected)
        assert isinstance(found["pair"], Pair)


def test_each_worker_knows_its_number_and_is_initialised() -> None:
    def prepare(worker: int) -> None:
        os.environ["PREPARED"] = str(worker)

    class Asks(Dataset):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> list[int]:
            info = get_worker_info()
            assert info is not None
            return [info.id, info.num_workers, int(os.environ["PREPARED"]), info.seed]

    loader = DataLoader(Asks(), 1, num_workers=3, worker_init_fn=prepare, seed=5)
    assert [[int(x[0]) for x in batch] for batch in loader] == [[i % 3, 3, i % 3, 5] for i in range(6)]
    assert get_worker_info() is None


def test_an_exception_comes_back_as_it_was_with_the_workers_traceback_as_its_cause() -> None:
    with pytest.raises(KeyError) as caught:
        list(DataLoader(Mixed(), 4, num_workers=3))
    assert caught.value.args == ("number seventeen",)
    note = str(caught.value.__cause__)
    assert note.startswith("Caught KeyError in DataLoader worker process 1.\nOriginal Traceback")
    assert "__getitem__" in note

    class NeedsTwoError(Exception):
        def __init__(self, first: str, second: str) -> None:
            super().__init__(f"{first} and {second}")

    class Fails(Dataset):
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> int:
            raise NeedsTwoError("one", "two")

    with pytest.raises(RuntimeError, match=r"^NeedsTwoError: one and two"):
        list(DataLoader(Fails(), 1, num_workers=1))

    def broken(worker: int) -> None:
        raise ValueError("cannot begin")

    with pytest.raises(ValueError, match="cannot begin"):
        list(DataLoader(Mixed(), 4, num_workers=2, worker_init_fn=broken))


def test_a_killed_worker_is_noticed_at_once() -> None:
    with pytest.raises(WorkerError, match=r"killed by signal SIGKILL.*memory may have run out"):
        list(DataLoader(Subset(Mixed(), range(20, 100)), 4, num_workers=2))


def test_a_worker_that_hangs_is_given_up_after_the_timeout() -> None:
    with pytest.raises(WorkerError, match=r"timed out after 0\.5 seconds"):
        list(DataLoader(Subset(Mixed(), [1, 50, 2]), 1, num_workers=1, timeout=0.5))


@pytest.mark.parametrize("persistent", [False, True])
def test_no_process_is_left_when_a_pass_is_over_or_left_early(persistent: bool) -> None:
    loader = DataLoader(Subset(Mixed(), range(60, 90)), 2, num_workers=2, persistent_workers=persistent)
    seen = set()
    for _ in range(2):
        seen |= {tuple(sorted(set(batch["worker"].tolist()))) for batch in loader}
    assert seen == {(0,), (1,)}
    pids = [process.pid for process in loader._workers.processes] if loader._workers else []
    assert len(pids) == (2 if persistent else 0)
    for _ in loader:
        break
    del loader
    assert not any(alive(pid) for pid in pids)


PROGRAM = """
    import os, signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    from minigrad.data import DataLoader, Dataset

    class Slow(Dataset):
        def __len__(self):
            return 1000
        def __getitem__(self, index):
            time.sleep(0.05)
            return os.getpid()

    for batch in DataLoader(Slow(), 2, num_workers=2):
        print(*set(batch.tolist()), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    pids = {int(pid) for _ in range(4) for pid in parent.stdout.readline().split()}
    assert len(pids) == 2
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as a terminal does it: to all of them
    else:
        parent.kill()
    _, errors = parent.communicate(timeout=10)
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)
    if how == signal.SIGINT:
        assert errors.count("KeyboardInterrupt") == 1  # the parent's; the workers have nothing to say
