"""One engine's training steps of Inception V3 (forward, loss, backward, SGD with momentum), in a process of its own.

    python -m benchmarks.step minigrad|torch SIZE BATCH STEPS

prints one JSON object: seconds of each step and phase, the losses, the peak resident memory. Both engines
start from the same weights and see the same pictures, so their losses show that they computed the same.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

CLASSES = 1000
LR, MOMENTUM = 1e-8, 0.9  # so small that rounding, which the network amplifies, cannot make the losses differ


def weights(names: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The same initial weights for both engines, by name and shape."""
    result = {}
    for name, shape in names.items():
        random = np.random.default_rng(hash_of(name))
        if name.endswith(("bn.weight", "running_var")):
            result[name] = np.ones(shape, np.float32)
        elif name.endswith(("bias", "running_mean", "num_batches_tracked")):
            result[name] = np.zeros(shape, np.int64 if name.endswith("tracked") else np.float32)
        else:
            fan_in = int(np.prod(shape[1:]))
            result[name] = random.standard_normal(shape, np.float32) * np.float32(1 / np.sqrt(fan_in))
    return result


def hash_of(name: str) -> int:
    """A number from a name, the same in every process."""
    return int.from_bytes(name.encode()[-12:], "big")


def batch(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels."""
    random = np.random.default_rng(0)
    return random.standard_normal((count, 3, size, size), np.float32), random.integers(0, CLASSES, count)


def minigrad_step(size: int, count: int) -> Callable[[], tuple[list[float], float]]:
    import minigrad
    from inception import training
    from inception.model import SMALLEST_AUX_SIZE, inception_v3
    from minigrad import optim

    model = inception_v3(num_classes=CLASSES, aux_logits=size >= SMALLEST_AUX_SIZE, init_weights=False, dropout=0.0)
    model.load_state_dict(weights({name: value.shape for name, value in model.state_dict().items()}))
    optimizer = optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x, labels = (minigrad.from_numpy(array) for array in batch(size, count))

    def step() -> tuple[list[float], float]:
        times = [time.perf_counter()]
        outputs = training.forward_pass(model, x)
        times.append(time.perf_counter())
        loss = training.loss_computation(outputs, labels)
        times.append(time.perf_counter())
        training.backward_pass(optimizer, loss)
        times.append(time.perf_counter())
        training.optimization_pass(optimizer)
        times.append(time.perf_counter())
        return times, loss.item()

    return step


def torch_step(size: int, count: int) -> Callable[[], tuple[list[float], float]]:
    import torch

    from inception.model import SMALLEST_AUX_SIZE
    from parity_tests.torchvision_models import inception_v3

    aux = size >= SMALLEST_AUX_SIZE
    model = inception_v3(weights=None, init_weights=False, aux_logits=aux, num_classes=CLASSES, dropout=0.0)
    arrays = weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x, labels = (torch.from_numpy(array) for array in batch(size, count))

    def step() -> tuple[list[float], float]:
        times = [time.perf_counter()]
        outputs = model(x)
        times.append(time.perf_counter())
        if isinstance(outputs, tuple):
            loss = torch.nn.functional.cross_entropy(outputs[0], labels)
            loss = loss + 0.4 * torch.nn.functional.cross_entropy(outputs[1], labels)
        else:
            loss = torch.nn.functional.cross_entropy(outputs, labels)
        times.append(time.perf_counter())
        optimizer.zero_grad()
        loss.backward()
        times.append(time.perf_counter())
        optimizer.step()
        times.append(time.perf_counter())
        return times, float(loss.detach())

    return step


ENGINES = {"minigrad": minigrad_step, "torch": torch_step}


def measure(engine: str, size: int, count: int, steps: int) -> dict[str, Any]:
    """Runs the steps (and two before them that do not count)."""
    step = ENGINES[engine](size, count)
    losses, phases = [], []
    for _ in range(steps + 2):
        times, loss = step()
        losses.append(loss)
        phases.append([after - before for before, after in pairwise(times)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": [sum(p) for p in phases[2:]], "phases": phases[2:], "losses": losses, "peak_mb": peak}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:5]))))
