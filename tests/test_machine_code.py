"""Machine code of compiled kernels is kept on disk, is never that of other sources, and is never needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import minigrad
from minigrad.kernels.compiled.lock import Lock

pytest.importorskip("numba", reason="without Numba nothing is compiled")

PACKAGE = Path(minigrad.__file__).parent
#: A small convolution and a small kernel, held to the reference. It says (rows of the micro-kernel, functions that were
#: compiled rather than found on disk, warnings).
PROGRAM = """
import sys, warnings
import numpy as np
from minigrad.kernels.reference import Reference
from minigrad.kernels.compiled import loops as fast_loops
from minigrad.kernels.compiled.conv import tile
from minigrad.kernels.compiled.layout import run_on
import minigrad.kernels.compiled.notice
random = np.random.default_rng(0)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    if sys.argv[1] == "convolution":
        from minigrad.kernels.compiled.conv import convolution, multiply
        from minigrad.kernels.geometry import Window
        x, w = random.standard_normal((2, 3, 7, 9)), random.standard_normal((13, 3, 3, 3))
        window = Window((3, 3), padding=((1, 1), (1, 1)))
        y = convolution.conv2d(x, w, window, 1)
        assert np.abs(y - Reference().conv2d(x, w, window, 1)).max() < 1e-12
        kernels = vars(multiply)
    else:
        x, y = random.standard_normal((2, 50_000))
        run_on(x.dtype, fast_loops.clamp, x, y, x.size, 0.0, 1.0)
        assert np.array_equal(y, Reference().clamp(x, 0.0, 1.0))
        kernels = vars(fast_loops)
compiled = sum(len(f.overloads) - f.stats.cache_hits.total() for f in kernels.values() if hasattr(f, "stats"))
print(tile.ROWS, compiled, len([s for s in said if "cannot be kept" in str(s.message)]), tile.__file__)
"""


class Ran(NamedTuple):
    """The output of the program, and what it said on stderr."""

    numbers: tuple[int, int, int]
    said: str


def _ran(root: Path, kernel: str = "clamp", **environment: str) -> Ran:
    """Run the program with the package of a folder."""
    run = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, kernel],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    *numbers, file = run.stdout.split()
    assert Path(file).is_relative_to(root)
    rows, compiled, warned = map(int, numbers)
    return Ran((rows, compiled, warned), run.stderr)


def _run(root: Path, kernel: str = "clamp", **environment: str) -> tuple[int, int, int]:
    """Run the program with the package of a folder; return its output."""
    return _ran(root, kernel, **environment).numbers


@pytest.fixture(scope="module")
def copied(tmp_path_factory: Any) -> Path:
    """Return a copy of the package, so that files of it may be changed."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, root / "minigrad", ignore=shutil.ignore_patterns("__pycache__", "clothing"))
    return root


class Kept(NamedTuple):
    """A folder with the code of the small kernel, and what the program that compiled it said."""

    folder: Path
    rows: int
    compiled: int  # functions
    said: str


@pytest.fixture(scope="module")
def kept(copied: Path, tmp_path_factory: Any) -> Kept:
    """Compile the small kernel into a folder."""
    folder = tmp_path_factory.mktemp("kept")
    (rows, compiled, warned), said = _ran(copied, NUMBA_CACHE_DIR=str(folder))
    assert compiled > 0
    assert not warned
    return Kept(folder, rows, compiled, said)


def _code(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.code"))


@pytest.mark.slow
def test_code_is_found_again_but_not_after_a_constant_of_another_file_has_changed(copied: Path, tmp_path: Path) -> None:
    kept = {"kernel": "convolution", "NUMBA_CACHE_DIR": str(tmp_path)}
    rows, compiled, warned = _run(copied, **kept)
    assert compiled > 0
    assert not warned
    assert _run(copied, **kept) == (rows, 0, 0)
    source = copied / "minigrad/kernels/compiled/conv/tile.py"
    text, times = source.read_text(encoding="utf-8"), source.stat()
    fewer = rows - 2
    changed = text.replace(f"({rows}, 2) if", f"({fewer}, 2) if").replace(f"else ({rows}, 2)", f"else ({fewer}, 2)")
    assert changed != text
    assert len(changed) == len(text)
    source.write_text(changed, encoding="utf-8")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))  # git and wheels carry no dates to go by
    try:
        other_rows, compiled, _ = _run(copied, **kept)
    finally:
        source.write_text(text, encoding="utf-8")
    assert other_rows == fewer
    assert compiled > 0
    assert _run(copied, **kept) == (rows, 0, 0)  # the old code belongs to the old sources, and is still there


def test_damaged_code_is_compiled_anew(copied: Path, kept: Kept, tmp_path: Path) -> None:
    shutil.copytree(kept.folder, tmp_path, dirs_exist_ok=True)
    files = _code(tmp_path)
    assert len(files) >= 3
    for number, file in enumerate(files):  # as a full disk or a power cut leaves them
        content = file.read_bytes()
        half = len(content) // 2
        file.write_bytes([content[:half], b"", content[:half] + bytes(len(content) - half)][number % 3])
    assert _run(copied, NUMBA_CACHE_DIR=str(tmp_path)) == (kept.rows, kept.compiled, 0)
    assert _run(copied, NUMBA_CACHE_DIR=str(tmp_path)) == (kept.rows, 0, 0)


def test_where_nothing_can_be_written_kernels_are_compiled_and_one_warning_says_so(
    copied: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "a file"
    nowhere.touch()  # no folder can be made in a file, not even by root
    beside = copied / "minigrad/kernels/compiled/__pycache__"
    beside.touch()
    try:
        blocked = {"NUMBA_CACHE_DIR": str(nowhere), "XDG_CACHE_HOME": str(nowhere), "HOME": str(nowhere)}
        _, compiled, warned = _run(copied, **blocked)
    finally:
        beside.unlink()
    assert compiled > 0
    assert warned == 1


def test_code_that_cannot_be_written_is_still_read(copied: Path, kept: Kept, tmp_path: Path) -> None:
    beside = copied / "minigrad/kernels/compiled/__pycache__"
    shutil.copytree(kept.folder, beside)
    nowhere = tmp_path / "a file"
    nowhere.touch()
    try:
        assert _run(copied, NUMBA_CACHE_DIR=str(nowhere)) == (kept.rows, 0, 0)
    finally:
        shutil.rmtree(beside)


def test_code_is_found_again_after_a_file_that_it_does_not_depend_on_has_changed(copied: Path, kept: Kept) -> None:
    source = copied / "minigrad/kernels/compiled/rules.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "\nOTHER = 1\n", encoding="utf-8")
    try:
        assert _run(copied, NUMBA_CACHE_DIR=str(kept.folder)) == (kept.rows, 0, 0)
    finally:
        source.write_text(text, encoding="utf-8")


def _start(program: str, folder: Path, root: Path = PACKAGE.parent) -> subprocess.Popen[str]:
    """Start a program that compiles into a folder, with the package of ``root``: a copy has no code beside it."""
    kept = {"PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-B", "-c", program, "clamp"],
        cwd=root,
        env={**os.environ, **kept},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_start_at_once_compile_each_function_once(copied: Path, kept: Kept, tmp_path: Path) -> None:
    together = [process.communicate()[0] for process in [_start(PROGRAM, tmp_path, copied) for _ in range(2)]]
    assert sum(int(text.split()[1]) for text in together) == kept.compiled


def test_a_process_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="this system has no locks that end with a process")
    holder = """
import sys, time
from pathlib import Path
from minigrad.kernels.compiled.lock import Lock
Lock("kernel", [Path(sys.argv[-1])])
print("held", flush=True)
time.sleep(60)
"""
    process = _start(holder.replace("sys.argv[-1]", repr(str(tmp_path))), tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    start = time.monotonic()
    Lock("kernel", [tmp_path]).release()
    assert time.monotonic() - start < 30  # or it would wait for two minutes


def test_compilation_is_announced_on_stderr_with_its_seconds_and_only_then(copied: Path, kept: Kept) -> None:
    first, second = kept.said.splitlines()
    assert first == "minigrad: compiling kernels for this processor (once) …"
    assert re.fullmatch(r"minigrad: compiled kernels in \d+ s", second)
    assert _ran(copied, NUMBA_CACHE_DIR=str(kept.folder)).said == ""


@pytest.mark.slow
def test_the_announcement_can_be_turned_off(copied: Path, tmp_path: Path) -> None:
    quiet = f"import logging\nlogging.getLogger('minigrad').setLevel(logging.ERROR)\n{PROGRAM}"
    process = _start(quiet, tmp_path, copied)
    output, said = process.communicate()
    assert int(output.split()[1]) > 0
    assert said == ""


#: What learners do with small arrays. It says whether Numba was imported.
SMALL = {
    "convolution": "nn.Conv2d(1, 4, 3, padding=1)(x).sum().backward()",
    "pooling": "(nn.MaxPool2d(2)(x) + nn.AvgPool2d(2)(x)).sum().backward()",
    "batch norm": "n = nn.BatchNorm2d(1); n(x).relu().sum().backward(); n.eval()(x)",
    "training": """
net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
nn.functional.cross_entropy(net(x), minigrad.arange(4)).backward()
for optimizer in (minigrad.optim.SGD, minigrad.optim.Adam, minigrad.optim.RMSprop):
    optimizer(net.parameters(), lr=0.1).step()
""",
}


@pytest.mark.parametrize("work", SMALL)
def test_small_arrays_compile_nothing(work: str, tmp_path: Path) -> None:
    start = "import sys, minigrad\nfrom minigrad import nn\nx = minigrad.randn(4, 1, 8, 8, requires_grad=True)\n"
    program = f"{start}{SMALL[work]}\nprint('numba' in sys.modules)"
    process = _start(program, tmp_path)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert output == "False\n"


#: A digest of what the kernels that round make of the same numbers.
BITS = """
import hashlib
import numpy as np
import minigrad
from minigrad.nn import functional as F
random = np.random.default_rng(0)
parts = [random.standard_normal(shape, np.float32) for shape in ((32, 24, 9, 9), (24,), (24,), (32, 24, 9, 9))]
x, weight, bias, v = (minigrad.from_numpy(part).requires_grad_() for part in parts)
y = F.batch_norm_relu(x, None, None, weight, bias, training=True)
z = y + v
gradients = minigrad.autograd.grad((z * z).sum(), (x, weight, bias, v))
digest = hashlib.sha256()
for tensor in (y, z, *gradients):
    digest.update(np.ascontiguousarray(tensor.detach().numpy()))
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_code_from_the_disk_gives_the_bits_of_code_just_compiled(copied: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(copied), "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-B", "-c", BITS]
    first, second = (
        subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert _code(tmp_path)
    assert first == second
