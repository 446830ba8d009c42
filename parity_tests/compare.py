"""Runs one call in minigrad and in torch, and compares everything that comes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad import autograd
from minigrad.nn import functional as F
from parity_tests.samples import Sample, in_memory_order
from parity_tests.tolerances import Tolerance

#: The largest relative difference seen for each kind of result, for report.py.
Worst = dict[str, float]


def assert_close(ours: Any, theirs: Any, tolerance: Tolerance, what: str) -> float:
    """Same shape and dtype, and every element as close as ``tolerance`` asks; says where they differ most.

    Returns the largest difference relative to torch's largest element (0 for what must be exact).
    """
    a = np.asarray(ours.detach().numpy() if isinstance(ours, minigrad.Tensor) else ours)
    b = np.asarray(theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, torch has {b.shape}"
    assert a.dtype == b.dtype, f"{what}: dtype {a.dtype}, torch has {b.dtype}"
    if a.dtype.kind != "f":
        assert np.array_equal(a, b), f"{what}: {a}, torch has {b}"
        return 0.0
    assert np.array_equal(np.isnan(a), np.isnan(b)), f"{what}: NaN at different places"
    finite = np.isfinite(b)
    assert np.array_equal(a[~finite], b[~finite], equal_nan=True), f"{what}: infinities differ"
    if not finite.any():
        return 0.0
    difference = np.where(finite, np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)), 0)
    largest = np.abs(b[finite]).max()
    limit = tolerance.atol + tolerance.rtol * largest
    if difference.max() > limit:
        at = np.unravel_index(difference.argmax(), difference.shape)
        raise AssertionError(
            f"{what}: differs most at index {tuple(map(int, at))}: {a[at]!r}, torch has {b[at]!r} "
            f"(difference {difference[at]:.3e}, allowed {limit:.3e})"
        )
    return float(difference.max() / max(largest, 1e-3))  # of a tensor of zeros the absolute difference counts


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    """One output or several, as a tuple."""
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def _inputs(sample: Sample, dtype: Any, make: Callable[[np.ndarray], Any]) -> list[Any]:
    tensors = []
    for i, array in enumerate(sample.arrays):
        # astype keeps the memory order; copy, because some calls write into their inputs.
        tensor = make(array.astype(dtype) if array.dtype.kind == "f" else array.copy())
        if sample.differentiable(i):
            tensor.requires_grad_()
        tensors.append(tensor)
    return tensors


def _strided(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    """``array`` in the strides of ``like``, gaps included."""
    if array.ndim == 0:
        return array
    order = sorted(range(array.ndim), key=lambda d: -like.strides[d])
    dense = like.flags.c_contiguous or like.transpose(order).flags.c_contiguous
    return in_memory_order(array, order, not dense)


def compare_call(call: Callable[..., Any], sample: Sample, dtype: Any, tolerance: Tolerance, second: bool) -> Worst:
    """Outputs, gradients and (if ``second``) gradients of gradients of one call, with random cotangents."""
    worst: Worst = {}
    random = np.random.default_rng(1)
    sample = Sample(
        [_strided(a.astype(dtype) if a.dtype.kind == "f" else a, a) for a in sample.arrays],
        sample.options,
        sample.constants,
    )
    our_inputs = _inputs(sample, dtype, minigrad.from_numpy)
    their_inputs = _inputs(sample, dtype, torch.from_numpy)
    ours = as_tuple(call(minigrad, F, *our_inputs, **sample.options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations and advice
        theirs = as_tuple(call(torch, torch.nn.functional, *their_inputs, **sample.options))
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        worst["value"] = max(worst.get("value", 0.0), assert_close(a, b, tolerance, f"output {i}"))
        assert a.requires_grad == b.requires_grad, (
            f"output {i}: requires_grad {a.requires_grad}, torch has {b.requires_grad}"
        )

    roots = [i for i, b in enumerate(theirs) if b.requires_grad]
    wanted = [i for i in range(len(sample.arrays)) if sample.differentiable(i)]
    if not roots or not wanted:
        return worst
    cotangents = [random.standard_normal(theirs[i].shape).astype(dtype) for i in roots]
    our_v = [minigrad.from_numpy(np.array(v)).requires_grad_(second) for v in cotangents]
    their_v = [torch.from_numpy(np.array(v)).requires_grad_(second) for v in cotangents]
    our_grads = autograd.grad(
        [ours[i] for i in roots], [our_inputs[i] for i in wanted], our_v, create_graph=second, allow_unused=True
    )
    their_grads = torch.autograd.grad(
        [theirs[i] for i in roots], [their_inputs[i] for i in wanted], their_v, create_graph=second, allow_unused=True
    )
    worst["gradient"] = _compare_gradients(our_grads, their_grads, wanted, tolerance, "gradient of input")
    if not second:
        return worst
    used = [i for i, b in enumerate(their_grads) if b is not None and b.requires_grad]
    if not used:
        return worst
    second_cotangents = [random.standard_normal(their_grads[i].shape).astype(dtype) for i in used]
    our_second = autograd.grad(
        [our_grads[i] for i in used],
        [*(our_inputs[i] for i in wanted), *our_v],
        [minigrad.from_numpy(np.array(v)) for v in second_cotangents],
        allow_unused=True,
    )
    their_second = torch.autograd.grad(
        [their_grads[i] for i in used],
        [*(their_inputs[i] for i in wanted), *their_v],
        [torch.from_numpy(np.array(v)) for v in second_cotangents],
        allow_unused=True,
    )
    names = [*wanted, *(f"cotangent {i}" for i in roots)]
    worst["second gradient"] = _compare_gradients(
        our_second, their_second, names, tolerance, "second gradient of input"
    )
    return worst


def _compare_gradients(
    ours: Sequence[Any], theirs: Sequence[Any], names: Sequence[Any], tolerance: Tolerance, what: str
) -> float:
    """The largest relative difference. A gradient that one library leaves out must be zero in the other."""
    worst = 0.0
    for name, a, b in zip(names, ours, theirs, strict=True):
        if a is None and b is None:
            continue
        if a is None:
            assert not b.any(), f"{what} {name}: None, torch has {b}"
        elif b is None:
            assert not bool((a != 0).any()), f"{what} {name}: {a}, torch has None"
        else:
            worst = max(worst, assert_close(a, b, tolerance, f"{what} {name}"))
    return worst
