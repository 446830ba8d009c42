"""Call compiled kernels with random arguments in guarded memory, and compare the results with the reference.

    python -m tests.guarded --seed 1 --count 10000
    MINIGRAD_VECTOR_BITS=128 python -m tests.guarded        the kernels of narrower vectors

Each case depends on the seed and its number alone: ``--first N --count 1`` repeats one.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import struct
import sys
import time
from collections import Counter

import numpy as np

from minigrad.kernels import layout
from minigrad.kernels.compiled import backend
from minigrad.kernels.compiled import layout as compiled_layout
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.compiled.load import load
from minigrad.kernels.reference import Reference
from minigrad.kernels.threads import set_num_threads
from tests.guarded import pages
from tests.guarded.draws import placed
from tests.guarded.kernels import KERNELS

_TOLERANCE = {np.float32: 5e-5, np.float64: 1e-10}  # of the largest number that was expected
_THREADS = 3


def prepare() -> None:
    """Let small shapes reach compiled code, with scratch memory and results in guarded memory, and more threads."""
    pages.guard_scratch_memory()
    for name in ("LITTLE", "TINY", "FEW", "_WORTH_WAKING"):
        setattr(backend, name, 0)
    compiled_layout.FEW = 0
    backend._LARGE_PRODUCT = 1
    for module in (layout, compiled_layout, load("conv.convolution")):
        module.empty = lambda shape, dtype: np.empty(shape, dtype)  # not from a cache line on: at the edge of a page
    load("team")._most_helpers = _THREADS - 1


def run(seed: int, number: int) -> tuple[str, str | None]:
    """Return the kernel of a case, and what is wrong with it; None if nothing is."""
    rng = random.Random(f"{seed} {number}")
    name, case = rng.choice(sorted(KERNELS)), None
    while case is None:
        case = KERNELS[name](rng)
    dtype = rng.choice((np.float32, np.float64))
    set_num_threads(rng.randint(1, _THREADS))
    pages.at_the_end = rng.random() < 0.5
    with np.errstate(all="ignore"):
        expected = case.call(Reference(), [a.copy() for a in case.arrays])
        with pages.guarding_arrays():
            arrays = [placed(rng, a, dtype) for a in case.arrays]
            found = case.call(Compiled(), arrays)
            wrong = _difference(found, expected, dtype)
            del arrays, found
    return name, wrong


def _difference(found: object, expected: object, dtype: type[np.floating]) -> str | None:
    pairs = list(zip(found, expected, strict=True))  # type: ignore[call-overload]
    for at, (a, b) in enumerate(pairs):
        if a is b is None:
            continue
        if a.shape != b.shape:
            return f"result {at} has shape {a.shape}, not {b.shape}"
        scale = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0)))
        near = np.isclose(a, b, rtol=0, atol=_TOLERANCE[dtype] * scale, equal_nan=True)
        if not near.all():
            return f"result {at}, {dtype.__name__} {a.shape}: {np.count_nonzero(~near)} elements differ"
    return None


def _run_all(seed: int, first: int, count: int, current: mmap.mmap) -> int:
    prepare()
    done: Counter[str] = Counter()
    began, wrong = time.monotonic(), 0
    for number in range(first, first + count):
        current[:] = struct.pack("q", number)
        name, difference = run(seed, number)
        done[name] += 1
        if difference is not None:
            wrong += 1
            print(f"case {number}: {name}: {difference}", flush=True)
    counts = ", ".join(f"{n:,} {name}" for name, n in sorted(done.items()))
    print(f"{count:,} cases in {time.monotonic() - began:.0f} s, {wrong} wrong: {counts}", flush=True)
    return wrong


def main() -> int:
    """Run the command line, and return the exit status: 1 if a case is wrong, or the process was ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    options = parser.parse_args()
    current = mmap.mmap(-1, 8)
    child = os.fork()
    if child == 0:
        os._exit(min(1, _run_all(options.seed, options.first, options.count, current)))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 1):
        print(f"case {struct.unpack('q', current[:])[0]}: the process ended with status {status}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
