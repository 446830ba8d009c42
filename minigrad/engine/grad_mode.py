"""Switching the recording of operations off and on: ``no_grad`` and its relatives.

The modes are context variables, so each thread (and each asyncio task) has its own.
Source: torch documentation, "Locally disabling gradient computation".
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)


class Switch:
    """Set a context variable on entry (of a ``with`` block or a decorated call), and restore it on exit."""

    variable: ContextVar[bool]

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._previous: list[bool] = []  # a list, because a block may be entered within itself

    def __enter__(self) -> Switch:
        self._previous.append(self.variable.get())
        self.variable.set(self._mode)
        return self

    def __exit__(self, *exception: object) -> None:
        self.variable.set(self._previous.pop())

    def __call__(self, function: _Decorated) -> _Decorated:
        """Decorate a function: the mode holds while its body runs, in a generator each time it is resumed."""

        def switched() -> Switch:
            switch = Switch(self._mode)
            switch.variable = self.variable
            return switch

        return _decorated(function, switched)


def _decorated(function: _Decorated, switched: Callable[[], Switch]) -> _Decorated:
    """Return ``function`` with its body run within ``switched()``."""
    if inspect.isclass(function):
        warnings.warn(
            f"Decorating the class {function.__name__} switches while an instance is made, not in its methods: "
            "decorate these",
            FutureWarning,
            stacklevel=3,
        )
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def generate(*args: object, **options: object) -> Generator[object, object, object]:
            generator = function(*args, **options)
            step, sent = generator.send, None
            while True:
                try:
                    with switched():
                        item = step(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, sent = generator.send, (yield item)
                except GeneratorExit:
                    with switched():
                        generator.close()
                    raise
                except BaseException as error:  # thrown in from outside, for the generator's body
                    step, sent = generator.throw, error

        return cast(_Decorated, generate)
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def run(*args: object, **options: object) -> object:
            with switched():
                return await function(*args, **options)

        return cast(_Decorated, run)

    @wraps(function)
    def call(*args: object, **options: object) -> object:
        with switched():
            return function(*args, **options)

    return cast(_Decorated, call)


class _BareDecorator(Switch):
    """A switch that also decorates without parentheses: ``@no_grad`` means ``@no_grad()``."""

    def __new__(cls, function: object = None, *args: object, **options: object) -> Any:  # a switch, or the function
        return cls()(function) if callable(function) else super().__new__(cls)


class no_grad(_BareDecorator):  # noqa: N801
    """Do not record the operations inside: their results do not require gradients."""

    variable = grad_enabled

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_BareDecorator):  # noqa: N801
    """Record the operations inside, also within ``no_grad``."""

    variable = grad_enabled

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(_BareDecorator):  # noqa: N801
    """``no_grad`` under torch's other name (here its tensors may be used in autograd later)."""

    variable = grad_enabled

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(Switch):  # noqa: N801
    """Switch recording on or off at once; as a ``with`` block, restore the mode at the end."""

    variable = grad_enabled

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._at_start = self.variable.get()
        self.variable.set(mode)

    def __enter__(self) -> Switch:
        self._previous.append(self._at_start)
        self.variable.set(self._mode)
        return self

    def __call__(self, function: _Decorated) -> _Decorated:
        """Decorate a function: the mode holds within its body only."""
        self.variable.set(self._at_start)
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded."""
    return grad_enabled.get()
