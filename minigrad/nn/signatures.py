"""Errors about arguments name the layer that the user made, not the private base that defines its arguments."""

from __future__ import annotations

from types import FunctionType


def name_init_after(cls: type) -> None:
    """Give a class that inherits its ``__init__`` one under its own name: ``Conv2d.__init__() missing 1 …``."""
    inherited = cls.__init__  # type: ignore[misc]  # of the class itself, not of an instance
    if "__init__" in vars(cls) or not isinstance(inherited, FunctionType):
        return
    own = FunctionType(
        inherited.__code__, inherited.__globals__, inherited.__name__, inherited.__defaults__, inherited.__closure__
    )
    own.__kwdefaults__, own.__annotations__ = inherited.__kwdefaults__, inherited.__annotations__
    own.__doc__, own.__module__, own.__qualname__ = inherited.__doc__, cls.__module__, f"{cls.__qualname__}.__init__"
    cls.__init__ = own  # type: ignore[misc]  # as above
