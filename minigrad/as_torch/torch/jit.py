"""``torch.jit``: decorators that change nothing, because programs are not compiled here."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar
from typing import Final as Final

from minigrad import nn

F = TypeVar("F")


def _unchanged(function: F, *_: object, **__: object) -> F:
    return function


script = unused = export = interface = freeze = optimize_for_inference = _overload_method = _overload = _unchanged
_script_if_tracing = script_if_tracing = script_method = _unchanged


def ignore(function: Any = None, drop: bool = False, **_: object) -> Any:
    """Return the function as it is; also a decorator with options."""
    return function if callable(function) else _unchanged


def trace(func: F, example_inputs: Any = None, *_: object, **__: object) -> F:
    """Return the function as it is."""
    return func


def is_scripting() -> bool:
    """Return False."""
    return False


is_tracing = is_scripting


def annotate(the_type: Any, the_value: F) -> F:
    """Return the value."""
    return the_value


isinstance = builtins.isinstance


def optimized_execution(should_optimize: bool) -> Any:
    """Return a block that changes nothing."""
    return nullcontext()


fuser = set_fusion_strategy = optimized_execution


class ScriptModule(nn.Module):
    """A module as every other: it is not compiled."""


class ScriptFunction:
    """The class of compiled functions, of which there are none."""


Attribute = annotate


def save(m: Any, f: Any, **_: object) -> None:
    """Refuse: there are no compiled modules.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.jit.save: nothing is compiled here; use torch.save(model.state_dict(), path)")


def load(f: Any, **_: object) -> Callable[..., Any]:
    """Refuse: there are no compiled modules.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("torch.jit.load: nothing is compiled here; use model.load_state_dict(torch.load(path))")
