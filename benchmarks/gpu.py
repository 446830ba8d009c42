"""Inception V3 on a GPU, minigrad beside torch: ``python -m benchmarks gpu`` writes results-gpu.json.

Made to run unattended on a machine that is lent for minutes. What matters most comes first; every part runs in a
process of its own, which may fail or take too long without harm to the others; what has been measured is written after
each; and what there was no time for (``--minutes``) is named.

- ``steps``: whole training steps, by both engines in turn, between two synchronisations; how long the host takes to
  issue one shows whether it keeps ahead of the device. float32 without and with TF32 on both sides, and mixed
  precision.
- ``profile``: what one step asks of CUDA, by the profiler of torch, which sees all of a process: launches, waits inside
  the step (there must be none), how much of the time the device computes, and what takes longest.
- ``convolutions``: each of the network's that is not 1×1, with columns, without, and by torch.
- ``loading``: whether the loader keeps up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cases
from minigrad.files import write_atomically
from minigrad.system import cores

RESULTS = Path(__file__).parent / "results-gpu.json"
SIZE, BATCHES, KINDS = 299, (128, 32, 256), ("float32", "tf32", "float16")
WARM_UP, STEPS = 4, 10
MINUTES = 7.5
TIME_FOR_A_PART = 120  # seconds
WAITS = (
    "Synchronize",
    "cudaMemcpy",
    "cuMemcpy",
)  # in names of CUDA functions that wait, unless they end in Async


# --- A step ---


def _training(engine: str, device: str, size: int, batch: int, kind: str) -> Callable[[], Any]:
    """Return a training step, which returns the loss without reading it; the code is the same for both engines."""
    library = import_module(engine)
    device = device.replace("gpu", "cuda")  # the name that both know
    model = cases.inception(engine, size).to(device)
    optimizer = library.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, labels = (library.from_numpy(a).to(device) for a in cases.batch((batch, 3, size, size), cases.CLASSES))
    scaler = library.amp.GradScaler("cuda", enabled=kind == "float16")
    cross_entropy = library.nn.functional.cross_entropy

    def step() -> Any:
        with library.amp.autocast("cuda", library.float16, enabled=kind == "float16"):
            outputs = model(x)
            logits, *others = outputs if isinstance(outputs, tuple) else (outputs,)
            loss = cross_entropy(logits, labels)
            for other in others:
                loss = loss + 0.4 * cross_entropy(other, labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    return step


def _prepared(engine: str, device: str, kind: str) -> tuple[Callable[[], None], Callable[[], int]]:
    """Set the rounding of float32 products; return functions that wait for the device and that return peak memory."""
    if device == "cpu":
        return lambda: None, lambda: 0
    if engine == "minigrad":
        from minigrad import cuda

        cuda.set_tf32(kind == "tf32")
        return cuda.synchronize, cuda.memory_reserved
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind == "tf32"
    torch.backends.cudnn.benchmark = True
    return torch.cuda.synchronize, torch.cuda.max_memory_reserved


def measure_step(engine: str, device: str, size: int, batch: int, kind: str) -> dict[str, float]:
    """Return seconds per step, seconds in which the host issued it, peak MB, and the loss before and after."""
    synchronize, memory = _prepared(engine, device, kind)
    step = _training(engine, device, size, batch, kind)
    first = float(step().item())
    for _ in range(WARM_UP - 1):
        step()
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
        "first_loss": first,
        "last_loss": float(loss.item()),
    }


# --- Launches and waits ---


def measure_profile(device: str, size: int, batch: int, kind: str) -> dict[str, Any]:
    """Run a few steps of minigrad under torch's profiler."""
    from torch import profiler

    synchronize, _ = _prepared("minigrad", device, kind)
    step = _training("minigrad", device, size, batch, kind)
    for _ in range(WARM_UP):
        step()
    synchronize()
    steps = 3
    with profiler.profile() as found:
        with profiler.record_function("the steps"):
            for _ in range(steps):
                step()
        synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        found.export_chrome_trace(path)
        with open(path, encoding="utf-8") as file:
            trace = json.load(file)
    return summary(trace["traceEvents"], steps)


def summary(events: Sequence[dict[str, Any]], steps: int) -> dict[str, Any]:
    """Return launches and waits per step, the share of time that the device computes, and its longest work in ms."""
    events = [e for e in events if e.get("ph") == "X"]
    span = next(e for e in events if e["name"] == "the steps")
    first, last = span["ts"], span["ts"] + span["dur"]
    calls = [e["name"] for e in events if "cuda" in e.get("cat", "") and first <= e["ts"] <= last]
    waits = Counter(n for n in calls if any(word in n for word in WAITS) and "Async" not in n)
    work = sorted(
        (e["ts"], e["dur"], e["name"]) for e in events if e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")
    )
    busy, until = 0.0, 0.0
    for start, length, _ in work:
        busy += max(0.0, start + length - max(start, until))
        until = max(until, start + length)
    by_name: Counter[str] = Counter()
    for _, length, name in work:
        by_name[name[:80]] += length
    return {
        "host_issues_a_step_in_ms": (last - first) / steps / 1000,
        "launches_a_step": sum("Launch" in name for name in calls) / steps,
        "waits": dict(waits),
        "device_computes": busy / (until - work[0][0]) if work else None,
        "longest_ms_a_step": {name: length / steps / 1000 for name, length in by_name.most_common(15)},
    }


# --- Convolutions alone ---


def measure_convolutions(device: str, size: int, batch: int) -> list[dict[str, Any]]:
    """Return the milliseconds of each convolution, forward and for the gradient of its input."""
    from benchmarks.convolutions import Shape, shapes

    def measured(shape: Shape, times: int) -> dict[str, Any]:
        x, w, stride, padding, _ = shape
        described = {"x": x, "w": w, "stride": stride, "padding": padding, "times": times}
        return described | _our_convolution(device, shape) | _their_convolution(device, shape)

    return [measured(*found) for found in shapes(size, batch).items() if found[0][1][2:] != (1, 1)]


def _our_convolution(device: str, shape: Any) -> dict[str, float]:
    import minigrad
    from minigrad.kernels import of
    from minigrad.kernels.geometry import Window
    from minigrad.kernels.gpu import backend as gpu

    x_shape, w_shape, stride, padding, need_x = shape
    synchronize, _ = _prepared("minigrad", device, "float32")
    height, width = padding
    window = Window(w_shape[2:], tuple(stride), ((height, height), (width, width)))
    flipped = (x_shape[1], x_shape[0], *x_shape[2:])  # C N H W in memory, as between minigrad's layers
    x = minigrad.randn(*flipped).to(device).permute(1, 0, 2, 3).array
    w = minigrad.randn(*w_shape).to(device).array
    kernels, before, found = of(x), dict(gpu.few_outputs), {}
    y = kernels.conv2d(x, w, window, 1)
    for way, most in (("with columns", 0), ("without", 10**9)):
        gpu.few_outputs.update(dict.fromkeys(before, most))
        found[f"{way}, forward"] = _milliseconds(lambda: kernels.conv2d(x, w, window, 1), synchronize)
        if need_x:
            seconds = _milliseconds(lambda: kernels.conv2d_input(y, w, x_shape, window, 1), synchronize)
            found[f"{way}, input gradient"] = seconds
    gpu.few_outputs.update(before)
    return found


def _their_convolution(device: str, shape: Any) -> dict[str, float]:
    import torch

    x_shape, w_shape, stride, padding, need_x = shape
    synchronize, _ = _prepared("torch", device, "float32")
    x, w = (torch.randn(*s, device="cpu" if device == "cpu" else "cuda") for s in (x_shape, w_shape))
    conv, back = torch.nn.functional.conv2d, torch.nn.grad.conv2d_input
    with torch.no_grad():
        y = conv(x, w, None, stride, padding)
        found = {"torch, forward": _milliseconds(lambda: conv(x, w, None, stride, padding), synchronize)}
        if need_x:
            seconds = _milliseconds(lambda: back(x.shape, w, y, stride, padding), synchronize)
            found["torch, input gradient"] = seconds
    return found


def _milliseconds(call: Callable[[], Any], synchronize: Callable[[], None], repeats: int = 5) -> float:
    call()
    synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    synchronize()
    return round((time.perf_counter() - start) / repeats * 1000, 3)


# --- Loading ---


def measure_loading(device: str, size: int, batch: int, workers: int) -> dict[str, Any]:
    """Return the images per second of the loader alone, and the share of time that training waits for them."""
    from benchmarks.loading import write_images
    from inception.clock import WAITING, PhaseClock
    from inception.data import load_data
    from inception.loop import train_epoch
    from inception.recipes import Recipe
    from inception.state import Training
    from minigrad.data import DataLoader

    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), 8 * batch, size * 4 // 3)
        options: dict[str, Any] = {"data": "folder", "root": folder, "image_size": size, "augment": "crop-flip"}
        recipe = Recipe(**options, batch_size=batch, epochs=3, device=device, amp=device != "cpu")
        data = load_data(recipe)
        pinned = {"pin_memory": device != "cpu", "num_workers": workers}
        loader = DataLoader(data.train, batch, shuffle=True, seed=0, drop_last=True, **pinned)
        for _ in loader:  # the first round starts the workers and reads the files from disk
            pass
        start = time.perf_counter()
        for _ in loader:
            pass
        alone = len(loader) * batch / (time.perf_counter() - start)
        training = Training.from_recipe(recipe, len(data.classes), len(loader))
        train_epoch(training, loader, PhaseClock())
        clock, start = PhaseClock(), time.perf_counter()
        train_epoch(training, loader, clock)
        seconds = time.perf_counter() - start
    return {
        "workers": workers,
        "loader_alone_images_a_second": round(alone, 1),
        "training_images_a_second": round(len(loader) * batch / seconds, 1),
        "waiting": round(clock.seconds[WAITING] / seconds, 4),
    }


PARTS: dict[str, Callable[..., Any]] = {
    "step": measure_step,
    "profile": measure_profile,
    "convolutions": measure_convolutions,
    "loading": measure_loading,
}


# --- All parts ---


def _measured(seconds: float, part: str, *arguments: Any) -> Any:
    """Run a part in a process of its own; return its results, or the error."""
    if seconds < 5:
        return {"failed": "there was no time left (--minutes)"}
    command = [sys.executable, "-m", "benchmarks.gpu", part, json.dumps(arguments)]
    limit = min(seconds, TIME_FOR_A_PART)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {limit:.0f} s"}
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return {"failed": (done.stderr.strip().splitlines() or ["it said nothing"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def run(device: str, size: int, batches: Sequence[int], end: float, keep: Callable[[dict[str, Any]], None]) -> None:
    """Run all parts, the most important first; call ``keep`` with all results after each."""
    results: dict[str, Any] = {"steps": {}}

    def part(name: str, *arguments: Any) -> Any:
        found = _measured(end - time.monotonic(), name, *arguments)
        print(f"{name} {arguments}: {found}", flush=True)
        return found

    def steps(batch: int) -> None:
        for kind in KINDS if device != "cpu" else ("float32",):
            case = {engine: part("step", engine, device, size, batch, kind) for engine in ("minigrad", "torch")}
            if all("seconds" in found for found in case.values()):
                case["ratio"] = case["minigrad"]["seconds"] / case["torch"]["seconds"]
                case["memory_ratio"] = case["minigrad"]["memory_mb"] / (case["torch"]["memory_mb"] or float("nan"))
            results["steps"][f"{size} × {size}, batch {batch}, {kind}"] = case
            keep(results)

    steps(batches[0])
    results["profile"] = part("profile", device, size, batches[0], "float32")
    keep(results)
    for batch in batches[1:]:
        steps(batch)
    for name, arguments in (("convolutions", (size, batches[0])), ("loading", (size, min(64, batches[0]), _workers()))):
        results[name] = part(name, device, *arguments)
        keep(results)


def _workers() -> int:
    return max(1, min(14, cores() - 2))


def machine(device: str) -> dict[str, Any]:
    """Return the machine and the versions that the figures belong to."""
    import torch

    found = {"date": date.today().isoformat(), "numpy": np.__version__, "torch": torch.__version__}
    if device == "cpu":
        return {"card": "none: a rehearsal on the CPU", **found}
    from minigrad import cuda
    from minigrad.gpu import cupy

    module = cupy()  # raises an error that names what is missing
    runtime = module.cuda.runtime
    versions = {
        "driver": runtime.driverGetVersion(),
        "runtime": runtime.runtimeGetVersion(),
        "cupy": module.__version__,
    }
    return {"card": cuda.get_device_name(), "hip": bool(runtime.is_hip), **versions, **found}


def main(arguments: Sequence[str] = ()) -> None:
    """Measure everything and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description="Inception V3 beside torch on a GPU.")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="begin nothing after so many (%(default)s)")
    parser.add_argument("--device", default="gpu", help="cpu is a rehearsal, to see that all parts run")
    parser.add_argument("--size", type=int, default=SIZE, help="height and width of the images (%(default)s)")
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES, help="the most important one first")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the file of results")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    try:
        where = machine(options.device)
    except RuntimeError as error:
        raise SystemExit(f"{error} (--device cpu rehearses)") from None
    where |= {"command": " ".join(["python -m benchmarks gpu", *arguments])}

    def keep(results: dict[str, Any]) -> None:
        tree = {"machine": where, **results}
        write_atomically(options.output, (json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode())

    run(options.device, options.size, options.batch, end, keep)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](*json.loads(sys.argv[2]))))
