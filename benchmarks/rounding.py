"""Measure the rounding errors of float32 results, for minigrad and torch on the same numbers.

    python -m benchmarks.rounding

prints one JSON object: for each case, the error of the value and of each gradient, which is the root mean square of its
difference from torch's result in float64, relative to that result. How torch rounds differs from processor to
processor, so its error is shown for comparison; parity_tests/test_float32_error.py holds ours to what the lengths of
the sums allow. MINIGRAD_VECTOR_BITS in the environment narrows minigrad's vectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import minigrad

Call = Callable[[Any, Any, list[Any]], Any]


class Case(NamedTuple):
    """A call, the shapes of its arguments, and the number of terms in the sums of its value and gradients."""

    call: Call
    shapes: list[tuple[int, ...]]
    terms: list[int]


def _conv(x: tuple[int, ...], w: tuple[int, ...], positions: int, **options: Any) -> Case:
    """Return the case of a convolution with ``positions`` output positions.

    Its gradients are sums over output channels, and over images and positions.
    """
    taps, stride, groups = int(np.prod(w[2:])), options.get("stride", 1), options.get("groups", 1)
    one_dimensional = len(x) == 3

    def call(m: Any, F: Any, a: list[Any]) -> Any:
        return (F.conv1d if one_dimensional else F.conv2d)(a[0], a[1], **options)

    return Case(call, [x, w], [w[1] * taps, w[0] // groups * -(-taps // stride**2), x[0] * positions])


#: Sums of up to 20,000 terms, for every kernel and for shapes of every kind.
CASES: dict[str, Case] = {
    "conv2d 3 × 3 on 7 × 7": _conv((32, 96, 7, 7), (64, 96, 3, 3), 49, padding=1),
    "conv2d 1 × 7 on 17 × 17": _conv((8, 128, 17, 17), (96, 128, 1, 7), 289, padding=(0, 3)),
    "conv2d of 3 images": _conv((3, 96, 13, 13), (64, 96, 3, 3), 169, padding=1),
    "conv2d on long rows": _conv((2, 64, 6, 300), (32, 64, 3, 3), 1800, padding=1),
    "conv2d with stride": _conv((8, 96, 19, 19), (64, 96, 3, 3), 81, stride=2),
    "conv2d on 1 × 1": _conv((32, 1280, 1, 1), (192, 1280, 1, 1), 1),
    "conv2d on 1 × 1, 512 images": _conv((512, 96, 1, 1), (64, 96, 1, 1), 1),
    "conv2d 1 × 1": _conv((8, 768, 9, 9), (128, 768, 1, 1), 81),
    "conv2d 11 × 11": _conv((16, 16, 13, 13), (16, 16, 11, 11), 169, padding=5),
    "conv2d of 3 channels": _conv((8, 3, 32, 32), (32, 3, 3, 3), 1024, padding=1),
    "conv2d of 17 channels": _conv((8, 17, 15, 15), (19, 17, 3, 3), 225, padding=1),
    "conv2d in 4 groups": _conv((8, 128, 15, 15), (64, 32, 3, 3), 225, padding=1, groups=4),
    "conv2d, depthwise": _conv((8, 96, 28, 28), (96, 1, 3, 3), 784, padding=1, groups=96),
    "conv1d": _conv((16, 128, 300), (64, 128, 5), 300, padding=2),
    "linear": Case(lambda m, F, a: F.linear(a[0], a[1]), [(64, 1024), (512, 1024)], [1024, 512, 64]),
    "batch_norm": Case(
        lambda m, F, a: F.relu(F.batch_norm(a[0] + 3, None, None, a[1], a[2], training=True), inplace=True),
        [(32, 16, 25, 25), (16,), (16,)],
        [20_000] * 4,
    ),
    "avg_pool2d": Case(lambda m, F, a: F.avg_pool2d(a[0], 3, 1, 1), [(8, 32, 17, 17)], [9, 9]),
}


def _results(library: Any, call: Call, arrays: list[np.ndarray], cotangent: np.ndarray | None) -> list[np.ndarray]:
    """Return the value and the gradient of each input."""
    inputs = [library.tensor(a, requires_grad=True) for a in arrays]
    y = call(library, library.nn.functional, inputs)
    if cotangent is None:
        return [y.detach().numpy()]
    y.backward(library.tensor(cotangent))
    return [y.detach().numpy(), *(x.grad.numpy() for x in inputs)]


def errors(case: Case) -> list[tuple[float, float]]:
    """Return minigrad's error and torch's, of the value and of each gradient."""
    random = np.random.default_rng(0)
    single = [random.standard_normal(shape).astype(np.float32) for shape in case.shapes]
    exact = [a.astype(np.float64) for a in single]
    cotangent = random.standard_normal(_results(torch, case.call, exact, None)[0].shape).astype(np.float32)
    truth = _results(torch, case.call, exact, cotangent.astype(np.float64))
    found = (_results(library, case.call, single, cotangent) for library in (minigrad, torch))
    return [
        (float(np.sqrt(np.mean((a - t) ** 2) / np.mean(t**2))), float(np.sqrt(np.mean((b - t) ** 2) / np.mean(t**2))))
        for a, b, t in zip(*found, truth, strict=True)
    ]


def measure() -> dict[str, Any]:
    """Return all errors, and ours as a multiple of torch's."""
    results: dict[str, Any] = {}
    for name, case in CASES.items():
        results[name] = {}
        for number, (ours, theirs) in enumerate(errors(case)):
            what = f"gradient {number - 1}" if number else "value"
            ratio = round(ours / theirs, 3) if theirs else None
            results[name][what] = {"minigrad": float(f"{ours:.3g}"), "torch": float(f"{theirs:.3g}"), "ratio": ratio}
    return results


if __name__ == "__main__":
    print(json.dumps(measure()))
