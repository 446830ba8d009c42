"""Compare one step of training of models on torch and on minigrad: outputs, gradients and running statistics.

    python -m parity_tests.models torchvision.models:resnet18 "my_models:Net(width=8)" --size 64

builds each model on torch, in float64; builds it on minigrad from the same source, with torch's weights; lets both
compute from the same images, with the same dropout; and prints the largest difference between two tensors, relative to
their largest element. A gradient below a thousandth of the largest one, such as that of a bias before a batch norm, is
measured against that thousandth, as is a running mean, because both would be 0 but for rounding.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.as_torch import install
from minigrad.as_torch.beside import Run
from minigrad.as_torch.exactly import in_float64
from minigrad.as_torch.one_stream import share_the_stream
from minigrad.typing import Array
from parity_tests.tried import MODELS, NEARLY

SMALL = 1e-3  #: the fraction of the largest gradient, and running mean, below which others are measured against it


def engine(name: str) -> Any:
    """Return the module ``torch`` of this process, torch itself or minigrad in its place, in float64."""
    if name == "minigrad":
        install()
    else:
        share_the_stream()
        if find_spec("torchvision"):
            importlib.import_module("parity_tests.torchvision_models")
    torch = importlib.import_module("torch")
    in_float64(torch)
    return torch


def build(torch: Any, model: str) -> Any:
    """Return a model by its name, ``module:Class`` or ``module:function(arguments)``."""
    torch.manual_seed(0)
    module, _, call = model.partition(":")
    found = eval(call, vars(importlib.import_module(module)))
    return (found if isinstance(found, torch.nn.Module) else found()).double().train()


def step(torch: Any, model: Any, size: int, batch: int = 2) -> dict[str, Array]:
    """Return what one step gives: the outputs, the gradients of a weighted sum of them, and the buffers after it."""
    numbers = np.random.default_rng(0)
    images = torch.from_numpy(numbers.standard_normal((batch, 3, size, size))).requires_grad_()
    torch.manual_seed(1)
    outputs = list(_tensors(torch, model(images)))
    torch.autograd.backward(outputs, [torch.from_numpy(numbers.standard_normal(tuple(y.shape))) for y in outputs])
    parameters = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {
        **{f"output {i}": y.detach().numpy() for i, y in enumerate(outputs)},
        **{f"gradient of {name}": grad.numpy() for name, grad in {"the images": images.grad, **parameters}.items()},
        **{f"buffer {name}": buffer.numpy() for name, buffer in model.named_buffers()},
    }


def _tensors(torch: Any, output: Any) -> Iterator[Any]:
    """Yield the floating tensors with a graph in what a model returns."""
    if isinstance(output, torch.Tensor):
        if output.requires_grad:
            yield output
    elif output is not None:
        for item in output.values() if isinstance(output, Mapping) else output:
            yield from _tensors(torch, item)


def largest_difference(theirs: Mapping[str, Array], ours: Mapping[str, Array]) -> tuple[float, str]:
    """Return the largest relative difference between arrays of the same names, and its name."""
    if theirs.keys() != ours.keys():
        return np.inf, f"only one has {sorted(theirs.keys() ^ ours.keys())[0]}"
    least = {"gradient": 0.0, "running mean": 0.0, "": 0.0}
    for name, array in theirs.items():
        if kind := _may_be_rounding(name):
            least[kind] = max(least[kind], SMALL * np.abs(array).max(initial=0))
    worst, where = 0.0, "everything"
    for name, array in theirs.items():
        scale = max(least[_may_be_rounding(name)], np.abs(array).max(initial=0), np.finfo(float).tiny)
        difference = np.abs(array.astype(float) - ours[name].astype(float)).max(initial=0) / scale
        if np.isnan(difference):
            return np.nan, name
        if difference > worst:
            worst, where = difference, name
    return float(worst), where


def _may_be_rounding(name: str) -> str:
    """Return the kind of an array that may be 0 but for rounding; nothing for others."""
    return "gradient" if name.startswith("gradient") else "running mean" if name.endswith("running_mean") else ""


def run(name: str, model: str, file: Path, size: int, batch: int) -> None:
    """Run a model in this process: on torch, write its weights and results; on minigrad, read and compare them."""
    torch = engine(name)
    built = build(torch, model)
    if name == "torch":
        weights = {f"weight {key}": value.numpy().copy() for key, value in built.state_dict().items()}
        np.savez(file, **weights, **step(torch, built, size, batch))
        return
    with np.load(file) as saved:
        found = dict(saved)
    weights = {key.removeprefix("weight "): found.pop(key) for key in list(found) if key.startswith("weight ")}
    built.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    difference, where = largest_difference(found, step(torch, built, size, batch))
    print(f"{difference:.1e}  {where}")


def beside(model: str, size: int, batch: int) -> tuple[str, float | None, str]:
    """Compare a model in two processes; return a verdict (agrees, differs, stops, torch stops), how far and where."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--file", f"{folder}/torch.npz", "--size", str(size), "--batch", str(batch)]
        for name in ("torch", "minigrad"):
            command = [sys.executable, "-m", "parity_tests.models", model, "--engine", name, *options]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                ended = Run([], done.returncode, done.stderr)
                return "torch stops" if name == "torch" else "stops", None, f"{ended.stopped_at}{ended.line}"
    difference, where = done.stdout.strip().split("  ", 1)
    return "agrees" if float(difference) <= NEARLY else "differs", float(difference), where


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m parity_tests.models", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("models", nargs="+", help="module:Class, or module:function(arguments); of images (N, 3, H, W)")
    parser.add_argument("--size", type=int, default=64, help="pixels of a side of the images (%(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="images (%(default)s)")
    parser.add_argument("--save", metavar="COLLECTION", help=f"keep what is found in {MODELS.file.name}")
    parser.add_argument("--engine", choices=["torch", "minigrad"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.engine:
        run(args.engine, args.models[0], args.file, args.size, args.batch)
        return 0
    for model in args.models:
        verdict, difference, where = beside(model, args.size, args.batch)
        if args.save:
            MODELS.save(args.save, model, verdict, difference, where=where, size=args.size, batch=args.batch)
        print(f"{model}: {verdict}" + (f", {difference:.1e} in" if difference is not None else ":"), where, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
