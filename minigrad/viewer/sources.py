"""Sources: the formula of an operation, from its docstring, and the lines of its ``forward`` and ``backward``."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from minigrad.engine.function import Function
from minigrad.kernels.rules import Rule

_HERE = Path(__file__).resolve().parent.parent.parent


@dataclass
class Code:
    """Lines of a source file."""

    method: str
    file: str
    line: int
    text: str


@dataclass
class Source:
    """An operation in the words of its class."""

    formula: str  #: y = …
    derivative: str  #: ∂L/∂x = …
    more: str  #: the rest of the docstring
    module: str  #: the docstring of the file
    code: list[Code] = field(default_factory=list)


_found: dict[tuple[type, tuple[str, ...]], Source] = {}  # reading a source file takes a while
METHODS = ("forward", "backward", "fused_backward")  #: of an operation


def source_of(operation: type, methods: tuple[str, ...] = METHODS) -> Source:
    """Return the formula, the derivative and the code of an operation, or of an optimiser's rule.

    >>> from minigrad.ops.arithmetic import Mul
    >>> source_of(Mul).formula, source_of(Mul).derivative
    ('z = x · y', '∂L/∂x = ∂L/∂z · y,  ∂L/∂y = ∂L/∂z · x')
    """
    if (operation, methods) in _found:
        return _found[operation, methods]
    formula, derivative, more = _in_parts(inspect.getdoc(operation) if operation.__doc__ else "")
    found = Source(formula, derivative, more, inspect.getdoc(inspect.getmodule(operation)) or "")
    for method in methods:
        function = getattr(operation, method, None)
        defined = any(method in vars(cls) for cls in operation.__mro__ if cls not in (Function, Rule))
        if defined and callable(function) and (code := _code(method, function)) is not None:
            found.code.append(code)
    _found[operation, methods] = found
    return found


def _in_parts(text: str | None) -> tuple[str, str, str]:
    """Return what stands before the gap of eight spaces in a docstring, what stands behind it, and the rest."""
    first, _, more = (text or "").partition("\n\n")
    if " " * 8 in first:
        formula, _, derivative = first.partition(" " * 8)
    else:
        found = re.search(r"∂\w/∂\w+ *= .*", more)
        formula, derivative = first, found[0] if found else ""
    return _on_one_line(formula), _on_one_line(derivative), more.strip("\n")


def _on_one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def _code(method: str, function: Callable[..., object]) -> Code | None:
    """Return the lines of a method; None if there is no file, as for a class typed at a prompt."""
    try:
        lines, line = inspect.getsourcelines(function)
        file = Path(inspect.getsourcefile(function) or "").resolve()
    except (OSError, TypeError):
        return None
    return Code(method, _name(file), line, textwrap.dedent("".join(lines)).rstrip())


def _name(file: Path) -> str:
    """Return a file's name from the folder of the package on; of another file its own name, without its folders."""
    return file.relative_to(_HERE).as_posix() if file.is_relative_to(_HERE / "minigrad") else file.name
