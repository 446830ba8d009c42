"""``torch.compiler``: decorators and flags of a compiler. Nothing is compiled here, so they change nothing."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any


def _unchanged(fn: Any = None, *_: object, **__: object) -> Any:
    return (lambda function: function) if fn is None else fn


disable = allow_in_graph = assume_constant_result = compile = substitute_in_graph = _unchanged


def is_compiling() -> bool:
    """Return False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Do nothing."""


cudagraph_mark_step_begin = reset


def set_stance(stance: str = "default", **_: object) -> Any:
    """Return a block that changes nothing."""
    return nullcontext()
