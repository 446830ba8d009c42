"""``torch.fx``: ``wrap`` changes nothing, and graphs of symbols are not traced."""

from __future__ import annotations

from typing import Any, TypeVar

F = TypeVar("F")


def wrap(fn_or_name: F) -> F:
    """Return what was given."""
    return fn_or_name


class Tracer:
    """A class to name and to derive from; making one is refused.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *_: object, **__: object) -> None:
        raise NotImplementedError(
            "torch.fx traces no graphs here: for the values inside a model use register_forward_hook on its modules"
        )


Graph = GraphModule = Node = Proxy = Interpreter = Transformer = Tracer


def symbolic_trace(root: object, *_: object, **__: object) -> Any:
    """Refuse.

    Raises:
        NotImplementedError: always.
    """
    Tracer()
