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

Compute: TypeAlias = Callable[..., Any]  # Any: arrays or tensors, one or several, as the stage has it
Watcher: TypeAlias = Callable[["Function", str, Sequence[Any], Callable[[], Any]], Any]

watchers: list[Watcher] = []


def watched(node: Function, stage: str) -> Compute:
    """Return the method of ``node`` called ``stage``, with every watcher around it."""
    method = getattr(node, stage)

    def compute(*inputs: Any, **options: Any) -> Any:
        call: Callable[[], Any] = partial(method, *inputs, **options)
        for watcher in watchers:
            call = partial(watcher, node, stage, inputs, call)
        return call()

    return compute
