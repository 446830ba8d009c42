"""Modules that hold parameters, in a list or in a dict."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, TypeAlias

from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

#: What may be put into these containers: a Parameter, or anything else.
Item: TypeAlias = Any


def _as_parameter(value: object) -> object:
    """Return a tensor as a parameter, and anything else as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(key: object, value: object) -> str:
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    where = "" if value.device.type == "cpu" else f" ({value.device})"
    size = "x".join(str(n) for n in value.shape)
    return f"  ({key}): Parameter containing: [{value.dtype} of size {size}{where}]"


class ParameterList(Module):
    """A list of parameters, which belong to the module that holds the list. Tensors become parameters.

    Args:
        values: the parameters.

    >>> import minigrad
    >>> from minigrad import nn
    >>> factors = nn.ParameterList([minigrad.ones(2), minigrad.ones(3)])
    >>> len(factors), len(list(factors.parameters()))
    (2, 2)
    """

    def __init__(self, values: Iterable[Item] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _name_at(self, index: int) -> str:
        position = operator.index(index)
        if not -self._size <= position < self._size:
            raise IndexError(f"index {position} is out of range")
        return str(position % self._size)

    def __getitem__(self, index: int | slice) -> Item:  # a Parameter, or whatever was put there
        """Return one item, or for a slice a list of the same class."""
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(self._size)[index]])
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, value: Item) -> None:
        setattr(self, self._name_at(index), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Item]:
        return iter([self[i] for i in range(self._size)])

    def __iadd__(self, values: Iterable[Item]) -> Self:
        return self.extend(values)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, value: Item) -> Self:
        """Add an item at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Item]) -> Self:
        """Add several items at the end.

        Raises:
            TypeError: if ``values`` is not iterable, or a tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):  # a list first: they may be this list's own
            self.append(value)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Item:
        raise RuntimeError("ParameterList should not be called.")

    def extra_repr(self) -> str:
        return "\n".join(_line(i, value) for i, value in enumerate(self))


class ParameterDict(Module):
    """A dict of parameters, which belong to the module that holds the dict. Tensors become parameters.

    Args:
        parameters: a dict, or pairs of a name and a parameter.

    >>> import minigrad
    >>> from minigrad import nn
    >>> scales = nn.ParameterDict({"a": minigrad.ones(2), "b": minigrad.ones(3)})
    >>> list(scales), [name for name, _ in scales.named_parameters()]
    (['a', 'b'], ['a', 'b'])
    """

    def __init__(self, parameters: Mapping[str, Item] | Iterable[tuple[str, Item]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update({} if parameters is None else parameters)

    def _checked(self, key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"Index given to ParameterDict cannot be used as a key as it is not a string, got {key!r}")
        return key

    def __getitem__(self, key: str) -> Item:  # a Parameter, or whatever was put there
        return getattr(self, self._checked(key))

    def __setitem__(self, key: str, value: Item) -> None:
        setattr(self, self._checked(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._checked(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict({**dict(self.items()), **dict(other.items())})

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def _as_dict(self) -> dict[str, Item]:
        return {key: self[key] for key in self._keys}

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._as_dict().keys()

    def items(self) -> ItemsView[str, Item]:
        """Return names and parameters."""
        return self._as_dict().items()

    def values(self) -> ValuesView[Item]:
        """Return the parameters."""
        return self._as_dict().values()

    def get(self, key: str, default: Item = None) -> Item:
        """Return the parameter of a name, or the default."""
        if key not in self._keys:
            return default
        return self[key]

    def setdefault(self, key: str, default: Item = None) -> Item:
        """Return the parameter of a name, which is added if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Item:
        """Remove a parameter and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Item]:
        """Remove the last parameter, and return its name and it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(self._as_dict())

    def fromkeys(self, keys: Iterable[str], default: Item = None) -> ParameterDict:
        """Return a dict of one value for several names."""
        return ParameterDict((key, default) for key in keys)

    def clear(self) -> None:
        """Remove all parameters."""
        for key in list(self):
            del self[key]

    def update(self, parameters: Mapping[str, Item] | ParameterDict | Iterable[tuple[str, Item]]) -> None:
        """Add parameters from a mapping or from pairs (name, parameter), or replace those of the same name.

        Raises:
            TypeError: if ``parameters`` is neither.
        """
        if not isinstance(parameters, Iterable):
            raise TypeError(
                "ParametersDict.update should be called with an iterable of key/value pairs, but got "
                f"{type(parameters).__name__}"
            )
        pairs = parameters.items() if isinstance(parameters, Mapping | ParameterDict) else parameters
        for key, value in pairs:
            self[key] = value

    def __call__(self, *args: object, **kwargs: object) -> Item:
        raise RuntimeError("ParameterDict should not be called.")

    def extra_repr(self) -> str:
        return "\n".join(_line(key, value) for key, value in self.items())
