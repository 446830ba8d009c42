"""Modules that hold other modules."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Self, SupportsIndex, overload

from minigrad.nn.module import Module, indent
from minigrad.tensor import Tensor


class _InOrder(Module):
    """Base of ``Sequential`` and ``ModuleList``: modules in order, addressed by position."""

    def __len__(self) -> int:
        return len(self._modules)

    def _present(self) -> dict[str, Module]:
        return self._modules  # type: ignore[return-value]  # None is not allowed here

    def __iter__(self) -> Iterator[Module]:
        return iter(self._present().values())

    def _name_at(self, index: SupportsIndex) -> str:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range for {len(self)} modules")
        return list(self._modules)[position]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module:
        """Return one module, or for a slice a container of the same class."""
        if isinstance(index, slice):
            return self._part(index)
        return self._present()[self._name_at(index)]

    def _part(self, index: slice) -> Self:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        for name in list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]:
            delattr(self, name)
        self._renumber(list(self))

    def _renumber(self, modules: list[Module]) -> None:
        self.__dict__["_modules"] = {str(i): module for i, module in enumerate(modules)}

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        for module in list(modules):  # a list first: they may be this container's own
            self.append(module)
        return self

    def pop(self, key: int | slice) -> Module:
        """Remove a module, or those of a slice, and return it."""
        taken = self[key]
        del self[key]
        return taken

    def _with_inserted(self, index: int, module: Module) -> list[Module]:
        if not isinstance(module, Module):
            raise AssertionError(f"module should be a Module, got {type(module).__name__}")
        modules = list(self)
        modules.insert(index, module)
        return modules


class Sequential(_InOrder):
    """Run modules in order, each on the previous one's output.

    Args:
        args: modules, or one dict of modules by name.

    Shape:
        input: what the first module takes; output: what the last one returns.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))(minigrad.ones(5, 4)).shape
    (5, 2)
    """

    def __init__(self, *args: Module | dict[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            named = {str(name): module for name, module in args[0].items()}
        else:
            named = {str(i): module for i, module in enumerate(args)}  # type: ignore[misc]  # add_module refuses a dict
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Tensor) -> Tensor:
        for module in self:
            input = module(input)
        return input

    def _part(self, index: slice) -> Self:
        """Return the modules of a slice, which keep their names."""
        return type(self)(dict(list(self._present().items())[index]))

    def insert(self, index: int, module: Module) -> Self:
        """Add a module in front of the one at ``index``.

        Raises:
            IndexError: if ``index`` is out of range.
        """
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._renumber(self._with_inserted(index, module))
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * _positive(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (_positive(other) - 1))


def _sequential(other: object) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


def _positive(times: object) -> int:
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: Sequential and {type(times).__name__}")
    if times <= 0:
        raise ValueError(f"Non-positive multiplication factor {times} for Sequential")
    return times


class ModuleList(_InOrder):
    """A list of modules, whose parameters belong to the module that holds the list.

    Args:
        modules: the modules.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 3)])
    >>> len(layers), layers[-1].out_features
    (2, 3)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def _part(self, index: slice) -> Self:
        """Return the modules of a slice, numbered from 0."""
        return type(self)(list(self)[index])

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end.

        Raises:
            TypeError: if ``modules`` is not iterable, or an item is not a module.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        return super().extend(modules)

    def insert(self, index: int, module: Module) -> None:
        """Add a module in front of the one at ``index``."""
        self._renumber(self._with_inserted(index, module))

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Return the text, in which equal consecutive modules are shown once, with their count."""
        runs: list[tuple[int, int, str]] = []  # first and last position, text
        for i, text in enumerate(repr(module) for module in self):
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], i, text)
            else:
                runs.append((i, i, text))
        lines = [
            indent(f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}")
            for first, last, text in runs
        ]
        return f"{type(self).__name__}(" + "".join(f"\n  {line}" for line in lines) + ("\n)" if lines else ")")


class ModuleDict(Module):
    """A dict of modules, whose parameters belong to the module that holds the dict.

    Args:
        modules: a dict, or pairs of a name and a module.

    >>> import minigrad
    >>> from minigrad import nn
    >>> heads = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 3)})
    >>> list(heads), heads["b"].out_features
    (['a', 'b'], 3)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules from a mapping or from pairs (name, module), or replace those of the same name.

        Raises:
            TypeError: if ``modules`` is neither.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"ModuleDict.update should be called with an iterable of key/value pairs, but got "
                f"{type(modules).__name__}"
            )
        for name, module in modules.items() if isinstance(modules, Mapping | ModuleDict) else modules:
            self[name] = module

    def _present(self) -> dict[str, Module]:
        return self._modules  # type: ignore[return-value]  # None is not allowed here

    def __getitem__(self, key: str) -> Module:
        return self._present()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._present()[key]

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        return self._present().pop(key)

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Return names and modules."""
        return self._present().items()

    def values(self) -> Iterable[Module]:
        """Return the modules."""
        return self._present().values()
