"""One record per operation: how it is called, what it is called with, and what it must refuse.

``call(m, F, *tensors, **options)`` is run twice: with minigrad and its ``nn.functional``, and with torch and
its own. That one line serves both is itself the proof that names, argument order and defaults agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity_tests import samples as s
from parity_tests.samples import Sample


@dataclass(frozen=True)
class OpRecord:
    """An operation, samples of valid calls, and calls that both libraries must refuse alike."""

    name: str
    call: Callable[..., Any]
    samples: st.SearchStrategy[Sample]
    errors: Sequence[Callable[[Any, Any], Any]] = ()
    sums: bool = False  #: results are long sums, for which float32 has a tolerance of its own

    def __repr__(self) -> str:
        return self.name


RECORDS: list[OpRecord] = []


def record(
    name: str, call: Callable[..., Any], samples: Any, *errors: Callable[[Any, Any], Any], sums: bool = False
) -> None:
    """Adds a record."""
    RECORDS.append(OpRecord(name, call, samples, errors, sums))


# --- Elementwise ---

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
record("neg", lambda m, F, x: -x, s.unary(), lambda m, F: -m.tensor([True]))
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
record("exp", lambda m, F, x: m.exp(x), s.unary())
record("log", lambda m, F, x: m.log(x), s.unary(values="positive"))
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
record("clone", lambda m, F, x: m.clone(x), s.unary())
record("to_dtype", lambda m, F, x: x.to(m.float64) + x.float().double(), s.unary())
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    record(_name, lambda m, F, x, y, _name=_name: getattr(m, _name)(x, y), s.broadcastable(values="ties"))
record("isfinite", lambda m, F, x: m.logical_not(m.isnan(x / x)), s.unary(values="ties"))
record("logical", lambda m, F, x, y: m.logical_or(m.logical_and(x > 0, y > 0), x < 0), s.broadcastable(values="ties"))

# --- Activation ---

record("relu", lambda m, F, x: F.relu(x), s.unary(), lambda m, F: F.relu(m.tensor([True])))
record("relu.inplace", lambda m, F, x: F.relu(x * 2, inplace=True), s.unary())
record("sigmoid", lambda m, F, x: m.sigmoid(x * 5), s.unary())
record("tanh", lambda m, F, x: m.tanh(x), s.unary())
record(
    "softmax",
    lambda m, F, x, dim: F.softmax(x, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: F.softmax(m.zeros(2), 1),
    lambda m, F: F.softmax(m.arange(3), 0),
)
record(
    "log_softmax",
    lambda m, F, x, dim: F.log_softmax(x * 3, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: F.log_softmax(m.zeros(2), 1),
)

# --- Reductions ---

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

# --- Shape ---


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

# --- Indexing. The indices are made for a tensor of shape 4 x 3 x 5. ---

_block = s.array_of((4, 3, 5)).map(lambda array: Sample([array]))
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
    record(f"getitem.{_name}", lambda m, F, x, _index=_index: x[_index(m)], _block)
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
    _block,
    lambda m, F: m.zeros(2)[2],
    lambda m, F: m.zeros(2)[0, 0],
    lambda m, F: m.zeros(2)[::-1],
    lambda m, F: m.zeros(2)[0.5],
    lambda m, F: m.zeros(2)[m.tensor([5])],
)

# --- Products ---


@st.composite
def _products(draw: Any) -> Sample:
    n, k, p = (draw(st.integers(1, 5)) for _ in range(3))
    batch = draw(s.shapes(max_dims=2, max_side=3))
    first = ((*draw(st.sampled_from([(), batch])), n, k)) if draw(st.integers(0, 4)) else (k,)
    second = ((*tuple(1 if draw(st.booleans()) else b for b in batch), k, p)) if draw(st.integers(0, 4)) else (k,)
    return Sample([draw(s.array_of(first)), draw(s.array_of(second))])


@st.composite
def _linears(draw: Any) -> Sample:
    lead, i, o = draw(s.shapes(max_dims=3, max_side=3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    arrays = [draw(s.array_of((*lead, i))), draw(s.array_of((o, i)))]
    return Sample(arrays + ([draw(s.array_of((o,)))] if draw(st.booleans()) else []))


record(
    "matmul",
    lambda m, F, x, y: m.matmul(x, y),
    _products(),
    lambda m, F: m.zeros(2, 3) @ m.zeros(2, 3),
    lambda m, F: m.matmul(m.tensor(1.0), m.zeros(2)),
    lambda m, F: m.zeros(2, 2) @ m.zeros(2, 2, dtype=m.float64),
    sums=True,
)
record(
    "linear",
    lambda m, F, *xs: F.linear(*xs),
    _linears(),
    lambda m, F: F.linear(m.zeros(2, 3), m.zeros(4, 2)),
    sums=True,
)

# --- Convolution, pooling, normalisation ---

record(
    "conv2d",
    lambda m, F, x, w, b=None, **o: F.conv2d(x, w.contiguous(), b, **o),  # torch fails on some weights otherwise
    s.convolutions(),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 2, 3, 3)),
    lambda m, F: F.conv2d(m.zeros(1, 3, 2, 4), m.zeros(2, 3, 3, 3)),
    lambda m, F: F.conv2d(m.zeros(1, 4, 4), m.zeros(3, 2, 1, 1), groups=2),
    lambda m, F: F.conv2d(m.zeros(4, 4), m.zeros(3, 2, 1, 1)),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 3, 3, 3), m.zeros(3)),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 3, 3, 3), stride=0),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 3, 3, 3), stride=2, padding="same"),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 3, 3, 3, dtype=m.float64)),
    lambda m, F: F.conv2d(m.zeros(1, 3, 4, 4), m.zeros(2, 3, 3, 3), padding=-1),
    sums=True,
)
record(
    "max_pool2d",
    lambda m, F, x, **o: F.max_pool2d(x, **o),
    s.poolings("max"),
    lambda m, F: F.max_pool2d(m.zeros(1, 1, 2, 2), 3),
    lambda m, F: F.max_pool2d(m.zeros(1, 1, 4, 4), 2, padding=2),
    lambda m, F: F.max_pool2d(m.zeros(4, 4), 2),
)
record("max_pool2d.indices", lambda m, F, x, **o: F.max_pool2d(x, **o, return_indices=True), s.poolings("max"))
record(
    "avg_pool2d",
    lambda m, F, x, **o: F.avg_pool2d(x, **o),
    s.poolings("avg"),
    lambda m, F: F.avg_pool2d(m.zeros(1, 1, 2, 2), 3),
    lambda m, F: F.avg_pool2d(m.zeros(1, 1, 4, 4), 2, padding=2),
    lambda m, F: F.avg_pool2d(m.zeros(1, 1, 4, 4), 2, divisor_override=0),
    sums=True,
)
record(
    "adaptive_avg_pool2d",
    lambda m, F, x, size: F.adaptive_avg_pool2d(x, size),
    st.builds(
        lambda a, size: Sample([a], {"size": size}),
        st.sampled_from([(2, 3, 7, 5), (3, 4, 4), (1, 2, 1, 6)]).flatmap(s.array_of),
        st.sampled_from([1, 2, (3, 5), (None, 1), (4, None)]),
    ),
    sums=True,
)
record(
    "batch_norm.training",
    lambda m, F, x, mean, var, w=None, b=None, **o: (F.batch_norm(x, mean, var, w, b, **o), mean, var),
    s.normalizations(training=True),
    lambda m, F: F.batch_norm(m.zeros(1, 3), None, None, training=True),
    lambda m, F: F.batch_norm(m.zeros(2, 3), m.zeros(2), m.zeros(2), training=True),
    sums=True,
)
record(
    "batch_norm.evaluation",
    lambda m, F, x, mean, var, w=None, b=None, **o: F.batch_norm(x, mean, var, w, b, **o),
    s.normalizations(training=False),
    lambda m, F: F.batch_norm(m.zeros(2, 3), None, None),
    sums=True,
)
record(
    "dropout.off",
    lambda m, F, x: F.dropout(x, 0.5, training=False) + F.dropout(x, 0.0) + F.dropout(x, 1.0),
    s.unary(),
    lambda m, F: F.dropout(m.zeros(2), 1.5),
)

# --- Losses ---

record(
    "cross_entropy",
    lambda m, F, x, t, w=None, **o: F.cross_entropy(x, t, w, **o),
    s.classifications(),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 3])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, -1])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1, 2])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1]), m.ones(2)),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1]), label_smoothing=1.5),
    sums=True,
)
record(
    "cross_entropy.probabilities",
    lambda m, F, x, t, w=None, **o: F.cross_entropy(x, t, w, **o),
    s.classifications(probabilities=True),
    sums=True,
)
record(
    "cross_entropy.unbatched",
    lambda m, F, x, t: F.cross_entropy(x, t, label_smoothing=0.1) + F.cross_entropy(x, t),
    s.array_of((4,)).map(lambda a: Sample([a, np.array(2)])),
    sums=True,
)
record(
    "nll_loss",
    lambda m, F, x, t, w=None, **o: F.nll_loss(x.contiguous(), t, w, **o),
    s.classifications(smoothing=False),
    lambda m, F: F.nll_loss(m.zeros(2, 3), m.tensor([0, 3])),
    sums=True,
)
record(
    "mse_loss",
    lambda m, F, x, y, **o: F.mse_loss(x, y, **o),
    st.builds(
        lambda a, b, r: Sample([a, b], {"reduction": r}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.sampled_from(["mean", "sum", "none"]),
    ),
    lambda m, F: F.mse_loss(m.zeros(2), m.zeros(2), reduction="median"),
    sums=True,
)

# --- Rounding, and functions of one element ---

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
record(
    "masked_fill",
    lambda m, F, x: x.masked_fill(x > 0.3, -2.5),
    s.unary(),
    lambda m, F: m.zeros(2).masked_fill(m.zeros(2), 1.0),
)

# --- Activation, composed ---

record("relu6", lambda m, F, x: F.relu6(x * 6), s.unary())
record("leaky_relu", lambda m, F, x: F.leaky_relu(x, 0.2), s.unary())
record("elu", lambda m, F, x: F.elu(x * 3 + 0.1, alpha=1.5), s.unary())
record("silu", lambda m, F, x: F.silu(x * 3), s.unary())
record("hardswish", lambda m, F, x: F.hardswish(x * 3.1), s.unary(values="positive"))
record("softplus", lambda m, F, x: F.softplus(x * 8, beta=2.0, threshold=10.0), s.unary())
record("gelu", lambda m, F, x: F.gelu(x * 2), s.unary())
record(
    "gelu.tanh",
    lambda m, F, x: F.gelu(x * 2, approximate="tanh"),
    s.unary(),
    lambda m, F: F.gelu(m.zeros(2), approximate="no"),
)

# --- Reductions and products, composed ---

record(
    "std",
    lambda m, F, x, correction: m.std(x, 0, correction=correction),
    st.builds(lambda a, c: Sample([a], {"correction": c}), s.array_of((4, 3)), st.sampled_from([0, 1])),
    sums=True,
)
record(
    "var_mean", lambda m, F, x: m.var_mean(x, 1, keepdim=True), s.array_of((3, 5)).map(lambda a: Sample([a])), sums=True
)
record("logsumexp", lambda m, F, x, **o: m.logsumexp(x * 20, **o), s.with_dim(), sums=True)
record(
    "mm.bmm",
    lambda m, F, x, y: m.bmm(x, y) + m.mm(x[0], y[0]),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((2, 3, 4)), s.array_of((2, 4, 5))),
    lambda m, F: m.mm(m.zeros(2), m.zeros(2, 2)),
    lambda m, F: m.mm(m.zeros(2, 3), m.zeros(2, 3)),
    lambda m, F: m.bmm(m.zeros(2, 2), m.zeros(2, 2)),
    lambda m, F: m.bmm(m.zeros(2, 2, 3), m.zeros(2, 2, 3)),
    sums=True,
)
record(
    "addmm",
    lambda m, F, c, a, b: m.addmm(c, a, b, beta=0.5, alpha=2),
    st.builds(lambda c, a, b: Sample([c, a, b]), s.array_of((5,)), s.array_of((3, 4)), s.array_of((4, 5))),
    sums=True,
)
record(
    "dot.outer",
    lambda m, F, x, y: m.dot(x, y) * m.outer(x, y),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((4,)), s.array_of((4,))),
    lambda m, F: m.dot(m.zeros(2), m.zeros(3)),
    lambda m, F: m.dot(m.zeros(2, 2), m.zeros(2, 2)),
    lambda m, F: m.outer(m.zeros(2, 2), m.zeros(2)),
    sums=True,
)
record(
    "tensordot",
    lambda m, F, x, y, dims: m.tensordot(x, y, dims),
    st.builds(
        lambda a, b, dims: Sample([a, b], {"dims": dims}),
        s.array_of((3, 4, 2)),
        s.array_of((4, 2, 3)),
        st.sampled_from([2, ([1, 2], [0, 1]), ([0], [2]), ([-1, 0], [1, 2])]),
    ),
    lambda m, F: m.tensordot(m.zeros(2, 3), m.zeros(2, 3), 1),
    sums=True,
)

# --- Shape, composed ---

_cube = s.array_of((4, 3, 5)).map(lambda a: Sample([a]))
record("split", lambda m, F, x: m.split(x, 2, 2) + m.split(x, [1, 3]), _cube, lambda m, F: m.split(m.zeros(3), [1, 1]))
record("chunk", lambda m, F, x: m.chunk(x, 3) + x.chunk(2, -1), _cube, lambda m, F: m.chunk(m.zeros(3), 0))
record("unbind", lambda m, F, x: m.unbind(x, 1), _cube)
record(
    "narrow",
    lambda m, F, x: m.narrow(x, 2, 1, 3) * m.narrow(x, -1, -3, 3),
    _cube,
    lambda m, F: m.narrow(m.zeros(3), 0, 2, 2),
    lambda m, F: m.narrow(m.zeros(3), 0, 5, 1),
)
record("repeat", lambda m, F, x: x.repeat(2, 1, 3, 2), _cube, lambda m, F: m.zeros(2, 2).repeat(2))
record("flip", lambda m, F, x: m.flip(x, (0, 2)), _cube, lambda m, F: m.flip(m.zeros(2), (1,)))
record("roll", lambda m, F, x: m.roll(x, (1, -2), (0, 2)) + m.roll(x, 7), _cube)
record("tril.triu", lambda m, F, x: m.tril(x, -1) + m.triu(x, 2), _cube, lambda m, F: m.tril(m.zeros(2)))

# --- Normalisation, composed ---

record(
    "layer_norm",
    lambda m, F, x, w, b, eps: F.layer_norm(x, (3, 5), w, b, eps),
    st.builds(
        lambda x, w, b, eps: Sample([x, w, b], {"eps": eps}),
        s.array_of((4, 3, 5)),
        s.array_of((3, 5)),
        s.array_of((3, 5)),
        st.sampled_from([1e-5, 0.5]),
    ),
    lambda m, F: F.layer_norm(m.zeros(2, 3), (2,)),
    sums=True,
)
record(
    "group_norm",
    lambda m, F, x, w, b, groups: F.group_norm(x, groups, w, b, 0.1),
    st.builds(
        lambda x, w, b, g: Sample([x, w, b], {"groups": g}),
        s.array_of((2, 6, 3, 2)),
        s.array_of((6,)),
        s.array_of((6,)),
        st.sampled_from([1, 2, 3, 6]),
    ),
    lambda m, F: F.group_norm(m.zeros(2, 3, 4), 2),
    sums=True,
)
record(
    "instance_norm",
    lambda m, F, x, w, b: F.instance_norm(x, weight=w, bias=b, eps=0.1),
    st.builds(lambda x, w, b: Sample([x, w, b]), s.array_of((2, 3, 4, 2)), s.array_of((3,)), s.array_of((3,))),
    lambda m, F: F.instance_norm(m.zeros(2, 3, 1)),
    sums=True,
)
record("normalize", lambda m, F, x: F.normalize(x, dim=1) + F.normalize(x, p=1.0, dim=-1), _cube, sums=True)
record(
    "cosine_similarity",
    lambda m, F, x, y: F.cosine_similarity(x, y),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((4, 3)), s.array_of((4, 3))),
    sums=True,
)

# --- Losses, composed ---

_reductions = st.sampled_from(["mean", "sum", "none"])


def _two(first: str = "normal", second: str = "normal", **options: Any) -> Any:
    """Two (3, 4) tensors, a reduction, and other options."""
    return st.builds(
        lambda a, b, r, o: Sample([a, b], {"reduction": r, **o}),
        s.array_of((3, 4), first),
        s.array_of((3, 4), second),
        _reductions,
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in options.items()}),
    )


def _signs(t: Any) -> Any:
    """A target of 1 and −1."""
    return (t > 0).to(t.dtype) * 2 - 1


record("l1_loss", lambda m, F, x, y, **o: F.l1_loss(x, y, **o), _two("ties", "ties"), sums=True)
record(
    "smooth_l1_loss",
    lambda m, F, x, y, **o: F.smooth_l1_loss(x, y, **o),
    _two(beta=[1.0, 0.5, 0.0]),
    lambda m, F: F.smooth_l1_loss(m.zeros(2), m.zeros(2), beta=-1.0),
    sums=True,
)
record(
    "huber_loss",
    lambda m, F, x, y, **o: F.huber_loss(x, y, **o),
    _two(delta=[1.0, 0.5]),
    lambda m, F: F.huber_loss(m.zeros(2), m.zeros(2), delta=0.0),
    sums=True,
)
record(
    "binary_cross_entropy",
    lambda m, F, x, t, **o: F.binary_cross_entropy(x.sigmoid(), t.sigmoid(), **o),
    _two().map(lambda sample: Sample(sample.arrays, {"reduction": "none"})),  # torch adds 1e-12 to p: sums may cancel
    lambda m, F: F.binary_cross_entropy(m.ones(2) * 2, m.zeros(2)),
    lambda m, F: F.binary_cross_entropy(m.zeros(2), m.zeros(3)),
    sums=True,
)
record(
    "binary_cross_entropy_with_logits",
    lambda m, F, x, t, w, **o: F.binary_cross_entropy_with_logits(x * 5, t.sigmoid(), pos_weight=w, **o),
    st.builds(
        lambda x, t, w, r: Sample([x, t, w], {"reduction": r}, constants=(2,)),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        s.array_of((4,), "positive"),
        _reductions,
    ),
    lambda m, F: F.binary_cross_entropy_with_logits(m.zeros(2), m.zeros(3)),
    sums=True,
)
record(
    "kl_div",
    lambda m, F, x, t, **o: F.kl_div(F.log_softmax(x, 1), F.softmax(t, 1), **o),
    st.builds(
        lambda a, b, r: Sample([a, b], {"reduction": r}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.sampled_from(["sum", "none", "batchmean"]),
    ),
    sums=True,
)
record(
    "kl_div.log_target",
    lambda m, F, x, t: F.kl_div(F.log_softmax(x, 1), F.log_softmax(t, 1), reduction="sum", log_target=True),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((3, 4)), s.array_of((3, 4))),
    sums=True,
)
record(
    "hinge_embedding_loss",
    lambda m, F, x, t, **o: F.hinge_embedding_loss(x, _signs(t), **o),
    _two(margin=[1.0, 0.3]),
    sums=True,
)
record(
    "margin_ranking_loss",
    lambda m, F, x, y, **o: F.margin_ranking_loss(x, y, _signs(x + y), **o),
    _two(margin=[0.0, 0.5]),
    sums=True,
)
record(
    "cosine_embedding_loss",
    lambda m, F, x, y, **o: F.cosine_embedding_loss(x, y, _signs(x.detach().sum(1)), **o),
    _two(margin=[0.0, 0.3]),
    sums=True,
)
record(
    "triplet_margin_loss",
    lambda m, F, a, p, n, **o: F.triplet_margin_loss(a, p, n, **o),
    st.builds(
        lambda a, p, n, swap, margin: Sample([a, p, n], {"swap": swap, "margin": margin}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.booleans(),
        st.sampled_from([0.5, 2.0]),
    ),
    lambda m, F: F.triplet_margin_loss(m.zeros(2, 2), m.zeros(2, 2), m.zeros(2, 2), margin=0.0),
    sums=True,
)
