"""Matrix products, and what is composed of them and of reductions."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record, with_options


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

record(
    "std",
    lambda m, F, x, correction: m.std(x, 0, correction=correction),
    st.builds(lambda a, c: Sample([a], {"correction": c}), s.array_of((4, 3)), st.sampled_from([0, 1])),
    sums=True,
)
record(
    "var_mean", lambda m, F, x: m.var_mean(x, 1, keepdim=True), s.array_of((3, 5)).map(lambda a: Sample([a])), sums=True
)
record("logsumexp", lambda m, F, x, **o: m.logsumexp(x * 5, **o), s.with_dim(), sums=True)
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


_EQUATIONS: dict[str, list[tuple[int, ...]]] = {
    "i->": [(4,)],
    "ij->ji": [(2, 3)],
    "ii->i": [(3, 3)],
    "ii": [(3, 3)],
    "...ij->...ji": [(2, 3, 4)],
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)],
    "i,j->ij": [(2,), (3,)],
    "ij,ij->": [(2, 3), (2, 3)],
    "...i,...i->...": [(4, 2, 3), (2, 3)],
    "bn,anm,bm->ba": [(2, 3), (4, 3, 2), (2, 2)],
    "bhqd,bhkd->bhqk": [(2, 2, 3, 4), (2, 2, 5, 4)],
    "ijk,ij->k": [(2, 3, 4), (1, 3)],
    "ba,cb,dc": [(3, 2), (4, 3), (2, 4)],
}
for _equation, _sizes in _EQUATIONS.items():
    record(
        f"einsum.{_equation}",
        lambda m, F, *xs, _equation=_equation: m.einsum(_equation, *xs),
        st.tuples(*(s.array_of(size) for size in _sizes)).map(lambda arrays: Sample(list(arrays))),
        sums=True,
    )
record(
    "einsum.lists",
    lambda m, F, x, y: m.einsum(x, [0, 1], y, [1, 2], [2, 0]) + m.einsum(x, [..., 1], y, [1, 2]).sum(),
    st.tuples(s.array_of((2, 3)), s.array_of((3, 4))).map(lambda arrays: Sample(list(arrays))),
    lambda m, F: m.einsum("ij,jk", m.zeros(2, 3)),
    lambda m, F: m.einsum("ij", m.zeros(2)),
    lambda m, F: m.einsum("i,i", m.zeros(2), m.zeros(3)),
    lambda m, F: m.einsum("i->j", m.zeros(2)),
    lambda m, F: m.einsum("i->ii", m.zeros(2)),
    lambda m, F: m.einsum("i1", m.zeros(2, 2)),
    lambda m, F: m.einsum("ii", m.zeros(2, 3)),
    sums=True,
)
record(
    "bilinear",
    lambda m, F, x, y, w, b=None: F.bilinear(x, y, w, b),
    st.tuples(st.sampled_from([(), (3,), (2, 3)]), st.booleans()).flatmap(
        lambda drawn: st.tuples(
            s.array_of((*drawn[0], 2)),
            s.array_of((*drawn[0], 3)),
            s.array_of((4, 2, 3)),
            *([s.array_of((4,))] if drawn[1] else []),
        ).map(lambda arrays: Sample(list(arrays)))
    ),
    lambda m, F: F.bilinear(m.zeros(2, 3), m.zeros(2, 3), m.zeros(4, 2, 3)),
    lambda m, F: F.bilinear(m.zeros(2, 2), m.zeros(3, 3), m.zeros(4, 2, 3)),
    sums=True,
)

_queries = st.builds(
    lambda q, k, v, seed: Sample([q, k, v, np.random.default_rng(seed).random((4, 5)) < 0.7]),
    s.array_of((2, 4, 3)),
    s.array_of((2, 5, 3)),
    s.array_of((2, 5, 6)),
    st.integers(0, 99),
)


def _by_formula(F: Any) -> Any:
    """Return a context in which torch takes the implementation that has second gradients."""
    if F is torch.nn.functional:
        return torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    return contextlib.nullcontext()


def _attend(m: Any, F: Any, q: Any, k: Any, v: Any, mask: Any, scale: float | None) -> Any:
    with _by_formula(F):
        masked = F.scaled_dot_product_attention(q, k, v, mask, scale=scale)
        return masked, F.scaled_dot_product_attention(q, k, v, is_causal=True), F.scaled_dot_product_attention(q, k, v)


record(
    "scaled_dot_product_attention",
    _attend,
    with_options(_queries, scale=[None, 0.3]),
    lambda m, F: F.scaled_dot_product_attention(m.zeros(3), m.zeros(3), m.zeros(3)),
    lambda m, F: F.scaled_dot_product_attention(m.zeros(3, 2), m.zeros(3, 3), m.zeros(3, 2)),
    lambda m, F: F.scaled_dot_product_attention(m.zeros(3, 2), m.zeros(4, 2), m.zeros(3, 2)),
    lambda m, F: F.scaled_dot_product_attention(*(m.zeros(3, 2),) * 3, m.zeros(3, 3), is_causal=True),
    lambda m, F: F.scaled_dot_product_attention(*(m.zeros(3, 2),) * 3, m.zeros(3, 3, dtype=m.int64)),
    lambda m, F: F.scaled_dot_product_attention(*(m.zeros(3, 2),) * 3, m.zeros(2, 2)),
    lambda m, F: F.scaled_dot_product_attention(m.zeros(3, 2), m.zeros(3, 2, dtype=m.float64), m.zeros(3, 2)),
)


def _heads(m: Any, F: Any, x: Any, w: Any, b: Any, out: Any) -> Any:
    with _by_formula(F):
        options = (6, 2, w, b, None, None, True, 0.0, out, None)
        alone = F.multi_head_attention_forward(x, x, x, *options, need_weights=False)[0]
        return alone, *F.multi_head_attention_forward(x, x[:1], x[:1], *options, attn_mask=m.zeros(4, 1) > 0)


record(
    "multi_head_attention_forward",
    _heads,
    st.builds(
        lambda *arrays: Sample(list(arrays)),
        s.array_of((4, 2, 6)),
        s.array_of((18, 6)),
        s.array_of((18,)),
        s.array_of((6, 6)),
    ),
    lambda m, F: m.nn.MultiheadAttention(4, 2)(*(m.zeros(3, 2, 5),) * 3),
)
