"""Shape operations."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import block, record


@st.composite
def _reshapes(draw: Any) -> Sample:
    shape = draw(s.shapes(min_dims=1, max_dims=4))
    array = draw(s.array_of(shape))
    sizes = list(draw(st.permutations(shape)))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return Sample([array], {"shape": tuple(sizes)})


@st.composite
def _permutations(draw: Any) -> Sample:
    shape = draw(s.shapes())
    return Sample([draw(s.array_of(shape))], {"dims": tuple(draw(st.permutations(range(len(shape)))))})


@st.composite
def _expansions(draw: Any) -> Sample:
    sample = draw(s.broadcastable(1))
    shape = sample.arrays[0].shape
    full = tuple(draw(st.integers(1, 4)) if n == 1 else draw(st.sampled_from([n, -1])) for n in shape)
    lead = draw(s.shapes(max_dims=1))
    return Sample(sample.arrays, {"sizes": lead + full})


@st.composite
def _joins(draw: Any, stack: bool) -> Sample:
    shape = list(draw(s.shapes(min_dims=0 if stack else 1)))
    dim = draw(st.integers(-len(shape) - stack, len(shape) - 1 + stack))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        if not stack:
            shape[dim] = draw(st.integers(1, 4))
        arrays.append(draw(s.array_of(tuple(shape))))
    return Sample(arrays, {"dim": dim})


@st.composite
def _pads(draw: Any) -> Sample:
    shape = draw(s.shapes(min_dims=1, min_side=3))
    count = draw(st.integers(1, len(shape)))
    return Sample(
        [draw(s.array_of(shape))],
        {"pad": tuple(draw(st.integers(-1, 2)) for _ in range(2 * count)), "value": draw(st.sampled_from([0.0, -1.5]))},
    )


@st.composite
def _flattens(draw: Any) -> Sample:
    shape = draw(s.shapes())
    start = draw(st.integers(0, max(len(shape) - 1, 0)))
    return Sample(
        [draw(s.array_of(shape))], {"start_dim": start, "end_dim": draw(st.integers(start, max(len(shape) - 1, 0)))}
    )


record(
    "reshape",
    lambda m, F, x, shape: m.reshape(x, shape),
    _reshapes(),
    lambda m, F: m.zeros(6).reshape(4),
    lambda m, F: m.zeros(6).reshape(-1, -1),
    lambda m, F: m.zeros(6).reshape(-1, 4),
)
record(
    "view",
    lambda m, F, x: x.view(-1),
    st.builds(lambda sample: Sample([np.ascontiguousarray(sample.arrays[0])]), s.unary(min_dims=1)),
    lambda m, F: m.zeros(2, 3).t().view(6),
)
record(
    "permute",
    lambda m, F, x, dims: m.permute(x, dims),
    _permutations(),
    lambda m, F: m.permute(m.zeros(2, 3), (0, 0)),
    lambda m, F: m.permute(m.zeros(2, 3), (0,)),
)
record(
    "transpose",
    lambda m, F, x: m.transpose(x, 0, -1) * m.transpose(x, -1, 0),
    s.unary(min_dims=1),
    lambda m, F: m.transpose(m.zeros(2), 0, 1),
)
record("t", lambda m, F, x: m.t(x), s.unary(max_dims=2), lambda m, F: m.t(m.zeros(1, 2, 3)))
record(
    "expand",
    lambda m, F, x, sizes: x.expand(sizes),
    _expansions(),
    lambda m, F: m.zeros(3).expand(4),
    lambda m, F: m.zeros(3, 1).expand(3),
)
record(
    "broadcast_to",
    lambda m, F, x: m.broadcast_to(x, (2, *x.shape)),
    s.unary(),
    lambda m, F: m.broadcast_to(m.zeros(3), (2, 2)),
)
record(
    "cat",
    lambda m, F, *xs, dim: m.cat(xs, dim),
    _joins(stack=False),
    lambda m, F: m.cat([m.zeros(2, 2), m.zeros(3, 3)]),
    lambda m, F: m.cat([m.zeros(2), m.zeros(2, 2)]),
    lambda m, F: m.cat([m.tensor(1.0)]),
)
record("cat.empty", lambda m, F, x: m.cat([m.zeros(0, dtype=m.float64), x], -1), s.unary(min_dims=1, min_side=1))
record(
    "stack",
    lambda m, F, *xs, dim: m.stack(xs, dim),
    _joins(stack=True),
    lambda m, F: m.stack([m.zeros(2), m.zeros(3)]),
    lambda m, F: m.stack([]),
)
record("squeeze", lambda m, F, x: m.squeeze(x), s.unary(max_side=2))
record(
    "squeeze.dim",
    lambda m, F, x, dim: m.squeeze(x, dim),
    s.with_dim(keepdim=False),
    lambda m, F: m.squeeze(m.zeros(2), 1),
)
record(
    "unsqueeze",
    lambda m, F, x, dim: m.unsqueeze(x, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: m.unsqueeze(m.zeros(2), 2),
)
record("flatten", lambda m, F, x, **o: m.flatten(x, **o), _flattens(), lambda m, F: m.flatten(m.zeros(2, 3), 1, 0))
record(
    "pad",
    lambda m, F, x, **o: F.pad(x, **o),
    _pads(),
    lambda m, F: F.pad(m.zeros(2), (1,)),
    lambda m, F: F.pad(m.zeros(2), (1, 1, 1, 1)),
    lambda m, F: F.pad(m.zeros(2), (-2, -1)),
)

record("split", lambda m, F, x: m.split(x, 2, 2) + m.split(x, [1, 3]), block, lambda m, F: m.split(m.zeros(3), [1, 1]))
record("chunk", lambda m, F, x: m.chunk(x, 3) + x.chunk(2, -1), block, lambda m, F: m.chunk(m.zeros(3), 0))
record("unbind", lambda m, F, x: m.unbind(x, 1), block)
record(
    "narrow",
    lambda m, F, x: m.narrow(x, 2, 1, 3) * m.narrow(x, -1, -3, 3),
    block,
    lambda m, F: m.narrow(m.zeros(3), 0, 2, 2),
    lambda m, F: m.narrow(m.zeros(3), 0, 5, 1),
)
record("repeat", lambda m, F, x: x.repeat(2, 1, 3, 2), block, lambda m, F: m.zeros(2, 2).repeat(2))
record("flip", lambda m, F, x: m.flip(x, (0, 2)), block, lambda m, F: m.flip(m.zeros(2), (1,)))
record("roll", lambda m, F, x: m.roll(x, (1, -2), (0, 2)) + m.roll(x, 7), block)
record("tril.triu", lambda m, F, x: m.tril(x, -1) + m.triu(x, 2), block, lambda m, F: m.tril(m.zeros(2)))


@st.composite
def _border(draw: Any) -> Sample:
    """Draw a tensor and a padding in a mode that makes the border from the tensor itself."""
    count = draw(st.integers(1, 3))
    shape = draw(s.shapes(min_dims=count, max_dims=count, min_side=3))
    lead = draw(st.sampled_from([(2,), (1, 2)]))
    mode = draw(st.sampled_from(["reflect", "replicate", "circular"]))
    widths = [draw(st.integers(-1, 2)) for _ in range(2 * count)]
    return Sample([draw(s.array_of((*lead, *shape)))], {"pad": tuple(widths), "mode": mode})


record(
    "pad.modes",
    lambda m, F, x, **o: F.pad(x, **o),
    _border(),
    lambda m, F: F.pad(m.zeros(1, 3), (3, 0), "reflect"),
    lambda m, F: F.pad(m.zeros(1, 3), (4, 0), "circular"),
    lambda m, F: F.pad(m.zeros(3), (1, 1), "reflect"),
    lambda m, F: F.pad(m.zeros(1, 3), (1, 1), "mirror"),
)
record(
    "keywords",
    lambda m, F, x: m.permute(m.reshape(x, shape=(6, 10)), dims=(1, 0)),
    block,
)
record(
    "new",
    lambda m, F, x: (
        x.new_zeros(2, 3) + x.new_ones((2, 3)) + x.new_full((2, 3), 2.5) + x.new_empty(2, 3).fill_(1),
        x.new_tensor([1, 2]) + x.new([1, 2]),
        x.long().new_zeros(2),
        x.new_ones(2, dtype=m.int64),
    ),
    block,
    lambda m, F: m.zeros(2).new_zeros(-1),
)
record(
    "typed",
    lambda m, F, x: (
        m.FloatTensor([1, 2]) + m.Tensor([3, 4]),
        m.LongTensor([[1, 2]]),
        m.Tensor(np.ones(2)) + m.FloatTensor(np.ones(2)),
        x.type(m.float64) + x.type("torch.DoubleTensor") + x.type(m.DoubleTensor),
        0 * m.zeros(size=(2, 3)) + m.ones(size=(2, 3)),
        m.tensor([x.float().type() == "torch.FloatTensor", isinstance(x.long(), m.LongTensor), m.is_tensor(x)]),
        m.tensor([m.finfo(m.float32).max, m.finfo(m.float64).eps, m.finfo(m.float16).tiny, m.iinfo(m.int8).min]),
    ),
    block,
    lambda m, F: m.LongTensor(m.zeros(2)),
    lambda m, F: m.Tensor([1], [2]),
    lambda m, F: m.finfo(m.int64),
    lambda m, F: m.iinfo(m.float32),
    lambda m, F: m.randint(size=(2,)),
)
record(
    "tensor.unfold",
    lambda m, F, x: (
        x.unfold(0, 2, 1).clone(),
        x.unfold(-1, 3, 2) * 2,
        x.unfold(1, 3, 4),
        x.unfold(-1, 2, 3),
        x[0, 0, 0].unfold(0, 1, 1),
    ),
    block,
    lambda m, F: m.zeros(2).unfold(0, 3, 1),
    lambda m, F: m.zeros(2).unfold(0, 1, 0),
)
