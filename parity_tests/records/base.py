"""One record per operation: how it is called, what it is called with, and what it must refuse.

``call(m, F, *tensors, **options)`` is run twice: with minigrad and its ``nn.functional``, and with torch and
its own. That one line serves both is itself the proof that names, argument order and defaults agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from minigrad.testing.strategies import Sample, array_of


@dataclass(frozen=True)
class OpRecord:
    """An operation, samples of valid calls, and calls that both libraries must refuse alike."""

    name: str
    call: Callable[..., Any]
    samples: st.SearchStrategy[Sample]
    errors: Sequence[Callable[[Any, Any], Any]] = ()
    sums: bool = False  #: results are long sums, for which float32 has a tolerance of its own
    second: bool = True  #: torch has a gradient of the gradient

    def __repr__(self) -> str:
        return self.name


RECORDS: list[OpRecord] = []


def record(
    name: str,
    call: Callable[..., Any],
    samples: Any,
    *errors: Callable[[Any, Any], Any],
    sums: bool = False,
    second: bool = True,
) -> None:
    """Adds a record."""
    RECORDS.append(OpRecord(name, call, samples, errors, sums, second))


#: A tensor of shape 4 x 3 x 5 in any memory order.
block = array_of((4, 3, 5)).map(lambda array: Sample([array]))


def with_options(samples: Any, **options: Any) -> st.SearchStrategy[Sample]:
    """The samples with options drawn from strategies, or from lists of values."""
    drawn = {name: st.sampled_from(value) if isinstance(value, list) else value for name, value in options.items()}
    return st.builds(
        lambda sample, more: Sample(sample.arrays, {**sample.options, **more}, sample.constants),
        samples,
        st.fixed_dictionaries(drawn),
    )
