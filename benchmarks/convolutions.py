"""Time every convolution of Inception V3 alone, forward and backward, minigrad beside torch in one process.

    python -m benchmarks.convolutions SIZE BATCH ROUNDS SECONDS

writes a line of JSON for each distinct shape: how often the network has it, its FLOPs, and the median seconds of every
candidate, forward and backward. The candidates take turns on one thread, and the clock counts the processor's time of
that thread, so that a shared machine disturbs little. Shapes that there is no time for (SECONDS) are left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cases import CHANNELS_LAST, EAGER, MINIGRAD

Shape = tuple[tuple[int, ...], tuple[int, ...], Any, Any, bool]
FASTEST_TURN = 0.01  # seconds: a short convolution is repeated for so long in each turn


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


class Contestant(NamedTuple):
    """The forward pass of one candidate, and the backward pass of the result."""

    forward: Callable[[], Any]
    backward: Callable[[Any], None]


def contestant(candidate: str, shape: Shape) -> Contestant:
    """Return the convolution of one candidate, with images and weights in its own memory order."""
    if candidate == MINIGRAD:
        import minigrad as engine
    else:
        import torch as engine
    x_shape, w_shape, stride, padding, need_x = shape
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(s, np.float32) for s in (x_shape, w_shape)]
    if candidate != EAGER:
        arrays = [channels_last(a) for a in arrays]
    x, w = (engine.from_numpy(a) for a in arrays)
    x.requires_grad_(need_x)
    w.requires_grad_(True)
    gradient: list[Any] = []

    def forward() -> Any:
        return engine.nn.functional.conv2d(x, w, None, stride, padding)

    def backward(y: Any) -> None:
        if not gradient:
            gradient.append(engine.ones_like(y))  # in the memory order of y
        x.grad = w.grad = None
        y.backward(gradient[0])

    return Contestant(forward, backward)


def channels_last(a: np.ndarray) -> np.ndarray:
    """Return the array N C H W with its memory in the order N H W C."""
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def turn(one: Contestant, repeats: int) -> tuple[float, float]:
    """Return the seconds of a forward and of a backward pass, each the mean of some repeats."""
    forward = backward = 0.0
    for _ in range(repeats):
        start = time.thread_time()
        y = one.forward()
        middle = time.thread_time()
        one.backward(y)
        end = time.thread_time()
        forward, backward = forward + middle - start, backward + end - middle
    return forward / repeats, backward / repeats


def measure(shape: Shape, rounds: int) -> dict[str, Any]:
    """Return the seconds of every candidate for one shape, and minigrad's ratio to each way of torch."""
    everyone = {name: contestant(name, shape) for name in (MINIGRAD, EAGER, CHANNELS_LAST)}
    for one in everyone.values():
        turn(one, 1)  # compiles, plans
    repeats = max(1, round(FASTEST_TURN / max(sum(turn(one, 1)) for one in everyone.values())))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in everyone}
    for number in range(rounds):
        names = list(everyone)
        for name in names[number % 3 :] + names[: number % 3]:
            taken[name].append(turn(everyone[name], repeats))
    x, w, stride, padding, _ = shape
    result: dict[str, Any] = {"x": x, "w": w, "stride": stride, "padding": padding, "flops": flops(shape)}
    for name, pairs in taken.items():
        result[name] = [float(f"{statistics.median(column):.4g}") for column in zip(*pairs, strict=True)]
    result["ratios"] = {
        name: round(statistics.median(sum(a) / sum(b) for a, b in zip(taken[MINIGRAD], taken[name], strict=True)), 4)
        for name in (EAGER, CHANNELS_LAST)
    }
    result["ratio"] = max(result["ratios"].values())  # to the best of torch
    return result


def main() -> None:
    import torch

    import minigrad

    size, count, rounds = map(int, sys.argv[1:4])
    end = time.monotonic() + float(sys.argv[4])
    minigrad.set_num_threads(1)
    torch.set_num_threads(1)
    found = shapes(size, count)
    places = {shape: place for place, shape in enumerate(found)}
    for number, shape in enumerate(sorted(found, key=lambda shape: -flops(shape) * found[shape])):
        if time.monotonic() > end and number > 0:
            break
        layer = measure(shape, rounds)
        print(json.dumps({**layer, "times": found[shape], "place": places[shape], "of": len(found)}), flush=True)


if __name__ == "__main__":
    main()
