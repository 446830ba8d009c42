"""The timed cases: the work of one engine, in a process of its own.

    python -m benchmarks.cases ENGINE CASE REPEATS

runs the case and prints one JSON object: the seconds of every repeat (for training steps also of each phase), a number
that must be the same for every engine, and the peak resident memory. A case is written as

    train:SIZE:BATCH     a training step of Inception V3 (with the aux head where the size allows), SGD with momentum
    infer:SIZE:BATCH     its scores in evaluation mode, without a graph
    lenet, mlp           a training step of a small network on 28 x 28 images, batch 64
    chain:OPS            y = 0.999·y + x on 32 x 32 elements, OPS operations in a row, and their gradient
    conv:N:C:O:SIZE      a 3 x 3 convolution, forward, and its two gradients
    limit                products of 1024 x 1024 matrices: the most floating-point operations a second (NumPy's BLAS)

All engines start from the same numbers, so equal results show that they did the same work.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = 1000
LR, MOMENTUM = 1e-8, 0.9  # small, since the network amplifies rounding and the losses must agree
WARM_UP = 2  # repeats that are not counted

#: A repeat returns the times between its phases, and the number to compare.
Work = Callable[[], tuple[list[float], float]]


# --- The same numbers for every engine ---


def weights(names: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return initial weights for names and shapes."""
    result = {}
    for name, shape in names.items():
        random = np.random.default_rng(int.from_bytes(name.encode()[-12:], "big"))
        if name.endswith(("bn.weight", "running_var")):
            result[name] = np.ones(shape, np.float32)
        elif name.endswith(("bias", "running_mean", "num_batches_tracked")):
            result[name] = np.zeros(shape, np.int64 if name.endswith("tracked") else np.float32)
        else:
            fan_in = int(np.prod(shape[1:]))
            result[name] = random.standard_normal(shape, np.float32) * np.float32(1 / np.sqrt(fan_in))
    return result


def batch(shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels."""
    random = np.random.default_rng(0)
    return random.standard_normal(shape, np.float32), random.integers(0, classes, shape[0])


# --- Inception V3 ---


def inception(engine: str, size: int) -> Any:
    """Return the model with its weights."""
    from inception.model import SMALLEST_AUX_SIZE, inception_v3

    options = {"num_classes": CLASSES, "aux_logits": size >= SMALLEST_AUX_SIZE, "init_weights": False, "dropout": 0.0}
    if engine == "minigrad":
        model = inception_v3(**options)
        model.load_state_dict(weights({name: value.shape for name, value in model.state_dict().items()}))
        return model
    import torch

    from parity_tests.torchvision_models import inception_v3 as torchvisions

    model = torchvisions(weights=None, **options)
    arrays = weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()})
    return model


def train(engine: str, size: int, count: int) -> Work:
    """Return a function that runs a training step, phase by phase."""
    library = import_module(engine)
    model = inception(engine, size)
    optimizer = library.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x, labels = (library.from_numpy(array) for array in batch((count, 3, size, size), CLASSES))
    cross_entropy = library.nn.functional.cross_entropy

    def step() -> tuple[list[float], float]:
        times = [time.perf_counter()]
        outputs = model(x)
        times.append(time.perf_counter())
        if isinstance(outputs, tuple):
            loss = cross_entropy(outputs[0], labels) + 0.4 * cross_entropy(outputs[1], labels)
        else:
            loss = cross_entropy(outputs, labels)
        times.append(time.perf_counter())
        optimizer.zero_grad()
        loss.backward()
        times.append(time.perf_counter())
        optimizer.step()
        times.append(time.perf_counter())
        return times, loss.item()

    return step


def infer(engine: str, size: int, count: int) -> Work:
    """Return a function that computes scores without a graph."""
    library = import_module(engine)
    model = inception(engine, size).eval()
    x = library.from_numpy(batch((count, 3, size, size), CLASSES)[0])

    def scores() -> float:
        with library.no_grad():
            return float(model(x).abs().mean().item())

    return _timed(scores)


# --- Small networks ---


def _timed(work: Callable[[], float]) -> Work:
    """Return a repeat with one phase, which is all of ``work``."""

    def repeat() -> tuple[list[float], float]:
        start = time.perf_counter()
        value = work()
        return [start, time.perf_counter()], value

    return repeat


def _small(engine: str, layers: Callable[[Any], Any], shape: tuple[int, ...]) -> Work:
    library = import_module(engine)
    model = layers(library.nn)
    values = weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: library.from_numpy(value) for name, value in values.items()})
    optimizer = library.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    x, labels = (library.from_numpy(array) for array in batch(shape, 10))

    def step() -> float:
        loss = library.nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return _timed(step)


def lenet(engine: str) -> Work:
    """Return LeNet-5 (LeCun et al. 1998) with ReLU and max pooling."""

    def layers(nn: Any) -> Any:
        return nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip

    return _small(engine, layers, (64, 1, 28, 28))


def mlp(engine: str) -> Work:
    """Return a network with two hidden layers."""

    def layers(nn: Any) -> Any:
        return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))

    return _small(engine, layers, (64, 784))


# --- A long graph of small operations ---


def chain(engine: str, ops: int) -> Work:
    """Return a function that runs a chain forward and backward, for any of the engines."""
    x0 = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32) * np.float32(0.01)
    gradient = CHAINS[engine](x0, ops // 2)
    return _timed(lambda: float(np.asarray(gradient()).reshape(-1)[0]))


def _chained(x: Any, pairs: int) -> Any:
    y = x
    for _ in range(pairs):
        y = y * 0.999 + x
    return y.sum()


def _chain_of_tensors(name: str) -> Callable[[np.ndarray, int], Callable[[], Any]]:
    """Return the chain for minigrad, torch and MyGrad, whose code is the same."""

    def build(x0: np.ndarray, pairs: int) -> Callable[[], Any]:
        library = import_module(name)

        def gradient() -> Any:
            x = library.tensor(x0) if name == "mygrad" else library.from_numpy(x0).requires_grad_()
            _chained(x, pairs).backward()
            return x.grad

        return gradient

    return build


def _chain_autograd(x0: np.ndarray, pairs: int) -> Callable[[], Any]:
    import autograd

    differentiated = autograd.grad(lambda x: _chained(x, pairs))
    return lambda: differentiated(x0)


CHAINS: dict[str, Callable[[np.ndarray, int], Callable[[], Any]]] = {
    "minigrad": _chain_of_tensors("minigrad"),
    "torch": _chain_of_tensors("torch"),
    "mygrad": _chain_of_tensors("mygrad"),
    "autograd": _chain_autograd,
}


# --- One convolution, by all engines that have one ---


def conv(engine: str, n: int, channels: int, out: int, size: int) -> Work:
    """Return a function that runs a convolution and the gradients of its sum for input and weights."""
    random = np.random.default_rng(0)
    x = random.standard_normal((n, channels, size, size), np.float32)
    w = random.standard_normal((out, channels, 3, 3), np.float32)
    gradients = CONVOLUTIONS[engine](x, w)
    return _timed(lambda: float(np.abs(np.asarray(gradients())).mean()))


def _conv_of_tensors(name: str) -> Callable[[np.ndarray, np.ndarray], Callable[[], Any]]:
    def build(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
        library = import_module(name)
        x, w = (library.from_numpy(a).requires_grad_() for a in (x0, w0))

        def gradients() -> Any:
            x.grad = w.grad = None
            library.nn.functional.conv2d(x, w).sum().backward()
            return w.grad

        return gradients

    return build


def _conv_mygrad(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    import mygrad
    from mygrad.nnet.layers import conv_nd

    def gradients() -> Any:
        x, w = mygrad.tensor(x0), mygrad.tensor(w0)
        conv_nd(x, w, stride=1).sum().backward()
        return w.grad

    return gradients


def _conv_jax(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    import jax

    both = jax.jit(jax.grad(lambda x, w: jax.lax.conv(x, w, (1, 1), "VALID").sum(), (0, 1)))
    return lambda: both(x0, w0)[1].block_until_ready()


def _conv_tinygrad(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    from tinygrad import Tensor

    def gradients() -> Any:
        x, w = Tensor(x0), Tensor(w0)
        dx, dw = x.conv2d(w).sum().gradient(x, w)
        dx.realize()
        return dw.numpy()

    return gradients


CONVOLUTIONS: dict[str, Callable[[np.ndarray, np.ndarray], Callable[[], Any]]] = {
    "minigrad": _conv_of_tensors("minigrad"),
    "torch": _conv_of_tensors("torch"),
    "mygrad": _conv_mygrad,
    "jax": _conv_jax,
    "tinygrad": _conv_tinygrad,
}


# --- The limit of the machine ---


def limit(engine: str) -> Work:
    """Return a function that runs BLAS with one thread for each core, each with its own product."""
    from concurrent.futures import ThreadPoolExecutor

    import threadpoolctl

    from minigrad import get_num_threads

    random = np.random.default_rng(0)
    a, b = (random.standard_normal((1024, 1024), np.float32) for _ in range(2))
    threads = get_num_threads()
    results = [np.empty_like(a) for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def products() -> tuple[list[float], float]:
        with threadpoolctl.threadpool_limits(1):
            start = time.perf_counter()
            for future in [pool.submit(lambda out: [np.matmul(a, b, out=out) for _ in range(8)], r) for r in results]:
                future.result()
            end = time.perf_counter()
        return [start, end], float(2 * 1024**3 * 8 * threads)

    return products


CASES: dict[str, Callable[..., Work]] = {
    "train": train,
    "infer": infer,
    "lenet": lenet,
    "mlp": mlp,
    "chain": chain,
    "conv": conv,
    "limit": limit,
}


def measure(engine: str, case: str, repeats: int) -> dict[str, Any]:
    """Run a case, with ``WARM_UP`` extra repeats that are not counted."""
    name, *numbers = case.split(":")
    work = CASES[name](engine, *map(int, numbers))
    values, phases = [], []
    for _ in range(repeats + WARM_UP):
        times, value = work()
        values.append(value)
        phases.append([after - before for before, after in pairwise(times)])
    kept = phases[WARM_UP:]
    return {"seconds": [sum(p) for p in kept], "phases": kept, "values": values, "peak_mb": peak_memory()}


def peak_memory() -> float:
    """Return the peak memory of this program in MB. (On Linux, getrusage includes the parent process.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="utf-8").split("VmHWM:")[1].split()[0]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
