"""Loading a state dict: which values fit which parameters and buffers, and how they get there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad import creation
from minigrad.devices import device_of, to_device
from minigrad.engine.grad_mode import no_grad
from minigrad.nn.parameter import Parameter
from minigrad.nn.uninitialized import UninitializedTensor, is_lazy
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.nn.module import Module

_MOST_PROBLEMS = 8  # that an error lists


class IncompatibleKeys(NamedTuple):
    """The keys missing from a loaded state dict, and the keys in it that the module does not have."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def load(module: Module, state_dict: Mapping[str, object], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy values by name into the parameters and buffers of a module; see ``Module.load_state_dict``."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    own = {
        f"{path}.{name}" if path else name: (owner, name, tensor)
        for path, owner in module.named_modules(remove_duplicate=False)
        for name, tensor in owner._own_state()
    }
    missing = [key for key in own if key not in state_dict]
    left_out = tuple(
        f"{path}.{name}." if path else f"{name}."  # the keys of a module that was replaced by None
        for path, owner in module.named_modules(remove_duplicate=False)
        for name, child in owner._modules.items()
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
        more = len(problems) - _MOST_PROBLEMS
        lines = "\n\t".join(problems[:_MOST_PROBLEMS] + ([f"… and {more} more"] if more > 0 else []))
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{lines}")
    with no_grad():
        for key, (_, _, tensor) in own.items():
            if isinstance(tensor, UninitializedTensor) and key in state_dict and not is_lazy(state_dict[key]):
                tensor.materialize(tuple(getattr(state_dict[key], "shape", ())))
        for key, (owner, name, tensor) in own.items():
            if is_lazy(tensor):
                continue
            if key in state_dict and assign:
                setattr(owner, name, _replacement(state_dict[key], tensor))
            elif key in state_dict:
                value = state_dict[key]
                source = value.array if isinstance(value, Tensor) else np.asarray(value)
                tensor.array[...] = to_device(source, device_of(tensor.array)).reshape(tensor.shape)
                tensor._written_in_place()
    return IncompatibleKeys(missing, unexpected)


def _why_it_does_not_fit(key: str, value: object, tensor: Tensor) -> list[str]:
    """Return the reason why a value cannot be copied into ``tensor``; an empty list if it can."""
    if is_lazy(tensor):  # it takes the shape of the value
        return []
    shape = getattr(value, "shape", None)
    if shape is None:
        return [f"expected a tensor or an array for {key}, but the checkpoint has a {type(value).__name__}."]
    if tuple(shape) == tensor.shape or (tuple(shape) == (1,) and tensor.shape == ()):
        return []
    return [
        f"size mismatch for {key}: copying a param with shape {list(shape)} from "
        f"checkpoint, the shape in current model is {list(tensor.shape)}."
    ]


def _replacement(value: Any, tensor: Tensor) -> Tensor:
    """Return the tensor to put in place of ``tensor``, which stays a Parameter or not, and trainable or not."""
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
