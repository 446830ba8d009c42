"""A million numbers added up: in float32 as exact as the length allows, in float16 as exact as float16 is.

Whoever adds one number after the other in float32 is wrong by a percent after a million, and in float16 stands still
after a few thousand. Every operation that adds up has its long sum here, along each kind of dimension; the truth is
torch's result in float64 of the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import autograd
from minigrad.nn import functional as F
from minigrad.testing.close import as_numpy
from minigrad.testing.parity import flat_outputs, scaled_difference
from parity_tests.records import RECORDS
from parity_tests.tolerances import (
    FLOAT16_SUMS,
    LONG_PRODUCTS,
    LONG_SUM,
    LONG_SUM_FLOAT16,
    ONE_AFTER_THE_OTHER,
    Tolerance,
)

#: Of reductions; and of what takes several tensors or windows, which would take long.
LENGTHS = {np.float32: 1_000_000, np.float16: 100_000}
SHORTER = {np.float32: 200_000, np.float16: 70_000}
REDUCTIONS = ("sum", "mean", "var", "std", "logsumexp", "cumsum", "norm", "softmax", "log_softmax")


def numbers(*shape: int) -> np.ndarray:
    """0.3, 0.3, 0.1 again and again: rounding mostly errs to the same side, so that errors add up too."""
    return np.resize(np.array([0.3, 0.3, 0.1]), shape)


def classes(count: int, *shape: int) -> np.ndarray:
    """0, 1, … count − 1, again and again."""
    return np.resize(np.arange(count), shape)


Call = Callable[..., Any]
#: By record: the calls, and of what, for n numbers.
LONG: dict[str, list[tuple[Call, Callable[[int], list[np.ndarray]]]]] = {}


def long_sum(name: str, call: Call, *inputs: Callable[[int], list[np.ndarray]]) -> None:
    """Add ``call`` with each of the inputs to the long sums of the record ``name``."""
    LONG.setdefault(name, []).extend((call, make) for make in inputs)


def one(*shape: int) -> Callable[[int], list[np.ndarray]]:
    """An input of a shape in which −1 stands for what makes n numbers of a 2 wide tensor, and −2 for its root."""
    return lambda n: [numbers(*_sized(shape, n))]


def several(*shapes: tuple[int, ...]) -> Callable[[int], list[np.ndarray]]:
    """Add a call like ``one``, with several inputs."""
    return lambda n: [numbers(*_sized(shape, n)) for shape in shapes]


def _sized(shape: tuple[int, ...], n: int) -> tuple[int, ...]:
    return tuple({-1: n, -2: int(n**0.5)}.get(size, size) for size in shape)


# --- Reductions: along a leading, a trailing and a middle dimension, and all ---

_DIMS = {"leading": (0, (-1, 2)), "trailing": (1, (2, -1)), "middle": (1, (1, -1, 2)), "two": ((0, 2), (-2, 2, -2))}
for _name in ("sum", "mean"):
    for _dim, _shape in _DIMS.values():
        long_sum(_name, lambda m, F, x, _n=_name, _d=_dim: getattr(m, _n)(x, _d), one(*_shape))
    long_sum(f"{_name}.all", lambda m, F, x, _n=_name: getattr(m, _n)(x), one(-1), one(2, -1), one(-1, 2))
for _dim, _shape in _DIMS.values():
    long_sum("var", lambda m, F, x, _d=_dim: m.var(x, _d), one(*_shape))
    long_sum("std", lambda m, F, x, _d=_dim: m.std(x, _d), one(*_shape))
    long_sum("var_mean", lambda m, F, x, _d=_dim: m.var_mean(x, _d), one(*_shape))
    long_sum("logsumexp", lambda m, F, x, _d=_dim: m.logsumexp(x, _d), one(*_shape))
long_sum("var.unbiased", lambda m, F, x: m.var(x, False), one(-1), one(-1, 2))
for _dim, _shape in list(_DIMS.values())[:3]:
    long_sum("cumsum", lambda m, F, x, _d=_dim: m.cumsum(x, _d), one(*_shape))
    for _p in ("fro", 1, 3):
        long_sum("norm", lambda m, F, x, _d=_dim, _p=_p: m.norm(x, _p, _d), one(*_shape))
    for _name in ("softmax", "log_softmax"):
        long_sum(_name, lambda m, F, x, _d=_dim, _n=_name: getattr(F, _n)(x, _d), one(*_shape))
long_sum("norm", lambda m, F, x: m.norm(x), one(-1), one(-1, 2))

# --- Products ---

long_sum("matmul", lambda m, F, x, y: m.matmul(x, y), several((2, -1), (-1, 3)), several((-1,), (-1,)))
long_sum("matmul", lambda m, F, x, y: m.matmul(x, y), several((-1, 2), (2, 3)), several((3, -1, 2), (2, 2)))
long_sum("prelu", lambda m, F, x, w: F.prelu(x - 0.15, w), several((-1, 2), (2,)), several((-1, 1), (1,)))
long_sum("linear", lambda m, F, x, w, b: F.linear(x, w, b), several((-1, 2), (3, 2), (3,)))
long_sum("linear", lambda m, F, x, w, b: F.linear(x, w, b), several((2, -1), (3, -1), (3,)))
long_sum("linear", lambda m, F, x, w, b: F.linear(x, w, b), several((2, -1, 2), (3, 2), (3,)))
long_sum("mm.bmm", lambda m, F, x, y: m.bmm(x, y), several((2, 2, -1), (2, -1, 2)))
long_sum(
    "addmm", lambda m, F, c, x, y: m.addmm(c, x, y), several((3,), (-1, 2), (2, 3)), several((3,), (2, -1), (-1, 3))
)
long_sum("mv", lambda m, F, x, y: m.mv(x, y), several((2, -1), (-1,)), several((-1, 2), (2,)))
long_sum("dot.outer", lambda m, F, x, y: m.dot(x, y), several((-1,), (-1,)))
long_sum("tensordot", lambda m, F, x, y: m.tensordot(x, y, 2), several((2, -2, -2), (-2, -2, 2)))
long_sum("einsum.i->", lambda m, F, x: m.einsum("i->", x), one(-1))
long_sum("einsum.ij,ij->", lambda m, F, x, y: m.einsum("ij,ij->", x, y), several((-1, 2), (-1, 2)))
long_sum("einsum.ij,jk->ik", lambda m, F, x, y: m.einsum("ij,jk->ik", x, y), several((2, -1), (-1, 2)))
long_sum("einsum.ij,jk->ik", lambda m, F, x: m.einsum("ij->j", x), one(-1, 2))
long_sum("bilinear", lambda m, F, *xs: F.bilinear(*xs), several((-1, 2), (-1, 2), (3, 2, 2), (3,)))

# --- Undoing broadcasts ---

for _name in ("add", "sub", "mul", "div", "maximum", "pow"):
    _call = lambda m, F, x, y, _n=_name: getattr(m, _n)(x, y)  # noqa: E731
    long_sum(_name, _call, several((-1, 2), (2,)), several((2, -1), (2, 1)), several((2, -1, 2), (2, 1, 2)))
    long_sum(_name, _call, several((-1,), ()), several((), (-1, 2)))
long_sum("where", lambda m, F, x, y: m.where(x > 0.15, x, y), several((-1, 2), (2,)))
long_sum("expand", lambda m, F, x: x.expand(len(x) and 250_000, *x.shape), several((2,)))
long_sum("repeat", lambda m, F, x, like: x.repeat(len(like), 1), several((1, 2), (-1,)))

# --- Losses ---

_two = several((-1, 2), (-1, 2))
for _name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    for _how in ("mean", "sum"):
        long_sum(_name, lambda m, F, x, y, _n=_name, _r=_how: getattr(F, _n)(x + 0.15, y, reduction=_r), _two)
long_sum("binary_cross_entropy", lambda m, F, x, t: F.binary_cross_entropy(x, t), _two)
long_sum("binary_cross_entropy_with_logits", lambda m, F, x, t: F.binary_cross_entropy_with_logits(x, t), _two)
long_sum("kl_div", lambda m, F, x, t: F.kl_div(x.log(), t, reduction="batchmean"), _two)
long_sum("kl_div.log_target", lambda m, F, x, t: F.kl_div(x, t, reduction="sum", log_target=True), _two)
long_sum("hinge_embedding_loss", lambda m, F, x, t: F.hinge_embedding_loss(x, (t > 0.15).to(t.dtype) * 2 - 1), _two)
long_sum("margin_ranking_loss", lambda m, F, x, y: F.margin_ranking_loss(x, y, y * 0 + 1, 0.5), _two)
long_sum(
    "cosine_embedding_loss",
    lambda m, F, x, y: F.cosine_embedding_loss(x, y.flip((1,)), (y[:, 0] > 0.15).to(y.dtype) * 2 - 1),
    _two,
)
long_sum("triplet_margin_loss", lambda m, F, a, p: F.triplet_margin_loss(a, p + 0.1, p.flip((1,))), _two)
for _options in ({}, {"label_smoothing": 0.1}, {"reduction": "sum"}):
    long_sum(
        "cross_entropy",
        lambda m, F, x, t, w, _o=_options: F.cross_entropy(x, t, w.detach(), **_o),
        lambda n: [numbers(n, 2), classes(2, n), numbers(2)],
    )
long_sum("cross_entropy", lambda m, F, x, t: F.cross_entropy(x, t), lambda n: [numbers(2, n), classes(n, 2)])
long_sum("cross_entropy.probabilities", lambda m, F, x, t: F.cross_entropy(x, t), _two, several((2, -1), (2, -1)))
long_sum(
    "nll_loss", lambda m, F, x, t, w: F.nll_loss(x, t, w.detach()), lambda n: [numbers(n, 2), classes(2, n), numbers(2)]
)

# --- Normalisation ---

for _shape in ((-1, 2), (2, 2, -1), (2, 2, -2, -2), (-2, 2, -2)):
    long_sum(
        "batch_norm.training",
        lambda m, F, x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        several(_shape, (2,), (2,)),
    )
    long_sum(
        "batch_norm.evaluation",
        lambda m, F, x, mean, var, w, b: F.batch_norm(x, mean.detach(), var.detach(), w, b),
        several(_shape, (2,), (2,), (2,), (2,)),
    )
long_sum("layer_norm", lambda m, F, x, w, b: F.layer_norm(x, w.shape, w, b), several((2, -1), (-1,), (-1,)))
long_sum("layer_norm", lambda m, F, x, w, b: F.layer_norm(x, w.shape, w, b), several((-1, 3), (3,), (3,)))
long_sum("group_norm", lambda m, F, x, w, b: F.group_norm(x, 2, w, b), several((2, 4, -1), (4,), (4,)))
long_sum("group_norm", lambda m, F, x, w, b: F.group_norm(x, 2, w, b), several((-1, 10), (10,), (10,)))
long_sum("instance_norm", lambda m, F, x, w, b: F.instance_norm(x, weight=w, bias=b), several((1, 2, -1), (2,), (2,)))
long_sum("instance_norm.running", lambda m, F, x: F.instance_norm(x), one(2, 2, -2, -2))
long_sum("normalize", lambda m, F, x: F.normalize(x, dim=0), one(-1, 2))
long_sum("normalize", lambda m, F, x: F.normalize(x, dim=1), one(2, -1))
long_sum("cosine_similarity", lambda m, F, x, y: F.cosine_similarity(x, y.flip((0,)), 0), _two)
long_sum("local_response_norm", lambda m, F, x: F.local_response_norm(x, 501, 1.0), one(1, 500, 2))

# --- Windows ---

long_sum("conv2d", lambda m, F, x, w, b: F.conv2d(x, w, b), several((1, 2, -2, -2), (3, 2, 3, 3), (3,)))
long_sum("conv2d", lambda m, F, x, w, b: F.conv2d(x, w, b), several((-1, 2, 1, 1), (3, 2, 1, 1), (3,)))
long_sum("conv2d", lambda m, F, x, w, b: F.conv2d(x, w, b), several((2, 300, 25, 25), (3, 300, 25, 25), (3,)))
long_sum("conv2d", lambda m, F, x, w, b: F.conv2d(x, w, b, groups=2), several((1, 2, -2, -2), (2, 1, 3, 3), (2,)))
long_sum("conv1d", lambda m, F, x, w, b: F.conv1d(x, w, b), several((1, 2, -1), (3, 2, 3), (3,)))
long_sum(
    "conv_transpose2d", lambda m, F, x, w, b: F.conv_transpose2d(x, w, b), several((1, 2, -2, -2), (2, 3, 2, 2), (3,))
)
long_sum("avg_pool2d", lambda m, F, x: F.avg_pool2d(x, x.shape[-1]), one(1, 2, -2, -2))
long_sum("adaptive_avg_pool2d", lambda m, F, x: F.adaptive_avg_pool2d(x, 1), one(1, 2, -2, -2))
long_sum("adaptive_avg_pool2d", lambda m, F, x: F.adaptive_avg_pool2d(x, (1, 2)), one(1, 2, -2, -2))
long_sum("interpolate.size", lambda m, F, x: F.interpolate(x, (300, 300)), one(1, 2, 1, 1))
long_sum("interpolate.factors", lambda m, F, x: F.interpolate(x, (300, 300), mode="bilinear"), one(1, 2, 1, 1))
long_sum("pad.modes", lambda m, F, x: F.pad(x, (50_000, 50_000), "replicate"), one(1, 2, 3))

# --- Gradients of elements used again and again ---

for _name, _call in {
    "embedding": lambda m, F, x, i: F.embedding(i, x),
    "index_select": lambda m, F, x, i: m.index_select(x, 0, i),
    "getitem.tensor": lambda m, F, x, i: x[i],
    "gather": lambda m, F, x, i: m.gather(x, 0, m.stack([i, 2 - i], 1)),
    "take_along_dim": lambda m, F, x, i: m.take_along_dim(x, m.stack([i, 2 - i], 1), 0),
}.items():
    long_sum(_name, _call, lambda n: [numbers(3, 2), classes(3, n)])
long_sum(
    "scatter_add",
    lambda m, F, x, i, y: m.scatter_add(x, 0, i, y),
    lambda n: [numbers(3), classes(3, n), numbers(n)],
    lambda n: [numbers(3, 2), np.stack([classes(3, n)] * 2, 1), numbers(n, 2)],
)
long_sum(
    "index_add",
    lambda m, F, x, i, y: m.index_add(x, 0, i, y),
    lambda n: [numbers(3, 2), classes(3, n), numbers(n, 2)],
)
long_sum(
    "scatter_reduce",
    lambda m, F, x, i, y: m.scatter_reduce(x, 0, i, y, "sum"),
    lambda n: [numbers(3), classes(3, n), numbers(n)],
)
long_sum(
    "index_put.repeated",
    lambda m, F, x, i, y: m.index_put(x, (i,), y, accumulate=True),
    lambda n: [numbers(3, 2), classes(3, n), numbers(n, 2)],
)

#: What adds to places that an index names, one number after the other, as torch does in float32.
ONE_BY_ONE = ("embedding", "index_select", "getitem.tensor", "gather", "take_along_dim", "scatter_add")
ONE_BY_ONE += ("index_add", "scatter_reduce", "index_put.repeated", "pad.modes")

#: Records marked ``sums`` without a long sum, and why.
WITHOUT = {
    **dict.fromkeys(
        ("affine_grid", "cholesky", "det", "eigh", "inverse", "linalg.norms", "qr", "solve", "svd", "trace"),
        "sums over the rows of small matrices; matmul and sum have the long ones",
    ),
    **dict.fromkeys(("grid_sample", "grid_sample.nearest"), "sums of four pixels; index_put has the long ones"),
    "adaptive_avg_pool1d": "the sums of adaptive_avg_pool2d, with a height of 1",
    "avg_pool1d": "the sums of avg_pool2d, with a height of 1",
    "conv_transpose1d": "the sums of conv_transpose2d, with a height of 1",
    "index_fill": "the sum of a mean, which has its own",
    "losses.weighted": "mean, sum and multiplication, which have theirs",
    "batch_norm_relu.training": "the sums of batch_norm.training",
    "batch_norm_relu.evaluation": "the sums of batch_norm.evaluation",
    "cross_entropy.unbatched": "one row only; cross_entropy has the long ones",
    "ctc_loss": "sums of three terms, as logarithms; the mean over the batch is mean's",
    **{
        record.name: "matmul, sum and multiplication, which have theirs"
        for record in RECORDS
        if record.name.startswith("einsum.") and record.name not in LONG
    },
}


def test_every_record_of_sums_has_a_long_one() -> None:
    names = {record.name for record in RECORDS}
    assert set(LONG) <= names
    without = {record.name for record in RECORDS if record.sums} - set(LONG)
    assert without == set(WITHOUT)


def test_sequential_addition_fails_the_bounds() -> None:
    for lengths, float32 in ((LENGTHS, LONG_SUM), (SHORTER, LONG_PRODUCTS)):
        for dtype, tolerance in ((np.float32, float32), (np.float16, LONG_SUM_FLOAT16)):
            x = numbers(lengths[dtype]).astype(dtype)
            exact = x.astype(np.float64).sum()
            assert abs(np.cumsum(x, dtype=dtype)[-1] - exact) > 5 * tolerance.rtol * exact


@pytest.mark.parametrize("dtype", LENGTHS, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", LONG)
def test_long_sums_are_as_exact_as_their_dtype(name: str, dtype: Any) -> None:
    length = (LENGTHS if name.split(".")[0] in REDUCTIONS else SHORTER)[dtype]
    for number, (call, make) in enumerate(LONG[name]):
        compare_with_float64(name, call, make(length), dtype, f"long sum {number}")


def tolerance_of(name: str, dtype: Any) -> Tolerance:
    """Return the tolerance of the long sums of a record."""
    if dtype is np.float16:  # the gradient of a cosine is a small difference of vectors rounded before
        return FLOAT16_SUMS if name == "cosine_similarity" else LONG_SUM_FLOAT16
    if name in ONE_BY_ONE:
        return ONE_AFTER_THE_OTHER
    return LONG_SUM if name.split(".")[0] in REDUCTIONS else LONG_PRODUCTS


def compare_with_float64(record: str, call: Call, arrays: list[np.ndarray], dtype: Any, what: str) -> None:
    """Value and gradients in ``dtype`` beside torch's in float64 of the same numbers, rounded to ``dtype``."""
    cast = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    mine = [minigrad.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in cast]
    exact = [torch.tensor(a.astype(np.float64) if a.dtype.kind == "f" else a) for a in cast]
    exact = [x.requires_grad_(x.is_floating_point()) for x in exact]
    outputs, truths = flat_outputs(call(minigrad, F, *mine)), flat_outputs(call(torch, torch.nn.functional, *exact))
    cotangents = [np.resize(np.array([0.2, 0.1, 0.3], dtype), tuple(t.shape)) for t in truths]
    wanted = [i for i, x in enumerate(exact) if x.requires_grad]
    ours = autograd.grad(
        outputs, [mine[i] for i in wanted], [minigrad.from_numpy(c) for c in cotangents], allow_unused=True
    )
    wide = [torch.tensor(c.astype(np.float64)) for c in cotangents]
    theirs = torch.autograd.grad(truths, [exact[i] for i in wanted], wide, allow_unused=True)
    tolerance = tolerance_of(record, dtype)
    results = [(f"{what}: output {i}", *pair) for i, pair in enumerate(zip(outputs, truths, strict=True))]
    results += [(f"{what}: gradient of input {i}", a, b) for i, a, b in zip(wanted, ours, theirs, strict=True)]
    for name, a, b in results:
        if b is not None:
            scaled_difference(a, as_numpy(b).astype(dtype), name, *tolerance)
