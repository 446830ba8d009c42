"""Machine code of compiled kernels is kept on disk, is never that of other sources, and is never needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import minigrad

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
        run_on(x.dtype, fast_loops.relu, x, y, x.size)
        assert np.array_equal(y, Reference().relu(x))
        kernels = vars(fast_loops)
compiled = sum(len(f.overloads) - f.stats.cache_hits.total() for f in kernels.values() if hasattr(f, "stats"))
print(tile.ROWS, compiled, len([s for s in said if "cannot be kept" in str(s.message)]), tile.__file__)
"""


def _run(root: Path, kernel: str = "relu", **environment: str) -> tuple[int, int, int]:
    """Return the output of the program."""
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
    return rows, compiled, warned


@pytest.fixture(scope="module")
def copied(tmp_path_factory: Any) -> Path:
    """Return a copy of the package, so that files of it may be changed."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, root / "minigrad", ignore=shutil.ignore_patterns("__pycache__", "clothing"))
    return root


def _code(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.code"))


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


def test_damaged_code_is_compiled_anew(copied: Path, tmp_path: Path) -> None:
    kept = {"NUMBA_CACHE_DIR": str(tmp_path)}
    rows, compiled, _ = _run(copied, **kept)
    files = sorted(tmp_path.rglob("*.code"))
    assert len(files) >= 3
    for number, file in enumerate(files):  # as a full disk or a power cut leaves them
        content = file.read_bytes()
        half = len(content) // 2
        file.write_bytes([content[:half], b"", content[:half] + bytes(len(content) - half)][number % 3])
    assert _run(copied, **kept) == (rows, compiled, 0)
    assert _run(copied, **kept) == (rows, 0, 0)


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


def test_code_that_cannot_be_written_is_still_read(copied: Path, tmp_path: Path) -> None:
    rows, _, _ = _run(copied, NUMBA_CACHE_DIR=str(tmp_path))
    beside = copied / "minigrad/kernels/compiled/__pycache__"
    shutil.copytree(tmp_path, beside)
    nowhere = tmp_path / "a file"
    nowhere.touch()
    try:
        assert _run(copied, NUMBA_CACHE_DIR=str(nowhere)) == (rows, 0, 0)
    finally:
        shutil.rmtree(beside)


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
z = F.avg_pool2d(y, 3, 1, 1) + v
gradients = minigrad.autograd.grad((z * z).sum(), (x, weight, bias, v))
digest = hashlib.sha256()
for tensor in (y, z, *gradients):
    digest.update(np.ascontiguousarray(tensor.detach().numpy()))
print(digest.hexdigest())
"""


def test_code_from_the_disk_gives_the_bits_of_code_just_compiled(copied: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(copied), "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-B", "-c", BITS]
    first, second = (
        subprocess.run(command, cwd=copied, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert _code(tmp_path)
    assert first == second
