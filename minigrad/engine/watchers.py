"""The one place where others take part in what the engine computes.

A watcher is called in place of each computation of a node, and calls the computation itself:

    def watcher(node, stage, inputs, compute):
        ...                     # before
        results = compute()
        ...                     # after
        return results

``stage`` is ``"forward"`` (the inputs are arrays), ``"backward"`` (tensors) or ``"fused_backward"`` (arrays).
Profiler, ONNX export, anomaly mode and the use of several devices are watchers. While there are none, the engine calls
the computation directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from minigrad.engine.function import Function

Compute: TypeAlias = Callable[..., Any]  # arrays or tensors, one or several, by the stage
Watcher: TypeAlias = Callable[["Function", str, Sequence[object], Callable[[], object]], object]

watchers: list[Watcher] = []


def watched(node: Function, stage: str) -> Compute:
    """Return the method of ``node`` called ``stage``, with every watcher around it."""
    method = getattr(node, stage)

    def compute(*inputs: object, **options: object) -> object:
        call: Callable[[], object] = partial(method, *inputs, **options)
        for watcher in watchers:
            call = partial(watcher, node, stage, inputs, call)
        return call()

    return compute
