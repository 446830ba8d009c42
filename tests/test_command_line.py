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


PRINTS = """
import sys
from minigrad.system import never_fail_to_print
never_fail_to_print()
never_fail_to_print()
for number in range(3):
    print(number, "…", flush=True)
print("done", file=sys.stderr)
"""


def test_a_program_goes_on_without_the_reader_of_its_output_and_in_any_encoding() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", PRINTS], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "done\n")
    assert run("-c", PRINTS, PYTHONIOENCODING="ascii").stdout == "0 \\u2026\n1 \\u2026\n2 \\u2026\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk to write to")
def test_a_program_says_that_its_output_is_lost() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", PRINTS], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "cannot print any more: No space left on device\ndone\n")
