"""Hypothesis strategies for the inputs of operations: shapes, values, memory orders, and options.

They draw a :class:`Sample`: the arrays and options of one call. For example

    @given(convolutions())
    def test_my_convolution(sample):
        assert_parity(lambda *xs: my_conv2d(*xs, **sample.options), lambda *xs: torch_conv2d(*xs, **sample.options),
                      *sample.arrays)
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minigrad.kernels.geometry import Window
from minigrad.testing.samples import Sample, in_memory_order
from minigrad.typing import Array, IntOrPair

#: The options of one call, by name; an operation's own.
_Options: TypeAlias = dict[str, Any]


@st.composite
def array_of(draw: st.DrawFn, shape: tuple[int, ...], values: str = "normal") -> Array:
    """Draw a float64 array of ``shape`` in some memory order.

    ``values``: ``normal``; ``positive`` (0.3 … 3); ``ties``, multiples of ½ among which many are equal or 0;
    ``probabilities``, which sum to 1 along dimension 1.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    if values == "positive":
        array = random.uniform(0.3, 3, shape)
    elif values == "ties":
        array = random.integers(-2, 3, shape) / 2
    elif values == "probabilities":
        array = (
            random.dirichlet(np.ones(shape[1]), (shape[0], *shape[2:]))
            if len(shape) > 1
            else random.dirichlet(np.ones(shape[0]))
        )
        array = np.moveaxis(array, -1, 1) if len(shape) > 1 else array
    else:
        array = random.standard_normal(shape)
    if len(shape) < 1 or draw(st.booleans()):
        return np.ascontiguousarray(array) if shape else np.array(array)
    return in_memory_order(array, list(draw(st.permutations(range(len(shape))))), draw(st.booleans()))


def shapes(
    min_dims: int = 0, max_dims: int = 4, min_side: int = 1, max_side: int = 5
) -> st.SearchStrategy[tuple[int, ...]]:
    """Return a strategy for shapes of a few dimensions."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def unary(draw: st.DrawFn, /, values: str = "normal", **shape_options: int) -> Sample:
    """Draw one tensor of any shape, sometimes without elements."""
    shape = draw(shapes(**shape_options))
    if shape and "min_side" not in shape_options and draw(st.integers(0, 9)) == 0:
        shape = (*shape[:-1], 0)
    kind = draw(st.sampled_from([values, values, "ties"])) if values == "normal" else values
    return Sample([draw(array_of(shape, kind))])


@st.composite
def broadcastable(draw: st.DrawFn, count: int = 2, values: str = "normal") -> Sample:
    """Draw tensors whose shapes broadcast: sizes of 1, and missing leading dimensions."""
    full = draw(shapes(max_dims=4))
    arrays = []
    for _ in range(count):
        start = draw(st.integers(0, len(full)))
        shape = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in full[start:])
        arrays.append(draw(array_of(shape, values)))
    return Sample(arrays)


@st.composite
def with_dim(draw: st.DrawFn, values: str = "normal", keepdim: bool = True, several: bool = True) -> Sample:
    """Draw a tensor and one dimension (or several, or all) to reduce."""
    shape = draw(shapes(min_dims=1))
    one = st.integers(-len(shape), len(shape) - 1)
    some = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True).map(tuple)
    dim = draw(st.one_of(one, some) if several else one)
    options = {"dim": dim}
    if keepdim:
        options["keepdim"] = draw(st.booleans())
    kind = draw(st.sampled_from([values, "ties"])) if values == "normal" else values
    return Sample([draw(array_of(shape, kind))], options)


@st.composite
def pairs(draw: st.DrawFn, low: int, high: int) -> IntOrPair:
    """Draw an int, or two of them, between low and high."""
    both = (draw(st.integers(low, high)), draw(st.integers(low, high)))
    return both[0] if draw(st.booleans()) else both


def as_pair(value: IntOrPair) -> tuple[int, int]:
    """Return the two values of a pair, or an int twice."""
    return value if isinstance(value, tuple) else (value, value)


@st.composite
def convolutions(draw: st.DrawFn) -> Sample:
    """Draw input, weight, sometimes a bias, and every option of conv2d that fits them."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    n, c, o = draw(st.integers(1, 3)), groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 4))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = draw(pairs(1, 2))
    reach = [d * (k - 1) + 1 for d, k in zip(as_pair(dilation), kernel, strict=True)]
    if draw(st.integers(0, 4)) == 0:
        padding: IntOrPair | str = draw(st.sampled_from(["same", "valid"]))
    else:
        padding = draw(pairs(0, 4))
    stride = 1 if padding == "same" else draw(pairs(1, 3))
    pads = (0, 0) if isinstance(padding, str) else as_pair(padding)
    smallest = [max(1, r - 2 * p) if padding != "same" else 1 for r, p in zip(reach, pads, strict=True)]
    size = tuple(draw(st.integers(m, m + 6)) for m in smallest)
    lead = (n,) if draw(st.integers(0, 5)) else ()
    arrays = [draw(array_of((*lead, c, *size))), draw(array_of((o, c // groups, *kernel)))]
    if draw(st.booleans()):
        arrays.append(draw(array_of((o,))))
    return Sample(arrays, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})


@st.composite
def poolings(draw: st.DrawFn, kind: str) -> Sample:
    """Draw an image and every option of max_pool2d or avg_pool2d that fits it."""
    kernel = draw(pairs(1, 4))
    dilation = draw(pairs(1, 2)) if kind == "max" else 1
    reach = [d * (k - 1) + 1 for d, k in zip(as_pair(dilation), as_pair(kernel), strict=True)]
    pads = [draw(st.integers(0, k // 2)) for k in as_pair(kernel)]
    size = tuple(draw(st.integers(max(1, r - 2 * p), max(1, r - 2 * p) + 6)) for r, p in zip(reach, pads, strict=True))
    lead = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))[draw(st.integers(0, 4)) == 0 :]
    options: _Options = {
        "kernel_size": kernel,
        "stride": draw(st.one_of(st.none(), pairs(1, 3))),
        "padding": tuple(pads),
        "ceil_mode": draw(st.booleans()),
    }
    if kind == "max":
        options["dilation"] = dilation
    else:
        options["count_include_pad"] = draw(st.booleans())
        options["divisor_override"] = draw(st.sampled_from([None, None, 2, 5]))
    values = draw(st.sampled_from(["normal", "ties"]))
    if kind == "max":
        # For a window that sees only padding, torch 2.13 stores a position outside the image, and its backward
        # writes there (a crash). minigrad returns −∞ and no gradient; there is nothing to compare.
        assume(_every_window_sees_the_input(size, options))
    return Sample([draw(array_of((*lead, *size), values))], options)


def _every_window_sees_the_input(size: tuple[int, ...], options: _Options) -> bool:
    kernel, dilation = as_pair(options["kernel_size"]), as_pair(options["dilation"])
    stride = kernel if options["stride"] is None else as_pair(options["stride"])
    pads = as_pair(options["padding"])
    window = Window(kernel, stride, ((pads[0],) * 2, (pads[1],) * 2), dilation, options["ceil_mode"])
    for axis, positions in enumerate(window.output_size(*size)):
        for position in range(positions):
            seen = [position * stride[axis] + i * dilation[axis] - pads[axis] for i in range(kernel[axis])]
            if not any(0 <= at < size[axis] for at in seen):
                return False
    return True


@st.composite
def normalizations(draw: st.DrawFn, training: bool) -> Sample:
    """Draw input, running statistics, sometimes weight and bias, eps and momentum of batch_norm."""
    channels = draw(st.integers(1, 4))
    space = draw(st.sampled_from([(), (4,), (3, 2), (5, 5)]))
    x = draw(array_of((draw(st.integers(4, 6)), channels, *space)))
    kinds = ["normal", "positive", *(["normal", "normal"] if draw(st.booleans()) else [])]
    # Vectors without gaps: torch 2.13 ignores the gaps of others.
    arrays = [x, *(np.ascontiguousarray(draw(array_of((channels,), kind))) for kind in kinds)]
    options = {
        "training": training,
        "momentum": draw(st.sampled_from([0.1, 0.0, 1.0])),
        "eps": draw(st.sampled_from([1e-5, 1e-3, 0.5])),
    }
    return Sample(arrays, options, constants=(1, 2))


@st.composite
def classifications(draw: st.DrawFn, probabilities: bool = False, smoothing: bool = True) -> Sample:
    """Draw scores, targets, sometimes class weights, and every option of cross_entropy or nll_loss."""
    classes = draw(st.integers(1, 5))
    space = draw(st.sampled_from([(), (), (3,), (2, 2)]))
    n = draw(st.integers(1, 4))
    scores = draw(array_of((n, classes, *space)))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    options: _Options = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    constants: tuple[int, ...] = (2,)
    if probabilities:
        target = draw(array_of((n, classes, *space), "probabilities"))
    else:
        target = random.integers(0, classes, (n, *space))
        if draw(st.booleans()):
            options["ignore_index"] = draw(st.sampled_from([-100, 0, classes - 1]))
            # A mean over no target at all is 0/0 in both: keep at least one.
            if np.all(target == options["ignore_index"]):
                options["ignore_index"] = -100
    arrays = [scores, target]
    if draw(st.booleans()):
        arrays.append(random.uniform(0.2, 2, classes))
    if smoothing:
        options["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return Sample(arrays, options, constants)
