"""The methods that torch's modules have and minigrad's lack, such as ``model.get_submodule("layer1.0")``.

minigrad's class ``Module`` gets them when :func:`adapt_modules` is called, and loses them again. Schedules say that
they are ``torch.optim.lr_scheduler``'s, because programs tell them by that from functions of their own. Optimisers
ignore which of torch's implementations is chosen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from minigrad import Tensor
from minigrad.nn import Module
from minigrad.nn.recurrent_layers import RNNBase
from minigrad.optim import Optimizer, lr_scheduler

_home: dict[type, str] = {}


def adapt_modules() -> None:
    """Give ``Module`` torch's methods, until :func:`restore_modules`."""
    for name, method in _ADDED.items():
        setattr(Module, name, method)
    for name, of_layer in _OF_RECURRENT_LAYERS.items():
        setattr(RNNBase, name, of_layer)
    Optimizer.ignored = frozenset({"foreach", "fused", "capturable"})
    for kind in _schedules():
        _home[kind] = kind.__module__
        kind.__module__ = "torch.optim.lr_scheduler"


def restore_modules() -> None:
    """Undo :func:`adapt_modules`."""
    for name in _ADDED:
        if name in vars(Module):
            delattr(Module, name)
    for name in _OF_RECURRENT_LAYERS:
        if name in vars(RNNBase):
            delattr(RNNBase, name)
    Optimizer.ignored = frozenset()
    for kind, home in _home.items():
        kind.__module__ = home
    _home.clear()


def _schedules() -> list[type]:
    return [item for item in vars(lr_scheduler).values() if isinstance(item, type)]


def get_submodule(self: Module, target: str) -> Module:
    """Return the module at a path of names with dots, or the module itself.

    Raises:
        AttributeError: if there is none.
    """
    found = self
    for name in target.split(".") if target else ():
        children = dict(found.named_children())
        if name not in children:
            known = ", ".join(children) or "none"
            raise AttributeError(f"{type(found).__name__} has no module {name!r}; it has {known}")
        found = children[name]
    return found


def get_parameter(self: Module, target: str) -> Tensor:
    """Return the parameter at a path of names with dots.

    Raises:
        AttributeError: if there is none.
    """
    return _inside(self, target, "parameter", lambda module: module.named_parameters(recurse=False))


def get_buffer(self: Module, target: str) -> Tensor:
    """Return the buffer at a path of names with dots.

    Raises:
        AttributeError: if there is none.
    """
    return _inside(self, target, "buffer", lambda module: module.named_buffers(recurse=False))


def _inside(module: Module, target: str, kind: str, named: Callable[[Module], Any]) -> Tensor:
    place, _, name = target.rpartition(".")
    found = dict(named(get_submodule(module, place)))
    if name not in found:
        raise AttributeError(f"{type(module).__name__} has no {kind} {target!r}")
    tensor: Tensor = found[name]
    return tensor


def set_submodule(self: Module, target: str, module: Module, strict: bool = False) -> None:
    """Put a module at a path of names with dots."""
    place, _, name = target.rpartition(".")
    setattr(get_submodule(self, place), name, module)


def type_(self: Module, dst_type: Any) -> Module:
    """Convert all parameters and buffers to a dtype."""
    return self.to(dst_type)


class HooksOf(MutableMapping[int, Any]):
    """The hooks of one kind of a module, by key, without what stands beside them (``module._forward_hooks``)."""

    def __init__(self, entries: dict[int, Any]) -> None:
        self._entries = entries

    def __getitem__(self, key: int) -> Any:
        entry = self._entries[key]
        return entry[0] if isinstance(entry, tuple) else entry

    def __setitem__(self, key: int, hook: Any) -> None:
        raise NotImplementedError("a hook cannot be put here; use module.register_forward_hook(hook) and its like")

    def __delitem__(self, key: int) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(OrderedDict(self))


def _hooks(kind: str) -> property:
    """Return a property that has the hooks of a kind; it can be set to an empty dict."""

    def get(self: Module) -> HooksOf:
        return HooksOf(getattr(self._own_hooks(), kind))

    def clear(self: Module, empty: Any) -> None:
        if empty:
            raise NotImplementedError("only an empty dict can be set here; register hooks one after the other")
        get(self).clear()

    return property(get, clear)


_ADDED: dict[str, Any] = {
    "_forward_pre_hooks": _hooks("forward_pre"),
    "_forward_hooks": _hooks("forward"),
    "_backward_pre_hooks": _hooks("backward_pre"),
    "_backward_hooks": _hooks("backward"),
    "get_submodule": get_submodule,
    "get_parameter": get_parameter,
    "get_buffer": get_buffer,
    "set_submodule": set_submodule,
    "share_memory": lambda self: self,
    "compile": lambda self, *_, **__: None,
    "register_backward_hook": Module.register_full_backward_hook,
    "type": type_,
}
_OF_RECURRENT_LAYERS: dict[str, Any] = {
    "_flat_weights_names": property(lambda self: [name for name, _ in self.named_parameters(recurse=False)]),
    "_flat_weights": property(lambda self: list(self.parameters(recurse=False))),
}
