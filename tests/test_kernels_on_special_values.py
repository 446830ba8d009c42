"""Every method of the kernels on zeros, ties, infinities and NaN: all backends equal the reference, in any dtype."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.kernels.blocked import backend as blocked_backend
from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.compiled import backend as compiled_backend
from minigrad.kernels.compiled import layout as compiled_layout
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.geometry import Window
from minigrad.kernels.gpu import backend as gpu_backend
from minigrad.kernels.gpu.backend import Gpu
from minigrad.kernels.reference import Reference
from minigrad.testing.special_values import SPECIAL
from tests import test_gpu_kernels as host

#: Relative to the largest finite element: other orders of addition, in float16 rounded twice.
TOLERANCE = {np.float64: 1e-11, np.float32: 3e-5, np.float16: 4e-3}
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of ∞ − ∞, also in helper threads
reference = Reference()
FLOATS = (np.float64, np.float32, np.float16)
INTEGERS = (np.int64, np.int32, np.int8, np.uint8)


BACKENDS = {"blocked": Blocked, "blocked for little": Blocked, "gpu": Gpu}


@pytest.fixture(params=["compiled", "compiled for little", "blocked", "blocked for little", "gpu"], scope="module")
def backend(request: Any) -> Iterator[Reference]:
    """Each backend in turn; those for the CPU also without the sizes below which they leave work to another."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "compiled for little":
            patch.setattr(compiled_backend, "FEW", 0)
            patch.setattr(compiled_backend, "LITTLE", 0)
            patch.setattr(compiled_backend, "TINY", 0)
            patch.setattr(compiled_layout, "FEW", 0)
        if request.param == "blocked for little":
            patch.setattr(blocked_backend, "_BLOCK", 3)
        if request.param == "gpu":
            patch.setattr(gpu_backend, "launch", host.launch_on_host)
        yield BACKENDS.get(request.param, Compiled)()


class Drawing:
    """Draws the arguments of one call."""

    def __init__(self, draw: Any, dtype: Any) -> None:
        self.draw, self.dtype = draw, dtype
        self.drawn: list[Any] = []
        self.values = [x for x in SPECIAL if np.dtype(dtype).kind == "f" or np.isfinite(x)]

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def choice(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def ordinary(self, *shape: int) -> np.ndarray:
        """Ordinary numbers; four dimensions in one of the memory orders that occur."""
        array = np.random.default_rng(self.integer(0, 99)).standard_normal(shape)
        array = (array * (1 if np.dtype(self.dtype).kind == "f" else 3)).astype(self.dtype)
        if len(shape) != 4 or self.choice(True, False):
            return array
        return np.ascontiguousarray(array.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)

    def special(self, *shape: int) -> np.ndarray:
        """Ordinary numbers among which up to four are special."""
        array = self.ordinary(*shape)
        if np.dtype(self.dtype).kind == "f" and self.integer(0, 4) == 0:
            array[...] = self.choice(*self.values)
        for _ in range(self.integer(1, 4) if array.size else 0):
            at = tuple(self.integer(0, n - 1) for n in shape)
            array[at] = np.array(self.choice(*self.values)).astype(self.dtype)
        self.drawn.append(array)
        return array

    def window(self, pads: bool = True, dilates: bool = True) -> Window:
        kernel = (self.integer(1, 3), self.integer(1, 3))
        padding = tuple((self.integer(0, k // 2 if pads else 0),) * 2 for k in kernel)
        dilation = (self.integer(1, 2), self.integer(1, 2)) if dilates else (1, 1)
        window = Window(kernel, (self.integer(1, 2), self.integer(1, 2)), padding, dilation)
        self.drawn.append(window)
        return window

    def images(self, window: Window, channels: int = 0) -> tuple[int, ...]:
        size = (d * (k - 1) + 1 for d, k in zip(window.dilation, window.kernel, strict=True))
        return (self.choice(1, 2, 3, 16), channels or self.integer(1, 3), *(n + self.integer(0, 4) for n in size))


def _same_shape(function: str, count: int = 2) -> Callable[[Drawing], Any]:
    def call(d: Drawing) -> Any:
        shape = (d.integer(1, 3), d.integer(1, 3), d.integer(1, 6), d.integer(1, 6))
        arrays = [d.special(*shape) for _ in range(count)]
        return lambda k: getattr(k, function)(*arrays)

    return call


def _between(function: str, count: int) -> Callable[[Drawing], Any]:
    def call(d: Drawing) -> Any:
        shape = (d.integer(1, 3), d.integer(1, 6))
        arrays = [d.special(*shape) for _ in range(count)]
        low, high = d.choice((0, 6), (-1, 1), (0, 0))
        return lambda k: getattr(k, function)(*arrays, low, high)

    return call


def _concatenate(d: Drawing) -> Any:
    n, rows, columns = (d.integer(1, 4) for _ in range(3))
    arrays = [d.special(n, d.integer(1, 3), rows, columns) for _ in range(2)]
    return lambda k: k.concatenate(arrays, 1)


def _convolution(part: str) -> Callable[[Drawing], Any]:
    """Return a convolution with finite weights: the product of infinite ones with the padding's zeros is undefined."""

    def call(d: Drawing) -> Any:
        groups, window = d.choice(1, 1, 2), d.window()
        shape = d.images(window, groups * d.integer(1, 3))
        w = d.ordinary(groups * d.integer(1, 3), shape[1] // groups, *window.kernel)
        x = d.special(*shape)
        g_shape = (shape[0], len(w), *window.output_size(*shape[2:]))
        g = d.special(*g_shape) if part == "input" else d.ordinary(*g_shape)
        if part == "forward":
            return lambda k: k.conv2d(x, w, window, groups)
        if part == "input":
            return lambda k: k.conv2d_input(g, w, shape, window, groups)
        if part == "weight":
            return lambda k: k.conv2d_weight(x, g, w.shape, window, groups)
        needs = d.choice((True, True), (True, False), (False, True))
        return lambda k: k.conv2d_backward(x, w, g, window, groups, *needs)

    return call


def _linear(d: Drawing) -> Any:
    x, w = d.special(d.integer(1, 4), 3), d.special(d.integer(1, 4), 3)
    return lambda k: k.linear(x, w)


def _linear_backward(d: Drawing) -> Any:
    x, w = d.special(d.integer(1, 4), 3), d.special(d.integer(1, 4), 3)
    g = d.special(len(x), len(w))
    return lambda k: k.linear_backward(x, w, g)


def _max_pool(d: Drawing) -> Any:
    window = d.window()
    x = d.special(*d.images(window))
    return lambda k: k.max_pool2d(x, window)


def _max_pool_scatter(d: Drawing) -> Any:
    window = d.window()
    x = d.special(*d.images(window))
    taps = reference.max_pool2d(x, window)[1]
    g = d.special(*taps.shape)
    return lambda k: k.max_pool2d_scatter(g, taps, x.shape, window)


def _max_pool_gather(d: Drawing) -> Any:
    window = d.window()
    x, other = (d.special(*shape) for shape in [d.images(window)] * 2)
    taps = reference.max_pool2d(other, window)[1]
    return lambda k: k.max_pool2d_gather(x, taps, window)


def _scale(d: Drawing, shape: tuple[int, ...]) -> Any:
    return 0.25 if d.choice(True, False) else np.abs(d.ordinary(*shape[-2:]))


def _avg_pool(d: Drawing) -> Any:
    window = d.window(dilates=False)
    shape = d.images(window)
    x, scale = d.special(*shape), _scale(d, window.output_size(*shape[2:]))
    return lambda k: k.avg_pool2d(x, window, scale)


def _avg_pool_backward(d: Drawing) -> Any:
    window = d.window(dilates=False)
    shape = d.images(window)
    g = d.special(*shape[:2], *window.output_size(*shape[2:]))
    scale = _scale(d, g.shape)
    return lambda k: k.avg_pool2d_backward(g, shape, window, scale)


def _channels(d: Drawing) -> tuple[tuple[int, ...], Any, Any]:
    shape = (d.choice(2, 3, 16), d.integer(1, 3), d.integer(1, 4), d.integer(1, 4))
    if d.choice(True, False):
        return shape, None, None
    return shape, d.special(shape[1]), d.special(shape[1])


def _batch_norm(d: Drawing) -> Any:
    shape, weight, bias = _channels(d)
    x, relu = d.special(*shape), d.choice(True, False)
    return lambda k: k.batch_norm(x, weight, bias, 1e-3, relu)


def _batch_norm_backward(d: Drawing) -> Any:
    """Return a case with finite weights: a rounding error near 0, times ∞, has an arbitrary sign."""
    shape, weight, bias = _channels(d)
    weight = weight if weight is None else d.ordinary(shape[1])
    x, g = d.special(*shape), d.special(*shape)
    masked = d.choice(True, False)

    def call(k: Any) -> Any:
        _, mean, var = k.batch_norm(x, weight, bias, 1e-3, True)
        return k.batch_norm_backward(g, x, weight, mean, var, 1e-3, bias, masked)

    return call


def _scale_channels(d: Drawing) -> Any:
    shape = _channels(d)[0]
    x, factor, offset, relu = d.special(*shape), d.special(shape[1]), d.special(shape[1]), d.choice(True, False)
    return lambda k: k.scale_channels(x, factor, offset, relu)


def _normalize_channels(d: Drawing) -> Any:
    shape, weight, bias = _channels(d)
    x, mean, var = d.special(*shape), d.special(shape[1]), np.abs(d.special(shape[1]))
    relu = d.choice(True, False)
    return lambda k: k.normalize_channels(x, weight, bias, mean, var, 1e-3, relu)


def _clamp_in_place(d: Drawing) -> Any:
    x = d.special(d.integer(1, 3), d.integer(1, 6))

    def call(k: Any) -> Any:
        clamped = x.copy(order="K")
        return k.clamp_in_place(clamped, 0, 6), clamped

    return call


def _pass_where(d: Drawing) -> Any:
    g, x = (d.special(3, 4) for _ in range(2))
    return lambda k: k.pass_where(g, x > 0)


def _add_to_channels(d: Drawing) -> Any:
    shape = _channels(d)[0]
    y, bias = d.special(*shape), d.special(shape[1])

    def call(k: Any) -> Any:
        moved = y.copy(order="K")
        k.add_to_channels(moved, bias)
        return moved

    return call


def _channel_sums(d: Drawing) -> Any:
    g = d.special(*_channels(d)[0])
    return lambda k: k.channel_sums(g)


def _blend(d: Drawing) -> Any:
    running, batch, keep = d.special(3), d.special(3), d.choice(0.9, 0.0, 1.0)

    def call(k: Any) -> Any:
        moved = running.copy()
        k.blend(moved, batch, keep, 1 - keep)
        return moved

    return call


def _loss(d: Drawing) -> Any:
    n, classes = d.integer(1, 4), d.integer(1, 4)
    x = d.special(n, classes)
    labels = np.array([d.integer(0, classes - 1) for _ in range(n)])
    weight = d.choice(None, np.abs(d.ordinary(classes)))
    return n, (x, labels, weight, d.choice(0.0, 0.1), d.choice(-100, 0))


def _cross_entropy(d: Drawing) -> Any:
    given = _loss(d)[1]
    return lambda k: k.softmax_cross_entropy(*given)


def _cross_entropy_backward(d: Drawing) -> Any:
    n, given = _loss(d)
    g = d.special(n)
    return lambda k: k.softmax_cross_entropy_backward(g, *given, *k.softmax_cross_entropy(*given)[1:])


#: By method: a call of it, given a drawing; and whether it takes integers too.
CALLS: dict[str, tuple[Callable[[Drawing], Any], bool]] = {
    "add": (_same_shape("add"), True),
    "concatenate": (_concatenate, True),
    "relu": (_same_shape("relu", 1), True),
    "pass_where_positive": (_same_shape("pass_where_positive"), False),
    "clamp": (_between("clamp", 1), True),
    "pass_where_between": (_between("pass_where_between", 2), False),
    "conv2d": (_convolution("forward"), True),
    "conv2d_input": (_convolution("input"), False),
    "conv2d_weight": (_convolution("weight"), False),
    "conv2d_backward": (_convolution("both"), False),
    "linear": (_linear, True),
    "linear_backward": (_linear_backward, False),
    "max_pool2d": (_max_pool, True),
    "max_pool2d_scatter": (_max_pool_scatter, False),
    "max_pool2d_gather": (_max_pool_gather, False),
    "avg_pool2d": (_avg_pool, False),
    "avg_pool2d_backward": (_avg_pool_backward, False),
    "clamp_in_place": (_clamp_in_place, False),
    "pass_where": (_pass_where, False),
    "add_to_channels": (_add_to_channels, True),
    "channel_sums": (_channel_sums, False),
    "batch_norm": (_batch_norm, False),
    "batch_norm_backward": (_batch_norm_backward, False),
    "normalize_channels": (_normalize_channels, False),
    "scale_channels": (_scale_channels, False),
    "blend": (_blend, False),
    "softmax_cross_entropy": (_cross_entropy, False),
    "softmax_cross_entropy_backward": (_cross_entropy_backward, False),
}
#: What takes no floating numbers, or is held to its formulas elsewhere.
OTHERS = {
    "uniform": "takes a seed only; test_gpu_kernels.py",
    "move": "runs the optimisers' formulas; test_kernels.py",
}


def test_every_method_of_the_reference_is_here() -> None:
    public = {name for name, _ in inspect.getmembers(Reference, inspect.isfunction) if not name.startswith("_")}
    assert public == set(CALLS) | set(OTHERS)


@pytest.mark.parametrize("backend", [Blocked, Compiled, Gpu])
def test_a_backend_adds_nothing_public_to_the_reference(backend: type[Reference]) -> None:
    assert {name for name in vars(backend) if not name.startswith("_")} <= {"name", *CALLS, *OTHERS}


class Call:
    """One call of a method of the kernels, and what it was drawn from."""

    def __init__(self, function: str, drawing: Drawing) -> None:
        self.run, self.drawing = CALLS[function][0](drawing), drawing

    def __repr__(self) -> str:
        return f"{np.dtype(self.drawing.dtype)}: {', '.join(map(repr, self.drawing.drawn))}"


@st.composite
def calls(draw: Any, function: str, backend: Any) -> Call:
    takes_integers = CALLS[function][1] and not isinstance(backend, Gpu)
    return Call(function, Drawing(draw, draw(st.sampled_from(FLOATS + (INTEGERS if takes_integers else ())))))


@pytest.mark.parametrize("function", CALLS)
@settings(max_examples=max(10, settings().max_examples // 3))
@given(data=st.data())
def test_all_kernels_equal_the_reference_on_special_values(backend: Any, function: str, data: Any) -> None:
    call = data.draw(calls(function, backend))
    dtype = call.drawing.dtype
    ours, expected = call.run(backend), call.run(reference)
    for i, (a, b) in enumerate(zip(_tuple(ours), _tuple(expected), strict=True)):
        if b is None:
            assert a is None
            continue
        assert a.shape == b.shape
        if dtype is not np.float16:  # of which statistics may stay in float32
            assert a.dtype == b.dtype, f"result {i}: {a.dtype}, the reference gives {b.dtype}"
        if (
            isinstance(backend, Gpu) and function == "batch_norm" and i
        ):  # it subtracts the first number before it adds up
            a, b = (np.where(np.isfinite(v), v, np.nan) for v in (a, b))
        largest = np.abs(b[np.isfinite(b)]).max(initial=1.0) if b.dtype.kind == "f" else 0
        off = ~np.isclose(a, b, rtol=0, atol=TOLERANCE.get(dtype, 0) * largest, equal_nan=True)
        if off.any():
            at = tuple(map(int, np.argwhere(off)[0]))
            pytest.fail(f"result {i} differs first at {at}: {a[at]}, the reference gives {b[at]}")


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)
