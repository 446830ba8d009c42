"""Convolution and pooling."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from minigrad.kernels.geometry import Window
from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record, with_options

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
    "dropout.off",
    lambda m, F, x: F.dropout(x, 0.5, training=False) + F.dropout(x, 0.0) + F.dropout(x, 1.0),
    s.unary(),
    lambda m, F: F.dropout(m.zeros(2), 1.5),
)


@st.composite
def _lines(draw: Any) -> Sample:
    """Draw the input, weight and options of a one-dimensional convolution."""
    groups = draw(st.sampled_from([1, 1, 2]))
    c, o, k = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)), draw(st.integers(1, 4))
    padding = draw(st.sampled_from([0, 1, 3, "same", "valid"]))
    options = {
        "stride": 1 if padding == "same" else draw(st.integers(1, 3)),
        "padding": padding,
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
    }
    lead = draw(st.sampled_from([(), (2,)]))
    arrays = [draw(s.array_of((*lead, c, draw(st.integers(7, 9))))), draw(s.array_of((o, c // groups, k)))]
    return Sample(arrays + ([draw(s.array_of((o,)))] if draw(st.booleans()) else []), options)


@st.composite
def _transposed(draw: Any) -> Sample:
    """Draw the input, weight and options of a transposed convolution."""
    groups = draw(st.sampled_from([1, 1, 2]))
    c, o = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride, dilation = draw(s.pairs(1, 3)), draw(s.pairs(1, 2))
    room = [max(a, b) - 1 for a, b in zip(s.as_pair(stride), s.as_pair(dilation), strict=True)]
    options = {
        "stride": stride,
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "output_padding": tuple(draw(st.integers(0, r)) for r in room),
        "groups": groups,
        "dilation": dilation,
    }
    size = (draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    lead = draw(st.sampled_from([(), (2,)]))
    arrays = [draw(s.array_of((*lead, c, *size))), draw(s.array_of((c, o // groups, *kernel)))]
    return Sample(arrays + ([draw(s.array_of((o,)))] if draw(st.booleans()) else []), options)


@st.composite
def _patches(draw: Any, columns: bool) -> Sample:
    """Draw an image (or its columns) and the options of unfold (or fold)."""
    kernel, size = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), (6, 7)
    options: dict[str, Any] = {
        "kernel_size": kernel,
        "dilation": draw(st.integers(1, 2)),
        "padding": draw(s.pairs(0, 2)),
        "stride": draw(s.pairs(1, 3)),
    }
    lead = draw(st.sampled_from([(), (2,)]))
    if not columns:
        return Sample([draw(s.array_of((*lead, 3, *size)))], options)
    pads = s.as_pair(options["padding"])
    window = Window(kernel, s.as_pair(options["stride"]), ((pads[0],) * 2, (pads[1],) * 2), (options["dilation"],) * 2)
    rows, across = window.output_size(*size)
    array = draw(s.array_of((*lead, 2 * kernel[0] * kernel[1], rows * across)))
    return Sample([array], {"output_size": size, **options})


record(
    "conv1d",
    lambda m, F, x, w, b=None, **o: F.conv1d(x, w.contiguous(), b, **o),
    _lines(),
    lambda m, F: F.conv1d(m.zeros(1, 3, 4), m.zeros(2, 2, 3)),
    lambda m, F: F.conv1d(m.zeros(1, 3, 2), m.zeros(2, 3, 3)),
    lambda m, F: F.conv1d(m.zeros(4), m.zeros(2, 3, 3)),
    sums=True,
)
record(
    "conv_transpose2d",
    lambda m, F, x, w, b=None, **o: F.conv_transpose2d(x, w.contiguous(), b, **o),
    _transposed(),
    lambda m, F: F.conv_transpose2d(m.zeros(1, 3, 4, 4), m.zeros(2, 2, 3, 3)),
    lambda m, F: F.conv_transpose2d(m.zeros(1, 2, 4, 4), m.zeros(2, 2, 3, 3), output_padding=1),
    lambda m, F: F.conv_transpose2d(m.zeros(1, 2, 4, 4), m.zeros(2, 2, 3, 3), m.zeros(3)),
    sums=True,
)
record(
    "adaptive_max_pool2d",
    lambda m, F, x, **o: F.adaptive_max_pool2d(x, return_indices=True, **o),
    with_options(
        st.builds(lambda lead, a: Sample([a if lead else a[0]]), st.booleans(), s.array_of((2, 3, 7, 5), "ties")),
        output_size=[1, 3, (2, 4), (None, 2), 9],
    ),
    lambda m, F: F.adaptive_max_pool2d(m.zeros(1, 0, 4, 4), 2),
)
record(
    "unfold",
    lambda m, F, x, **o: F.unfold(x, **o),
    _patches(columns=False),
    lambda m, F: F.unfold(m.zeros(1, 1, 2, 2), 3),
)
record(
    "fold",
    lambda m, F, x, **o: F.fold(x, **o),
    _patches(columns=True),
    lambda m, F: F.fold(m.zeros(1, 3, 4), 3, 2),
    lambda m, F: F.fold(m.zeros(1, 4, 5), 3, 2),
)
record(
    "interpolate.size",
    lambda m, F, x, **o: F.interpolate(x, **o),
    with_options(
        s.array_of((2, 3, 4, 5)).map(lambda a: Sample([a])),
        size=[3, (7, 4), (4, 5), (1, 9)],
        mode=["nearest", "bilinear", "nearest-exact", "area", "bicubic"],
    ),
    lambda m, F: F.interpolate(m.zeros(1, 1, 4)),
    lambda m, F: F.interpolate(m.zeros(1, 1, 4), 2, 2.0),
    lambda m, F: F.interpolate(m.zeros(1, 1, 4), 2, align_corners=True),
    lambda m, F: F.interpolate(m.zeros(1, 1, 4), (2, 2)),
    lambda m, F: F.interpolate(m.zeros(1, 1, 4), 2, mode="bilinear"),
)
record(
    "interpolate.factors",
    lambda m, F, x, **o: F.interpolate(x, **o),
    with_options(
        s.array_of((2, 3, 4, 5)).map(lambda a: Sample([a])),
        mode=["bilinear", "bicubic"],
        scale_factor=[2, 0.5, 1.7, (2.3, 0.6)],
        align_corners=[None, False, True],
        recompute_scale_factor=[None, True, False],
    ),
)
record(
    "interpolate.lines",
    lambda m, F, x, **o: F.interpolate(x, **o),
    with_options(
        s.array_of((2, 3, 5)).map(lambda a: Sample([a])),
        scale_factor=[2.5, 0.7],
        mode=["nearest", "linear", "nearest-exact", "area"],
    ),
)
record(
    "grid_sample",
    lambda m, F, x, grid, **o: F.grid_sample(x, 0.9 * grid, **o),
    with_options(
        st.builds(lambda *a: Sample(list(a)), s.array_of((2, 3, 4, 5)), s.array_of((2, 3, 2, 2))),
        mode=["bilinear"],
        padding_mode=["zeros", "border", "reflection"],
        align_corners=[False, True],
    ),
    lambda m, F: F.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(2, 1, 2, 2)),
    lambda m, F: F.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 1, 2, 3)),
    lambda m, F: F.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 1, 2, 2), "cubic"),
    lambda m, F: F.grid_sample(m.zeros(1, 1, 2, 2), m.zeros(1, 1, 2, 2), padding_mode="mirror"),
    sums=True,
)
record(
    "grid_sample.nearest",
    lambda m, F, x, grid, **o: F.grid_sample(x, 0.9 * grid, "nearest", **o),
    with_options(
        st.builds(lambda *a: Sample(list(a)), s.array_of((2, 3, 4, 5)), s.array_of((2, 3, 2, 2))),
        padding_mode=["zeros", "border", "reflection"],
        align_corners=[False, True],
    ),
    sums=True,
)
record(
    "affine_grid",
    lambda m, F, x, **o: F.affine_grid(x, [2, 3, 4, 5], **o),
    with_options(s.array_of((2, 2, 3)).map(lambda a: Sample([a])), align_corners=[False, True]),
    lambda m, F: F.affine_grid(m.zeros(1, 2, 2), [1, 1, 2, 2]),
    lambda m, F: F.affine_grid(m.zeros(1, 2, 3), [1, 1, 0, 2]),
    sums=True,
)
