"""Elementwise operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record_elementwise as record
from parity_tests.records.base import with_options

record(
    "add",
    lambda m, F, x, y: m.add(x, y),
    s.broadcastable(),
    lambda m, F: m.zeros(2) + m.zeros(3),
    lambda m, F: m.zeros(2) + "a",
)
record("add.alpha", lambda m, F, x, y: m.add(x, y, alpha=-2.5), s.broadcastable())
record("add.scalar", lambda m, F, x: 2 + x + 0.5, s.unary())
record("sub", lambda m, F, x, y: m.sub(x, y), s.broadcastable(), lambda m, F: m.zeros(2) - m.zeros(3))
record("sub.scalar", lambda m, F, x: 2 - (x - 0.5), s.unary())
record("mul", lambda m, F, x, y: m.mul(x, y), s.broadcastable(), lambda m, F: m.zeros(2, 2) * m.zeros(3))
record("mul.scalar", lambda m, F, x: 3 * x, s.unary())
record("mul.same", lambda m, F, x: x * x, s.unary())
record("div", lambda m, F, x, y: m.div(x, y), s.broadcastable(values="positive"), lambda m, F: m.zeros(2) / m.zeros(3))
record("div.scalar", lambda m, F, x: x / 3 + 2 / x, s.unary(values="positive"))
record("neg", lambda m, F, x: -m.neg(-x), s.unary(), lambda m, F: -m.tensor([True]))
record("pow", lambda m, F, x, y: m.pow(x, y), s.broadcastable(values="positive"))
record(
    "pow.scalar",
    lambda m, F, x, exponent: x**exponent,
    st.builds(
        lambda sample, e: Sample(sample.arrays, {"exponent": e}),
        s.unary(values="positive"),
        st.sampled_from([0, 1, 2, 3, -1, 0.5, -1.5]),
    ),
)
record(
    "pow.kinks",
    lambda m, F, x, exponent: x**exponent,
    st.builds(
        lambda sample, e: Sample(sample.arrays, {"exponent": e}),
        s.unary(values="ties"),
        st.sampled_from([0, 1, 2, 3, 4]),
    ),
    lambda m, F: m.tensor([2]) ** -1,
)
record("rpow", lambda m, F, x: 2.5**x, s.unary())
record("exp2", lambda m, F, x: m.exp2(x), s.unary())
record(
    "bitwise_not",
    lambda m, F, x: (m.bitwise_not(x > 0), (10 * x).long().bitwise_not()),
    s.unary(),
    lambda m, F: m.bitwise_not(m.zeros(2)),
)
record("exp", lambda m, F, x: m.exp(x), s.unary())
record("log", lambda m, F, x: m.log(x), s.unary(values="positive"))
record("log2", lambda m, F, x: m.log2(x), s.unary(values="positive"))
record("log10", lambda m, F, x: m.log10(x), s.unary(values="positive"))
record("erf", lambda m, F, x: m.erf(x), s.unary(), lambda m, F: m.erf(1.0))
record("nan_to_num", lambda m, F, x: m.nan_to_num(x) + m.nan_to_num(x, 2.0, 1.0, -1.0), s.unary())
record("sqrt", lambda m, F, x: m.sqrt(x), s.unary(values="positive"))
record("rsqrt", lambda m, F, x: m.rsqrt(x), s.unary(values="positive"))
record("abs", lambda m, F, x: m.abs(x), s.unary())
record("sign", lambda m, F, x: m.sign(x), s.unary())
record(
    "clamp",
    lambda m, F, x, **o: m.clamp(x, **o),
    st.builds(
        lambda sample, low, high: Sample(sample.arrays, {"min": low, "max": high}),
        s.unary(),
        st.sampled_from([-0.5, 0.0]),
        st.sampled_from([None, 0.5, 1.0]),
    ),
    lambda m, F: m.clamp(m.zeros(2)),
)
record("maximum", lambda m, F, x, y: m.maximum(x, y), st.one_of(s.broadcastable(), s.broadcastable(values="ties")))
record("minimum", lambda m, F, x, y: m.minimum(x, y), st.one_of(s.broadcastable(), s.broadcastable(values="ties")))
record(
    "where",
    lambda m, F, c, x, y: m.where(c > 0, x, y),
    st.builds(lambda sample: Sample(sample.arrays, constants=(0,)), s.broadcastable(3)),
    lambda m, F: m.where(m.zeros(2), m.zeros(2), m.zeros(2)),
)
record(
    "lerp",
    lambda m, F, x, y, weight: m.lerp(x, y, weight),
    with_options(s.broadcastable(), weight=[0.25, 0.75, 1.5]),
    lambda m, F: m.lerp(m.zeros(2), m.zeros(2, dtype=m.float64), 0.5),
    lambda m, F: m.lerp(m.zeros(2, dtype=m.int64), m.ones(2, dtype=m.int64), 0.5),
)
record("lerp.weights", lambda m, F, x, y, weight: m.lerp(x, y, weight), s.broadcastable(3))
record(
    "addcmul",
    lambda m, F, x, y, z, value: m.addcmul(x, y, z, value=value),
    with_options(s.broadcastable(3), value=[1, 0.5]),
    lambda m, F: m.addcmul(m.zeros(2), m.zeros(3), m.zeros(3)),
)
record(
    "addcdiv",
    lambda m, F, x, y, z, value: m.addcdiv(x, y, z, value=value),
    with_options(s.broadcastable(3, values="positive"), value=[1, 0.5]),
    lambda m, F: m.addcdiv(m.zeros(2), m.tensor([1]), m.tensor([2])),
)
record("where.numbers", lambda m, F, x: (m.where(x > 0, 1, 0), m.where(x > 0, 1, -0.5)), s.unary(values="ties"))
record(
    "isclose",
    lambda m, F, x, y, equal_nan: m.isclose(x, y, 0.3, 0.1, equal_nan),
    with_options(s.broadcastable(values="ties"), equal_nan=[True, False]),
    lambda m, F: m.isclose(m.zeros(2), m.tensor([0])),
    lambda m, F: m.isclose(m.zeros(2), m.zeros(2), rtol=-1.0),
)
record("clone", lambda m, F, x: m.clone(x), s.unary())
record("to_dtype", lambda m, F, x: x.to(m.float64) + x.float().double(), s.unary())
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    record(_name, lambda m, F, x, y, _name=_name: getattr(m, _name)(x, y), s.broadcastable(values="ties"))
record("isnan", lambda m, F, x: m.logical_not(m.isnan(x / x)), s.unary(values="ties"))
record("isfinite", lambda m, F, x: (m.isfinite(1 / x), m.isinf(1 / x)), s.unary(values="ties"))
record("logical", lambda m, F, x, y: m.logical_or(m.logical_and(x > 0, y > 0), x < 0), s.broadcastable(values="ties"))
record("logical_xor", lambda m, F, x, y: m.logical_xor(x, y), s.broadcastable(values="ties"))
record("reciprocal", lambda m, F, x: m.reciprocal(x), s.unary(values="positive"))
record("square", lambda m, F, x: m.square(x), s.unary())

record("sin.cos", lambda m, F, x: m.sin(x) * m.cos(x), s.unary())
record("log1p", lambda m, F, x: m.log1p(x), s.unary(values="positive"))
record("expm1", lambda m, F, x: m.expm1(x), s.unary())
for _name in ("floor", "ceil", "trunc", "round"):
    record(_name, lambda m, F, x, _name=_name: getattr(m, _name)(x * 3), s.unary())
record("div.floor", lambda m, F, x, y: m.div(x, y, rounding_mode="floor"), s.broadcastable(values="positive"))
record(
    "div.trunc",
    lambda m, F, x, y: m.div(x, -y, rounding_mode="trunc"),
    s.broadcastable(values="positive"),
    lambda m, F: m.div(m.ones(2), 2, rounding_mode="up"),
)
record("remainder", lambda m, F, x, y: m.remainder(x, y) + x % 2, s.broadcastable(values="positive"))
record("fmod", lambda m, F, x, y: m.fmod(-x, y), s.broadcastable(values="positive"))
record(
    "floor_divide",
    lambda m, F, x, y: m.floor_divide(x.detach(), y.detach()) + 3 // y.detach() + x * y,
    s.broadcastable(values="positive"),
)
record(
    "masked_fill",
    lambda m, F, x: m.masked_fill(x, x > 0.3, -2.5),
    s.unary(),
    lambda m, F: m.zeros(2).masked_fill(m.zeros(2), 1.0),
)


record(
    "clamp.tensors",
    lambda m, F, x, low, high: m.clamp(x, low, high) + m.clamp(x, min=low) * m.clamp(x, max=high),
    s.shapes().flatmap(lambda shape: st.tuples(*[s.array_of(shape, "ties")] * 3)).map(lambda xs: Sample(list(xs))),
)
record(
    "round.decimals",
    lambda m, F, x, decimals: m.round(x * 10, decimals=decimals),
    with_options(s.unary(), decimals=[-1, 0, 1, 2]),
)


def _changed(x: Any, change: Any) -> Any:
    y = x.clone()
    change(y)
    return y


for _method in ("exp", "sqrt", "log", "sin", "cos", "tanh", "sigmoid", "abs", "neg", "rsqrt", "log1p", "expm1"):
    record(
        f"{_method}_",
        lambda m, F, x, _method=_method: _changed(x, lambda y: getattr(y, f"{_method}_")()),
        s.unary(values="positive"),
    )
for _method in ("add", "sub", "mul", "div", "pow"):
    record(
        f"{_method}_",
        lambda m, F, x, _method=_method: _changed(x, lambda y: getattr(y, f"{_method}_")(x.detach() + 1)),
        s.unary(values="positive"),
        lambda m, F, _method=_method: getattr(m.ones(2), f"{_method}_")(m.ones(3, 2)),
    )
record(
    "in place.errors",
    lambda m, F, x: _changed(x, lambda y: y.clamp_(-0.5, 0.5).add_(1, alpha=2)),
    s.unary(),
    lambda m, F: m.ones(2, dtype=m.int64).div_(2),
    lambda m, F: m.ones(2, requires_grad=True).exp_(),
    lambda m, F: m.ones(2, dtype=m.int64).add_(0.5),
)


def _whole(sample: Sample) -> Sample:
    return Sample([np.asarray(np.rint(array * 4)).astype(np.int64) for array in sample.arrays])


for _name in ("and", "or", "xor"):
    record(
        f"bitwise_{_name}",
        lambda m, F, x, y, _name=_name: getattr(m, f"bitwise_{_name}")(x, y),
        s.broadcastable().map(_whole),
        lambda m, F, _name=_name: getattr(m, f"bitwise_{_name}")(m.zeros(2), m.zeros(2)),
    )
for _name in ("left", "right"):
    record(
        f"bitwise_{_name}_shift",
        lambda m, F, x, y, _name=_name: getattr(m, f"bitwise_{_name}_shift")(x, y & 7),  # C has no other shifts
        s.broadcastable().map(_whole),
    )
