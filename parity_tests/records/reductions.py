"""Reductions."""

from __future__ import annotations

from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record, with_options

record(
    "sum",
    lambda m, F, x, **o: m.sum(x, **o),
    s.with_dim(),
    lambda m, F: m.sum(m.zeros(2, 2), 2),
    lambda m, F: m.sum(m.zeros(2, 2), (0, 0)),
    sums=True,
)
record("sum.all", lambda m, F, x: x.sum(), s.unary(), sums=True)
record("mean", lambda m, F, x, **o: m.mean(x, **o), s.with_dim(), lambda m, F: m.mean(m.arange(3)), sums=True)
record("mean.all", lambda m, F, x: x.mean(), s.unary(min_side=1), sums=True)
record(
    "var",
    lambda m, F, x, correction: m.var(x, 0, correction=correction),
    st.builds(
        lambda sample, c: Sample(sample.arrays, {"correction": c}),
        s.unary(min_dims=1, min_side=2),
        st.sampled_from([0, 1]),
    ),
    sums=True,
)
record("amax", lambda m, F, x, **o: m.amax(x, **o), s.with_dim(), lambda m, F: m.amax(m.zeros(0, 2), 0))
record("amin", lambda m, F, x, **o: m.amin(x, **o), s.with_dim())
record("max.all", lambda m, F, x: m.max(x), s.unary(min_side=1), lambda m, F: m.max(m.zeros(0)))
record("min.all", lambda m, F, x: m.min(x), s.unary(min_side=1))
record("max.dim", lambda m, F, x, **o: m.max(x, **o), s.with_dim(several=False), lambda m, F: m.max(m.zeros(2), 1))
record("min.dim", lambda m, F, x, **o: m.min(x, **o), s.with_dim(several=False))
record("max.other", lambda m, F, x, y: m.max(x, y), s.broadcastable(values="ties"))
record("argmax", lambda m, F, x, **o: m.argmax(x, **o), s.with_dim(several=False), lambda m, F: m.argmax(m.zeros(0)))
record("argmin", lambda m, F, x, **o: m.argmin(x, **o), s.with_dim(several=False))
record("all", lambda m, F, x, **o: m.all(x > 0, **o), s.with_dim(values="ties"))
record("any", lambda m, F, x, **o: m.any(x > 0, **o), s.with_dim(values="ties"))


record("prod", lambda m, F, x, **o: m.prod(x, **o), s.with_dim(several=False), lambda m, F: m.prod(m.zeros(2), 1))
record("prod.zeros", lambda m, F, x, **o: m.prod(x, **o), s.with_dim(values="ties", several=False))
record("prod.all", lambda m, F, x: m.prod(x), s.unary(max_dims=2, max_side=4))
record(
    "cumsum",
    lambda m, F, x, dim: m.cumsum(x, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: m.cumsum(m.zeros(2), 1),
    sums=True,
)
record(
    "norm",
    lambda m, F, x, **o: m.norm(x, **o),
    with_options(s.with_dim(values="positive", several=False), p=["fro", 1, 2, 3, 0.5, float("inf"), float("-inf")]),
    lambda m, F: m.norm(m.arange(3)),
    lambda m, F: m.norm(m.zeros(2, 2, 2), dim=(0, 1, 2)),
    sums=True,
)
record("norm.zero", lambda m, F, x: m.norm(x * 0, dim=-1), s.unary(min_dims=1, min_side=1), second=False)
record(
    "var.unbiased",
    lambda m, F, x, unbiased: m.var(x, 0, unbiased) + m.std(x, unbiased) + m.var_mean(x, unbiased=unbiased)[1],
    with_options(s.unary(min_dims=1, min_side=2), unbiased=[True, False]),
    sums=True,
)
record(
    "sort",
    lambda m, F, x, dim, descending: m.sort(x, dim=dim, descending=descending, stable=True),
    with_options(s.with_dim(keepdim=False, several=False), descending=[True, False]),
    lambda m, F: m.sort(m.zeros(2), 1),
)
record(
    "topk",
    lambda m, F, x, **o: m.topk(x, **o),
    with_options(s.unary(min_dims=1, min_side=2, values="positive"), k=[0, 1, 2], dim=[0, -1], largest=[True, False]),
    lambda m, F: m.topk(m.zeros(2), 3),
    lambda m, F: m.topk(m.zeros(2), 1, 1),
)
