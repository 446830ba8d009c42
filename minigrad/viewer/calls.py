"""Calls of modules: which module an operation runs in, by hooks before and after every ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from minigrad.engine.handles import RemovableHandle
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.viewer.story import Call


class Calls:
    """The calls of a model's modules, while it is watched."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.all = [Call(0, None, "", "", "", "")]
        self.inputs: dict[int, str] = {}  # the names of the model's arguments, by the identity of their arrays
        self._open = [0]
        self._paths: dict[Module, str] = {}
        self._handles: list[RemovableHandle] = []
        for path, module in model.named_modules():
            self._paths[module] = path
            self._handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True, prepend=True))
            self._handles.append(module.register_forward_hook(self._leave))

    def remove(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    @property
    def current(self) -> Call:
        """The innermost call that has not returned."""
        return self.all[self._open[-1]]

    def _enter(self, module: Module, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        if module is self.model:
            self._name_inputs(args, kwargs)
        parent, path = self.current, self._paths[module]
        inside = parent.path and path.startswith(f"{parent.path}.")
        name = path.removeprefix(f"{parent.path}.") if inside else path
        options = " ".join(module.extra_repr().split())
        call = Call(len(self.all), parent.number, name, path, type(module).__name__, options)
        parent.items.append(("call", call.number))
        self.all.append(call)
        self._open.append(call.number)

    def _leave(self, module: Module, args: object, output: object) -> None:
        while len(self._open) > 1:
            left = self.all[self._open.pop()]
            if left.path == self._paths[module]:  # inner ones that ended with an exception are left too
                return

    def _name_inputs(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        names = list(inspect.signature(self.model.forward).parameters)
        named = {**dict(zip(names, args, strict=False)), **kwargs}
        for name, value in named.items():
            if isinstance(value, Tensor):
                self.inputs[id(value.array)] = name
