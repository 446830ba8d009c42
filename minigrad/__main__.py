"""``python -m minigrad compile``: compiles the CPU kernels now, so that no first training step waits for it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Any

import minigrad as mg
from minigrad.kernels import compiles

# Two halves, which take about the same time: Numba compiles one function at a time in each process.
HALVES = ("convolutions", "loops")


def compile_half(half: str, dtype: Any) -> None:
    """Runs every compiled kernel of one half once, on arrays of enough elements that it is used."""
    if half == "convolutions":
        for count in (4, 32):  # few pictures: the rows are laid on a grid; many: vectors of pictures
            x = mg.ones(count, 16, 12, 12, dtype=dtype, requires_grad=True)
            layer = mg.nn.Conv2d(16, 16, 3, padding=1, bias=False, dtype=dtype)
            layer(x).sum().backward()
        return
    x = mg.ones(32, 32, 12, 12, dtype=dtype, requires_grad=True)
    norm = mg.nn.BatchNorm2d(32, dtype=dtype)
    y = mg.nn.functional.relu(norm(x), inplace=True)
    y = mg.cat([mg.nn.functional.avg_pool2d(y, 3, 1, 1), mg.nn.functional.relu(y + y)], 1)
    mg.nn.functional.max_pool2d(y, 3, 2, 1).sum().backward()
    norm.eval()(x)
    for make in (mg.optim.SGD, mg.optim.Adam, mg.optim.RMSprop):
        make(norm.parameters(), lr=0.0).step()


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m minigrad", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("compile", help="compile the CPU kernels for this processor and keep them on disk")
    command.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    command.add_argument("--half", choices=HALVES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if not compiles():
        print("the kernels in use here are not compiled ones (see MINIGRAD_KERNELS): nothing to do")
        return 0
    if arguments.half:
        compile_half(arguments.half, getattr(mg, arguments.dtype))
        return 0
    start = time.perf_counter()
    print("compiling the CPU kernels for this processor …", flush=True)
    call = [sys.executable, "-m", "minigrad", "compile", "--dtype", arguments.dtype, "--half"]
    halves = [subprocess.Popen([*call, half]) for half in HALVES]
    status = max([half.wait() for half in halves])
    print(f"done in {time.perf_counter() - start:.0f} s" if status == 0 else "compiling failed")
    return status


if __name__ == "__main__":
    sys.exit(main())
