"""In float32 the kernels round no worse than torch's own: both are held against float64."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad

#: How much larger our error may be, as a root mean square: rounding differs by machine and by the order of sums.
WORSE = 1.25

Call = Callable[[Any, Any, list[Any]], Any]


def _conv(**options: Any) -> Call:
    return lambda m, F, x: F.conv2d(x[0], x[1], **options)


#: A call, and the shapes of what it takes: sums of 800 to 20,000 terms, in all the ways that the kernels have.
CASES: dict[str, tuple[Call, list[tuple[int, ...]]]] = {
    "conv2d by places": (_conv(padding=1), [(32, 96, 7, 7), (64, 96, 3, 3)]),
    "conv2d by rows": (_conv(padding=(0, 3)), [(8, 128, 17, 17), (96, 128, 1, 7)]),
    "conv2d over the ends of rows": (_conv(padding=1), [(3, 96, 13, 13), (64, 96, 3, 3)]),
    "conv2d along long rows": (_conv(padding=1), [(2, 64, 6, 300), (32, 64, 3, 3)]),
    "conv2d with stride": (_conv(stride=2), [(8, 96, 19, 19), (64, 96, 3, 3)]),
    "conv2d of few positions": (_conv(), [(32, 1280, 1, 1), (192, 1280, 1, 1)]),
    "conv2d of points": (_conv(), [(8, 768, 9, 9), (128, 768, 1, 1)]),
    "linear": (lambda m, F, x: F.linear(x[0], x[1]), [(64, 1024), (512, 1024)]),
    "batch_norm": (
        lambda m, F, x: F.relu(F.batch_norm(x[0] + 3, None, None, x[1], x[2], training=True), inplace=True),
        [(32, 16, 25, 25), (16,), (16,)],
    ),
    "avg_pool2d": (lambda m, F, x: F.avg_pool2d(x[0], 3, 1, 1), [(8, 32, 17, 17)]),
}


def _results(library: Any, call: Call, arrays: list[np.ndarray], cotangent: np.ndarray | None) -> list[np.ndarray]:
    """The value, and the gradient of each input."""
    inputs = [library.tensor(a, requires_grad=True) for a in arrays]
    y = call(library, library.nn.functional, inputs)
    if cotangent is None:
        return [y.detach().numpy()]
    y.backward(library.tensor(cotangent))
    return [y.detach().numpy(), *(x.grad.numpy() for x in inputs)]


@pytest.mark.skipif(
    os.environ.get("MINIGRAD_KERNELS") == "reference",
    reason="the reference kernels are the specification, written to be read: they round as NumPy's sums do",
)
@pytest.mark.parametrize(("call", "shapes"), CASES.values(), ids=CASES)
def test_error_in_float32_is_no_worse_than_torchs(call: Call, shapes: list[tuple[int, ...]]) -> None:
    random = np.random.default_rng(0)
    exact = [random.standard_normal(shape).astype(np.float32).astype(np.float64) for shape in shapes]
    shape = _results(torch, call, exact, None)[0].shape
    cotangent = random.standard_normal(shape).astype(np.float32)
    single = [a.astype(np.float32) for a in exact]
    truth = _results(torch, call, exact, cotangent.astype(np.float64))
    ours, theirs = (_results(library, call, single, cotangent) for library in (minigrad, torch))
    for what, a, b, t in zip(("value", *map("gradient {}".format, range(9))), ours, theirs, truth, strict=False):
        scale = np.sqrt(np.mean(t**2))
        error, allowed = (np.sqrt(np.mean((result - t) ** 2)) / scale for result in (a, b))
        assert error <= WORSE * allowed + 1e-8, f"{what}: error {error:.2e}, torch's {allowed:.2e}"
