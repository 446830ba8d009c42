"""Hypothesis strategies for the inputs of operations: shapes, values, memory orders, and options.

They draw :class:`Sample`: the arrays and options of one call. For example

    @given(convolutions())
    def test_my_convolution(sample):
        assert_parity(lambda *xs: my_conv2d(*xs, **sample.options), lambda *xs: torch_conv2d(*xs, **sample.options),
                      *sample.arrays)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minigrad.kernels.geometry import Window


@dataclass
class Sample:
    """One call: its tensor arguments as arrays, its options, and which tensors are constants."""

    arrays: list[np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    constants: tuple[int, ...] = ()

    def __repr__(self) -> str:
        tensors = ", ".join(
            f"{a.dtype}{list(a.shape)} strides {a.strides}" + (f" {a.tolist()}" if a.size <= 12 else "")
            for a in self.arrays
        )
        return f"Sample({tensors}; {self.options})"

    def differentiable(self, i: int) -> bool:
        """Whether a gradient with respect to tensor i is wanted."""
        return i not in self.constants and self.arrays[i].dtype.kind == "f"


def in_memory_order(array: np.ndarray, order: list[int], gap: bool) -> np.ndarray:
    """An equal array whose dimensions lie in memory in ``order``, if ``gap`` with unused room between."""
    room = tuple(array.shape[d] * (2 if gap and i == len(order) - 1 else 1) for i, d in enumerate(order))
    memory = np.zeros(room, array.dtype)
    if gap and room:
        memory = memory[..., ::2]
    view = memory.transpose(np.argsort(order)) if order else memory
    view[...] = array
    return view


@st.composite
def array_of(draw: Any, shape: tuple[int, ...], values: str = "normal") -> np.ndarray:
    """A float64 array of ``shape`` in some memory order.

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


#: Numbers at which formulas break: zeros of both signs, infinities, NaN, and where many functions have a kink.
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 6.0)

#: What a gradient that arrives may hold.
SPECIAL_COTANGENTS = (1.0, -2.5, 0.0, np.inf, -np.inf, np.nan)


def ends_of(dtype: Any) -> tuple[Any, ...]:
    """The largest, smallest and finest numbers of a dtype."""
    if np.dtype(dtype).kind == "b":
        return (False, True)
    if np.dtype(dtype).kind != "f":
        return (np.iinfo(dtype).min, np.iinfo(dtype).max)
    info = np.finfo(dtype)
    positive = (info.max, info.tiny, info.smallest_subnormal, info.eps)
    return (*positive, *(-x for x in positive))


def special_values(dtype: Any, own: tuple[float, ...] = (), domain: tuple[float, float] | None = None) -> list[Any]:
    """``SPECIAL``, the operation's ``own`` kinks and thresholds, and the ends of the dtype; those in ``domain``."""
    values = [*SPECIAL, *own, *ends_of(dtype)]
    return values if domain is None else [x for x in values if domain[0] <= x <= domain[1]]


@st.composite
def with_special_values(
    draw: Any,
    samples: st.SearchStrategy[Sample],
    dtype: Any,
    values: Sequence[Any],
    most: int = 3,
    except_tensors: Sequence[int] = (),
) -> Sample:
    """The samples in ``dtype``, with at least one and at ``most`` so many elements replaced by special values.

    They are drawn from ``values``, or, if there may be several, are a copy of the first element, so that there is a
    tie. They stand in any floating tensors but the ``except_tensors``.
    """
    sample = draw(samples)
    arrays = [in_strides_of(a, a.astype(dtype)) if a.dtype.kind == "f" else a for a in sample.arrays]
    filled = [a for i, a in enumerate(arrays) if a.dtype.kind == "f" and a.size and i not in except_tensors]
    choices = [*([None] if most > 1 else []), *values]
    for _ in range(draw(st.integers(1, most)) if filled else 0):
        array = filled[draw(st.integers(0, len(filled) - 1))]
        value = draw(st.sampled_from(choices))
        array.flat[draw(st.integers(0, array.size - 1))] = array.flat[0] if value is None else value
    return Sample(arrays, sample.options, sample.constants)


@st.composite
def with_integers(draw: Any, samples: st.SearchStrategy[Sample], dtype: Any, ends: bool = True) -> Sample:
    """The samples with integers (or bools) of ``dtype`` in place of floats; if ``ends``, some are ends of the dtype."""
    sample = draw(samples)
    arrays = []
    for a in sample.arrays:
        if a.dtype.kind == "f":
            kind = np.dtype(dtype).kind
            whole = a > 0 if kind == "b" else np.rint(np.abs(a) * 4 if kind == "u" else a * 4)
            a = in_strides_of(a, np.asarray(whole).astype(dtype))
            if ends and a.size and draw(st.booleans()):
                a.flat[draw(st.integers(0, a.size - 1))] = draw(st.sampled_from(ends_of(dtype)))
        arrays.append(a)
    return Sample(arrays, sample.options, sample.constants)


def every_combination(values: Sequence[Any], dtype: Any, count: int) -> list[np.ndarray]:
    """``count`` arrays in which every combination of the values stands, once for each of ``SPECIAL_COTANGENTS``.

    The cotangents belong along dimension 0; see ``along_the_first``.
    """
    grids = np.meshgrid(np.empty(len(SPECIAL_COTANGENTS)), *[np.array(values, dtype)] * count, indexing="ij")
    return [np.ascontiguousarray(grid) for grid in grids[1:]]


def along_the_first(like: np.ndarray, random: Any = None) -> np.ndarray:
    """``SPECIAL_COTANGENTS`` along dimension 0 of an array like ``like``."""
    column = np.array(SPECIAL_COTANGENTS, like.dtype).reshape(-1, *(1,) * (like.ndim - 1))
    return np.ascontiguousarray(np.broadcast_to(column, like.shape))


def cotangents_with(values: Sequence[float]) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Random cotangents, for ``assert_parity``, in which the values stand at random places."""

    def cotangent(like: np.ndarray, random: np.random.Generator) -> np.ndarray:
        drawn = np.asarray(random.standard_normal(like.shape)).astype(like.dtype)
        for value in values if like.size else ():
            drawn.flat[random.integers(like.size)] = value
        return drawn

    return cotangent


def in_strides_of(like: np.ndarray, array: np.ndarray) -> np.ndarray:
    """``array`` in the memory order of ``like``, gaps included."""
    if array.ndim == 0:
        return array
    order = sorted(range(array.ndim), key=lambda d: -like.strides[d])
    dense = like.flags.c_contiguous or like.transpose(order).flags.c_contiguous
    return in_memory_order(array, order, not dense)


def shapes(
    min_dims: int = 0, max_dims: int = 4, min_side: int = 1, max_side: int = 5
) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of a few dimensions."""
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def unary(draw: Any, values: str = "normal", **shape_options: Any) -> Sample:
    """One tensor of any shape, now and then without elements."""
    shape = draw(shapes(**shape_options))
    if shape and "min_side" not in shape_options and draw(st.integers(0, 9)) == 0:
        shape = (*shape[:-1], 0)
    kind = draw(st.sampled_from([values, values, "ties"])) if values == "normal" else values
    return Sample([draw(array_of(shape, kind))])


@st.composite
def broadcastable(draw: Any, count: int = 2, values: str = "normal") -> Sample:
    """Tensors whose shapes broadcast: sizes of 1, and missing leading dimensions."""
    full = draw(shapes(max_dims=4))
    arrays = []
    for _ in range(count):
        start = draw(st.integers(0, len(full)))
        shape = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in full[start:])
        arrays.append(draw(array_of(shape, values)))
    return Sample(arrays)


@st.composite
def with_dim(draw: Any, values: str = "normal", keepdim: bool = True, several: bool = True) -> Sample:
    """A tensor and one dimension (or several, or all) to reduce."""
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
def pairs(draw: Any, low: int, high: int) -> Any:
    """An int, or two of them, between low and high."""
    both = (draw(st.integers(low, high)), draw(st.integers(low, high)))
    return both[0] if draw(st.booleans()) else both


def as_pair(value: Any) -> tuple[int, int]:
    """The two values that an int or a pair stands for."""
    return value if isinstance(value, tuple) else (value, value)


@st.composite
def convolutions(draw: Any) -> Sample:
    """Input, weight, bias or none, and every option of conv2d that fits them."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    n, c, o = draw(st.integers(1, 3)), groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 4))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = draw(pairs(1, 2))
    reach = [d * (k - 1) + 1 for d, k in zip(as_pair(dilation), kernel, strict=True)]
    if draw(st.integers(0, 4)) == 0:
        padding: Any = draw(st.sampled_from(["same", "valid"]))
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
def poolings(draw: Any, kind: str) -> Sample:
    """A picture and every option of max_pool2d or avg_pool2d that fits it."""
    kernel = draw(pairs(1, 4))
    dilation = draw(pairs(1, 2)) if kind == "max" else 1
    reach = [d * (k - 1) + 1 for d, k in zip(as_pair(dilation), as_pair(kernel), strict=True)]
    pads = [draw(st.integers(0, k // 2)) for k in as_pair(kernel)]
    size = tuple(draw(st.integers(max(1, r - 2 * p), max(1, r - 2 * p) + 6)) for r, p in zip(reach, pads, strict=True))
    lead = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))[draw(st.integers(0, 4)) == 0 :]
    options: dict[str, Any] = {
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
        # Where a window sees padding only, torch 2.13 remembers a position outside the picture, and its
        # backward then writes there (a crash). minigrad gives −∞ and no gradient; there is nothing to compare.
        assume(_every_window_sees_the_input(size, options))
    return Sample([draw(array_of((*lead, *size), values))], options)


def _every_window_sees_the_input(size: tuple[int, ...], options: dict[str, Any]) -> bool:
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
def normalizations(draw: Any, training: bool) -> Sample:
    """Input, running statistics, weight and bias (or none), eps and momentum of batch_norm."""
    channels = draw(st.integers(1, 4))
    space = draw(st.sampled_from([(), (4,), (3, 2), (5, 5)]))
    x = draw(array_of((draw(st.integers(4, 6)), channels, *space)))
    kinds = ["normal", "positive", *(["normal", "normal"] if draw(st.booleans()) else [])]
    # Vectors without gaps: torch 2.13 reads others as if they had none.
    arrays = [x, *(np.ascontiguousarray(draw(array_of((channels,), kind))) for kind in kinds)]
    options = {
        "training": training,
        "momentum": draw(st.sampled_from([0.1, 0.0, 1.0])),
        "eps": draw(st.sampled_from([1e-5, 1e-3, 0.5])),
    }
    return Sample(arrays, options, constants=(1, 2))


@st.composite
def classifications(draw: Any, probabilities: bool = False, smoothing: bool = True) -> Sample:
    """Scores, targets, class weights or none, and every option of cross_entropy or nll_loss."""
    classes = draw(st.integers(1, 5))
    space = draw(st.sampled_from([(), (), (3,), (2, 2)]))
    n = draw(st.integers(1, 4))
    scores = draw(array_of((n, classes, *space)))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    options: dict[str, Any] = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    constants: tuple[int, ...] = (2,)
    if probabilities:
        target = draw(array_of((n, classes, *space), "probabilities"))
    else:
        target = random.integers(0, classes, (n, *space))
        if draw(st.booleans()):
            options["ignore_index"] = draw(st.sampled_from([-100, 0, classes - 1]))
            # A mean over no target at all is 0/0 in both: keep one that counts.
            if np.all(target == options["ignore_index"]):
                options["ignore_index"] = -100
    arrays = [scores, target]
    if draw(st.booleans()):
        arrays.append(random.uniform(0.2, 2, classes))
    if smoothing:
        options["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return Sample(arrays, options, constants)
