"""A function and its torch twin, side by side: values, gradients, gradients of gradients.

The one file under ``minigrad/`` that imports torch, and ``minigrad.testing`` loads it only when it is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from minigrad import autograd
from minigrad.creation import from_numpy
from minigrad.device import get_default_device
from minigrad.tensor import Tensor
from minigrad.testing.close import as_numpy, difference_report

#: Relative to the largest element of each result; see ``assert_parity``.
DEFAULT_TOLERANCES = {"float16": (1e-3, 1e-3), "float32": (1.3e-6, 1e-5), "float64": (1e-10, 1e-12)}


@dataclass
class ParityReport:
    """The largest difference of each kind, relative to the largest element; ``None`` where nothing was compared."""

    value: float | None = None
    gradient: float | None = None
    second_gradient: float | None = None


def assert_parity(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *inputs: Any,
    rtol: float | None = None,
    atol: float | None = None,
    gradient: bool = True,
    second_gradient: bool = True,
    seed: int = 0,
) -> ParityReport:
    """Asserts that ``ours(*inputs)`` in minigrad is ``theirs(*inputs)`` in torch, with all derivatives.

    Each library computes on its default device (``set_default_device``). Both get tensors with the same values and
    the same memory order. Gradients are taken of every floating
    output with respect to every floating input, for random cotangents; then gradients of those gradients,
    with respect to inputs and cotangents. (With ``.sum().backward()`` the cotangents would be ones, for which
    many wrong gradients are right.)

    Args:
        ours, theirs: functions of tensors that return a tensor or a sequence of them.
        inputs: NumPy arrays, or tensors; a floating array, or a tensor that requires it, is differentiated.
            Anything else is passed on as it is.
        rtol, atol: |ours − theirs| ≤ atol + rtol · max |theirs|, where the maximum is over the tensor: a sum that
            cancels to almost nothing has no digits left to compare. By default 1e-10 and 1e-12 for float64,
            1.3e-6 and 1e-5 for float32.
        gradient, second_gradient: whether to compare them.
        seed: of the cotangents.

    Raises:
        AssertionError: with which result differs, where first and where most, and both values there.

    >>> import numpy as np, torch, minigrad
    >>> report = assert_parity(minigrad.tanh, torch.tanh, np.array([0.5, -1.0]))
    >>> report.second_gradient < 1e-10
    True
    """
    random = np.random.default_rng(seed)
    ours_on, theirs_on = get_default_device(), torch.get_default_device()
    arrays = [as_numpy(x) if _is_tensor(x) else x for x in inputs]
    track = [_differentiated(x) for x in inputs]
    mine = _Side(lambda a: from_numpy(a).to(ours_on), autograd.grad, Tensor)
    other = _Side(lambda a: torch.from_numpy(a).to(theirs_on), torch.autograd.grad, torch.Tensor)
    mine.inputs = [mine.tensor(a, t) for a, t in zip(arrays, track, strict=True)]
    other.inputs = [other.tensor(a, t) for a, t in zip(arrays, track, strict=True)]
    check = _Comparison(rtol, atol)
    report = ParityReport()

    my_outputs = flat_outputs(ours(*mine.inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations and advice
        outputs = flat_outputs(theirs(*other.inputs))
    _require(len(my_outputs) == len(outputs), f"{len(my_outputs)} outputs, torch has {len(outputs)}")
    report.value = check.all(my_outputs, outputs, [f"output {i}" for i in range(len(outputs))])
    for i, (a, b) in enumerate(zip(my_outputs, outputs, strict=True)):
        if isinstance(b, torch.Tensor):
            flags = (a.requires_grad, b.requires_grad)
            _require(flags[0] == flags[1], f"output {i}: requires_grad {flags[0]}, torch has {flags[1]}")

    roots = [i for i, b in enumerate(outputs) if isinstance(b, torch.Tensor) and b.requires_grad]
    wanted = [i for i, t in enumerate(track) if t]
    if not gradient or not roots or not wanted:
        return report
    cotangents = [_random_like(outputs[i], random) for i in roots]
    sides = ((mine, my_outputs), (other, outputs))
    for side, results in sides:
        side.cotangents = [side.tensor(v, second_gradient) for v in cotangents]
        side.gradients = side.grad(
            [results[i] for i in roots],
            [side.inputs[i] for i in wanted],
            side.cotangents,
            create_graph=second_gradient,
            allow_unused=True,
        )
    report.gradient = check.all(mine.gradients, other.gradients, [f"gradient of input {i}" for i in wanted])
    used = [i for i, b in enumerate(other.gradients) if b is not None and b.requires_grad]
    if not second_gradient or not used:
        return report
    for i in used:
        differentiable = getattr(mine.gradients[i], "requires_grad", False)
        _require(differentiable, f"gradient of input {wanted[i]} has no gradient of its own, torch's has")
    cotangents = [_random_like(other.gradients[i], random) for i in used]
    second = [
        side.grad(
            [side.gradients[i] for i in used],
            [*(side.inputs[i] for i in wanted), *side.cotangents],
            [side.tensor(v, False) for v in cotangents],
            allow_unused=True,
        )
        for side, _ in sides
    ]
    names = [*(f"input {i}" for i in wanted), *(f"the cotangent of output {i}" for i in roots)]
    report.second_gradient = check.all(second[0], second[1], [f"second gradient of {name}" for name in names])
    return report


class _Side:
    """One of the two libraries: how it makes tensors and takes gradients, and what it gave."""

    inputs: list[Any]
    cotangents: list[Any]
    gradients: Sequence[Any]

    def __init__(self, make: Callable[[Any], Any], grad: Callable[..., Any], tensor_type: type) -> None:
        self.make, self.grad, self.tensor_type = make, grad, tensor_type

    def tensor(self, value: Any, track: bool) -> Any:
        return self.make(copy_with_strides(value)).requires_grad_(track) if isinstance(value, np.ndarray) else value


class _Comparison:
    """Compares results under the tolerances, and keeps the largest relative difference."""

    def __init__(self, rtol: float | None, atol: float | None) -> None:
        self.rtol, self.atol = rtol, atol

    def all(self, ours: Sequence[Any], theirs: Sequence[Any], names: Sequence[str]) -> float:
        return max([self.one(*pair) for pair in zip(ours, theirs, names, strict=True)], default=0.0)

    def one(self, ours: Any, theirs: Any, what: str) -> float:
        """A gradient that one library leaves out must be zero in the other."""
        if ours is None and theirs is None:
            return 0.0
        a = np.zeros_like(as_numpy(theirs)) if ours is None else ours
        b = np.zeros_like(as_numpy(a)) if theirs is None else theirs
        return scaled_difference(a, b, what, self.rtol, self.atol)


def scaled_difference(ours: Any, theirs: Any, what: str, rtol: float | None = None, atol: float | None = None) -> float:
    """The largest difference of two tensors, relative to the largest element of ``theirs``.

    Raises:
        AssertionError: if dtype or shape differ, or more than atol + rtol · max |theirs| lies between two elements.
    """
    a, b = as_numpy(ours), as_numpy(theirs)
    _require(a.dtype == b.dtype, f"{what}: dtype {a.dtype}, torch has {b.dtype}")
    default_rtol, default_atol = DEFAULT_TOLERANCES.get(b.dtype.name, (0.0, 0.0))
    rtol, atol = default_rtol if rtol is None else rtol, default_atol if atol is None else atol
    finite = np.isfinite(b)
    if b.dtype.kind != "f" or not finite.any():
        report = difference_report(a, b, 0.0, 0.0, equal_nan=True)
        _require(report is None, f"{what}: {report}")
        return 0.0
    largest = float(np.abs(b[finite]).max())
    report = difference_report(a, b, 0.0, atol + rtol * largest, equal_nan=True)
    allowed = f"({rtol:.3g} of torch's largest element, {largest:.3g}, and {atol:.3g})"
    _require(report is None, f"{what}: {report} {allowed}")
    difference = float(np.abs(a[finite].astype(np.float64) - b[finite]).max())
    return difference / max(largest, 1e-3)  # of a tensor of zeros the absolute difference counts


def _require(condition: Any, message: str) -> None:
    """``assert``, but with this message alone, also where pytest rewrites assertions."""
    if not condition:
        raise AssertionError(message)


def flat_outputs(outputs: Any) -> list[Any]:
    """One output, or several in (nested) sequences, as a list."""
    if isinstance(outputs, tuple | list):
        return [leaf for output in outputs for leaf in flat_outputs(output)]
    return [outputs]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor | torch.Tensor)


def _differentiated(value: Any) -> bool:
    return value.requires_grad if _is_tensor(value) else isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _random_like(tensor: Any, random: np.random.Generator) -> np.ndarray:
    like = as_numpy(tensor)
    return np.asarray(random.standard_normal(like.shape)).astype(like.dtype)


def copy_with_strides(array: np.ndarray) -> np.ndarray:
    """A copy with the same memory order, gaps between the elements included (overlaps are not)."""
    if array.size == 0 or any(step <= 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True)):
        return np.array(array, order="K")
    extent = sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)) // array.itemsize + 1
    copy = np.lib.stride_tricks.as_strided(np.zeros(extent, array.dtype), array.shape, array.strides)
    copy[...] = array
    return copy
