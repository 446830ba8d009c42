"""Runs one call in minigrad and in torch, and compares everything that comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.nn import functional as F
from minigrad.testing import ParityReport, assert_parity
from minigrad.testing.parity import scaled_difference
from minigrad.testing.strategies import Sample, in_memory_order
from parity_tests.tolerances import Tolerance

#: The largest relative difference seen for each kind of result, for report.py.
Worst = dict[str, float]


def assert_close(ours: Any, theirs: Any, tolerance: Tolerance, what: str) -> float:
    """Same shape and dtype, and every element as close as ``tolerance`` asks; says where they differ most."""
    return scaled_difference(ours, theirs, what, tolerance.rtol, tolerance.atol)


def _strided(array: np.ndarray, like: np.ndarray) -> np.ndarray:
    """``array`` in the strides of ``like``, gaps included."""
    if array.ndim == 0:
        return array
    order = sorted(range(array.ndim), key=lambda d: -like.strides[d])
    dense = like.flags.c_contiguous or like.transpose(order).flags.c_contiguous
    return in_memory_order(array, order, not dense)


def compare_call(
    call: Callable[..., Any], sample: Sample, dtype: Any, tolerance: Tolerance, second: bool
) -> ParityReport:
    """Outputs, gradients and (if ``second``) gradients of gradients of one call, with random cotangents."""
    inputs = []
    for i, array in enumerate(sample.arrays):
        cast = _strided(array.astype(dtype) if array.dtype.kind == "f" else array, array)
        inputs.append(minigrad.from_numpy(cast).requires_grad_(sample.differentiable(i)))
    return assert_parity(
        lambda *xs: call(minigrad, F, *xs, **sample.options),
        lambda *xs: call(torch, torch.nn.functional, *xs, **sample.options),
        *inputs,
        rtol=tolerance.rtol,
        atol=tolerance.atol,
        second_gradient=second,
    )
