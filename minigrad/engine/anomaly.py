"""Anomaly mode: find the forward line whose backward makes a NaN."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from minigrad.engine.grad_mode import Switch
from minigrad.engine.tensor_base import TensorBase
from minigrad.engine.watchers import watchers

if TYPE_CHECKING:
    from minigrad.engine.function import Function

anomaly_enabled: ContextVar[bool] = ContextVar("anomaly_enabled", default=False)


class detect_anomaly(Switch):  # noqa: N801  (torch's name for it)
    """Make a backward that computes a NaN raise an error, which shows the forward line of the operation."""

    variable = anomaly_enabled

    def __init__(self) -> None:
        super().__init__(True)
        if find_nan not in watchers:  # it stays, since backward may run after the block
            watchers.append(find_nan)


def find_nan(node: Function, stage: str, inputs: Sequence[object], compute: Callable[[], object]) -> object:
    """Note where an operation was run, and refuse a NaN that its backward computes.

    Raises:
        RuntimeError: if a gradient has a NaN; the message has the traceback of the forward line.
    """
    if stage == "forward" and anomaly_enabled.get():
        node.forward_trace = "".join(traceback.format_stack()[:-3])  # without the frames of the engine
    results = compute()
    if stage != "forward" and node.forward_trace is not None:
        gradients = results if isinstance(results, tuple) else (results,)
        for edge, gradient in zip(node._edges, gradients, strict=False):
            array = gradient.array if isinstance(gradient, TensorBase) else gradient
            if edge is not None and array is not None and np.isnan(array).any():
                raise RuntimeError(
                    f"{node.name}.backward returned nan values. The forward call was made here:\n{node.forward_trace}"
                )
    return results
