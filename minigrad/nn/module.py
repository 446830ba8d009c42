"""Module: a tree of layers whose parameters and buffers have names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

from numpy.typing import DTypeLike

from minigrad import dtypes
from minigrad.absent import answer
from minigrad.devices import DeviceLike
from minigrad.engine.handles import RemovableHandle
from minigrad.html import module_html
from minigrad.memory_order import channels_last, check, memory_format, preserve_format
from minigrad.nn import state
from minigrad.nn.giving_way import giving_way, is_taken
from minigrad.nn.hooks import Hook, Hooks
from minigrad.nn.parameter import Parameter
from minigrad.nn.summary import InputShape, Summary, summarize
from minigrad.nn.uninitialized import is_lazy
from minigrad.tensor import Tensor, target_of_to

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result", covariant=True)
_Member = TypeVar("_Member", bound=Tensor)


class _Forward(Protocol[_Given, _Result]):
    def forward(self, *args: _Given.args, **kwargs: _Given.kwargs) -> _Result: ...


class _CallsForward:
    """The type of ``Module.__call__``: it takes what the module's own ``forward`` takes, and returns what that returns.

    So an editor completes ``nn.Linear(2, 3)(x).`` and a type checker finds a wrong argument, also for a user's module.
    """

    def __get__(self, module: _Forward[_Given, _Result], owner: type) -> Callable[_Given, _Result]:
        raise NotImplementedError

    def __call__(self, *args: object, **kwargs: object) -> Any:  # for pyright, where a module is passed as a Callable
        raise NotImplementedError


class Module:
    """Base class of all layers and models. Assign parameters and submodules as attributes, and define ``forward``.

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
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers: set[str]
    _hooks: Hooks | None

    def __init__(self) -> None:
        # Written to __dict__ because __setattr__ below needs these to exist already.
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _non_persistent_buffers=set(), _hooks=None
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # subclasses declare their own arguments and result
        """Compute the output. Every subclass defines it; call the module itself, so that hooks run."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    if TYPE_CHECKING:
        __call__ = _CallsForward()
    else:

        def __call__(self, *args, **kwargs):
            """Return ``forward(*args, **kwargs)``, with the hooks of this module around it."""
            hooks = self.__dict__.get("_hooks")
            return self.forward(*args, **kwargs) if hooks is None else hooks.call(self, args, kwargs)

    # --- Hooks ---

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``. A result other than None replaces the arguments.

        Args:
            prepend: run before the hooks registered so far, not after them.
            with_kwargs: call ``hook(module, args, kwargs)``, which returns None or (args, kwargs).
        """
        return self._own_hooks().add_forward(self._own_hooks().forward_pre, hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``. A result other than None replaces the output.

        Args:
            prepend: run before the hooks registered so far, not after them.
            with_kwargs: call ``hook(module, args, kwargs, output)``.
        """
        if always_call:
            raise NotImplementedError("register_forward_hook: always_call=True is not supported")
        return self._own_hooks().add_forward(self._own_hooks().forward, hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` as soon as the gradients of the arguments are computed.

        Both are tuples, with ``None`` where there is no gradient. A result other than None replaces ``grad_input``.
        """
        return self._own_hooks().add_backward(self._own_hooks().backward, hook, prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward.

        A result other than None replaces ``grad_output``.
        """
        return self._own_hooks().add_backward(self._own_hooks().backward_pre, hook, prepend)

    # --- Attributes: parameters, buffers and submodules each have a registry ---

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; a parameter, buffer or module goes into its registry.

        A name that keeps its kind keeps its position in the order.

        Raises:
            TypeError: if a parameter, module or buffer would be replaced by anything but its kind or None.
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
            _refuse_unless(value is None or isinstance(value, Tensor), value, _as_buffer(name))
            self._buffers[name] = value  # type: ignore[assignment]  # checked on the line above
        else:
            super().__setattr__(name, value)  # this runs the setters of properties

    def _vacate(self, name: str, staying: str, kind: str) -> None:
        """Free a name for an entry of the registry ``staying``, where it keeps its position if it has one."""
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        for registry in ("_parameters", "_buffers", "_modules"):
            if registry != staying:
                self.__dict__[registry].pop(name, None)
        self.__dict__.pop(name, None)
        self._non_persistent_buffers.discard(name)

    def __getattr__(self, name: str) -> Any:  # a Tensor, a Module or None: only the subclass can declare which
        own = self.__dict__
        if "_parameters" in own:  # False before Module.__init__() has run
            for registry in (own["_parameters"], own["_buffers"], own["_modules"]):
                if name in registry:
                    return registry[name]
        raise answer("nn.Module", name, lambda: dir(self), f"'{type(self).__name__}' object")

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

        Args:
            persistent: let ``state_dict`` contain it.

        Raises:
            KeyError: if another attribute has this name, or the name is empty or contains a dot.
            TypeError: if ``tensor`` is not a tensor.
        """
        self._check_name(name, "_buffers", "buffer")
        fits = tensor is None or isinstance(tensor, Tensor)
        _refuse_unless(fits, tensor, _as_buffer(name))
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None for a parameter that is switched off, such as the bias with ``bias=False``.

        Raises:
            KeyError: if another attribute has this name, or the name is empty or contains a dot.
            TypeError: if ``param`` is not a Parameter.
            ValueError: if ``param`` is the result of an operation.
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
        """Add a submodule. Its name need not be an identifier.

        Raises:
            KeyError: if another attribute has this name, or the name is empty or contains a dot.
            TypeError: if ``module`` is not a Module.
        """
        if module is not None and not isinstance(module, Module):
            is_class = isinstance(module, type) and issubclass(module, Module)
            advice = f"; make one with {module.__name__}(...)" if is_class else ""
            raise TypeError(f"{getattr(module, '__name__', type(module).__name__)} is not a Module{advice}")
        self._check_name(name, "_modules", "module")
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, name: str, registry: str, kind: str) -> None:
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:  # state_dict joins the names of a path with dots
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        taken = [self.__dict__, self._parameters, self._buffers, self._modules]
        taken.remove(self.__dict__[registry])
        if any(name in names for names in taken) or is_taken(type(self), name):
            raise KeyError(f"attribute '{name}' already exists")

    # --- Walking the tree ---

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, with dotted names.

        Args:
            memo: modules that are left out.
            prefix: stands in front of every name.
            remove_duplicate: yield a shared module once, not under each of its names.
        """
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
        self,
        members: Callable[[Module], Mapping[str, _Member | None]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, _Member]]:
        seen: dict[int, _Member] = {}  # holds the tensors: the id of one that was freed could be given to another
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        for module_name, module in modules:
            for name, member in members(module).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen[id(member)] = member
                yield (f"{module_name}.{name}" if module_name else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield all parameters with dotted names, each once.

        Args:
            prefix: stands in front of every name.
            recurse: include the parameters of the modules below.
            remove_duplicate: yield a shared one once, not under each of its names.
        """
        return self._named_members(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield all parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield all buffers with dotted names; the options are those of ``named_parameters``."""
        return self._named_members(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield all buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` on every module below, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- Modes ---

    def train(self, mode: bool = True) -> Self:
        """Set training mode, in which dropout drops and batch norm uses the batch's statistics.

        This calls ``train`` of every child, so that a child may override it, as a frozen batch norm does.

        Raises:
            ValueError: if ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, the opposite of training mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of all parameters: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, which otherwise accumulate from one backward to the next.

        Args:
            set_to_none: set ``grad`` to None, rather than fill it with zeros.
        """
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def to(
        self,
        *args: DeviceLike | DTypeLike | Tensor | bool | None,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
        non_blocking: bool = False,
        memory_format: memory_format = preserve_format,
    ) -> Self:
        """Move or convert all parameters and buffers, in place.

        Write ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, or ``to(tensor)`` for a tensor's device and dtype.
        Integer buffers keep their dtype. ``memory_format`` is for parameters and buffers of four dimensions.

        Raises:
            TypeError: if the dtype is not floating, or ``memory_format`` is none.
            NotImplementedError: for a memory format that is not supported.
        """
        check("to", memory_format)
        keeps = memory_format is preserve_format
        dtype, device, flags = target_of_to(args, dtype, device)
        if dtype is not None and not dtypes.is_floating(dtypes.as_dtype(dtype)):
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")

        def moved(tensor: Tensor) -> Tensor:
            wanted = dtype if dtypes.is_floating(tensor.dtype) else None
            result = tensor.detach().to(device=device, dtype=wanted, non_blocking=non_blocking or flags[:1] == [True])
            if tensor.ndim != 4:
                return result
            comes_from_gpu = result.device.type == "cpu" != tensor.device.type  # where weights lie row-major
            return result.to(memory_format=channels_last if comes_from_gpu and keeps else memory_format)

        for parameter in self.parameters():  # the objects stay the same, since an optimiser refers to them
            parameter.array = moved(parameter).array
            if parameter.grad is not None:
                parameter.grad = moved(parameter.grad)
        for module in self.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and (new := moved(buffer)).array is not buffer.array:
                    if is_lazy(buffer):  # it stays one
                        buffer.array = new.array
                    else:
                        module._buffers[name] = new
        return self

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU, in place."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> Self:
        """Move parameters and buffers to the GPU of this number, in place; None is the current GPU."""
        return self.to("gpu" if device is None else f"gpu:{device}")

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32, in place."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64, in place."""
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16, in place."""
        return self.to(dtypes.float16)

    # --- State ---

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """Return parameters and persistent buffers by name. The tensors share memory with the module.

        Args:
            destination: a dict to add them to; it is returned.
            prefix: stands in front of every name.
            keep_vars: return the parameters themselves, not detached from the graph.
        """
        found: dict[str, Tensor] = {} if destination is None else destination
        for name, tensor in self._own_state():
            found[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return found

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield this module's parameters and persistent buffers, not those of the modules below."""
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            if tensor is not None and name not in self._non_persistent_buffers:
                yield name, tensor

    def load_state_dict(
        self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy values by name into this module's parameters and buffers. Nothing is copied on an error.

        Args:
            strict: refuse missing and unknown keys.
            assign: replace the module's tensors by the given ones, with their dtype and device, without a copy.

        Raises:
            TypeError: if ``state_dict`` is not a mapping.
            RuntimeError: if a shape differs, or, with ``strict``, if keys are missing or unknown; it names
                the first ones.
        """
        return state.load(self, state_dict, strict, assign)

    # --- Text ---

    @giving_way
    def summary(
        self,
        input_shape: InputShape | None = None,
        *,
        input_data: Tensor | Sequence[Tensor] | None = None,
        depth: int = 3,
    ) -> Summary:
        """Return a table of the layers: output shapes, parameters, and multiply-adds, as torchinfo and Keras show them.

        The model runs once, in evaluation mode and without gradients; its state stays as it is. The multiply-adds are
        the products of convolutions and matrix products.

        Args:
            input_shape: of the input, with the batch in front: ``(1, 3, 75, 75)``. Several inputs: a list of shapes.
            input_data: tensors to run on, in place of zeros; a model that looks up indices needs them.
            depth: levels of modules within modules that are shown.

        Raises:
            TypeError: unless either ``input_shape`` or ``input_data`` is given, as a shape or as tensors.
            ValueError: for a negative size.

        >>> from minigrad import nn
        >>> found = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).summary((1, 4))
        >>> found.total_params, found.total_mult_adds
        (58, 48)
        """
        return summarize(self, input_shape, input_data, depth)

    def extra_repr(self) -> str:
        """Return the text that ``repr`` shows between the parentheses; a subclass gives its options."""
        return ""

    def _repr_html_(self) -> str:
        """Return the tree that a notebook shows."""
        return module_html(self)

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n")
        lines = [f"({name}): {indent(repr(child))}" for name, child in self._modules.items()]
        if not lines and len(extra) == 1:
            return f"{type(self).__name__}({extra[0]})"
        body = "\n  ".join((extra if extra != [""] else []) + lines)
        return f"{type(self).__name__}(\n  {body}\n)"


def _refuse_unless(fits: bool, value: object, place: str) -> None:
    if not fits:
        raise TypeError(f"cannot assign '{type(value).__name__}' {place}")


def _as_buffer(name: str) -> str:
    return f"as buffer '{name}' (Tensor or None expected)"


def indent(text: str) -> str:
    """Return ``text`` with its lines but the first indented by two spaces."""
    return text.replace("\n", "\n  ")
