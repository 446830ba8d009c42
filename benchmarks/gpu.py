"""A training step of Inception V3 on a GPU, minigrad beside torch; ``python -m benchmarks gpu`` runs it and writes
results-gpu.json.

Each engine runs in a process of its own, in turn: float32 without and with TF32 on both sides, and mixed precision.
What is measured between two synchronisations is a number of whole steps, after warm-up; how long the host took to issue
them shows whether it keeps ahead of the device.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cases
from minigrad.checkpoint import write_atomically

RESULTS = Path(__file__).parent / "results-gpu.json"
SIZE, BATCHES, KINDS = 299, (32, 128, 256), ("float32", "tf32", "float16")
WARM_UP, STEPS = 4, 10
TIME_FOR_A_RUN = 120  # seconds


def _training(engine: str, batch: int, kind: str) -> Callable[[], Any]:
    """A training step, which returns the loss without asking for it; both engines have the same names for all of it."""
    library = import_module(engine)
    model = cases.inception(engine, SIZE).to("cuda")
    optimizer = library.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    x, labels = (library.from_numpy(a).to("cuda") for a in cases.batch((batch, 3, SIZE, SIZE), cases.CLASSES))
    scaler = library.amp.GradScaler("cuda", enabled=kind == "float16")
    cross_entropy = library.nn.functional.cross_entropy

    def step() -> Any:
        with library.amp.autocast("cuda", library.float16, enabled=kind == "float16"):
            outputs = model(x)
            loss = cross_entropy(outputs[0], labels) + 0.4 * cross_entropy(outputs[1], labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    return step


def _prepared(engine: str, kind: str) -> tuple[Callable[[], None], Callable[[], int]]:
    """Sets what products of float32 are rounded to; how to wait for the device, and to ask for the most memory held."""
    if engine == "minigrad":
        from minigrad import cuda

        cuda.set_tf32(kind == "tf32")
        return cuda.synchronize, cuda.memory_reserved
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
    torch.backends.cudnn.benchmark = True
    return torch.cuda.synchronize, torch.cuda.max_memory_reserved


def measure(engine: str, batch: int, kind: str) -> dict[str, float]:
    """Seconds a step, seconds in which the host issued it, and MB held at most."""
    synchronize, memory = _prepared(engine, kind)
    step = _training(engine, batch, kind)
    for _ in range(WARM_UP):
        loss = step()
    synchronize()
    start = time.perf_counter()
    for _ in range(STEPS):
        loss = step()
    issued = time.perf_counter()
    synchronize()
    end = time.perf_counter()
    return {
        "seconds": (end - start) / STEPS,
        "issued_in": (issued - start) / STEPS,
        "memory_mb": memory() / 2**20,
        "loss": float(loss.item()),
    }


def run() -> dict[str, Any]:
    """All cases by both engines; a case that fails or takes too long says so, and the others go on."""
    results: dict[str, Any] = {}
    for kind in KINDS:
        for batch in BATCHES:
            case: dict[str, Any] = {}
            for engine in ("minigrad", "torch"):
                command = [sys.executable, "-m", "benchmarks.gpu", engine, str(batch), kind]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_FOR_A_RUN)
                    failed = done.stderr.strip().splitlines()[-1:] if done.returncode else []
                    case[engine] = json.loads(done.stdout) if not failed else {"failed": failed[0]}
                except subprocess.TimeoutExpired:
                    case[engine] = {"failed": f"took more than {TIME_FOR_A_RUN} s"}
            if all("seconds" in found for found in case.values()):
                case["ratio"] = case["minigrad"]["seconds"] / case["torch"]["seconds"]
                case["memory_ratio"] = case["minigrad"]["memory_mb"] / case["torch"]["memory_mb"]
            results[f"{SIZE} × {SIZE}, batch {batch}, {kind}"] = case
            print(f"batch {batch}, {kind}: {case}", flush=True)
    return results


def main() -> None:
    """Measures everything, and writes results-gpu.json."""
    from minigrad import cuda
    from minigrad.device import cupy

    module = cupy()  # says what is missing, if something is
    driver = module.cuda.runtime.driverGetVersion()
    where = {"card": cuda.get_device_name(), "driver": driver, "cupy": module.__version__, "numpy": np.__version__}
    where |= {"date": date.today().isoformat(), "command": "python -m benchmarks gpu"}
    results = {"machine": where, "steps": run()}
    write_atomically(RESULTS, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
