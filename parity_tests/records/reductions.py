"""Reductions."""

from __future__ import annotations

import numpy as np
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
    lambda m, F, x, unbiased: (
        m.var(x, 0, unbiased)
        + m.std(x, unbiased)
        + m.var_mean(x, unbiased=unbiased)[1]
        + m.std_mean(x, unbiased=unbiased)[0]
    ),
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

record(
    "cumprod",
    lambda m, F, x, dim: m.cumprod(x, dim),
    st.one_of(*[s.with_dim(values=v, keepdim=False, several=False) for v in ("positive", "ties")]),
    lambda m, F: m.cumprod(m.zeros(2), 1),
)
for _name in ("cummax", "cummin"):
    record(
        _name,
        lambda m, F, x, dim, _name=_name: getattr(m, _name)(x, dim),
        s.with_dim(keepdim=False, several=False),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2), 1),
    )
record(
    "diff",
    lambda m, F, x, dim, n: m.diff(x, n, dim),
    with_options(s.with_dim(keepdim=False, several=False), n=[0, 1, 2]),
    lambda m, F: m.diff(m.tensor(1.0)),
    lambda m, F: m.diff(m.zeros(3), -1),
)
record(
    "diff.joined",
    lambda m, F, x, y: m.diff(x, dim=1, prepend=y, append=y * 2),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((4, 3, 5)), s.array_of((4, 2, 5))),
)
record("median", lambda m, F, x: m.median(x), s.unary(min_side=1), second=False)
record(
    "median.dim",
    lambda m, F, x, **o: m.median(x, **o),
    s.with_dim(values="positive", several=False),
    lambda m, F: m.median(m.zeros(2), 1),
    lambda m, F: m.median(m.zeros(0, 2), 0),
)
record(
    "kthvalue",
    lambda m, F, x, **o: m.kthvalue(x, **o),
    with_options(s.unary(min_dims=1, min_side=2, values="positive"), k=[1, 2], dim=[0, -1], keepdim=[True, False]),
    lambda m, F: m.kthvalue(m.zeros(2), 3),
    lambda m, F: m.kthvalue(m.zeros(2), 0),
)
record(
    "equal",
    lambda m, F, x, y: m.tensor([m.equal(x, y), m.equal(x, x), m.equal(x, x[:1])]),
    s.unary(values="ties", min_dims=1, min_side=1).map(lambda sample: Sample([sample.arrays[0], sample.arrays[0]])),
)
record(
    "allclose",
    lambda m, F, x, y: m.tensor([m.allclose(x, y), m.allclose(x, y, 0, 4.0), m.allclose(x, x, equal_nan=True)]),
    s.broadcastable(values="ties"),
    lambda m, F: m.allclose(m.zeros(2), m.tensor([0])),
)


def _whole(sample: Sample) -> Sample:
    return Sample([np.rint(np.abs(array) * 4).astype(np.int64) for array in sample.arrays], sample.options)


record(
    "unique",
    lambda m, F, x, **o: m.unique(x, **o),
    with_options(
        s.with_dim(values="ties", keepdim=False, several=False),
        return_inverse=[True, False],
        return_counts=[True, False],
    ).map(_whole),
    lambda m, F: m.unique(m.zeros(2), dim=1),
)
record("unique.all", lambda m, F, x: m.unique(x.detach(), True, True, True), s.unary(values="ties"))
record(
    "unique_consecutive",
    lambda m, F, x, dim: (
        m.unique_consecutive(x, True, True, dim),
        m.unique_consecutive(x, return_counts=True)[0],
        m.unique_consecutive(x),
    ),
    s.with_dim(values="ties", keepdim=False, several=False).map(_whole),
)
record(
    "bincount",
    lambda m, F, x, y: (m.bincount(x), m.bincount(x, y.detach(), 9)),
    st.builds(
        lambda n, seed: Sample(
            [np.random.default_rng(seed).integers(0, 6, n), np.random.default_rng(seed).standard_normal(n)]
        ),
        st.integers(1, 9),
        st.integers(0, 99),
    ),
    lambda m, F: m.bincount(m.tensor([0.5])),
    lambda m, F: m.bincount(m.tensor([-1])),
    lambda m, F: m.bincount(m.tensor([[1]])),
    lambda m, F: m.bincount(m.tensor([1]), m.zeros(2)),
    lambda m, F: m.bincount(m.tensor([1]), minlength=-1),
)
