"""``torch.nn.utils.parametrize``: a parameter that is computed of another whenever it is read.

``layer.weight`` becomes a property, f(original), where f is a module and the original a parameter of
``layer.parametrizations.weight``. To read it often without computing it anew, use :func:`cached`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from minigrad import Tensor, nn, no_grad

_cache: ContextVar[dict[tuple[int, str], Any] | None] = ContextVar("parametrized", default=None)


class ParametrizationList(nn.ModuleList):
    """The functions that are applied to an original, one after the other, and the original, or several."""

    def __init__(self, modules: list[nn.Module], value: Tensor) -> None:
        super().__init__(modules)
        start = _undone(list(self), value)
        self.is_tensor = not isinstance(start, tuple | list)
        self.count = 1 if self.is_tensor else len(start)
        for name, part in zip(self._names(), [start] if self.is_tensor else start, strict=True):
            kept = part.detach().clone()
            if isinstance(value, nn.Parameter):
                self.register_parameter(name, nn.Parameter(kept, requires_grad=value.requires_grad))
            else:
                self.register_buffer(name, kept)

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.count)]

    def right_inverse(self, value: Tensor) -> None:
        """Change the original so that the functions give ``value``."""
        parts = _undone(list(self), value)
        with no_grad():
            for name, part in zip(self._names(), [parts] if self.is_tensor else parts, strict=True):
                getattr(self, name).copy_(part)

    def forward(self) -> Any:
        first, *others = self
        value = first(*(getattr(self, name) for name in self._names()))
        for function in others:
            value = function(value)
        return value


def _undone(functions: list[nn.Module], value: Any) -> Any:
    with no_grad():
        for function in reversed(functions):
            if hasattr(function, "right_inverse"):
                value = function.right_inverse(value)
    return value


def register_parametrization(
    module: nn.Module, tensor_name: str, parametrization: nn.Module, *, unsafe: bool = False
) -> nn.Module:
    """Let ``module`` read a parameter or buffer through ``parametrization``; another one is applied after it.

    Args:
        unsafe: allow it to change the shape or dtype, and do not try it.

    Raises:
        ValueError: if there is no parameter or buffer of that name, or the result is no tensor of its shape and dtype.
    """
    parametrization.train(module.training)
    again = is_parametrized(module, tensor_name)
    tensors = dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))
    if not again and tensor_name not in tensors:
        raise ValueError(f"{type(module).__name__} has no parameter or buffer {tensor_name!r}; it has {list(tensors)}")
    before = getattr(module, tensor_name)
    functions = module.parametrizations[tensor_name] if again else ParametrizationList([parametrization], before)
    if not unsafe:  # an error should come here, not where the parameter is read
        with no_grad():
            _refuse_change(before, parametrization(before) if again else functions())
    if again:
        functions.append(parametrization)
        return module
    delattr(module, tensor_name)
    if not is_parametrized(module):
        kind = type(module)
        module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), {"__module__": kind.__module__})
        module.parametrizations = nn.ModuleDict()
    module.parametrizations[tensor_name] = functions
    setattr(type(module), tensor_name, _property(tensor_name))
    return module


def _refuse_change(before: Tensor, after: Any) -> None:
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor, got {type(after).__name__}")
    for what, old, new in (("dtype", before.dtype, after.dtype), ("shape", before.shape, after.shape)):
        if old != new:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, here from {old} to {new}, "
                "unless the `unsafe` flag is enabled"
            )


def _property(name: str) -> property:
    def computed(module: nn.Module) -> Any:
        try:
            return module.parametrizations[name]()
        except AttributeError as error:  # which Python takes for the absence of ``name``
            raise RuntimeError(f"{name} cannot be computed: {error}") from error

    def read(module: nn.Module) -> Any:
        known, key = _cache.get(), (id(module), name)
        if known is None:
            return computed(module)
        if key not in known:
            known[key] = computed(module)
        return known[key]

    return property(read, lambda module, value: module.parametrizations[name].right_inverse(value))


def is_parametrized(module: nn.Module, tensor_name: str | None = None) -> bool:
    """Return whether a module has computed parameters, or computes that one."""
    found = getattr(module, "parametrizations", None)
    return isinstance(found, nn.ModuleDict) and (bool(len(found)) if tensor_name is None else tensor_name in found)


def remove_parametrizations(module: nn.Module, tensor_name: str, leave_parametrized: bool = True) -> nn.Module:
    """Make a computed parameter an ordinary one, with its present value, or that of the original.

    Raises:
        ValueError: if it is not computed, or if one of several originals is to be left.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{type(module).__name__} has no parametrization of {tensor_name!r}")
    functions = module.parametrizations[tensor_name]
    if not leave_parametrized and not functions.is_tensor:
        raise ValueError("leave_parametrized=False needs a single original")
    original = next(iter(functions.parameters(recurse=False)), None)
    with no_grad():
        value = getattr(module, tensor_name) if leave_parametrized else functions.original
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if original is None:
        module.register_buffer(tensor_name, value.detach().clone())
    else:
        module.register_parameter(tensor_name, nn.Parameter(value.detach().clone(), original.requires_grad))
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parameter once in a block."""
    before = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(before)
