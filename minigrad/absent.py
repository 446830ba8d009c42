"""Names of torch's that are not in minigrad: say what to write instead, or why there is nothing.

:func:`sentence` finds the answer, in this order:

1. in ``INSTEAD`` of ``absent_names.py``, what to write for a single name;
2. among minigrad's own names, if torch has the same function at a second place;
3. in ``REASONS``, what a group of names has in common.

Anything else is taken for a slip of the pen, and answered with the names that look like it.
"""

from __future__ import annotations

import builtins
import difflib
import importlib
import importlib.abc
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from opcode import opmap
from types import MappingProxyType, ModuleType
from typing import TypeVar

from minigrad.absent_names import INSTEAD, METHODS, REASONS

C = TypeVar("C", bound=type)


class NotInMinigradError(AttributeError, NotImplementedError):
    """A name of torch's that minigrad does not have. It is an AttributeError, so ``hasattr`` and ``getattr`` work."""


class NoSuchNameError(AttributeError):
    """A name that neither minigrad nor torch has. The names that look like it are searched for when it is printed."""

    def __init__(self, kind: str, wanted: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(f"{kind} has no attribute '{wanted}'")
        self.wanted, self.known = wanted, known

    def __str__(self) -> str:
        by_small = {n.lower(): n for n in sorted(self.known(), reverse=True) if not n.startswith("_")}
        similar = difflib.get_close_matches(self.wanted.lower(), by_small, 3, 0.66)
        hint = f". Did you mean {' or '.join(repr(by_small[small]) for small in similar)}?" if similar else ""
        return super().__str__() + ("" if self.wanted.startswith("_") else hint)

    def __reduce__(self) -> tuple[type[AttributeError], tuple[str]]:
        """Travel between processes as the text, since what searches for names cannot."""
        return AttributeError, (str(self),)


#: Where torch has names, by the place they have in minigrad. The order is that of the search for a second place.
_PLACES = ("", "nn.functional", "nn", "optim", "optim.lr_scheduler", "nn.utils", "nn.init", "autograd", "amp", "data")


def sentence(place: str, name: str) -> str | None:
    """Return what to write instead of ``name``, or why there is nothing; None for a name that is not torch's.

    Args:
        place: where torch has the name: ``""``, ``"nn"``, ``"Tensor"``, …

    >>> sentence("", "bucketize")
    'minigrad.bucketize is not in minigrad; use (x[..., None] > boundaries).sum(-1)'
    """
    full = ".".join(part for part in ("minigrad", place, name) if part)
    instead = _instead(place, name)
    if instead is not None:
        needless = instead.startswith("nothing: ")
        return f"{full} is not in minigrad" + (instead.removeprefix("nothing") if needless else f"; use {instead}")
    for reason, pattern in REASONS.items():
        if re.fullmatch(f"({pattern})_?", name):
            return f"{full} is not in minigrad: {reason}"
    return None


def _instead(place: str, name: str) -> str | None:
    """Return what to write instead of a name, from ``INSTEAD`` or because minigrad has it at another place."""
    full = f"{place}.{name}".lstrip(".")
    found = INSTEAD.get(full) or INSTEAD.get(f"minigrad.{full}") or INSTEAD.get(name) or _elsewhere(name)
    if found is None and place == "nn.init" and f"{name}_" in vars(sys.modules["minigrad.nn.init"]):
        return f"minigrad.nn.init.{name}_"  # xavier_uniform, as torch called xavier_uniform_ long ago
    if found is None and name.endswith("_"):
        plain = INSTEAD.get(name[:-1]) or _elsewhere(name[:-1])
        return plain and f"x.copy_(y), with the result y of {plain}"
    return found


def _elsewhere(name: str) -> str | None:
    """Return where else minigrad has a public function or class of this name."""
    for place in _PLACES:
        module = sys.modules.get(f"minigrad.{place}".rstrip("."))
        if name in getattr(module, "__all__", ()):
            return ".".join(part for part in ("minigrad", place, name) if part)
    tensor = getattr(sys.modules.get("minigrad.tensor"), "Tensor", None)
    found = vars(tensor).get(name) if tensor is not None else None
    if found is None or isinstance(found, Absent):
        return None
    return f"x.{name}(...)" if callable(found) else f"x.{name}"


def answer(place: str, name: str, known: Callable[[], Iterable[str]], kind: str = "") -> AttributeError:
    """Return the exception for a name that is not there: the sentence of the table, or names that look like it.

    Args:
        place: the module below minigrad, or the class.
        known: returns the names that are there; a name that is one slip from one of them is not taken for torch's.
        kind: how the message calls the place; by default ``module 'minigrad.place'``.
    """
    found = None if name.startswith("_") else sentence(place, name)
    if found is not None and (place == "Tensor" or _instead(place, name) is not None or not _is_a_slip(name, known)):
        return NotInMinigradError(found)
    kind = kind or f"module '{f'minigrad.{place}'.rstrip('.')}'"
    return NoSuchNameError(kind, name, known)


def _is_a_slip(name: str, known: Callable[[], Iterable[str]]) -> bool:
    """Return whether a name that only a broad pattern of ``REASONS`` takes for torch's is one slip from a known one.

    A slip is a letter that is left out, added, exchanged or swapped with its neighbour; other digits mean another name.

    >>> _is_a_slip("get_defualt_dtype", lambda: ["get_default_dtype"])
    True
    >>> _is_a_slip("AvgPool3d", lambda: ["AvgPool2d"])
    False
    """
    if any(name in re.split(r"\W", pattern) for pattern in REASONS.values()):
        return False
    return any(_is_one_slip(name, other) for other in known())


def _is_one_slip(wrong: str, right: str) -> bool:
    start = _shared(wrong, right)
    left, meant = wrong[start:], right[start:]
    end = _shared(left[::-1], meant[::-1])
    left, meant = left[: len(left) - end], meant[: len(meant) - end]
    is_one = max(len(left), len(meant)) == 1 or (len(left) == 2 and left == meant[::-1])
    return is_one and len(wrong) > 4 and not any(letter.isdigit() for letter in left + meant)


def _shared(x: str, y: str) -> int:
    """Return how many letters two names share at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(x, y, strict=False)) if a != b), min(len(x), len(y)))


def module_getattr(module: str, later: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a module that answers for names that are not there, also in ``from … import``.

    Args:
        later: where to find what is imported when it is first used: ``module``, or ``module:name``.
    """
    place = module.removeprefix("minigrad").removeprefix(".")

    def missing(name: str) -> object:
        if name in later:
            path, _, inside = later[name].partition(":")
            found = importlib.import_module(path)
            return getattr(found, inside) if inside else found
        error = answer(place, name, lambda: dir(sys.modules[module]))
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:  # which would hide the text of the error
            raise ImportError(f"cannot import name {name!r} from {module!r}: {error}", name=module)
        raise error

    return missing


class _AnswersForModules(importlib.abc.MetaPathFinder):
    """The last to be asked for a module: raises the sentence for one of torch's, ``import minigrad.utils.data``."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        package, _, name = fullname.rpartition(".")
        if fullname.startswith("minigrad.") and (text := sentence(package.removeprefix("minigrad").lstrip("."), name)):
            raise ModuleNotFoundError(text, name=fullname)


def answer_for_modules() -> None:
    """Let ``import`` of one of torch's modules, which is not in minigrad, say so."""
    if not any(isinstance(finder, _AnswersForModules) for finder in sys.meta_path):
        sys.meta_path.append(_AnswersForModules())


# --- Tensor has no __getattr__, which would slow down each access to an attribute, but entries for the absent names.
# --- Python's prompt finds the names that look like a misspelt one; IPython and Jupyter do not, so there it has one.


class Absent:
    """An attribute that is not there: reading it raises the sentence."""

    def __init__(self, place: str, name: str) -> None:
        self.place, self.name = place, name

    def __get__(self, instance: object, owner: type) -> object:
        raise answer(self.place, self.name, lambda: dir(owner), f"type object '{owner.__name__}'")


class ListsWhatIsThere(type):
    """The type of classes with absent names, which ``dir`` and ``help`` leave out."""

    def __dir__(cls) -> list[str]:
        return present(super().__dir__(), cls)


def present(names: Iterable[str], cls: type) -> list[str]:
    """Return the names that are not absent."""
    items = {name: item for base in reversed(cls.__mro__) for name, item in vars(base).items()}
    return [name for name in names if not isinstance(items.get(name), Absent)]


def answer_for_absent_methods(cls: C) -> C:
    """Add, as a decorator of ``Tensor``, an entry for each of torch's attributes that the class lacks."""
    names = [name for name in INSTEAD if name.isidentifier()] + METHODS.split()
    for name in [*names, *(f"{name}_" for name in names if name.islower() and name[-1] != "_")]:
        if not hasattr(cls, name) and not (name[0].isupper() and name != "H"):
            setattr(cls, name, Absent("Tensor", name))
    if hasattr(builtins, "__IPYTHON__"):
        hint_at_slips(cls)
    return cls


def hint_at_slips(cls: type) -> None:
    """Let a misspelt attribute of a tensor be answered with the names that look like it."""

    def missing(self: object, name: str) -> object:
        raise answer("Tensor", name, lambda: dir(self), f"'{type(self).__name__}' object")

    cls.__getattr__ = missing  # type: ignore[attr-defined]
