"""Kernels that are interrupted, forked, and called from everywhere at once; and in guarded memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("numba", reason="without Numba nothing is compiled")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these commands need fork and signals")


def _run(*arguments: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return run.stdout


def test_calls_interrupted_at_any_moment_leave_the_team_whole() -> None:
    assert "1 scenarios, 0 failed" in _run("tests.stress", "--only", "interrupts", "--seconds", "1")


@pytest.mark.slow
def test_a_minute_of_stress_ends_without_a_wrong_result_or_a_deadlock() -> None:
    assert " 0 failed" in _run("tests.stress", "--minutes", "1", "--seconds", "7")


def test_kernels_touch_nothing_but_their_arrays_and_use_nothing_but_what_is_in_them() -> None:
    assert "300 cases" in _run("tests.guarded", "--count", "300")


@pytest.mark.parametrize("at_the_end", [True, False])
@pytest.mark.parametrize("memory", ["NumPy's", "scratch"])
def test_a_step_beside_guarded_memory_ends_the_process(memory: str, at_the_end: bool) -> None:
    """So that the tests of kernels in such memory can fail."""
    code = f"""
import ctypes, numba, numpy as np
from tests.guarded import pages
pages.guard_scratch_memory()
pages.at_the_end = {at_the_end}
scratch = numba.njit(lambda: np.empty(10))
with pages.guarding_arrays():
    a = np.empty(10) if {memory == "NumPy's"} else scratch()
assert np.isnan(a).all()
a[:] = 1
print("within", flush=True)
ctypes.string_at(a.ctypes.data + {80 if at_the_end else -1}, 1)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "within\n", run.stderr
    assert run.returncode == -signal.SIGSEGV


@pytest.mark.slow
@pytest.mark.parametrize("bits", ["", "128"])
def test_ten_thousand_calls_touch_nothing_but_their_arrays(bits: str) -> None:
    assert "10,000 cases" in _run("tests.guarded", "--seed", "1", MINIGRAD_VECTOR_BITS=bits)
