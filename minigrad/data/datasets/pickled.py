"""Read a pickle without running it.

A pickle is a program for a small stack machine. Two of its instructions do harm: GLOBAL finds any function of any
module, and REDUCE calls it. Even where only NumPy's own functions are allowed, their arguments can lie: an array of
pointers, or a buffer shorter than its shape. So this machine makes dicts, lists, tuples, strings and numbers.
Where the program calls a function, it only records the call, as a :class:`Made`; the caller of ``read_pickle`` decides
what to make of it.

Source: Python's ``pickletools``, which documents each instruction.
"""

from __future__ import annotations

import pickletools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

_ARGUMENTS = {  # these push the argument that stands behind them
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


_Kind = TypeVar("_Kind")


class UnreadablePickleError(ValueError):
    """A pickle is damaged, or contains something unexpected."""


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names; it is not looked up."""

    name: str


@dataclass(eq=False)
class Made:
    """A call that a pickle contains: the function's name, its arguments, and the state of its result."""

    name: str
    arguments: tuple[object, ...]
    state: object = None


class _Mark:
    """The position on the stack where the items of a list, tuple or dict begin."""


_MARK = _Mark()


def read_pickle(content: bytes, allowed: Collection[str]) -> object:
    """Return the content of a pickle: dicts, lists, tuples, numbers, strings, bytes, and :class:`Made`.

    Keys of dicts are given as bytes, since text is bytes in a pickle of Python 2.

    Args:
        content: the whole pickle.
        allowed: the functions and classes that it may name, such as ``"numpy.dtype"``.

    Raises:
        UnreadablePickleError: if it is damaged, names anything else, or has far more instructions than a file of
            data needs.
    """
    stack: list[object] = []
    memo: dict[int, object] = {}
    most = 1000 + len(content) // 100  # of instructions; each may make an object of 60 bytes
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(content)):
            if count > most:
                raise UnreadablePickleError(
                    f"more than {most:,} instructions in {len(content):,} bytes: this is no file of data"
                )
            if code.name == "STOP":
                (result,) = stack
                return result
            _run(code.name, argument, stack, memo, allowed)
    except UnreadablePickleError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise UnreadablePickleError(f"damaged: {type(error).__name__}: {str(error)[:200]}") from None
    raise UnreadablePickleError("damaged: it has no end")


def _run(code: str, argument: Any, stack: list[object], memo: dict[int, object], allowed: Collection[str]) -> None:
    """Run one instruction."""
    if code in _ARGUMENTS:
        stack.append(argument)
    elif code in _CONSTANTS:
        stack.append(_CONSTANTS[code])
    elif code == "MARK":
        stack.append(_MARK)
    elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif code == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif code in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif code in _TUPLES:
        stack.append(tuple(_pop(stack, _TUPLES[code])))
    elif code == "TUPLE":
        stack.append(tuple(_pop_to_mark(stack)))
    elif code == "EMPTY_LIST":
        stack.append([])
    elif code == "LIST":
        stack.append(_pop_to_mark(stack))
    elif code in ("APPEND", "APPENDS"):
        items = _pop(stack, 1) if code == "APPEND" else _pop_to_mark(stack)
        _top(stack, list).extend(items)
    elif code == "EMPTY_DICT":
        stack.append({})
    elif code == "DICT":
        items = _pop_to_mark(stack)
        made: dict[bytes, object] = {}
        stack.append(made)
        _set_items(made, items)
    elif code in ("SETITEM", "SETITEMS"):
        items = _pop(stack, 2) if code == "SETITEM" else _pop_to_mark(stack)
        _set_items(_top(stack, dict), items)
    elif code == "GLOBAL":
        module, name = argument.split(" ", 1)
        stack.append(_named(module, name, allowed))
    elif code == "STACK_GLOBAL":
        module, name = _pop(stack, 2)
        stack.append(_named(module, name, allowed))
    elif code == "REDUCE":
        function, arguments = _pop(stack, 2)
        stack.append(_called(function, arguments))
    elif code == "BUILD":
        (state,) = _pop(stack, 1)
        call = _top(stack, Made)
        if call.state is not None:
            raise UnreadablePickleError(f"a state is given twice to {call.name}")
        call.state = state
    elif code not in ("PROTO", "FRAME"):  # these only concern the way the pickle is written
        raise UnreadablePickleError(f"refused the instruction {code}: only arrays are expected in this file")


def _pop(stack: list[object], count: int) -> list[object]:
    """Remove ``count`` values from the top of the stack and return them in order."""
    values = stack[len(stack) - count :]
    if len(values) < count or any(value is _MARK for value in values):
        raise UnreadablePickleError("damaged: an instruction finds too little on the stack")
    del stack[len(stack) - count :]
    return values


def _pop_to_mark(stack: list[object]) -> list[object]:
    """Remove the last mark and the values above it, and return these."""
    for position in range(len(stack) - 1, -1, -1):
        if stack[position] is _MARK:
            items = stack[position + 1 :]
            del stack[position:]
            return items
    raise UnreadablePickleError("damaged: an instruction finds no mark on the stack")


def _top(stack: list[object], kind: type[_Kind]) -> _Kind:
    """Return the value on top of the stack, which must be of this kind."""
    top = stack[-1] if stack else None
    if not isinstance(top, kind):
        raise UnreadablePickleError(f"damaged: expected a {kind.__name__} on the stack")
    return top


def _set_items(into: dict[bytes, object], items: list[object]) -> None:
    """Fill a dict from keys and values in turn."""
    for key, value in zip(items[::2], items[1::2], strict=True):
        into[as_bytes(key)] = value


def as_bytes(value: object) -> bytes:
    """Return a string as bytes; those of Python 2 are read as text, a character a byte.

    Raises:
        UnreadablePickleError: for anything but a string of such characters.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("latin-1")
        except UnicodeEncodeError:
            raise UnreadablePickleError("expected bytes, found a text with other characters") from None
    raise UnreadablePickleError(f"expected a string, found a value of type {type(value).__name__}")


def _named(module: object, name: object, allowed: Collection[str]) -> Name:
    """Return the name of a function or class, if it is an expected one."""
    full = f"{as_bytes(module).decode('latin-1')}.{as_bytes(name).decode('latin-1')}"
    if full not in allowed:
        raise UnreadablePickleError(f"refused to load {full[:100]}: only arrays are expected in this file")
    return Name(full)


def _called(function: object, arguments: object) -> object:
    """Record a call. Only bytes, which Python 3 writes for Python 2 as text to encode, are made at once."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise UnreadablePickleError("damaged: a call of something that is no function")
    if function.name == "_codecs.encode":
        text, encoding = arguments
        if encoding != "latin1":
            raise UnreadablePickleError(f"damaged: text encoded as {encoding!r:.50}, not latin1")
        return as_bytes(text)
    return Made(function.name, arguments)
