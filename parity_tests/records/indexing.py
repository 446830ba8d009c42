"""Indexing. The indices are made for a tensor of shape 4 x 3 x 5."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import block, record, with_options

_INDICES: dict[str, Any] = {
    "int": lambda m: 2,
    "negative": lambda m: (-1, ..., 0),
    "slices": lambda m: (slice(1, None), slice(None, None, 2), slice(-3, -1)),
    "none": lambda m: (None, slice(None), None, 1),
    "list": lambda m: [0, 2, 2, -1],
    "tensor": lambda m: m.tensor([[0, 3], [3, 1]]),
    "tensors": lambda m: (m.tensor([0, 1, 0, 0]), m.tensor([2, 1, 2, 2])),
    "split": lambda m: (m.tensor([0, 1, 1]), slice(None), m.tensor([4, 0, 0])),
    "mask": lambda m: m.tensor([i % 3 == 0 for i in range(60)]).reshape(4, 3, 5),
    "row mask": lambda m: m.tensor([True, False, True, True]),
}
for _name, _index in _INDICES.items():
    record(f"getitem.{_name}", lambda m, F, x, _index=_index: x[_index(m)], block)
    record(
        f"setitem.{_name}",
        lambda m, F, x, v, _index=_index: _written(x * 1, _index(m), v),
        st.builds(lambda a, v: Sample([a, v]), s.array_of((4, 3, 5)), s.array_of(())),
    )


def _written(y: Any, index: Any, value: Any) -> Any:
    y[index] = value
    return y * y


@st.composite
def _gathers(draw: Any) -> Sample:
    shape = draw(s.shapes(min_dims=1))
    dim = draw(st.integers(0, len(shape) - 1))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    size = [draw(st.integers(1, 6)) if d == dim else draw(st.integers(1, n)) for d, n in enumerate(shape)]
    return Sample([draw(s.array_of(shape)), random.integers(0, shape[dim], size)], {"dim": dim})


record(
    "gather",
    lambda m, F, x, index, dim: m.gather(x, dim, index),
    _gathers(),
    lambda m, F: m.gather(m.zeros(2), 0, m.zeros(2)),
    lambda m, F: m.gather(m.zeros(2, 2), 0, m.tensor([0])),
)
record(
    "getitem.errors",
    lambda m, F, x: x[0],
    block,
    lambda m, F: m.zeros(2)[2],
    lambda m, F: m.zeros(2)[0, 0],
    lambda m, F: m.zeros(2)[::-1],
    lambda m, F: m.zeros(2)[0.5],
    lambda m, F: m.zeros(2)[m.tensor([5])],
)


@st.composite
def _selections(draw: Any) -> Sample:
    shape = draw(s.shapes(min_dims=1))
    dim = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, 5))
    index = np.random.default_rng(draw(st.integers(0, 999))).integers(0, shape[dim], count)
    return Sample([draw(s.array_of(shape)), index], {"dim": dim})


@st.composite
def _scatters(draw: Any) -> Sample:
    sample = draw(_gathers())
    source = draw(s.array_of(sample.arrays[1].shape))  # of a larger one torch has no gradient
    return Sample([*sample.arrays, source], sample.options)


record(
    "index_select",
    lambda m, F, x, index, dim: m.index_select(x, dim, index),
    _selections(),
    lambda m, F: m.index_select(m.zeros(2), 0, m.tensor([2])),
    lambda m, F: m.index_select(m.zeros(2), 0, m.tensor([[0]])),
    lambda m, F: m.index_select(m.zeros(2), 0, m.tensor([0.5])),
)
record(
    "scatter_add",
    lambda m, F, x, index, source, dim: m.scatter_add(x, dim, index, source),
    _scatters(),
    lambda m, F: m.scatter_add(m.zeros(2), 0, m.tensor([2]), m.zeros(1)),
    lambda m, F: m.scatter_add(m.zeros(2), 0, m.tensor([0, 1]), m.zeros(1)),
    lambda m, F: m.scatter_add(m.zeros(2), 0, m.tensor([0]), m.zeros(1, dtype=m.float64)),
    sums=True,
)
record(
    "index_put",
    lambda m, F, x, v, accumulate: m.index_put(x, (m.tensor([0, 2]), m.tensor([2, 1])), v, accumulate),
    with_options(
        st.builds(lambda a, v: Sample([a, v]), s.array_of((4, 3, 5)), s.array_of((5,))), accumulate=[True, False]
    ),
    lambda m, F: m.index_put(m.zeros(2), (m.tensor([5]),), m.tensor(1.0)),
)
record(
    "index_put.repeated",
    lambda m, F, x, v: m.index_put(x, (m.tensor([0, 2, 0]),), v, accumulate=True),
    st.builds(lambda a, v: Sample([a, v]), s.array_of((4, 3, 5)), s.array_of((3, 3, 5))),
)
record(
    "take_along_dim",
    lambda m, F, x, dim: m.take_along_dim(x, m.argsort(x, dim), dim) + m.take_along_dim(x, m.argsort(x, 0)[:1], 0),
    with_options(block, dim=[0, 1, -1]),
    lambda m, F: m.take_along_dim(m.zeros(2), m.tensor([0.5]), 0),
)
record(
    "nonzero",
    lambda m, F, x: (m.nonzero(x), *m.nonzero(x, as_tuple=True)),
    s.unary(values="ties", min_dims=1),
)
record(
    "one_hot",
    lambda m, F, index: (F.one_hot(index), F.one_hot(index, 7)),
    s.shapes().flatmap(s.array_of).map(lambda a: Sample([np.asarray(np.rint(np.abs(a))).astype(np.int64)])),
    lambda m, F: F.one_hot(m.tensor([-1])),
    lambda m, F: F.one_hot(m.tensor([3]), 3),
)
_lookups = st.builds(
    lambda table, seed: Sample([table, np.random.default_rng(seed).integers(0, 4, (3, 5))]),
    s.array_of((4, 3)),
    st.integers(0, 99),
)
record(
    "embedding",
    lambda m, F, table, index, **o: F.embedding(index, table, **o),
    with_options(_lookups, padding_idx=[None, 0, -1, 2]),
    lambda m, F: F.embedding(m.tensor([4]), m.zeros(4, 2)),
    lambda m, F: F.embedding(m.tensor([0.5]), m.zeros(4, 2)),
)
record(
    "embedding.by_frequency",
    lambda m, F, table, index, **o: F.embedding(index, table, scale_grad_by_freq=True, **o),
    with_options(_lookups, padding_idx=[None, 1]),
    second=False,  # torch's forgets the frequencies
)
record(
    "embedding.max_norm",
    lambda m, F, table, norm_type: _limited(F, table.detach().clone(), m.tensor([[0, 2], [2, 3]]), norm_type),
    with_options(s.array_of((4, 3)).map(lambda table: Sample([table])), norm_type=[1.0, 2.0, 3.0]),
)


def _limited(F: Any, table: Any, index: Any, norm_type: float) -> Any:
    return F.embedding(index, table, max_norm=1.0, norm_type=norm_type), table


@st.composite
def _unique_scatters(draw: Any) -> Sample:
    sample = draw(_scatters())
    x, index, source = sample.arrays
    dim, random = sample.options["dim"], np.random.default_rng(draw(st.integers(0, 999)))
    length = min(index.shape[dim], x.shape[dim])
    index, source = (np.take(a, np.arange(length), axis=dim) for a in (index, source))
    index = np.argsort(random.random(tuple(x.shape[d] if d == dim else n for d, n in enumerate(index.shape))), axis=dim)
    return Sample([x, np.take(index, np.arange(length), axis=dim), source], sample.options)


record(
    "scatter",
    lambda m, F, x, index, source, dim: m.scatter(x, dim, index, source) + m.scatter(x, dim, index, 2.5),
    _unique_scatters(),
    lambda m, F: m.scatter(m.zeros(2), 0, m.tensor([2]), m.zeros(1)),
    lambda m, F: m.scatter(m.zeros(2), 0, m.tensor([0, 1]), m.zeros(1)),
    lambda m, F: m.scatter(m.zeros(2), 0, m.tensor([0]), m.zeros(1, dtype=m.float64)),
)
record(
    "scatter_reduce",
    lambda m, F, x, index, source, dim, reduce, include_self: m.scatter_reduce(
        x, dim, index, source, reduce, include_self=include_self
    ),
    with_options(_scatters(), reduce=["sum", "mean", "amax", "amin"], include_self=[True, False]),
    lambda m, F: m.scatter_reduce(m.zeros(2), 0, m.tensor([0]), m.zeros(1), "largest"),
    lambda m, F: m.scatter_reduce(m.zeros(2), 0, m.tensor([2]), m.zeros(1), "sum"),
    sums=True,
    second=False,  # torch's of amax and amin is not the derivative at ties
)
record(
    "scatter_reduce.prod",
    lambda m, F, x, index, source, dim, include_self: m.scatter_reduce(
        x, dim, index, source, "prod", include_self=include_self
    ),
    with_options(_unique_scatters(), include_self=[True, False]),
    second=False,
)
_slices = st.builds(
    lambda x, v, seed: Sample([x, np.random.default_rng(seed).permutation(4)[:3], v]),
    s.array_of((4, 3, 5)),
    s.array_of((3, 3, 5)),
    st.integers(0, 99),
)
record(
    "index_add",
    lambda m, F, x, index, v: m.index_add(x, 0, index, v) + m.index_add(x, 0, index * 0 + 1, v, alpha=-2),
    _slices,
    lambda m, F: m.index_add(m.zeros(2), 0, m.tensor([2]), m.zeros(1)),
    lambda m, F: m.index_add(m.zeros(2), 0, m.tensor([0]), m.zeros(2)),
    lambda m, F: m.index_add(m.zeros(2), 0, m.tensor([0]), m.zeros(1, dtype=m.float64)),
    sums=True,
)
record("index_copy", lambda m, F, x, index, v: m.index_copy(x, 0, index, v), _slices)
record(
    "index_fill",
    lambda m, F, x, index, v: (
        m.index_fill(x, 0, index, 2.5) + m.index_fill(x, -1, index, -1) + m.index_fill(x, 0, index, v.sum())
    ),
    _slices,
    lambda m, F: m.index_fill(m.zeros(2), 0, m.tensor([2]), 1.0),
    lambda m, F: m.index_fill(m.zeros(2), 0, m.tensor([0]), m.zeros(2)),
    sums=True,
)
record(
    "masked_select",
    lambda m, F, x: m.masked_select(x, x > 0) * 2,
    s.unary(min_side=1),
    lambda m, F: m.masked_select(m.zeros(2), m.zeros(2)),
)
record(
    "masked_scatter",
    lambda m, F, x, v: m.masked_scatter(x, m.tensor([True, False, True, False, True]), v),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((4, 3, 5)), s.array_of((9, 4))),
    lambda m, F: m.masked_scatter(m.zeros(2), m.zeros(2), m.zeros(2)),
    lambda m, F: m.masked_scatter(m.zeros(2), m.tensor([True, True]), m.zeros(1)),
)
record(
    "embedding_bag",
    lambda m, F, table, index, **o: F.embedding_bag(index, table, **o),
    with_options(_lookups, mode=["sum", "mean", "max"], padding_idx=[None, 1]),
    lambda m, F: F.embedding_bag(m.tensor([1]), m.zeros(3, 2)),
    lambda m, F: F.embedding_bag(m.tensor([1]), m.zeros(3, 2), m.tensor([0, 3])),
    second=False,  # torch has none
)
