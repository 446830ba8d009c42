"""Time every convolution of Inception V3 alone, forward and backward, minigrad against torch in one process.

    python -m benchmarks.convolutions SIZE BATCH ROUNDS

prints one JSON list: for each distinct shape how often the network has it, its FLOPs, and the median seconds of
either engine. The two take turns, so that both see the same weather on a shared machine.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # otherwise torch's idle threads spin on minigrad's cores

import numpy as np

Shape = tuple[tuple[int, ...], tuple[int, ...], Any, Any, bool]


def shapes(size: int, count: int) -> Counter[Shape]:
    """Return the distinct convolutions of a training step, (x, w, stride, padding, needs ∂L/∂x), with counts."""
    import minigrad
    from inception.model import SMALLEST_AUX_SIZE, inception_v3
    from minigrad import nn

    model = inception_v3(aux_logits=size >= SMALLEST_AUX_SIZE, init_weights=False)
    found: Counter[Shape] = Counter()

    def note(layer: Any, inputs: Any, output: Any) -> None:
        x = inputs[0]
        found[tuple(x.shape), tuple(layer.weight.shape), layer.stride, layer.padding, x.shape[1] > 3] += 1

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    with minigrad.no_grad():
        model(minigrad.zeros(2, 3, size, size))
    return Counter({((count, *x[1:]), *rest): times for (x, *rest), times in found.items()})


def flops(shape: Shape) -> int:
    """Return the FLOPs: two for each multiplication of the output and of both gradients, padding included."""
    from minigrad.kernels.geometry import Window

    x, w, stride, padding, need_x = shape
    window = Window(w[2:], tuple(stride), ((padding[0], padding[0]), (padding[1], padding[1])))
    positions = int(np.prod(window.output_size(*x[2:])))
    return 2 * x[0] * positions * int(np.prod(w)) * (3 if need_x else 2)


def contestants(shape: Shape) -> dict[str, tuple[Callable[[], Any], Callable[[Any], None]]]:
    """Return for each engine its forward pass, and the backward pass of the result."""
    import torch

    import minigrad

    x_shape, w_shape, stride, padding, need_x = shape
    random = np.random.default_rng(0)
    x, w = (random.standard_normal(s, np.float32) for s in (x_shape, w_shape))
    # each engine's own memory order; minigrad's layers use C H W N
    in_order = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    ours = [minigrad.from_numpy(a) for a in (in_order, w)]
    theirs = [torch.from_numpy(a) for a in (x, w)]
    result: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}
    for name, engine, (a, b) in (("minigrad", minigrad, ours), ("torch", torch, theirs)):
        a.requires_grad_(need_x)
        b.requires_grad_(True)
        conv = minigrad.nn.functional.conv2d if engine is minigrad else torch.nn.functional.conv2d
        gradient: list[Any] = []

        def forward(conv: Any = conv, a: Any = a, b: Any = b) -> Any:
            return conv(a, b, None, stride, padding)

        def backward(y: Any, engine: Any = engine, a: Any = a, b: Any = b, held: list[Any] = gradient) -> None:
            if not held:
                held.append(engine.ones_like(y))  # in the memory order of y
            a.grad = b.grad = None
            y.backward(held[0])

        result[name] = forward, backward
    return result


def measure(size: int, count: int, rounds: int) -> list[dict[str, Any]]:
    """Measure all shapes of the network at this image size."""
    results = []
    for shape, times in shapes(size, count).items():
        x, w, stride, padding, _ = shape
        both = contestants(shape)
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in both}
        for turn in range(rounds + 1):
            for name, (forward, backward) in both.items():
                start = time.perf_counter()
                y = forward()
                middle = time.perf_counter()
                backward(y)
                end = time.perf_counter()
                if turn > 0:
                    seconds[name].append((middle - start, end - middle))
        result: dict[str, Any] = {
            "x": x, "w": w, "stride": stride, "padding": padding, "times": times, "flops": flops(shape),
        }  # fmt: skip
        for name, pairs in seconds.items():
            result[name] = [round(statistics.median(part), 6) for part in zip(*pairs, strict=True)]
        result["ratio"] = statistics.median(
            sum(a) / sum(b) for a, b in zip(seconds["minigrad"], seconds["torch"], strict=True)
        )
        results.append(result)
    return results


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:4]))))
