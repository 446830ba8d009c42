"""Module: a tree of layers that knows its parameters and buffers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from minigrad import creation, dtypes
from minigrad.device import device_of, to_device
from minigrad.function import RemovableHandle
from minigrad.grad_mode import no_grad
from minigrad.nn.hooks import Hooks
from minigrad.tensor import Tensor, target_of_to


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and ``module.parameters()`` finds it."""

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        self.array = data.array
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` did not find, and what it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """Base of all layers and models. Assign parameters and submodules as attributes; define ``forward``.

    >>> from minigrad import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(4, 2)
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> [name for name, _ in Net().named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    training: bool

    def __init__(self) -> None:
        # Straight into __dict__: __setattr__ below needs these to be there already.
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent_buffers=set(), _hooks=None
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        hooks = self.__dict__.get("_hooks")
        return self.forward(*args, **kwargs) if hooks is None else hooks.call(self, args, kwargs)

    # --- Hooks ---

    def _add_hook(self, kind: str, hook: Callable[..., Any], prepend: bool, with_kwargs: bool = False) -> Any:
        if self.__dict__.get("_hooks") is None:
            self.__dict__["_hooks"] = Hooks()
        return self.__dict__["_hooks"].add(kind, hook, prepend, with_kwargs)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """``hook(module, args)`` runs before ``forward``; what it returns replaces the arguments."""
        return self._add_hook("forward_pre", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """``hook(module, args, output)`` runs after ``forward``; what it returns replaces the output."""
        if always_call:
            raise NotImplementedError("register_forward_hook: always_call=True is not supported")
        return self._add_hook("forward", hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(module, grad_input, grad_output)`` runs when the gradients of the arguments are known.

        Both are tuples, with ``None`` where there is no gradient; what it returns replaces ``grad_input``.
        """
        return self._add_hook("backward", hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """``hook(module, grad_output)`` runs before the module's backward; what it returns replaces ``grad_output``."""
        return self._add_hook("backward_pre", hook, prepend)

    # --- Attributes are sorted by what they are ---

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign module attributes before Module.__init__() call")
        registries = (self._parameters, self._buffers, self._modules)
        if isinstance(value, Parameter):
            self._forget(name)
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name)
            self._modules[name] = value
        elif any(name in registry for registry in registries) and not (value is None or isinstance(value, Tensor)):
            raise TypeError(f"cannot assign '{type(value).__name__}' as '{name}' (it is a parameter, buffer or module)")
        elif name in self._parameters and value is not None:
            raise TypeError(f"cannot assign a plain Tensor as parameter '{name}' (nn.Parameter or None expected)")
        else:
            registry = next((r for r in registries if name in r), self.__dict__)
            registry[name] = value

    def _forget(self, name: str) -> None:
        for registry in (self.__dict__, self._parameters, self._buffers, self._modules):
            registry.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        if not any(name in r for r in (self._parameters, self._buffers, self._modules, self.__dict__)):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        self._forget(name)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that belongs to the state but is not learned, such as a running mean."""
        self._forget(name)
        self._buffers[name] = tensor
        if not persistent:
            self._non_persistent_buffers.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter, or None to say that there is none of this name."""
        self._forget(name)
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under a name that need not be an identifier."""
        self._modules[name] = module

    # --- Walking the tree ---

    def named_modules(self, prefix: str = "", _seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each once, with dotted names."""
        seen = set() if _seen is None else _seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, by name."""
        return ((name, child) for name, child in self._modules.items() if child is not None)

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        return (child for _, child in self.named_children())

    def _named_members(self, registry: str, prefix: str) -> Iterator[tuple[str, Any]]:
        seen = set()
        for module_name, module in self.named_modules(prefix):
            for name, member in getattr(module, registry).items():
                if member is not None and id(member) not in seen:
                    seen.add(id(member))
                    yield (f"{module_name}.{name}" if module_name else name), member

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names, a shared one once."""
        return self._named_members("_parameters", prefix)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, a shared one once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names."""
        return self._named_members("_buffers", prefix)

    def buffers(self) -> Iterator[Tensor]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers())

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls ``fn`` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- Modes ---

    def train(self, mode: bool = True) -> Self:
        """Training mode: dropout drops, batch norm uses the batch's statistics."""
        for module in self.modules():
            module.__dict__["training"] = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Says for all parameters whether they are learned."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients, which otherwise add up from one backward to the next."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach().zero_()

    def to(self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False) -> Self:
        """``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``: parameters and buffers, in place.

        Raises:
            TypeError: if the dtype is not floating; what is not floating keeps its own.
        """
        dtype, device, flags = target_of_to(args, dtype, device)
        if dtype is not None and not dtypes.is_floating(dtypes.as_dtype(dtype)):
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")

        def moved(tensor: Tensor) -> Tensor:
            wanted = dtype if dtypes.is_floating(tensor.dtype) else None
            return tensor.detach().to(device=device, dtype=wanted, non_blocking=non_blocking or flags[:1] == [True])

        for tensor in (*self.parameters(), *self.buffers()):
            tensor.array = moved(tensor).array
            if tensor.grad is not None:
                tensor.grad = moved(tensor.grad)
        return self

    def cpu(self) -> Self:
        """``to("cpu")``."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> Self:
        """``to("gpu")``, or the GPU of this number."""
        return self.to("gpu" if device is None else f"gpu:{device}")

    def half(self) -> Self:
        """Floating parameters and buffers as float16."""
        return self.to(dtypes.float16)

    def float(self) -> Self:
        """Floating parameters and buffers as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Floating parameters and buffers as float64."""
        return self.to(dtypes.float64)

    # --- State ---

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and persistent buffers by name. The tensors share memory with the module."""
        state = {}
        for module_name, module in self.named_modules():
            for name, tensor in (*module._parameters.items(), *module._buffers.items()):
                if tensor is not None and name not in module._non_persistent_buffers:
                    state[prefix + (f"{module_name}.{name}" if module_name else name)] = tensor.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copies values by name into this module's parameters and buffers. Nothing is copied on an error.

        Raises:
            RuntimeError: if a shape differs, or, with ``strict``, if keys are missing or unknown; it names
                the first ones.
        """
        own = self.state_dict()
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        problems = []
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {_first_few(unexpected)}.")
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {_first_few(missing)}.")
        for key in own:
            if key in state_dict and tuple(state_dict[key].shape) != own[key].shape:
                problems.append(
                    f"size mismatch for {key}: copying a param with shape {list(state_dict[key].shape)} from "
                    f"checkpoint, the shape in current model is {list(own[key].shape)}."
                )
        if problems:
            lines = "\n\t".join(problems[:8] + ([f"… and {len(problems) - 8} more"] if len(problems) > 8 else []))
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{lines}")
        with no_grad():
            for key in own:
                if key in state_dict:
                    value = state_dict[key]
                    source = value.array if isinstance(value, Tensor) else np.asarray(value)
                    own[key].array[...] = to_device(source, device_of(own[key].array))
                    own[key]._written_in_place()
        return IncompatibleKeys(missing, unexpected)

    # --- Text ---

    def extra_repr(self) -> str:
        """What a subclass shows between its parentheses."""
        return ""

    def __repr__(self) -> str:
        children = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        extra = self.extra_repr()
        if not children:
            return f"{type(self).__name__}({extra})"
        body = "\n  ".join(([extra] if extra else []) + children)
        return f"{type(self).__name__}(\n  {body}\n)"


def _first_few(keys: list[str], count: int = 5) -> str:
    shown = ", ".join(f'"{key}"' for key in keys[:count])
    return shown + (f" and {len(keys) - count} more" if len(keys) > count else "")


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def new_parameter(*shape: int, device: Any, dtype: Any) -> Parameter:
    """A parameter whose values are yet to be set."""
    return Parameter(creation.empty(*shape, device=device, dtype=dtype))
