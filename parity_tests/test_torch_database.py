"""Every sample and every error of torch's own database of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import settings

import minigrad
from minigrad.testing import assert_parity
from parity_tests import torch_database as db
from parity_tests.tolerances import FLOAT16_SUMS, FLOAT32_SUMS, FLOAT64, Tolerance

#: torch adds 1e-12 to the probabilities in the gradient, which its second gradient magnifies.
OWN_TOLERANCES = {"nn.functional.binary_cross_entropy": Tolerance(1e-8, 1e-8)}

#: torch has no second gradient, although its database says so: "derivative ... is not implemented".
NO_SECOND_GRADIENT = {"nn.functional.ctc_loss"}


#: Samples of one operation in one dtype that `make test` takes; `make test-all` takes ten times as many. Mostly the
#: poolings and unfold have more than this: one for every combination of the same options.
MOST = settings().max_examples


def _samples(name: str, dtype: torch.dtype) -> Sequence[Any]:
    """Return all samples, or ``MOST`` of them that are spread evenly."""
    op = db.database()[name]
    if not op.supports_dtype(dtype, torch.get_default_device().type):
        return []
    differentiable = dtype.is_floating_point and op.supports_autograd
    with torch.device("cpu"):  # from where assert_parity moves them
        samples = list(op.sample_inputs("cpu", dtype, requires_grad=differentiable))
    return [samples[i * len(samples) // MOST] for i in range(MOST)] if len(samples) > MOST else samples


@pytest.mark.device
@pytest.mark.parametrize("name", db.NAMES)
def test_every_sample_of_torchs_own_has_torchs_values_and_gradients(name: str) -> None:
    for dtype in (torch.float64, torch.int64, torch.bool):  # a quotient or root of integers is a float32
        tolerance = OWN_TOLERANCES.get(name, FLOAT64) if dtype is torch.float64 else FLOAT32_SUMS
        supported = db.database()[name].supports_gradgrad and name not in NO_SECOND_GRADIENT
        for i, sample in enumerate(_samples(name, dtype)):
            if name == "argsort" and not sample.kwargs.get("stable"):
                continue  # the order of equal elements is nobody's promise
            try:
                db.compare_sample(
                    name, sample, second=supported and dtype is torch.float64, rtol=tolerance.rtol, atol=tolerance.atol
                )
            except Exception as error:
                raise AssertionError(f"sample {i}, {dtype}: {sample}") from error


#: torch's float16 results here depend on which of equal elements comes first, or lose digits on the way.
NOT_IN_HALF = {"sort", "nn.functional.normalize", "linalg.vector_norm"}
#: Refused by name: of bytes torch computes these with numbers of fixed point, which round otherwise.
NOT_OF_BYTES = {"nn.functional.interpolate.bicubic"}


@pytest.mark.slow
@pytest.mark.parametrize("name", db.NAMES)
def test_every_sample_of_torchs_own_in_single_and_half_precision_and_small_integers(name: str) -> None:
    for dtype in (torch.float32, torch.float16, torch.uint8, torch.int8, torch.int16, torch.int32):
        tolerance = FLOAT32_SUMS if dtype is torch.float32 else FLOAT16_SUMS
        if (dtype is torch.float16 and name in NOT_IN_HALF) or (dtype is torch.uint8 and name in NOT_OF_BYTES):
            continue
        for i, sample in enumerate(_samples(name, dtype)):
            if name == "argsort" and not sample.kwargs.get("stable"):
                continue
            try:
                db.compare_sample(name, sample, second=False, **tolerance._asdict())
            except Exception as error:
                raise AssertionError(f"sample {i}, {dtype}: {sample}") from error


#: torch writes these in place, but has no derivative of that.
NO_DERIVATIVE_IN_PLACE = {"acosh", "asinh", "atanh"}


def _in_place_names() -> list[str]:
    """Return the operations that torch has in place too, and minigrad with them."""
    found = []
    for name in set(db.NAMES) - NO_DERIVATIVE_IN_PLACE:
        if hasattr(minigrad.Tensor, f"{name.split('.')[0]}_") and db.database()[name].inplace_variant:
            found.append(name)
    return sorted(found)


@pytest.mark.device
@pytest.mark.parametrize("name", _in_place_names())
def test_every_sample_in_place_has_torchs_values_and_gradients(name: str) -> None:
    method = f"{name.split('.')[0]}_"
    for i, sample in enumerate(_samples(name, torch.float64)):
        if sample.broadcasts_input:
            continue
        arguments = (sample.input, sample.args, sample.kwargs)

        def call(*tensors: Any, arguments: Any = arguments) -> Any:
            given = iter(tensors)
            other = db.convert if isinstance(tensors[0], minigrad.Tensor) else lambda value: value
            x, args, kwargs = (db.rebuilt(part, given, other) for part in arguments)
            y = x.clone()
            assert getattr(y, method)(*args, **kwargs) is y
            return y

        tensors = db.tensors_in(arguments)
        try:
            db.database()[name].inplace_variant(sample.input.detach().clone(), *sample.args, **sample.kwargs)
        except (RuntimeError, TypeError):
            continue  # torch refuses it: the result has another dtype or shape
        try:
            assert_parity(call, call, *tensors, second_gradient=False)
        except Exception as error:
            raise AssertionError(f"sample {i}: {sample}") from error


def _call_ours(mine: Any, tensors: list[torch.Tensor], arguments: Any) -> None:
    given = iter([minigrad.as_tensor(t.detach().clone().numpy()) for t in tensors])
    first, args, kwargs = (db.rebuilt(part, given, db.convert) for part in arguments)
    mine(first, *args, **kwargs)


ERRORS = [name for name in db.NAMES if not name.startswith("__")]  # torch's dunders are slots, which have no check


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_of_torchs_own_is_an_error_of_the_same_type(name: str) -> None:
    op, mine = db.database()[name], db.ours(name)
    if op.error_inputs_func is None:
        return
    for case in op.error_inputs("cpu"):
        sample = case.sample_input
        arguments = (sample.input, sample.args, sample.kwargs)
        tensors = db.tensors_in(arguments)
        if any(t.ndim > 64 for t in tensors):
            continue  # NumPy has no more than 64 dimensions: there is no such tensor to pass
        with pytest.raises(Exception) as theirs:
            op(sample.input, *sample.args, **sample.kwargs)
        unsupported = "out" in sample.kwargs or any(t.is_complex() for t in tensors)
        refusals = (NotImplementedError, TypeError) if unsupported else type(theirs.value)
        with pytest.raises(refusals) as ours:
            _call_ours(mine, tensors, arguments)
        assert len(str(ours.value)) > 15, "the message must say what was wrong"
