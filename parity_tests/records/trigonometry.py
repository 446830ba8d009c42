"""Tangents, hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record_elementwise as record

_inside = s.unary().map(lambda sample: Sample([np.asarray(np.tanh(x)) for x in sample.arrays]))
_above_1 = s.unary(values="positive").map(lambda sample: Sample([np.asarray(x + 1) for x in sample.arrays]))

for _name in ("tan", "atan", "sinh", "cosh", "asinh", "arctan", "arcsinh"):
    record(_name, lambda m, F, x, _name=_name: getattr(m, _name)(x), s.unary())
for _name in ("asin", "acos", "atanh", "arcsin", "arccos", "arctanh"):
    record(_name, lambda m, F, x, _name=_name: getattr(m, _name)(x), _inside)
for _name in ("acosh", "arccosh"):
    record(_name, lambda m, F, x, _name=_name: getattr(m, _name)(x), _above_1)
for _name in ("atan2", "arctan2"):
    record(
        _name,
        lambda m, F, x, y, _name=_name: getattr(m, _name)(x, y),
        s.broadcastable(values="positive"),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2), m.zeros(3)),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2), 1.0),
    )
