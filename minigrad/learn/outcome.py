"""Call a learner's function, and say kindly what is wrong if its result is none.

The code may do anything: raise an error, print, return nothing, a list or the wrong type, or change its arguments.
"""

from __future__ import annotations

import copy
import linecache
import traceback
from dataclasses import dataclass, field
from types import ModuleType
from typing import cast

import numpy as np

from minigrad.engine.tensor_base import TensorBase
from minigrad.learn.advice import advice, where
from minigrad.learn.record import Exercise, Written
from minigrad.nn.module import Module
from minigrad.typing import Array


class NotYetError(Exception):
    """The learner's code gives no result that can be compared; the message is for the learner.

    Args:
        message: what is wrong, and what to do.
        name: of the mistake, if the message explains it.
    """

    unwritten = False

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class UnwrittenError(NotYetError):
    """The function is still as it was given."""

    unwritten = True


@dataclass(frozen=True)
class Drawn:
    """The state of a source of random numbers, after a function drew from it. It began with ``before``."""

    before: str = field(compare=False)
    after: str


@dataclass
class Outcome:
    """The result of one call: arrays (or other values) by their names, or the reason why there are none."""

    values: dict[str, object] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)  #: what was called on the way; it tells mistakes apart
    problem: NotYetError | None = None


def load(source: str, path: str, function: str) -> Written:
    """Return the function that a learner's file defines.

    Raises:
        NotYetError: if the file cannot be run, or defines no such function.
    """
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)  # for messages with lines
    module = ModuleType("learner")
    module.__file__ = path
    try:
        exec(compile(source, path, "exec"), vars(module))
    except SyntaxError as error:
        line = f" in line {error.lineno}" if error.lineno else ""
        shown = f"\n\n    {error.text.strip()}" if error.text and error.text.strip() else ""
        tabs = "\n\nIndent with four spaces for each level, without tabs." * isinstance(error, IndentationError)
        raise NotYetError(f"Python cannot read your file{line}: {error.msg}.{shown}{tabs}", "syntax") from None
    except (Exception, SystemExit) as error:
        raise NotYetError(f"Your file stopped with an error when it was read.\n\n{where(error, path)}") from None
    found = vars(module).get(function)
    if found is None:
        text = f"Your file defines no function {function}. Is it spelled differently, or was it deleted?"
        raise NotYetError(text, "function missing")
    if not callable(found):
        raise NotYetError(f"{function} is {kind(found)} in your file, where a function must be.")
    return cast(Written, found)


def call(exercise: Exercise, function: Written, arguments: tuple[object, ...], path: str = "") -> Outcome:
    """Call a function on copies of ``arguments``."""
    given = _copied(arguments)
    held = {name: list(given[i]) for i, name in exercise.changes if isinstance(given[i], list)}  # type: ignore[call-overload]
    with np.errstate(all="ignore"):
        try:
            result = exercise.run(function, *given) if exercise.run else function(*given)
        except NotYetError as error:
            return Outcome(problem=error)
        except (Exception, SystemExit) as error:
            return Outcome(problem=_raised(exercise, error, arguments, path))
    try:
        values = _values(exercise, result)
        for position, name in exercise.changes:
            _refuse_replaced(name, held.get(name, []), given[position])
            values |= parts(name, given[position])
        values |= _drawn(exercise, arguments, given)
        _refuse_changed(exercise, arguments, given)
    except NotYetError as error:
        return Outcome(problem=error)
    return Outcome(values, [_trace(argument) for argument in given])


def _drawn(exercise: Exercise, before: tuple[object, ...], after: tuple[object, ...]) -> dict[str, object]:
    """Return the state of each source of random numbers among the arguments."""
    return {
        name: Drawn(str(old.bit_generator.state), str(new.bit_generator.state))
        for name, old, new in zip(argument_names(exercise), before, after, strict=False)
        if isinstance(old, np.random.Generator) and isinstance(new, np.random.Generator)
    }


def _trace(argument: object) -> str:
    """Return what a model or an optimiser of a probe shows of how it was used."""
    if isinstance(argument, Module):
        return str([p.grad is not None for p in argument.parameters()])
    return str(getattr(argument, "calls", ""))


def _copied(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Return a deep copy, with the gradients of models, which ``deepcopy`` leaves behind."""
    copied = copy.deepcopy(arguments)
    for old, new in zip(arguments, copied, strict=True):
        if isinstance(old, Module) and isinstance(new, Module):
            for p, q in zip(old.parameters(), new.parameters(), strict=True):
                q.grad = None if p.grad is None else p.grad.clone()
    return copied


def _values(exercise: Exercise, result: object) -> dict[str, object]:
    """Return the parts of a result by their names."""
    names = exercise.returns
    if result is ... or (isinstance(result, tuple) and any(part is ... for part in result)):
        missing = (
            [n for n, part in zip(names, result, strict=False) if part is ...] if isinstance(result, tuple) else []
        )
        what = f"{', '.join(missing)} of {exercise.function}" if missing and len(missing) < len(names) else None
        raise UnwrittenError(
            f"Write {what or exercise.function} first: there is still a `...` where your code belongs."
        )
    if result is None and names:
        shown = ", ".join(names)
        raise NotYetError(f"Your function returned None. Does it end with `return {shown}`?", "nothing returned")
    if not names:
        if result is not None:
            text = f"Your function returned {kind(result)}; it changes its arguments, and returns nothing."
            raise NotYetError(text, "returned, not changed in place")
        return {}
    if len(names) == 1 and not exercise.plain and isinstance(result, tuple):
        raise NotYetError(
            f"Your function returned a tuple of {len(result)}, where one array, {names[0]}, is expected. "
            "Is there a comma too many after `return`?",
            "several results for one",
        )
    if len(names) == 1:
        return {names[0]: result if exercise.plain else as_array(names[0], result)}
    if not isinstance(result, tuple | list):
        raise NotYetError(
            f"Your function returned {kind(result)}, where {len(names)} results are expected: "
            f"`return {', '.join(names)}`.",
            "number of results",
        )
    if len(result) != len(names):
        raise NotYetError(
            f"Your function returned {len(result)} results, where {len(names)} are expected: "
            f"`return {', '.join(names)}`.",
            "number of results",
        )
    return {name: as_array(name, part) for name, part in zip(names, result, strict=True)}


def _refuse_replaced(name: str, held: list[object], now: object) -> None:
    """Refuse new arrays in a list whose arrays should be changed in place."""
    for i, (before, after) in enumerate(zip(held, now if isinstance(now, list) else [], strict=False)):
        if before is not after:
            raise NotYetError(
                f"{name}[{i}] is a new array. Others hold the old one, which has not changed: write into it, as in "
                "p -= 1 or p[...] = 1.",
                "not in place",
            )


def parts(name: str, value: object) -> dict[str, object]:
    """Return an argument that was changed: a list or dict of arrays, or a model, gives one entry for each."""
    if isinstance(value, Module):
        moved: dict[str, object] = {f"{name}.{key}": p.array for key, p in value.named_parameters()}
        return moved | {f"{name}.training": value.training}
    if isinstance(value, list):
        return {f"{name}[{i}]": as_array(f"{name}[{i}]", part) for i, part in enumerate(value)}
    if isinstance(value, dict):
        return {f"{name}[{key!r}]": as_array(f"{name}[{key!r}]", part) for key, part in value.items()}
    return {name: as_array(name, value)}


def as_array(name: str, value: object) -> Array:
    """Return a result as an array.

    Raises:
        NotYetError: naming the result, and what to do.
    """
    if isinstance(value, TensorBase):
        raise NotYetError(
            f"{name} is a minigrad tensor. Return NumPy's numbers: an array, or {name}.item() of a single number.",
            "a tensor for an array",
        )
    if isinstance(value, list | tuple):
        text = f"{name} is {kind(value)}. Return a NumPy array: np.array({name}), or fill np.zeros(...)."
        raise NotYetError(text, "a list for an array")
    if value is None:
        text = f"{name} is None. Was it computed, and is each `return` inside your function complete?"
        raise NotYetError(text, "nothing returned")
    if not isinstance(value, np.ndarray | np.number | float | int | bool):
        raise NotYetError(f"{name} is {kind(value)}, where a NumPy array is expected.")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        text = f"{name} holds {array.dtype} numbers, where floating numbers are expected."
        raise NotYetError(text, "type of the numbers")
    return array


def _refuse_changed(exercise: Exercise, before: tuple[object, ...], after: tuple[object, ...]) -> None:
    changing = {position for position, _ in exercise.changes}
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if position not in changing and _differs(old, new):
            name = argument_names(exercise)[position]
            raise NotYetError(
                f"Your function changes its argument {name}. The engine still needs it: write into a new array "
                f"(x = {name} * 2 makes one; {name} *= 2 and {name}[...] = 0 do not), or start with {name}.copy().",
                "argument changed",
            )


def _differs(old: object, new: object) -> bool:
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return old.shape != new.shape or not np.array_equal(old, new, equal_nan=True)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) != len(new) or any(_differs(a, b) for a, b in zip(old, new, strict=True))
    if isinstance(old, dict) and isinstance(new, dict):
        return list(old) != list(new) or any(_differs(old[key], new[key]) for key in old)
    return False


def argument_names(exercise: Exercise) -> list[str]:
    """Return the names of the arguments of an exercise's function."""
    line = next(line for line in exercise.template.splitlines() if line.startswith(f"def {exercise.function}("))
    inside = line[line.index("(") + 1 : line.rindex(")")]
    return [part.split("=")[0].strip() for part in inside.split(",")]


def kind(value: object) -> str:
    """Return the kind of a value in words: ``a list``, ``an int``."""
    if value is None:
        return "None"
    name = type(value).__name__
    return (
        f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"a{'n' * (name[0] in 'aeio')} {name}"
    )


def _raised(exercise: Exercise, error: BaseException, arguments: tuple[object, ...], path: str) -> NotYetError:
    if isinstance(error, NotImplementedError) and traceback.extract_tb(error.__traceback__)[-1].filename == path:
        return UnwrittenError(f"Write {exercise.function} first: it still raises NotImplementedError.")
    if isinstance(error, TypeError) and "ellipsis" in str(error).lower():
        return UnwrittenError(f"Write {exercise.function} first: there is still a `...` where your code belongs.")
    if isinstance(error, SystemExit):
        return NotYetError("Your function left Python with exit(). Let it return its result instead.", "exit")
    text = f"Your function stopped with an error.\n\n{where(error, path)}"
    if isinstance(error, TypeError) and "positional argument" in str(error):
        text += f"\n\n    def {exercise.function}({', '.join(argument_names(exercise))}):"
    shapes = [
        f"{name} {value.shape}"
        for name, value in zip(argument_names(exercise), arguments, strict=False)
        if isinstance(value, np.ndarray)
    ]
    if shapes and isinstance(error, ValueError | IndexError):
        text += "\n\nThe arguments had these shapes: " + ", ".join(shapes) + "."
    problem = NotYetError(text, advice(error)[0])
    problem.__cause__ = error
    return problem
