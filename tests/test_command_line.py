"""``python -m minigrad``, as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT_COMPILATIONS = """
import minigrad as mg
from numba.core import event
from inception.model import inception_v3

compiled = []

class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass

event.register("numba:compile", Listener())
model = inception_v3(num_classes=10, aux_logits=False)
optimizer = mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
mg.nn.functional.cross_entropy(model(mg.zeros(4, 3, 75, 75)), mg.zeros(4, dtype=mg.int64)).backward()
optimizer.step()
print(compiled)
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh Python with these arguments."""
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_compile_says_when_there_is_nothing_to_compile():
    done = run("-m", "minigrad", "compile", MINIGRAD_KERNELS="numpy")
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout


def test_compile_refuses_an_unknown_dtype():
    done = run("-m", "minigrad", "compile", "--dtype", "float16")
    assert done.returncode == 2
    assert "float16" in done.stderr


@pytest.mark.slow
def test_after_compile_a_training_step_of_inception_compiles_nothing_more(tmp_path: Path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "MINIGRAD_KERNELS": "compiled"}
    done = run("-m", "minigrad", "compile", **environment)
    assert done.returncode == 0, done.stderr
    step = run("-c", COUNT_COMPILATIONS, **environment)
    assert step.stdout.strip() == "[]", step.stdout + step.stderr
