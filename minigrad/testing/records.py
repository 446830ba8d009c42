"""A record per operation, in front of generic checks: write one, and values, derivatives and errors are compared.

The idea is PyTorch's ``OpInfo``. ``parity_tests/records/`` has minigrad's own; ``examples/parity_of_your_own_op.py``
shows one for an operation of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from minigrad.testing.parity import ParityReport, assert_parity
from minigrad.testing.strategies import Sample, in_strides_of


@dataclass(frozen=True)
class OpRecord:
    """An operation, samples of valid calls, and calls that both libraries must refuse alike.

    ``call(m, F, *tensors, **options)`` is run twice: with minigrad and its ``nn.functional``, and with torch and
    its own. Where one line serves both, that is itself the proof that names, argument order and defaults agree.
    """

    name: str
    call: Callable[..., Any]
    samples: st.SearchStrategy[Sample]
    errors: Sequence[Callable[[Any, Any], Any]] = ()
    sums: bool = False  #: results are long sums, for which float32 has a tolerance of its own
    second: bool = True  #: torch has a gradient of the gradient
    elementwise: bool = False  #: element i of the result depends on elements i of the tensors only
    kinks: tuple[float, ...] = ()  #: where this operation has kinks or thresholds beside those that many have
    domain: tuple[float, float] | None = None  #: where torch defines it, if not everywhere

    def __repr__(self) -> str:
        return self.name

    def compare(self, sample: Sample, dtype: Any, second: bool, **options: Any) -> ParityReport:
        """Outputs, gradients and (if ``second``) gradients of gradients of one call, with random cotangents.

        ``options`` are those of ``assert_parity``.

        Raises:
            AssertionError: saying what differs, and where.
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
        """Asserts that call i of ``errors`` raises the same type of exception in both, with a message that says why."""
        theirs = _error(self.errors[i], torch, torch.nn.functional)
        ours = _error(self.errors[i], minigrad, F)
        assert type(ours) is type(theirs), f"raises {ours!r}, torch raises {theirs!r}"
        assert len(str(ours)) > 15, f"the message must say what was wrong, not only {str(ours)!r}"


def _error(call: Callable[[Any, Any], Any], m: Any, functional: Any) -> Exception | None:
    try:
        call(m, functional)
    except Exception as error:
        return error
    return None
