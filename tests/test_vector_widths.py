"""Compiled kernels are right, and round as little, with the vectors of other processors than this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minigrad.kernels.compiled.load import load
from minigrad.kernels.settings import WIDTHS

pytest.importorskip("numba", reason="without Numba there are no vectors to choose")
BITS = load("vectors").BITS
ROOT = Path(__file__).parent.parent
#: Convolutions of every kind, and the rounding of all kernels in float32.
CONVOLUTIONS, ROUNDING = "tests/test_conv_memory.py", "parity_tests/test_float32_error.py"
NARROWER = [bits for bits in WIDTHS if bits < BITS]
#: The next narrower vectors in `make test`; all of them, and the rounding, in `make test-all`.
NARROW_TESTS = [
    pytest.param(bits, element, file, marks=[] if few else [pytest.mark.slow])
    for bits in NARROWER
    for element, file in (("float32", CONVOLUTIONS), ("float64", CONVOLUTIONS), ("float32", ROUNDING))
    for few in [(bits, element, file) == (max(NARROWER), "float32", CONVOLUTIONS)]
]


def _with_bits(bits: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MINIGRAD_VECTOR_BITS": bits, "MINIGRAD_KERNELS": "compiled"}
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("bits", "element", "file"), NARROW_TESTS)
def test_kernels_with_narrower_vectors(bits: int, element: str, file: str) -> None:
    run = _with_bits(str(bits), "-m", "pytest", "-q", "-n0", file, "-k", element)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d\d passed", run.stdout)


@pytest.mark.parametrize(
    ("bits", "error"),
    [
        ("64", "MINIGRAD_VECTOR_BITS='64' is unknown; it may be: 128, 256, 512"),
        ("wide", "MINIGRAD_VECTOR_BITS='wide' is unknown; it may be: 128, 256, 512"),
    ],
)
def test_a_width_that_no_processor_has_is_refused(bits: str, error: str) -> None:
    run = _with_bits(bits, "-c", "import minigrad")
    assert run.returncode == 1
    assert error in run.stderr


@pytest.mark.skipif(max(WIDTHS) == BITS, reason="this processor has the widest vectors there are")
def test_a_width_that_this_processor_does_not_have_is_refused() -> None:
    run = _with_bits("512", "-c", "from minigrad.kernels.compiled import vectors")
    assert run.returncode == 1
    assert f"MINIGRAD_VECTOR_BITS=512 is more than this processor's vectors have: {BITS}" in run.stderr


@pytest.mark.parametrize("element", ["float32", "float64"])
def test_on_arm_the_inner_loops_are_neon_instructions(element: str) -> None:
    from llvmlite import binding
    from numba import njit, types

    tile, outer = load("conv.tile"), load("conv.outer")

    @njit(nogil=True)
    def loops(x: Any, w: Any, taps: Any, y: Any, n: int) -> None:
        tile.tile(x, 100, w, taps, taps, n, n, 1, n, 2, w, 10, y, 16, taps, True)
        tile.narrow_tile(x, 100, w, taps, taps, n, n, 1, n, 2, w, 10, y, 16, taps, True)
        outer.outer(x, taps, w, 16, n, y, 100, True)
        outer.narrow_outer(x, taps, w, 16, n, y, 100, True)

    numbers, places = types.CPointer(getattr(types, element)), types.CPointer(types.int32)
    loops.compile((numbers, numbers, places, numbers, types.int64))
    code = loops.inspect_llvm(loops.signatures[0])
    code = re.sub(r"^target .*$|\"target-(cpu|features)\"=\"[^\"]*\"", "", code, flags=re.MULTILINE)
    assert "llvm.x86" not in code
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple("aarch64-linux-gnu").create_target_machine(cpu="generic", opt=3)
    module = binding.parse_assembly(code)
    module.triple, module.data_layout = "aarch64-linux-gnu", str(machine.target_data)
    assembly = machine.emit_assembly(module)
    form = "4s" if element == "float32" else "2d"
    products = 2 * tile.ROWS * (tile.VECTORS + 1)
    assert len(re.findall(rf"fmla\s+v\d+\.{form}, v\d+\.{form}", assembly)) >= products * BITS // 128
    assert "fmul" not in assembly  # each product is added in the same instruction
