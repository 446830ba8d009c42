"""Run a program in float64, and print what it computes to the last digit: the part of ``--exact`` in each engine.

What would be float32 is float64: new tensors, ``x.float()``, ``FloatTensor``, NumPy's float32 arrays. Each loss that is
differentiated is printed, and at the end the sum of the absolute values of all that the program has left: the
parameters of its modules, and its tensors. ``torch`` in here is whichever engine answers to that name.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.as_torch.script import run_file, run_module


def in_float64(torch: Any) -> None:
    """Let an engine compute in float64 what it would compute in float32."""
    file = io.BytesIO()
    torch.save(torch.zeros(1), file)  # torch makes its tables of dtypes, which need the name float32
    file.seek(0)
    torch.load(file)
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.FloatTensor = torch.DoubleTensor
    torch.Tensor.float = torch.Tensor.double
    for name in ("tensor", "as_tensor", "from_numpy"):
        setattr(torch, name, _widening(getattr(torch, name)))
    own = torch.Tensor.type

    def type_(self: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
        if isinstance(dtype, str):
            dtype = dtype.replace("FloatTensor", "DoubleTensor")
        return own(self, dtype, *args, **options)

    torch.Tensor.type = type_


def _widening(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function like ``make`` that turns arrays of float32 into float64 first."""

    def widened(data: Any, *args: Any, **options: Any) -> Any:
        if isinstance(data, np.ndarray | np.generic) and data.dtype == np.float32:
            data = data.astype(np.float64)
        return make(data, *args, **options)

    return widened


def print_losses(torch: Any) -> None:
    """Let ``backward`` print what it differentiates."""
    own = torch.Tensor.backward
    running: list[Any] = []

    def backward(self: Any, *args: Any, **options: Any) -> None:
        if running and running[-1] is self:  # torch's calls itself where a default device is set
            own(self, *args, **options)
            return
        print(f"\nbackward of {total(self)!r}")
        running.append(self)
        try:
            own(self, *args, **options)
        finally:
            running.pop()

    torch.Tensor.backward = backward


def print_what_is_left(torch: Any, names: dict[str, Any]) -> None:
    """Print the sums of absolute values of the modules and tensors among the variables of a program."""
    for name, item in sorted(names.items()):
        if isinstance(item, torch.nn.Module):
            values = [*item.parameters(), *item.buffers()]
        elif isinstance(item, torch.Tensor):
            values = [item]
        else:
            continue
        print(f"{name}: {sum(total(value.abs()) for value in values if value.is_floating_point())!r}")


def total(values: Any) -> float:
    """Return the sum of the elements of a tensor, as a number of Python's."""
    return float(values.detach().sum())


def main(program: list[str]) -> None:
    """Run a script, or a module after ``-m``, with its arguments."""
    import torch

    in_float64(torch)
    print_losses(torch)
    if program[0] == "-m":
        run_module(program[1], program[2:])
    else:
        run_file(program[0], program[1:])
    print_what_is_left(torch, vars(sys.modules["__main__"]))


if __name__ == "__main__":
    main(sys.argv[1:])
