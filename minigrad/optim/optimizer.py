"""What all optimisers share: groups of parameters with options, state, and loading and saving both."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np

from minigrad.device import compute_beside, in_use
from minigrad.engine.grad_mode import enable_grad, no_grad
from minigrad.kernels import of as kernels_of
from minigrad.kernels.updates import writable
from minigrad.optim.state_dicts import checked_groups, checked_state
from minigrad.profiler import record_function
from minigrad.tensor import Tensor


class Update:
    """``formula(*arrays, **options)``, which changes the arrays of some tensors in place, element by element.

    Its first tensors are the parameter and its gradient; None stands for one that it does without.
    """

    def __init__(self, formula: Callable[..., None], *tensors: Tensor | None, **options: Any) -> None:
        self.formula, self.tensors, self.options = formula, tensors, options

    def as_arrays(self) -> tuple[Callable[..., None], list[Any]]:
        """The formula with its options, and the arrays, for the kernels."""
        arrays = [None if tensor is None else tensor.array for tensor in self.tensors]
        return partial(self.formula, **self.options), arrays


class Optimizer:
    """Base of the optimisers. A subclass defines ``update(parameter, grad, state, group)``.

    Args:
        params: parameters, pairs (name, parameter) as of ``named_parameters()``, or dicts
            ``{"params": […], "lr": …}`` that give a group options of its own.
        defaults: the options for groups that do not say otherwise.

    Raises:
        ValueError: if there are no parameters, or one is in two groups.
        TypeError: if one is no tensor.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Wraps the subclass's ``__init__``: torch's options for its own ways of computing are refused by name."""
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _refusing_torchs_machinery(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor | dict):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts")
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set | frozenset):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [given] if isinstance(given, Tensor) else list(given)
        named = [isinstance(p, tuple) for p in params]
        mixed = any(named) and not all(named)
        if mixed or any(group["params"] and ("param_names" in group) != any(named) for group in self.param_groups):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        group = {**param_group, **{name: param_group.get(name, value) for name, value in self.defaults.items()}}
        if any(named):
            group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        if isinstance(group.get("lr"), Tensor):
            group["lr"] = group["lr"].item()
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if len({id(p) for p in params}) < len(params):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=3)
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in known:
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append({**group, "params": params})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients, which otherwise add up from one backward to the next."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient. A ``closure`` recomputes the loss first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), record_function(f"{type(self).__name__}.step"):
            moved = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
            by_device: dict[Any, list[Any]] = {}
            for p, group in moved:
                by_device.setdefault(p.device, []).append((p, group))
            for here in by_device.values():
                self._move(here)
        return loss

    def _move(self, moved: list[tuple[Tensor, dict[str, Any]]]) -> None:
        """Updates parameters of one device."""
        _refuse_unwritable([p for p, _ in moved])
        if in_use.several:
            compute_beside(moved[0][0].array)
        updates = []
        for p, group in moved:
            state = self.state.setdefault(p, {})
            if not state:
                state.update(self.initial_state(p, group))
            updates.append(self.update(p, p.grad, state, group))
        kernels_of(moved[0][0].array).update([update.as_arrays() for update in updates])
        for p, _ in moved:
            p._written_in_place()

    def initial_state(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a parameter before its first step: numbers, and tensors as of :func:`zeros_state`.

        A tensor that is made in the first step is None. A loaded state is held to this one.
        """
        return {}

    def update(self, parameter: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Update:
        """How one parameter moves by its gradient, and its state with it; ``step`` does all of them together."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """State and options in torch's form: parameters are numbered in the order of the groups."""
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(p)]: dict(state) for p, state in self.state.items() if state}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from a ``state_dict`` (also torch's, with its tensors as arrays).

        Raises:
            ValueError: if the groups do not match, or a value is not of the kind that the optimizer has there, saying
                which. Then the optimizer is unchanged.
        """
        options = checked_groups(state_dict, self.param_groups)
        groups = [{**group, **given} for group, given in zip(self.param_groups, options, strict=True)]
        by_number: dict[int, tuple[Tensor, dict[str, Any]]] = {}
        for saved, group in zip(state_dict["param_groups"], groups, strict=True):
            for number, p in zip(saved["params"], group["params"], strict=True):
                if by_number.setdefault(number, (p, group))[0] is not p:
                    raise ValueError(f"loaded state dict: number {number} stands for several parameters")
        state = state_dict["state"]
        if not isinstance(state, dict) or not state.keys() <= by_number.keys():
            raise ValueError("loaded state dict: state must be a dict by the numbers of the parameters in param_groups")
        loaded = {}
        for number, saved in state.items():
            p, group = by_number[number]
            loaded[p] = checked_state(saved, self.initial_state(p, group), p, number)
        self.state = loaded
        for group, given in zip(self.param_groups, options, strict=True):
            group.update(given)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def _refuse_unwritable(parameters: Sequence[Tensor]) -> None:
    """Raise an error for a parameter that cannot be changed element by element, before anything is changed.

    Raises:
        ValueError: for one in read-only memory.
        RuntimeError: for one that has the same memory for several elements, as ``expand`` makes it; as torch.
    """
    for p in parameters:
        if 0 in p.array.strides and any(n > 1 for n, s in zip(p.shape, p.array.strides, strict=True) if s == 0):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                f"location: a parameter of shape {list(p.shape)}. Please clone() the tensor before performing the "
                "operation."
            )
        if not writable(p.array):
            raise ValueError(
                f"a parameter of shape {list(p.shape)} lies in read-only memory, which an optimizer cannot change; "
                "give it memory of its own: parameter.data = parameter.data.clone()"
            )


def zeros_state(parameter: Tensor) -> Tensor:
    """A state tensor of zeros, in the parameter's shape, dtype, memory order and device."""
    state = parameter.detach()
    state.array, state._version_cell = np.zeros_like(parameter.array), None
    return state


def _refusing_torchs_machinery(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        for name in ("foreach", "fused", "capturable", "differentiable"):
            if options.pop(name, None):
                raise NotImplementedError(
                    f"{type(self).__name__}: {name}=True is not supported; it chooses among torch's own implementations"
                )
        init(self, *args, **options)

    return checked


def check_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """The two betas, each in [0, 1).

    Raises:
        ValueError: naming the one that is not.
    """
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    return (float(betas[0]), float(betas[1]))


def check_non_negative(**options: float) -> None:
    """Raises ValueError, torch's words, for a negative option."""
    for name, value in options.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element, got shape {list(value.shape)}")
        if not value >= 0.0:
            label = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
            raise ValueError(f"Invalid {label}: {value}")
