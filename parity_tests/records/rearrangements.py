"""Dimensions moved, divided and joined; elements repeated; and second names of functions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import block, record, with_options

record("ravel", lambda m, F, x: m.ravel(x), s.unary())
record(
    "unflatten",
    lambda m, F, x, sizes: m.unflatten(x, 1, sizes),
    with_options(s.array_of((2, 12, 3)).map(lambda x: Sample([x])), sizes=[(3, 4), (-1, 6), (2, 3, -1), (12,)]),
    lambda m, F: m.unflatten(m.zeros(2, 6), 1, (2, 2)),
    lambda m, F: m.unflatten(m.zeros(2, 6), 1, ()),
    lambda m, F: m.unflatten(m.zeros(2, 6), 1, (-1, 4)),
)
for _name in ("movedim", "moveaxis"):
    record(
        _name,
        lambda m, F, x, source, destination, _name=_name: getattr(m, _name)(x, source, destination),
        st.builds(
            lambda sample, dims: Sample(sample.arrays, {"source": dims[0], "destination": dims[1]}),
            block,
            st.sampled_from([(0, 2), (-1, 0), ((0, 1), (2, 0)), ((2, 0, 1), (0, -1, 1))]),
        ),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2, 3), 0, 2),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2, 3), (0, 1), (0,)),
        lambda m, F, _name=_name: getattr(m, _name)(m.zeros(2, 3), (0, 0), (0, 1)),
    )
record("swap", lambda m, F, x: m.swapaxes(x, 0, 2) + m.swapdims(x, -1, 0), block)
record(
    "select",
    lambda m, F, x, dim, index: m.select(x, dim, index),
    with_options(block, dim=[0, 1, -1], index=[0, 2, -1]),
    lambda m, F: m.select(m.tensor(1.0), 0, 0),
    lambda m, F: m.select(m.zeros(2), 0, 2),
)
record(
    "tile",
    lambda m, F, x, dims: m.tile(x, dims) * x.tile(*dims),
    with_options(block, dims=[(2,), (2, 1, 3), (1, 2), (2, 1, 1, 2)]),
)
record(
    "repeat_interleave",
    lambda m, F, x, dim, each: m.repeat_interleave(x, 2, dim) + m.repeat_interleave(x, m.tensor([each]), dim),
    with_options(block, dim=[0, -1, None], each=[2]),
    lambda m, F: m.repeat_interleave(m.zeros(3), m.tensor([1, 2])),
    lambda m, F: m.repeat_interleave(m.zeros(2), m.tensor([1, -1])),
    lambda m, F: m.repeat_interleave(m.zeros(2), m.tensor([0.5, 1.0])),
)
record(
    "repeat_interleave.each",
    lambda m, F, x: (m.repeat_interleave(x, m.tensor([3, 0, 2]), 1), m.repeat_interleave(m.tensor([2, 0, 1]))),
    block,
)


@st.composite
def _vectors(draw: Any) -> Sample:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    return Sample([draw(s.array_of((n,))) for n in sizes], {"indexing": draw(st.sampled_from(["ij", "xy"]))})


record(
    "meshgrid",
    lambda m, F, *xs, indexing: (*m.meshgrid(*xs, indexing=indexing), *m.meshgrid(list(xs), indexing="ij")),
    _vectors(),
    lambda m, F: m.meshgrid(m.zeros(2, 2), indexing="ij"),
    lambda m, F: m.meshgrid(m.zeros(2), indexing="yx"),
    lambda m, F: m.meshgrid(m.zeros(2), m.tensor([1]), indexing="ij"),
)
record(
    "mv",
    lambda m, F, x, y: m.mv(x, y),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((3, 4)), s.array_of((4,))),
    lambda m, F: m.mv(m.zeros(2, 3), m.zeros(2)),
    lambda m, F: m.mv(m.zeros(2), m.zeros(2)),
    sums=True,
)
record(
    "synonyms",
    lambda m, F, x, y: (
        m.absolute(x) + m.negative(y) + m.subtract(x, y, alpha=2) + m.multiply(x, y) + m.clip(x, -0.5, max=0.5),
        m.divide(x, y.abs() + 1) + m.true_divide(x, y.abs() + 1) + m.fix(x),
        m.concat((x.reshape(-1), y.reshape(-1))) + m.concatenate([x.reshape(-1), y.reshape(-1)]),
        m.greater(x, y),
        m.greater_equal(x, y),
        m.less(x, y),
        m.less_equal(x, y),
        m.not_equal(x, y),
    ),
    s.broadcastable(),
)
record(
    "random",  # with the same result whatever is drawn
    lambda m, F, x: (
        m.bernoulli(m.ones(2, 3)) + m.bernoulli(m.zeros(2, 3)),
        m.multinomial(m.tensor([[0.0, 2.0, 0.0], [0.5, 0.0, 0.0]]), 3, replacement=True),
        m.multinomial(m.ones(4), 4).sort()[0],
        m.binomial(m.tensor([0.0, 3.0, 2.0]), m.tensor([0.5, 1.0, 0.0])),
        m.poisson(m.zeros(2)),
        m.normal(m.tensor([1.0, 2.0]), m.zeros(2)) + m.normal(3.0, 0.0, size=(2,)),
    ),
    block,
    lambda m, F: m.bernoulli(m.tensor([1.5])),
    lambda m, F: m.binomial(m.tensor([1]), m.tensor([0.5])),
    lambda m, F: m.binomial(m.ones(1, dtype=m.float64), m.ones(1, dtype=m.float32)),
    lambda m, F: m.multinomial(m.zeros(3), 1),
    lambda m, F: m.multinomial(m.tensor([1.0, -1.0]), 1),
    lambda m, F: m.multinomial(m.ones(2, 2, 2), 1),
    lambda m, F: m.multinomial(m.ones(2), 3),
    lambda m, F: m.multinomial(m.ones(2), 0),
    lambda m, F: m.multinomial(m.tensor([1, 2]), 1),
    lambda m, F: m.normal(m.zeros(2), m.full((2,), -1.0)),
)
