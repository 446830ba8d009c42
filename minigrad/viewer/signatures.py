"""Names of an operation's inputs, and the options that it is called with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial

from minigrad.engine.function import Function


def input_names(operation: type[Function], count: int) -> list[str]:
    """Return the names that ``forward`` gives to its inputs.

    >>> from minigrad.ops.arithmetic import Mul
    >>> from minigrad.ops.shape import Cat
    >>> input_names(Mul, 2), input_names(Cat, 2)
    (['x', 'y'], ['xs[0]', 'xs[1]'])
    """
    parameters = list(inspect.signature(operation.forward).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    several = next((p.name for p in parameters if p.kind == p.VAR_POSITIONAL), "x")
    return [names[i] if i < len(names) else f"{several}[{i - len(names)}]" for i in range(count)]


def options_of(compute: object) -> Mapping[str, object]:
    """Return the options that ``forward`` is about to be called with, through other watchers around it."""
    while isinstance(compute, partial) and compute.args and isinstance(compute.args[-1], partial):
        compute = compute.args[-1]
    return compute.keywords if isinstance(compute, partial) else {}
