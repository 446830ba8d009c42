"""Pooling and transposed convolution of signals, positions of maxima, and shuffles of channels and pixels."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record, with_options


def _signal(values: str = "normal") -> Any:
    """Return signals (N, C, L) and (C, L)."""
    return st.builds(lambda a, lead: Sample([a if lead else a[0]]), s.array_of((2, 3, 9), values), st.booleans())


record(
    "max_pool1d",
    lambda m, F, x, **o: F.max_pool1d(x, **o),
    with_options(
        _signal("ties"),
        kernel_size=[2, 3],
        stride=[None, 1, 2],
        padding=[0, 1],
        dilation=[1, 2],
        ceil_mode=[False, True],
    ),
    lambda m, F: F.max_pool1d(m.zeros(1, 1, 2), 3),
    lambda m, F: F.max_pool1d(m.zeros(1, 1, 4), 2, padding=2),
    lambda m, F: F.max_pool1d(m.zeros(4), 2),
)
record(
    "max_pool1d.indices",
    lambda m, F, x, **o: F.max_pool1d_with_indices(x, **o),
    with_options(_signal("ties"), kernel_size=[2, (3,)], stride=[None, 2], padding=[0, 1]),
)
record(
    "avg_pool1d",
    lambda m, F, x, **o: F.avg_pool1d(x, **o),
    with_options(
        _signal(),
        kernel_size=[2, (3,)],
        stride=[None, 1, 2],
        padding=[0, 1],
        ceil_mode=[False, True],
        count_include_pad=[True, False],
    ),
    lambda m, F: F.avg_pool1d(m.zeros(1, 1, 2), 3),
    sums=True,
)
record(
    "adaptive_avg_pool1d",
    lambda m, F, x, **o: F.adaptive_avg_pool1d(x, **o),
    with_options(_signal(), output_size=[1, 3, 4, 9, 11]),
    sums=True,
)
record(
    "adaptive_max_pool1d",
    lambda m, F, x, **o: F.adaptive_max_pool1d(x, **o),
    with_options(_signal("ties"), output_size=[1, 3, 4, 11]),
)
record(
    "adaptive_max_pool1d.indices",
    lambda m, F, x, **o: F.adaptive_max_pool1d_with_indices(x, **o),
    with_options(_signal("ties"), output_size=[1, 4]),
)
record(
    "pool2d.indices",
    lambda m, F, x: (*F.max_pool2d_with_indices(x, 2, 1), *F.adaptive_max_pool2d_with_indices(x, 3)),
    s.array_of((2, 3, 5, 4), "ties").map(lambda a: Sample([a])),
)


@st.composite
def _transposed(draw: Any) -> Sample:
    """Draw the input, weight and options of a transposed convolution."""
    groups, k = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 4))
    c, o = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    stride, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    options = {
        "stride": stride,
        "padding": draw(st.integers(0, k // 2)),
        "output_padding": draw(st.integers(0, max(stride, dilation) - 1)),
        "groups": groups,
        "dilation": dilation,
    }
    lead = draw(st.sampled_from([(), (2,)]))
    arrays = [draw(s.array_of((*lead, c, draw(st.integers(3, 6))))), draw(s.array_of((c, o // groups, k)))]
    return Sample(arrays + ([draw(s.array_of((o,)))] if draw(st.booleans()) else []), options)


record(
    "conv_transpose1d",
    lambda m, F, x, w, b=None, **o: F.conv_transpose1d(x, w.contiguous(), b, **o),
    _transposed(),
    lambda m, F: F.conv_transpose1d(m.zeros(1, 3, 4), m.zeros(2, 2, 3)),
    lambda m, F: F.conv_transpose1d(m.zeros(1, 2, 4), m.zeros(2, 2, 3), output_padding=1),
    lambda m, F: F.conv_transpose1d(m.zeros(4), m.zeros(2, 2, 3)),
    sums=True,
)
record(
    "pixel_shuffle",
    lambda m, F, x, r: F.pixel_unshuffle(F.pixel_shuffle(x, r) * 2, r),
    with_options(s.array_of((2, 9, 4, 2)).map(lambda a: Sample([a])), r=[1, 3]),
    lambda m, F: F.pixel_shuffle(m.zeros(3, 2, 2), 2),
    lambda m, F: F.pixel_shuffle(m.zeros(2, 2), 1),
    lambda m, F: F.pixel_unshuffle(m.zeros(3, 3, 2), 2),
    lambda m, F: F.pixel_unshuffle(m.zeros(3, 2, 2), 0),
)
record(
    "channel_shuffle",
    lambda m, F, x, groups: F.channel_shuffle(x, groups),
    with_options(s.array_of((2, 6, 4, 2)).map(lambda a: Sample([a])), groups=[1, 2, 3]),
    lambda m, F: F.channel_shuffle(m.zeros(1, 3, 2, 2), 2),
)
