"""Hooks on modules: functions of the user that see, or replace, inputs, outputs and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from minigrad.engine.handles import Entry, RemovableHandle
from minigrad.engine.hooks import refuse_as_replacement
from minigrad.ops.identity import Passage
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module

#: A function of the user; its arguments depend on what it is registered for.
Hook: TypeAlias = Callable[..., Any]
#: Of several tensors; ``None`` where there is none.
Gradients: TypeAlias = tuple[Tensor | None, ...]


class Hooks:
    """The hooks of one module, by kind. A module that has hooks is called through ``call``."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Hook, bool]] = {}  # with_kwargs stands beside each
        self.forward: dict[int, tuple[Hook, bool]] = {}
        self.backward_pre: dict[int, Hook] = {}
        self.backward: dict[int, Hook] = {}

    def add_forward(
        self, hooks: dict[int, tuple[Hook, bool]], hook: Hook, prepend: bool, with_kwargs: bool
    ) -> RemovableHandle:
        """Register a hook in ``forward_pre`` or ``forward``, in front of the others if ``prepend``."""
        return _add(hooks, (hook, with_kwargs), prepend)

    def add_backward(self, hooks: dict[int, Hook], hook: Hook, prepend: bool) -> RemovableHandle:
        """Register a hook in ``backward_pre`` or ``backward``, in front of the others if ``prepend``."""
        return _add(hooks, hook, prepend)

    def call(self, module: Module, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Return ``module.forward(*args, **kwargs)``, with every hook around it."""
        for hook, with_kwargs in list(self.forward_pre.values()):
            changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if changed is not None and with_kwargs:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
            elif changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        watching = _Watch(module, self, args) if self.backward or self.backward_pre else None
        if watching is not None:
            args = watching.enter(args)
        output = module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.forward.values()):
            changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
            output = output if changed is None else changed
        return output if watching is None else watching.leave(output)


def _add(hooks: dict[int, Entry], entry: Entry, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, entry)
    if prepend:
        for key in list(hooks)[:-1]:  # a dict keeps the order of insertion
            hooks[key] = hooks.pop(key)
    return handle


class _Watch:
    """One call of a module with backward hooks.

    A ``Passage`` behind the module sees grad_output, and another in front of it sees grad_input.
    """

    def __init__(self, module: Module, hooks: Hooks, args: tuple[object, ...]) -> None:
        self.module, self.hooks = module, hooks
        self.count = len(args)
        self.tracked = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
        self.grad_output: Gradients = ()

    def enter(self, args: tuple[object, ...]) -> tuple[object, ...]:
        """Return the arguments, those that require a gradient passed through the first Passage."""
        if not self.tracked:
            return args
        passed = Passage.apply(*[args[i] for i in self.tracked], watch=self._at_the_input)
        replaced = dict(zip(self.tracked, passed, strict=True))
        return tuple(replaced.get(i, x) for i, x in enumerate(args))

    def leave(self, output: Any) -> object:  # a tensor, or several in a tuple, a named tuple or a list
        """Return the output, its tensors that require a gradient passed through the second Passage."""
        several = isinstance(output, tuple | list)
        outputs = list(output) if several else [output]
        self.positions = [i for i, y in enumerate(outputs) if isinstance(y, Tensor) and y.requires_grad]
        self.size = len(outputs)
        if not self.positions:
            return output
        passed = Passage.apply(*[outputs[i] for i in self.positions], watch=self._at_the_output)
        for i, y in zip(self.positions, passed, strict=True):
            outputs[i] = y
        if not several:
            return outputs[0]
        return type(output)(*outputs) if hasattr(output, "_fields") else type(output)(outputs)

    def _at_the_output(self, grads: Gradients) -> Gradients:
        found = dict(zip(self.positions, grads, strict=True))
        self.grad_output = tuple(found.get(i) for i in range(self.size))
        for hook in list(self.hooks.backward_pre.values()):
            changed = hook(self.module, self.grad_output)
            if changed is not None:
                self.grad_output = _replacements(hook, self.grad_output, changed, "pre hook", "grad_output")
        if not self.tracked:
            self._run(tuple(None for _ in range(self.count)))
        return tuple(self.grad_output[i] for i in self.positions)

    def _at_the_input(self, grads: Gradients) -> Gradients:
        found = dict(zip(self.tracked, grads, strict=True))
        grad_input = self._run(tuple(found.get(i) for i in range(self.count)))
        return tuple(grad_input[i] for i in self.tracked)

    def _run(self, grad_input: Gradients) -> Gradients:
        for hook in list(self.hooks.backward.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = _replacements(hook, grad_input, changed, "hook", "grad_input")
        return grad_input


def _replacements(hook: Hook, gradients: Gradients, changed: object, kind: str, name: str) -> Gradients:
    """Return the result of a backward hook as a tuple that fits ``gradients``.

    Raises:
        RuntimeError, TypeError: if the number of gradients, or one of them, does not fit.
    """
    replacements = tuple(changed) if isinstance(changed, tuple | list) else (changed,)
    if len(replacements) != len(gradients):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {name}, got {len(replacements)}, "
            f"but expected {len(gradients)}"
        )
    for gradient, replacement in zip(gradients, replacements, strict=True):
        if gradient is not None and replacement is not None:
            refuse_as_replacement(hook, gradient, replacement)
    return replacements
