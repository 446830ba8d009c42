"""Records of operations for generic tests: write one, and values, derivatives and errors are compared with torch.

The idea is PyTorch's ``OpInfo``. ``parity_tests/records/`` has minigrad's own; ``examples/parity_of_your_own_op.py``
shows one for an operation of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias

import torch
from hypothesis import strategies as st
from numpy.typing import DTypeLike

import minigrad
from minigrad import linalg
from minigrad.nn import functional as F
from minigrad.testing.parity import ParityReport, assert_parity
from minigrad.testing.samples import Sample, in_strides_of

#: ``call(m, F)`` with minigrad or torch, and its ``nn.functional``.
Call: TypeAlias = Callable[[ModuleType, ModuleType], object]


@dataclass(frozen=True)
class OpRecord:
    """An operation, samples of valid calls, and calls that both libraries must refuse with the same type of error.

    ``call(m, F, *tensors, **options)`` is run twice: with minigrad and its ``nn.functional``, and with torch and
    its own. One line for both also tests that names, argument order and defaults agree.
    """

    name: str
    call: Callable[..., object]
    samples: st.SearchStrategy[Sample]
    errors: Sequence[Call] = ()
    sums: bool = False  #: results are long sums, which have a tolerance of their own in float32
    second: bool = True  #: torch has a gradient of the gradient
    elementwise: bool = False  #: element i of the result depends on elements i of the tensors only
    kinks: tuple[float, ...] = ()  #: its kinks and thresholds, beside those in ``SPECIAL``
    domain: tuple[float, float] | None = None  #: the range in which torch defines it; None is everywhere

    def __repr__(self) -> str:
        return self.name

    def compare(self, sample: Sample, dtype: DTypeLike, second: bool, **options: Any) -> ParityReport:
        """Compare outputs, gradients and (if ``second``) gradients of gradients of one call, with random cotangents.

        ``options`` are those of ``assert_parity``.

        Raises:
            AssertionError: naming the result and the elements that differ.
        """
        inputs = []
        for i, array in enumerate(sample.arrays):
            cast = in_strides_of(array, array.astype(dtype) if array.dtype.kind == "f" else array)
            inputs.append(minigrad.from_numpy(cast).requires_grad_(sample.differentiable(i)))
        return assert_parity(
            partial(self.call, minigrad, F, **sample.options),
            partial(self.call, torch, torch.nn.functional, **sample.options),
            *inputs,
            second_gradient=second and self.second,
            **options,
        )

    def check_error(self, i: int) -> None:
        """Assert that call i of ``errors`` raises the same type of exception in both, with an explanation."""
        theirs = _error(self.errors[i], torch, torch.nn.functional)
        ours = _error(self.errors[i], minigrad, F)
        same = {"_LinAlgError": linalg.LinAlgError}  # torch's types of its own
        assert type(ours) is same.get(type(theirs).__name__, type(theirs)), f"raises {ours!r}, torch raises {theirs!r}"
        assert len(str(ours)) > 15, f"the message must say what was wrong, not only {str(ours)!r}"


def _error(call: Call, m: ModuleType, functional: ModuleType) -> Exception | None:
    try:
        call(m, functional)
    except Exception as error:
        return error
    return None
