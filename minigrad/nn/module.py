"""Module: a tree of layers that knows its parameters and buffers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from minigrad import creation, dtypes
from minigrad.device import device_of, to_device
from minigrad.engine.grad_mode import no_grad
from minigrad.engine.handles import RemovableHandle
from minigrad.nn.hooks import Hooks
from minigrad.tensor import Tensor, target_of_to


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and ``module.parameters()`` finds it."""

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        data = creation.empty(0) if data is None else data
        self.array = data.array
        self._version_cell = data._storage_version  # one memory, so a write to ``data`` counts for both
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """Return a copy of the values. Unlike a plain tensor's, it leaves the gradient behind, as in torch."""
        copy = type(self)(self.detach().clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

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
        """Sort a new attribute in by its kind. A name that keeps its kind keeps its place in the order.

        Raises:
            TypeError: if something else than its like or None would replace a parameter, a module or a buffer.
        """
        own = self.__dict__
        if isinstance(value, Parameter):
            self._vacate(name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            _refuse_unless(value is None, value, f"as parameter '{name}' (nn.Parameter or None expected)")
            self._parameters[name] = None
        elif isinstance(value, Module):
            self._vacate(name, "_modules", "module")
            self._modules[name] = value
        elif name in own.get("_modules", ()):
            _refuse_unless(value is None, value, f"as child module '{name}' (nn.Module or None expected)")
            self._modules[name] = None
        elif name in own.get("_buffers", ()):
            self.register_buffer(name, value, name not in self._non_persistent_buffers)
        else:
            super().__setattr__(name, value)  # the setters of properties run here

    def _vacate(self, name: str, staying: str, kind: str) -> None:
        """Free a name for an entry of the registry ``staying``, where it keeps its place if it has one."""
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        for registry in ("_parameters", "_buffers", "_modules"):
            if registry != staying:
                self.__dict__[registry].pop(name, None)
        self.__dict__.pop(name, None)
        self._non_persistent_buffers.discard(name)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._non_persistent_buffers.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())  # "0" cannot be written after a dot

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the state but is not learned, such as a running mean.

        Raises:
            KeyError: if the name is taken by something else, or is no name.
            TypeError: if ``tensor`` is no tensor.
        """
        self._check_name(name, "_buffers", "buffer")
        fits = tensor is None or isinstance(tensor, Tensor)
        _refuse_unless(fits, tensor, f"as buffer '{name}' (Tensor or None expected)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None to say that there is none of this name.

        Raises:
            KeyError: if the name is taken by something else, or is no name.
            TypeError: if ``param`` is no Parameter.
            ValueError: if an operation made it.
        """
        self._check_name(name, "_parameters", "parameter")
        fits = param is None or isinstance(param, Parameter)
        _refuse_unless(fits, param, f"as parameter '{name}' (nn.Parameter or None expected)")
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly; "
                f"to make '{name}' a function of another tensor, compute it in forward()."
            )
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name that need not be an identifier.

        Raises:
            KeyError: if the name is taken by something else, or is no name.
            TypeError: if ``module`` is no Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name(name, "_modules", "module")
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, name: str, registry: str, kind: str) -> None:
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:  # state_dict puts the names of a path together with dots
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # --- Walking the tree ---

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, with dotted names; a shared one once, or under each of its names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly below, each once, by name."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Yield the modules directly below, each once."""
        return (child for _, child in self.named_children())

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: dict[int, Any] = {}  # holds its tensors: one replaced meanwhile could leave its id to another
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        for module_name, module in modules:
            for name, member in getattr(module, registry).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen[id(member)] = member
                yield (f"{module_name}.{name}" if module_name else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield all parameters with dotted names, a shared one once.

        Args:
            prefix: stands in front of every name.
            recurse: also those of the modules below.
            remove_duplicate: yield a shared one once, not under each of its names.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield all parameters, a shared one once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield all buffers with dotted names; the options are those of ``named_parameters``."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield all buffers, a shared one once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls ``fn`` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- Modes ---

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which dropout drops and batch norm uses the batch's statistics.

        Every child's own ``train`` is called, so that one that overrides it, such as a frozen batch norm, has its say.

        Raises:
            ValueError: if ``mode`` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
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
                parameter.grad.detach_().zero_()

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

        for parameter in self.parameters():  # which stay the objects that an optimiser knows
            parameter.array = moved(parameter).array
            if parameter.grad is not None:
                parameter.grad = moved(parameter.grad)
        for module in self.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and (new := moved(buffer)).array is not buffer.array:
                    module._buffers[name] = new
        return self

    def cpu(self) -> Self:
        """``to("cpu")``."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> Self:
        """``to("gpu")``, or the GPU of this number."""
        return self.to("gpu" if device is None else f"gpu:{device}")

    def float(self) -> Self:
        """Floating parameters and buffers as float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Floating parameters and buffers as float64."""
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Floating parameters and buffers as float16."""
        return self.to(dtypes.float16)

    # --- State ---

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Return parameters and persistent buffers by name. The tensors share memory with the module.

        Args:
            destination: a dict to add them to, and to return.
            prefix: stands in front of every name.
            keep_vars: the parameters themselves, not detached from the graph.
        """
        state: dict[str, Tensor] = {} if destination is None else destination
        for name, tensor in self._own_state():
            state[prefix + name] = tensor if keep_vars else tensor.detach()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield this module's parameters and persistent buffers, not those of the modules below."""
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            if tensor is not None and name not in self._non_persistent_buffers:
                yield name, tensor

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values by name into this module's parameters and buffers. Nothing is copied on an error.

        Args:
            strict: refuse missing and unknown keys.
            assign: take over the given tensors themselves, with their dtype and device, in place of the module's.

        Raises:
            TypeError: if ``state_dict`` is no mapping.
            RuntimeError: if a shape differs, or, with ``strict``, if keys are missing or unknown; it names
                the first ones.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = {
            f"{path}.{name}" if path else name: (module, name, tensor)
            for path, module in self.named_modules(remove_duplicate=False)
            for name, tensor in module._own_state()
        }
        missing = [key for key in own if key not in state_dict]
        left_out = tuple(
            f"{path}.{name}." if path else f"{name}."  # a module that was set to None takes its keys with it
            for path, module in self.named_modules(remove_duplicate=False)
            for name, child in module._modules.items()
            if child is None
        )
        unexpected = [key for key in state_dict if key not in own and not key.startswith(left_out)]
        problems = []
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {_first_few(unexpected)}.")
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {_first_few(missing)}.")
        for key, (_, _, tensor) in own.items():
            if key in state_dict:
                problems += _why_it_does_not_fit(key, state_dict[key], tensor)
        if problems:
            lines = "\n\t".join(problems[:8] + ([f"… and {len(problems) - 8} more"] if len(problems) > 8 else []))
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{lines}")
        with no_grad():
            for key, (module, name, tensor) in own.items():
                if key in state_dict and assign:
                    setattr(module, name, _taken_over(state_dict[key], tensor))
                elif key in state_dict:
                    value = state_dict[key]
                    source = value.array if isinstance(value, Tensor) else np.asarray(value)
                    tensor.array[...] = to_device(source, device_of(tensor.array)).reshape(tensor.shape)
                    tensor._written_in_place()
        return IncompatibleKeys(missing, unexpected)

    # --- Text ---

    def extra_repr(self) -> str:
        """What a subclass shows between its parentheses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n")
        lines = [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]
        if not lines and len(extra) == 1:
            return f"{type(self).__name__}({extra[0]})"
        body = "\n  ".join((extra if extra != [""] else []) + lines)
        return f"{type(self).__name__}(\n  {body}\n)"


def _refuse_unless(fits: bool, value: Any, place: str) -> None:
    if not fits:
        raise TypeError(f"cannot assign '{type(value).__name__}' {place}")


def _why_it_does_not_fit(key: str, value: Any, tensor: Tensor) -> list[str]:
    """Say what keeps a loaded value from being copied into ``tensor``; nothing if it can be."""
    if not hasattr(value, "shape"):
        return [f"expected a tensor or an array for {key}, but the checkpoint has a {type(value).__name__}."]
    if tuple(value.shape) == tensor.shape or (tuple(value.shape) == (1,) and tensor.shape == ()):
        return []
    return [
        f"size mismatch for {key}: copying a param with shape {list(value.shape)} from "
        f"checkpoint, the shape in current model is {list(tensor.shape)}."
    ]


def _taken_over(value: Any, tensor: Tensor) -> Tensor:
    """Make a loaded value take the place of ``tensor``: a Parameter if that is one, and learned if that is."""
    loaded: Tensor = value if isinstance(value, Tensor) else creation.as_tensor(value)
    if loaded.shape != tensor.shape:
        loaded = loaded.reshape(tensor.shape)
    if not isinstance(tensor, Parameter):
        return loaded
    if not isinstance(loaded, Parameter):
        return Parameter(loaded, tensor.requires_grad)
    loaded.requires_grad = tensor.requires_grad
    return loaded


def _first_few(keys: list[str], count: int = 5) -> str:
    shown = ", ".join(f'"{key}"' for key in keys[:count])
    return shown + (f" and {len(keys) - count} more" if len(keys) > count else "")


def indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def new_parameter(*shape: int, device: Any, dtype: Any) -> Parameter:
    """A parameter whose values are yet to be set."""
    return Parameter(creation.empty(*shape, device=device, dtype=dtype))
