"""The timed cases: what one candidate computes in a process of its own. A case is written as

    train:MODEL:SIZE:BATCH   a training step, SGD with momentum (Inception V3 with the aux head where the size allows)
    infer:MODEL:SIZE:BATCH   scores in evaluation mode, without a graph
    chain:OPS                y = 0.999·y + x on 32 x 32 elements, OPS operations in a row, and their gradient
    conv:N:C:O:SIZE          a 3 x 3 convolution, forward, and its two gradients
    limit                    products of 1024 x 1024 matrices: the most floating-point operations a second

The candidates are minigrad, and torch in three ways: as it is, with ``channels_last`` memory, and with
``torch.compile``. All start from the same numbers, so equal results show that they did the same work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks import other_engines
from benchmarks.models import CLASSES, MODELS

MINIGRAD, EAGER, CHANNELS_LAST, COMPILED = "minigrad", "torch eager", "torch channels_last", "torch.compile"
TORCH = (EAGER, CHANNELS_LAST, COMPILED)
#: Steps so small that rounding is not amplified beyond what can be compared, and so large that the loss changes.
LR, LR_OF_SMALL, MOMENTUM = 1e-6, 1e-3, 0.9
SMALL = ("lenet", "mlp")  # 10 classes instead of 1000

#: A repeat returns the times between its phases, and the number to compare.
Work = Callable[[], tuple[list[float], float]]


def engine_of(candidate: str) -> str:
    """Return the name of the module that a candidate imports."""
    return "torch" if candidate in TORCH else candidate


# --- The same numbers for every candidate ---


def weights(names: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return initial weights for names and shapes: normal numbers, so that activations keep their size (He 2015)."""
    result = {}
    for name, shape in names.items():
        random = np.random.default_rng(int.from_bytes(name.encode()[-12:], "big"))
        if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            result[name] = np.ones(shape, np.float32)
        elif name.endswith(("bias", "running_mean", "num_batches_tracked")):
            result[name] = np.zeros(shape, np.int64 if name.endswith("tracked") else np.float32)
        else:
            result[name] = random.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    return result


def batch(shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels."""
    random = np.random.default_rng(0)
    return random.standard_normal(shape, np.float32), random.integers(0, classes, shape[0])


# --- Models ---


def inception(engine: str, size: int) -> Any:
    """Return Inception V3 with its weights: minigrad's, or torchvision's."""
    from inception.model import SMALLEST_AUX_SIZE, inception_v3

    options = {"num_classes": CLASSES, "aux_logits": size >= SMALLEST_AUX_SIZE, "init_weights": False, "dropout": 0.0}
    if engine == "minigrad":
        model = inception_v3(**options)
    else:
        from parity_tests.torchvision_models import inception_v3 as torchvisions

        model = torchvisions(weights=None, **options)
    return _with_weights(engine, model)


def _with_weights(engine: str, model: Any) -> Any:
    library = import_module(engine)
    values = weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: library.from_numpy(np.asarray(value)) for name, value in values.items()})
    return model


def model_and_batch(candidate: str, name: str, size: int, count: int) -> tuple[Any, Any, Any]:
    """Return a model as the candidate has it, images in its memory order, and labels."""
    engine = engine_of(candidate)
    library = import_module(engine)
    image = {"lenet": (1, size, size), "mlp": (size * size,)}.get(name, (3, size, size))
    x, labels = (library.from_numpy(array) for array in batch((count, *image), 10 if name in SMALL else CLASSES))
    model = inception(engine, size) if name == "inception" else _with_weights(engine, MODELS[name](library))
    if candidate == CHANNELS_LAST:
        model, x = (a.to(memory_format=library.channels_last) for a in (model, x))
    return model, x, labels


def _compiled(candidate: str, model: Any) -> Any:
    return import_module("torch").compile(model) if candidate == COMPILED else model


def train(candidate: str, name: str, size: str, count: str) -> Work:
    """Return a function that runs a training step, phase by phase."""
    library = import_module(engine_of(candidate))
    model, x, labels = model_and_batch(candidate, name, int(size), int(count))
    model = _compiled(candidate, model)
    optimizer = library.optim.SGD(model.parameters(), lr=LR_OF_SMALL if name in SMALL else LR, momentum=MOMENTUM)
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


def infer(candidate: str, name: str, size: str, count: str) -> Work:
    """Return a function that computes scores without a graph."""
    library = import_module(engine_of(candidate))
    model, x, _ = model_and_batch(candidate, name, int(size), int(count))
    model = _compiled(candidate, model.eval())

    def scores() -> float:
        with library.no_grad():
            return float(model(x).abs().mean().item())

    return _timed(scores)


def _timed(work: Callable[[], float]) -> Work:
    """Return a repeat with one phase, which is all of ``work``."""

    def repeat() -> tuple[list[float], float]:
        start = time.perf_counter()
        value = work()
        return [start, time.perf_counter()], value

    return repeat


# --- Cases that other engines take part in ---


def chain(candidate: str, ops: str) -> Work:
    """Return a function that runs a chain of small operations forward and backward."""
    x0 = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32) * np.float32(0.01)
    gradient = other_engines.CHAINS[engine_of(candidate)](x0, int(ops) // 2)
    return _timed(lambda: float(np.asarray(gradient()).reshape(-1)[0]))


def conv(candidate: str, count: str, channels: str, out: str, size: str) -> Work:
    """Return a function that runs a convolution and the gradients of its sum for input and weights."""
    random = np.random.default_rng(0)
    x = random.standard_normal((int(count), int(channels), int(size), int(size)), np.float32)
    w = random.standard_normal((int(out), int(channels), 3, 3), np.float32)
    gradients = other_engines.CONVOLUTIONS[engine_of(candidate)](x, w)
    return _timed(lambda: float(np.abs(np.asarray(gradients())).mean()))


# --- The limit of the machine ---


def limit(candidate: str) -> Work:
    """Return a function that multiplies matrices on every thread: by NumPy's BLAS, or by torch's."""
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((1024, 1024), np.float32) for _ in range(2))
    if engine_of(candidate) == "torch":
        torch = import_module("torch")
        wide, other = torch.from_numpy(np.concatenate([a, a, a, a])), torch.from_numpy(b)
        out = torch.empty_like(wide)
        return lambda: _products(lambda: [torch.mm(wide, other, out=out) for _ in range(4)], 16)

    from concurrent.futures import ThreadPoolExecutor

    import threadpoolctl

    from minigrad import get_num_threads

    results = [np.empty_like(a) for _ in range(get_num_threads())]
    pool = ThreadPoolExecutor(len(results))

    def on_every_thread() -> None:
        with threadpoolctl.threadpool_limits(1):
            list(pool.map(lambda out: [np.matmul(a, b, out=out) for _ in range(8)], results))

    return lambda: _products(on_every_thread, 8 * len(results))


def _products(work: Callable[[], Any], count: int) -> tuple[list[float], float]:
    """Return the times before and after products of 1024 x 1024 matrices, and their FLOPs."""
    start = time.perf_counter()
    work()
    return [start, time.perf_counter()], float(2 * 1024**3 * count)


CASES: dict[str, Callable[..., Work]] = {case.__name__: case for case in (train, infer, chain, conv, limit)}


def build(candidate: str, case: str) -> Work:
    """Return the repeat of a case for a candidate."""
    name, *details = case.split(":")
    return CASES[name](candidate, *details)
