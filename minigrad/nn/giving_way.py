"""Methods that torch's modules do not have, and that therefore give way to members of the same name."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getattr_static
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from minigrad.nn.module import Module

Method = TypeVar("Method", bound=Callable[..., Any])


class _GivingWay:
    """A method; but if a module has a parameter, buffer or submodule of this name, the attribute is that."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method, self.name = method, method.__name__
        self.__doc__ = method.__doc__

    def __get__(self, module: Module | None, owner: type) -> object:
        if module is None:
            return self.method
        for registry in ("_parameters", "_buffers", "_modules"):
            members = module.__dict__.get(registry, {})
            if self.name in members:
                return members[self.name]
        return MethodType(self.method, module)


def giving_way(method: Method) -> Method:
    """Let a method of ``Module`` give way to members of its name, since a program for torch may have such a member."""
    return cast(Method, _GivingWay(method))


def is_taken(owner: type, name: str) -> bool:
    """Return whether a class has an attribute of this name that does not give way."""
    return hasattr(owner, name) and not isinstance(getattr_static(owner, name), _GivingWay)
