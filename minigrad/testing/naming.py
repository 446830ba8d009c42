"""Names for the inputs of a function and for their elements, as a reader would write them: ``w[0, 1, 0, 1]``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import SupportsInt

from minigrad.engine.function import Function


def input_names(function: Callable[..., object], count: int) -> list[str]:
    """Return a name for each of ``count`` arguments: the parameter's name, else ``input 0``, ``input 1``, …

    The names of ``MyOp.apply`` are those of ``MyOp.forward``.

    >>> input_names(lambda x, w, *more: x, 3)
    ['x', 'w', 'input 2']
    """
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, Function) and getattr(function, "__name__", "") == "apply":
        function, skipped = owner.forward, 1  # self
    else:
        skipped = 0
    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):  # built-in functions have no signature
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [positional[i] if i < len(positional) else f"input {i}" for i in range(count)]


def numbered(name: str, count: int) -> list[str]:
    """Return ``name`` for a single tensor, or ``name 0``, ``name 1``, … for several.

    >>> numbered("output", 1), numbered("output", 2)
    (['output'], ['output 0', 'output 1'])
    """
    return [name] if count == 1 else [f"{name} {i}" for i in range(count)]


def element(name: str, index: Sequence[SupportsInt]) -> str:
    """Return the name of one element; that of a scalar is the tensor's own.

    >>> element("w", (0, 1)), element("x", ())
    ('w[0, 1]', 'x')
    """
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if index else name


def refuse_class(function: object, caller: str) -> None:
    """Refuse a ``Function`` class where a function of tensors is expected.

    Raises:
        TypeError: naming the class and what to write.
    """
    if isinstance(function, type) and issubclass(function, Function):
        name = function.__name__
        raise TypeError(f"{caller} calls a function of tensors: write {name}.apply instead of the class {name}")


def why_no_second_gradient(function: Callable[..., object], option: str) -> str:
    """Return the explanation for a gradient that has no gradient of its own; ``option`` says how to go without."""
    owner = getattr(function, "__self__", None)
    whose = f"{owner.__name__}.backward" if isinstance(owner, type) and issubclass(owner, Function) else "its backward"
    return (
        f"{whose} leaves the graph (it is written in NumPy, or detaches a tensor), so its result has no gradient of "
        f"its own: {option}, or write it in tensor operations"
    )
