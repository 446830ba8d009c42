"""Normalisation."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import block, record, with_options


def _batch_norm_relu(F: Any) -> Any:
    """Minigrad's one function, or torch's two. (x + 0.01 keeps the records off the kink, where x is the mean.)"""
    return getattr(F, "batch_norm_relu", lambda *args, **options: F.relu(F.batch_norm(*args, **options)))


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
    "batch_norm_relu.training",
    lambda m, F, x, mean, var, w=None, b=None, **o: (_batch_norm_relu(F)(x + 0.01, mean, var, w, b, **o), mean, var),
    s.normalizations(training=True),
    sums=True,
)
record(
    "batch_norm_relu.evaluation",
    lambda m, F, x, mean, var, w=None, b=None, **o: _batch_norm_relu(F)(x + 0.01, mean, var, w, b, **o),
    s.normalizations(training=False),
    sums=True,
)
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
record("normalize", lambda m, F, x: F.normalize(x, dim=1) + F.normalize(x, p=1.0, dim=-1), block, sums=True)
record(
    "cosine_similarity",
    lambda m, F, x, y: F.cosine_similarity(x, y),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((4, 3)), s.array_of((4, 3))),
    sums=True,
)


record(
    "local_response_norm",
    lambda m, F, x, **o: F.local_response_norm(x, **o),
    with_options(
        st.sampled_from([(2, 5, 3), (2, 4, 3, 2)]).flatmap(s.array_of).map(lambda a: Sample([a])),
        size=[1, 2, 3, 5],
        alpha=[1e-4, 2.0],
        beta=[0.75, 1.5],
        k=[1.0, 0.5],
    ),
    lambda m, F: F.local_response_norm(m.zeros(2, 3), 2),
    sums=True,
)
record(
    "instance_norm.running",
    lambda m, F, x, mean, var, **o: _with_statistics(F, x, mean.contiguous(), var.contiguous(), o),
    with_options(
        st.builds(
            lambda x, mean, var: Sample([x, mean, var], constants=(1, 2)),
            s.array_of((2, 3, 4, 2)),
            s.array_of((3,)),
            s.array_of((3,), "positive"),
        ),
        use_input_stats=[True, False],
        momentum=[0.1, 0.7],
    ),
    lambda m, F: F.instance_norm(m.zeros(2, 3, 4), use_input_stats=False),
    sums=True,
)
record(
    "normalize.zero",
    lambda m, F, x, p: F.normalize(x * 0, p, -1) + F.cosine_similarity(x * 0, x, -1).unsqueeze(-1),
    with_options(block, p=[1.0, 2.0, 3.0]),
    second=False,
)


def _with_statistics(F: Any, x: Any, mean: Any, var: Any, options: Any) -> Any:
    return F.instance_norm(x, mean, var, **options), mean, var


record(
    "rms_norm",
    lambda m, F, x, w, eps: F.rms_norm(x, (3, 5), w, eps),
    with_options(st.builds(lambda x, w: Sample([x, w]), s.array_of((4, 3, 5)), s.array_of((3, 5))), eps=[None, 0.1]),
    lambda m, F: F.rms_norm(m.zeros(2, 3), (2,)),
)
