"""Threads that share out compiled work: what fails in one of them is raised, and nothing can leave them locked."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minigrad.kernels.compiled.load import load
from minigrad.kernels.threads import get_num_threads, set_num_threads

numba = pytest.importorskip("numba", reason="without Numba there is no team")
team = load("team")
as_job, share_out = team.as_job, team.share_out

# mypy: disable-error-code="call-arg"


@numba.njit(nogil=True)
def _part(part: int, wrong: int, done: Any) -> None:
    if part == wrong:
        raise ValueError("this part cannot be done")
    done[part] += 1


@numba.njit(nogil=True)
def _run(team: Any, wrong: int, done: Any) -> None:
    share_out(team, done.size, as_job(_part, (wrong, done)))


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("parts", [1, 300])
def test_what_a_part_raises_is_raised_by_the_call(alone: bool, parts: int) -> None:
    for wrong in (0, parts // 2, parts - 1):
        done = np.zeros(parts, np.int64)
        with pytest.raises(ValueError, match="this part cannot be done"):
            team.call(_run, wrong, done, alone=alone)
        assert done.sum() == parts - 1  # the others are done
        done = np.zeros(parts, np.int64)
        team.call(_run, -1, done, alone=alone)  # and nothing is left of the failure
        assert (done == 1).all()


def test_several_threads_may_share_out_work_at_once() -> None:
    wrong: list[int] = []

    def work() -> None:
        for parts in range(1, 300):
            done = np.zeros(parts, np.int64)
            team.call(_run, -1, done)
            if not (done == 1).all():
                wrong.append(parts)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_allocation_that_fails_inside_a_kernel_is_an_error() -> None:
    code = """
import ctypes, numba, numpy as np
from llvmlite import binding
from numba.core.runtime import _nrt_python as runtime
numba.njit(lambda: np.empty(3))()  # Numba registers its own allocator first
fail, kind, kept = False, ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32), []
def replace(name):
    real = kind(runtime.c_helpers[name])
    allocate = kind(lambda size, align: None if fail else real(size, align))
    kept.append(allocate)
    binding.add_symbol("NRT_" + name, ctypes.cast(allocate, ctypes.c_void_p).value)
for name in ("MemInfo_alloc_aligned", "MemInfo_alloc_safe_aligned"):
    replace(name)
import minigrad
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.geometry import Window
compiled = Compiled()
x, w = np.ones((4, 6, 20, 20), np.float32), np.ones((6, 6, 3, 3), np.float32)
window = Window((3, 3), padding=((1, 1), (1, 1)))
g, taps = np.ones_like(x), compiled.max_pool2d(x, window)[1]
strided = Window((2, 2), (2, 2))
half = np.ones((4, 6, 10, 10), np.float32)
kernels = {
    "conv2d": lambda: compiled.conv2d(x, w, window, 1),
    "conv2d_backward": lambda: compiled.conv2d_backward(x, w, g, window, 1, True, True),
    "conv2d_input": lambda: compiled.conv2d_backward(x, w, g, window, 1, True, False),
    "conv2d_weight": lambda: compiled.conv2d_backward(x, w, g, window, 1, False, True),
    "max_pool2d": lambda: compiled.max_pool2d(x, window),
    "max_pool2d_scatter": lambda: compiled.max_pool2d_scatter(g, taps, x.shape, window),
    "avg_pool2d": lambda: compiled.avg_pool2d(x, window, 0.1),
    "avg_pool2d of steps": lambda: compiled.avg_pool2d(x, strided, 0.1),
    "avg_pool2d_backward": lambda: compiled.avg_pool2d_backward(g, x.shape, window, 0.1),
}
for threads in (1, 2):
    minigrad.set_num_threads(threads)
    for name, kernel in kernels.items():
        fail = False
        expected = kernel()
        fail = True
        try:
            kernel()
        except MemoryError:
            pass
        else:
            raise SystemExit(f"{name}, {threads} threads: nothing was raised")
        fail = False
        again = kernel()
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (expected, again))):
            assert a is b is None or np.array_equal(a, b), name
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def fresh(monkeypatch: Any) -> Any:
    """Yield a team that has no helpers yet, on a machine of four cores."""
    monkeypatch.setattr(team, "_team", team._new_team())
    monkeypatch.setattr(team, "_helpers", {})
    monkeypatch.setattr(team, "_most_helpers", 3)
    before = get_num_threads()
    set_num_threads(4)
    yield
    set_num_threads(before)


def test_where_no_more_threads_can_be_started_those_there_are_do_the_work(fresh: None, monkeypatch: Any) -> None:
    start, started = team.start_new_thread, []

    def limited(run: Any, arguments: Any) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(run)
        start(run, arguments)

    monkeypatch.setattr(team, "start_new_thread", limited)
    for _ in range(3):
        done = np.zeros(100, np.int64)
        team.call(_run, -1, done)
        assert (done == 1).all()
    assert _eventually(lambda: len(team._helpers) == 1)
    assert team._team[team.HELPERS] == 1


def test_there_are_never_more_helpers_than_cores(fresh: None) -> None:
    set_num_threads(1000)
    done = np.zeros(100, np.int64)
    team.call(_run, -1, done)
    assert (done == 1).all()
    assert _eventually(lambda: len(team._helpers) == 3)


def _eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not holds() and time.monotonic() < until:
        time.sleep(0.001)
    return holds()


def test_a_helper_that_ends_is_replaced_at_the_next_call(fresh: None) -> None:
    done = np.zeros(50, np.int64)
    team.call(_run, -1, done)
    assert _eventually(lambda: len(team._helpers) == 3)
    victim = team._helpers[1]
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    while team._helpers.get(1) is victim:
        raise_in(ctypes.c_ulong(victim.thread), ctypes.py_object(SystemExit))
        victim.wake()
        time.sleep(0.001)
    team.call(_run, -1, done)
    assert _eventually(lambda: len(team._helpers) == 3)
    assert team._helpers[1] is not victim
    assert team._team[team.HELPERS] == 3
    assert (done == 2).all()


def test_a_helper_that_is_woken_twice_is_called_once(fresh: None) -> None:
    helper = team._Helper(team._team, team._helpers, 0)  # it is not started
    helper._asleep = True
    for _ in range(3):
        helper.wake()
    assert helper._calls.qsize() == 1


def test_a_signal_handler_may_compute_while_helpers_are_started(fresh: None, monkeypatch: Any) -> None:
    start, done = team.start_new_thread, np.zeros(50, np.int64)

    def interrupted(run: Any, arguments: Any) -> None:
        team.call(_run, -1, done)  # as a handler would at this moment
        start(run, arguments)

    monkeypatch.setattr(team, "start_new_thread", interrupted)
    team.call(_run, -1, done)
    assert (done == 4).all()  # one call for each of the three helpers, and the call itself
    assert _eventually(lambda: sorted(team._helpers) == [0, 1, 2])


def test_an_interrupt_at_any_line_of_a_call_leaves_the_team_free(fresh: None) -> None:
    done = np.zeros(50, np.int64)
    team.call(_run, -1, done)  # starts the helpers
    interrupted = 0
    for line in range(40):
        lines = 0

        def interrupt(frame: Any, event: str, argument: Any, line: int = line) -> Any:
            nonlocal lines, interrupted
            if frame.f_code.co_filename != team.__file__:
                return None
            if event == "line":
                lines += 1
                if lines == line + 1:
                    interrupted += 1
                    raise KeyboardInterrupt
            return interrupt

        for helper in team._helpers.values():
            helper._asleep = True  # so that it is woken
        before = sys.gettrace()
        sys.settrace(interrupt)
        try:
            team.call(_run, -1, done)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert team._team[team.BUSY] == 0
        done[:] = 0
        team.call(_run, -1, done)
        assert (done == 1).all()
    assert interrupted > 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_after_fork_has_a_team_of_its_own() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", """
import os, numpy as np
from minigrad.kernels.compiled.backend import Compiled
compiled = Compiled()
x = np.ones((8, 8, 40, 40), np.float32)
expected = compiled.relu(x)
child = os.fork()
if child == 0:
    from minigrad.kernels.compiled import team
    same = np.array_equal(compiled.relu(x), expected)
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""], capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
