"""The command line of the engine.

python -m minigrad info      versions, devices, memory, and which kernels run where
python -m minigrad compile   compile the CPU kernels now, so that the first training step does not wait for it
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import platform
import subprocess
import sys
import time

import numpy as np

import minigrad as mg
from minigrad.extras import installed
from minigrad.kernels import compiles, of
from minigrad.system import never_fail_to_print, started_as

# Two halves, which take about the same time: Numba compiles one function at a time in each process.
HALVES = ("convolutions", "loops")


def compile_half(half: str, dtype: mg.typing.DType) -> None:
    """Run every compiled kernel of one half once, on arrays that are large enough for it."""
    if half == "convolutions":
        for count in (4, 32):  # few images: the rows are laid on a grid; many: vectors of images
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
    weight = mg.ones(256, 256, dtype=dtype, requires_grad=True)
    weight.sum().backward()
    for make in (mg.optim.SGD, mg.optim.Adam, mg.optim.RMSprop):
        make([weight], lr=0.0).step()


def info() -> str:
    """Return a text of the versions, devices and kernels in use."""
    lines = [
        f"minigrad   {mg.__version__}",
        f"Python     {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"NumPy      {np.__version__}",
    ]
    numba = importlib.metadata.version("numba") if installed("numba") else None
    lines.append(f"Numba      {numba or 'not installed (pip install minigrad[fast]): kernels run as NumPy, slower'}")
    lines.append(f"cpu        kernels: {of(np.empty(0)).name}, {mg.get_num_threads()} threads")
    if not mg.cuda.is_available():
        try:
            mg.zeros(1, device="gpu")
        except RuntimeError as error:
            lines.append(f"gpu        none: {error}")
        return "\n".join(lines)
    kind = "ROCm" if mg.cuda.is_hip() else "CUDA"
    for index in range(mg.cuda.device_count()):
        free, total = mg.cuda.mem_get_info(index)
        kernels = of(mg.zeros(1, device=f"gpu:{index}").array).name
        lines.append(
            f"gpu:{index}      {mg.cuda.get_device_name(index)}, {kind}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB "
            f"free, kernels: {kernels}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run the command line, and return the exit status."""
    never_fail_to_print()
    parser = argparse.ArgumentParser(prog=started_as("minigrad"), description="minigrad's engine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions, devices, memory, and which kernels run where")
    command = commands.add_parser("compile", help="compile the CPU kernels for this processor and keep them on disk")
    command.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    command.add_argument("--half", choices=HALVES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.command == "info":
        print(info())
        return 0
    if not compiles():
        print("the kernels in use here are not compiled ones (see MINIGRAD_KERNELS): nothing to do")
        return 0
    if arguments.half:
        logging.getLogger("minigrad").setLevel(logging.ERROR)  # the whole command says what it does
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
