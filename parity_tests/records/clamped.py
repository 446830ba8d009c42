"""Activations of straight pieces, smooth ones and gates."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record, record_elementwise, with_options

_even = s.array_of((4, 3, 6)).map(lambda a: Sample([a]))


def _hardsigmoid(m, F, x, inplace=False):
    """Return it; torch's own multiplies the gradient by 1/6 in float32, also in float64."""
    return F.relu6(x + 3) / 6 if m is torch and x.is_floating_point() else F.hardsigmoid(x * 1, inplace)


record_elementwise("hardsigmoid", lambda m, F, x: _hardsigmoid(m, F, x * 3), s.unary(), kinks=(-3.0, 3.0))
record_elementwise("hardsigmoid.inplace", lambda m, F, x: _hardsigmoid(m, F, x * 3, inplace=True), s.unary())
record_elementwise(
    "hardtanh", lambda m, F, x: F.hardtanh(x, -0.7, 0.4), s.unary(), lambda m, F: F.hardtanh(m.zeros(2), 1.0, 0.0)
)
record_elementwise("hardtanh.inplace", lambda m, F, x: F.hardtanh(x * 2, inplace=True), s.unary())
record_elementwise("hardshrink", lambda m, F, x: F.hardshrink(x, 0.4), s.unary())
record_elementwise(
    "softshrink", lambda m, F, x: F.softshrink(x, 0.4), s.unary(), lambda m, F: F.softshrink(m.zeros(2), -1.0)
)
record_elementwise("threshold", lambda m, F, x: F.threshold(x, 0.2, -5.0), s.unary())
record_elementwise("threshold.inplace", lambda m, F, x: F.threshold(x * 2, 0.2, 7.0, inplace=True), s.unary())
record(
    "prelu",
    lambda m, F, x, w: F.prelu(x, w),
    st.builds(lambda a, w: Sample([a, w]), s.array_of((4, 3, 5)), st.one_of(s.array_of((3,)), s.array_of((1,)))),
    lambda m, F: F.prelu(m.zeros(4, 3), m.zeros(2)),
    lambda m, F: F.prelu(m.zeros(4, 3), m.zeros(3, 1)),
    sums=True,
)
record_elementwise(
    "rrelu.evaluation",
    lambda m, F, x: F.rrelu(x, 0.1, 0.4),
    s.unary(),
    lambda m, F: F.rrelu(m.zeros(2), 0.5, 0.4),
)
record("mish", lambda m, F, x: F.mish(x * 3), s.unary())
record("mish.inplace", lambda m, F, x: F.mish(x * 3, inplace=True), s.unary())
record_elementwise("selu", lambda m, F, x: F.selu(x * 3), s.unary())
record("selu.inplace", lambda m, F, x: F.selu(x * 3, inplace=True), s.unary())
record_elementwise("celu", lambda m, F, x: F.celu(x * 3, 0.5), s.unary(), lambda m, F: F.celu(m.zeros(2), alpha=0.0))
record_elementwise("logsigmoid", lambda m, F, x: F.logsigmoid(x * 5), s.unary())
record_elementwise("softsign", lambda m, F, x: F.softsign(x), s.unary())
record_elementwise("tanhshrink", lambda m, F, x: F.tanhshrink(x), s.unary())
record("softmin", lambda m, F, x, dim: F.softmin(x, dim), s.with_dim(keepdim=False, several=False))
record(
    "glu",
    lambda m, F, x, dim: F.glu(x, dim),
    with_options(_even, dim=[-1, 0, 2]),
    lambda m, F: F.glu(m.zeros(3)),
    lambda m, F: F.glu(m.tensor(1.0)),
)
