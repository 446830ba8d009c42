"""Functions that the records share; ``minigrad.testing.records`` defines a record."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from minigrad.testing.records import OpRecord
from minigrad.testing.samples import Sample
from minigrad.testing.strategies import array_of

RECORDS: list[OpRecord] = []


def record(
    name: str,
    call: Callable[..., Any],
    samples: Any,
    *errors: Callable[[Any, Any], Any],
    sums: bool = False,
    second: bool = True,
    elementwise: bool = False,
    kinks: tuple[float, ...] = (),
    domain: tuple[float, float] | None = None,
) -> None:
    """Add a record."""
    RECORDS.append(OpRecord(name, call, samples, errors, sums, second, elementwise, kinks, domain))


#: Adds the record of an operation each of whose results depends on one element of each tensor.
record_elementwise = functools.partial(record, elementwise=True)


#: A tensor of shape 4 x 3 x 5 in any memory order.
block = array_of((4, 3, 5)).map(lambda array: Sample([array]))


def with_options(samples: Any, **options: Any) -> st.SearchStrategy[Sample]:
    """Return the samples with options drawn from strategies, or from lists of values."""
    drawn = {name: st.sampled_from(value) if isinstance(value, list) else value for name, value in options.items()}
    return st.builds(
        lambda sample, more: Sample(sample.arrays, {**sample.options, **more}, sample.constants),
        samples,
        st.fixed_dictionaries(drawn),
    )
