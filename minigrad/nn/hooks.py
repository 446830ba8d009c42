"""Hooks on modules: functions of the user's that see, or change, what goes in and out, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.engine.function import RemovableHandle, TensorBase, refuse_as_replacement
from minigrad.ops.identity import Passage


class Hooks:
    """The hooks of one module, by kind. Calling the module goes through ``call``."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, Any] = {}
        self.forward: dict[int, Any] = {}
        self.backward_pre: dict[int, Any] = {}
        self.backward: dict[int, Any] = {}

    def add(self, kind: str, hook: Callable[..., Any], prepend: bool, with_kwargs: bool = False) -> RemovableHandle:
        """Registers a hook, in front of the others if ``prepend``."""
        hooks = getattr(self, kind)
        entry: Any = hook if kind.startswith("backward") else (hook, with_kwargs)
        handle = RemovableHandle(hooks, entry)
        if prepend:
            keys = list(hooks)
            for key in keys[:-1]:  # a dict keeps the order of insertion
                hooks[key] = hooks.pop(key)
        return handle

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``module.forward`` with every hook around it."""
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


class _Watch:
    """One call of a module with backward hooks: it waits at the output for grad_output, at the input for grad_input."""

    def __init__(self, module: Any, hooks: Hooks, args: tuple[Any, ...]) -> None:
        self.module, self.hooks = module, hooks
        self.count = len(args)
        self.tracked = [i for i, x in enumerate(args) if isinstance(x, TensorBase) and x.requires_grad]
        self.grad_output: tuple[Any, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.tracked:
            return args
        passed = Passage.apply(*[args[i] for i in self.tracked], watch=self._at_the_input)
        replaced = dict(zip(self.tracked, passed, strict=True))
        return tuple(replaced.get(i, x) for i, x in enumerate(args))

    def leave(self, output: Any) -> Any:
        several = isinstance(output, tuple | list)
        outputs = list(output) if several else [output]
        self.places = [i for i, y in enumerate(outputs) if isinstance(y, TensorBase) and y.requires_grad]
        self.size = len(outputs)
        if not self.places:
            return output
        passed = Passage.apply(*[outputs[i] for i in self.places], watch=self._at_the_output)
        for i, y in zip(self.places, passed, strict=True):
            outputs[i] = y
        if not several:
            return outputs[0]
        return type(output)(*outputs) if hasattr(output, "_fields") else type(output)(outputs)

    def _at_the_output(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        found = dict(zip(self.places, grads, strict=True))
        self.grad_output = tuple(found.get(i) for i in range(self.size))
        for hook in list(self.hooks.backward_pre.values()):
            changed = hook(self.module, self.grad_output)
            if changed is not None:
                self.grad_output = _replacements(hook, self.grad_output, changed, "pre hook", "grad_output")
        if not self.tracked:
            self._run(tuple(None for _ in range(self.count)))
        return tuple(self.grad_output[i] for i in self.places)

    def _at_the_input(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        found = dict(zip(self.tracked, grads, strict=True))
        grad_input = self._run(tuple(found.get(i) for i in range(self.count)))
        return tuple(grad_input[i] for i in self.tracked)

    def _run(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in list(self.hooks.backward.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = _replacements(hook, grad_input, changed, "hook", "grad_input")
        return grad_input


def _replacements(
    hook: Callable[..., Any], gradients: tuple[Any, ...], changed: Any, kind: str, name: str
) -> tuple[Any, ...]:
    """What a backward hook returned in place of ``gradients``, checked.

    Raises:
        RuntimeError, TypeError: if the number of gradients, or one of them, does not fit.
    """
    changed = tuple(changed) if isinstance(changed, tuple | list) else (changed,)
    if len(changed) != len(gradients):
        raise RuntimeError(
            f"Backward {kind} returned an invalid number of {name}, got {len(changed)}, but expected {len(gradients)}"
        )
    for gradient, replacement in zip(gradients, changed, strict=True):
        if gradient is not None and replacement is not None:
            refuse_as_replacement(hook, gradient, replacement)
    return changed
