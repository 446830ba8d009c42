"""What is done to the kernels. Each scenario takes a generator and the moment at which it should end."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from minigrad.kernels.compiled import team
from minigrad.kernels.threads import set_num_threads
from tests.stress import work

Random = random.Random


def eight_threads(rng: Random, end: float) -> None:
    """Call kernels from eight threads at once, while the number of helpers changes."""
    errors: list[BaseException] = []

    def run(seed: int) -> None:
        own = Random(seed)
        try:
            while time.monotonic() < end:
                work.one(own)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(rng.getrandbits(32),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        set_num_threads(rng.randint(1, 8))
        time.sleep(0.001)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def signal_handlers(rng: Random, end: float) -> None:
    """Call kernels from a signal handler that interrupts kernels, and the start of helpers."""
    calls = 0

    def handle(number: int, frame: object) -> None:
        nonlocal calls
        calls += 1
        work.one(rng)

    own = Random(rng.getrandbits(32))
    signal.signal(signal.SIGALRM, handle)
    try:
        while time.monotonic() < end:
            set_num_threads(own.randint(1, 4))
            signal.setitimer(signal.ITIMER_REAL, own.uniform(1e-6, 2e-3))
            work.one(own)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert calls


def forks(rng: Random, end: float) -> None:
    """Fork beside threads that compute; the copies compute too, and fork in their turn."""
    stop = threading.Event()

    def run(seed: int) -> None:
        own = Random(seed)
        while not stop.is_set():
            work.one(own)

    threads = [threading.Thread(target=run, args=(rng.getrandbits(32),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while time.monotonic() < end:
            _fork(rng, depth=rng.choice((1, 1, 2)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _fork(rng: Random, depth: int) -> None:
    seed = rng.getrandbits(32)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own = Random(seed)
            for _ in range(own.randint(0, 5)):
                work.one(own)
            if depth > 1:
                _fork(own, depth - 1)
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"a copy ended with status {status}"


def spawned_workers(rng: Random, end: float) -> None:
    """Compute in fresh workers."""
    while True:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            assert all(pool.map(_in_a_worker, [rng.getrandbits(32) for _ in range(4)]))
        if time.monotonic() >= end:
            return


def _in_a_worker(seed: int) -> bool:
    work.prepare()
    for _ in range(20):
        work.one(Random(seed))
    return True


def interrupts(rng: Random, end: float) -> None:
    """Interrupt calls at any moment, thousands of times; afterwards the team has all its helpers and is free."""
    team._most_helpers = 3

    armed = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        while time.monotonic() < end:
            try:
                armed = True  # for the one signal that is to come
                set_num_threads(rng.randint(1, 4))
                delay = rng.choice((1e-6, rng.uniform(1e-6, 1e-4), rng.uniform(1e-6, 2e-3)))
                signal.setitimer(signal.ITIMER_REAL, delay)
                for _ in range(rng.randint(1, 4)):
                    work.one(rng)
                armed = False
            except KeyboardInterrupt:
                interrupted += 1
            _is_whole()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # a signal that came while Python ends would kill the process
    assert interrupted, "no call was interrupted"


def _is_whole() -> None:
    """Check that nobody holds the team, and that four threads work together once more."""
    assert team._team[team.BUSY] == 0, "the team was left claimed"
    set_num_threads(4)
    work.one(Random(0))
    assert team._team[team.HELPERS] == 3, f"the team has {team._team[team.HELPERS]} helpers"
    until = time.monotonic() + 10
    while not all(number in team._helpers for number in range(3)):
        assert time.monotonic() < until, "a helper was lost"
        time.sleep(0.001)


def exceptions_in_threads(rng: Random, end: float) -> None:
    """Raise exceptions in threads that call kernels, and in the helpers themselves."""
    team._most_helpers = 3
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in.argtypes = [ctypes.c_ulong, ctypes.py_object]
    while time.monotonic() < end:
        thread = threading.Thread(target=_until_interrupted, args=(rng.getrandbits(32),))
        thread.start()
        time.sleep(rng.uniform(0, 3e-3))
        for helper in list(team._helpers.values()):
            if rng.random() < 0.1:
                raise_in(helper.thread, SystemExit)
        until = time.monotonic() + 60
        while thread.is_alive():
            raise_in(thread.ident, KeyboardInterrupt)
            thread.join(0.005)
            assert time.monotonic() < until, "a thread hangs"
        _is_free()


def _until_interrupted(seed: int) -> None:
    rng = Random(seed)
    try:
        while True:
            set_num_threads(rng.randint(1, 4))
            work.one(rng)
    except KeyboardInterrupt:
        pass


def _is_free() -> None:
    assert team._team[team.BUSY] == 0, "the team was left claimed"
    set_num_threads(4)
    for _ in range(3):
        work.one(Random(0))


def exits(rng: Random, end: float) -> None:
    """End the interpreter while threads and helpers compute, and compute in its exit handlers."""
    code = """
import atexit, random, threading, time
from tests.stress import work
work.prepare()
def run():
    while True:
        work.one(random.Random(1))
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
atexit.register(lambda: work.one(random.Random(2)))
time.sleep({delay})
"""
    while True:
        _run(code.replace("{delay}", str(rng.uniform(0, 0.05))))
        if time.monotonic() >= end:
            return


def one_core(rng: Random, end: float) -> None:
    """Ask for 64 threads where there is one core: there are none beside the caller."""
    code = """
import os, random
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from minigrad.kernels.compiled import team
from minigrad.kernels.threads import set_num_threads
from tests.stress import work
set_num_threads(64)
work.prepare()
rng = random.Random(1)
for _ in range(300):
    work.one(rng)
assert not team._helpers, team._helpers
"""
    if hasattr(os, "sched_setaffinity"):
        _run(code)


def _run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-2000:]}"


SCENARIOS: dict[str, Callable[[Random, float], None]] = {
    "eight-threads": eight_threads,
    "signal-handlers": signal_handlers,
    "forks": forks,
    "spawned-workers": spawned_workers,
    "interrupts": interrupts,
    "exceptions-in-threads": exceptions_in_threads,
    "exits": exits,
    "one-core": one_core,
}
