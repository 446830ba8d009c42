"""Measurements of a run while it lasts: norms of gradients and weights, dead channels, memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from inception.blocks import BasicConv2d
from minigrad import Tensor, nn
from minigrad.devices import to_host
from minigrad.system import memory_in_use


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Return the norm of the gradients of each layer (a child of the model), and of all together as "total"."""
    norms = {}
    for name, child in model.named_children():
        squares = [_square(p.grad) for p in child.parameters() if p.grad is not None]
        if squares:
            norms[name] = math.sqrt(sum(squares))
    return {**norms, "total": math.sqrt(sum(norm * norm for norm in norms.values()))}


def weight_norm(model: nn.Module) -> float:
    """Return the norm of all parameters together."""
    return math.sqrt(sum(_square(p) for p in model.parameters()))


def is_finite(model: nn.Module) -> bool:
    """Return whether no weight, and no running statistic, is NaN or infinite."""
    return are_finite(model.state_dict().values())


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether no value of any tensor is NaN or infinite."""
    return all(bool(to_host(np.isfinite(t.array).all())) for t in tensors)


def _square(x: Tensor) -> float:
    flat = x.array.ravel(order="K").astype(np.float64)  # the square of a large float32 is infinite
    return float(to_host(np.dot(flat, flat)))


def memory_megabytes() -> float | None:
    """Return the memory that this process holds now; None on systems that do not tell."""
    used = memory_in_use()
    return None if used is None else used / 2**20


@contextmanager
def dead_channels(
    model: nn.Module, joined: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = dict
) -> Iterator[dict[str, float]]:
    """Watch the outputs of the convolution blocks inside the ``with`` block.

    At its end, the dict that was yielded has for each block the share of its channels that were 0 at every position of
    every image.

    Args:
        joined: adds what other ranks have seen: for each block, which channels were not always 0.
    """
    alive: dict[str, np.ndarray] = {}
    shares: dict[str, float] = {}

    def watch(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            positive = to_host((output.array > 0).any(axis=(0, 2, 3)))  # N C H W -> C
            alive[name] = positive | alive[name] if name in alive else positive

        return hook

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in model.named_modules()
        if isinstance(module, BasicConv2d)
    ]
    try:
        yield shares
    finally:
        for handle in handles:
            handle.remove()
    shares.update({name: float(1 - found.mean()) for name, found in joined(alive).items()})
