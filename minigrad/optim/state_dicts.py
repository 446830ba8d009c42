"""Check a state dict, which may come from a stranger's file, before an optimiser continues from it.

The kernels write to the state by its addresses, and the formulas divide by options. So every value must be of the kind
that the optimiser itself would have there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import numpy as np

from minigrad.devices import to_device
from minigrad.optim.states import Group, State, like
from minigrad.tensor import Tensor
from minigrad.typing import Array

#: A state dict in torch's form: "state" by the numbers of the parameters, and "param_groups".
StateDict: TypeAlias = dict[str, Any]

_MOST = {"mu_product": 1.0}  # NAdam's product of momenta
_NOT_NEGATIVE = {  # rates may be, for a while, where several schedules are stepped together
    "eps", "weight_decay", "momentum", "alpha", "lr_decay", "momentum_decay", "initial_accumulator_value"
}  # fmt: skip


def checked_groups(state_dict: object, groups: list[Group]) -> list[Group]:
    """Return the options of each loaded group, without its parameters, if they fit the optimizer's groups.

    Raises:
        ValueError: saying what does not fit.
    """
    if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= state_dict.keys():
        raise ValueError("expected a state dict of an optimizer, with state and param_groups")
    saved = state_dict["param_groups"]
    if not isinstance(saved, list | tuple) or not all(isinstance(group, dict) for group in saved):
        raise ValueError("loaded state dict: param_groups must be a list of dicts")
    if len(saved) != len(groups):
        raise ValueError(f"loaded state dict has {len(saved)} parameter groups, the optimizer has {len(groups)}")
    for i, (theirs, ours) in enumerate(zip(saved, groups, strict=True)):
        numbers = theirs.get("params")
        if not isinstance(numbers, list | tuple) or not all(isinstance(number, int) for number in numbers):
            raise ValueError(f"loaded state dict: the params of group {i} must be a list of their numbers")
        if len(numbers) != len(ours["params"]):
            raise ValueError(
                f"loaded state dict contains a parameter group {i} of {len(numbers)} parameters, "
                f"the optimizer's has {len(ours['params'])}"
            )
    return [
        {name: _option(name, i, value, ours.get(name)) for name, value in theirs.items() if name != "params"}
        for i, (theirs, ours) in enumerate(zip(saved, groups, strict=True))
    ]


def states_by_parameter(state_dict: StateDict, groups: list[Group]) -> Iterator[tuple[int, Tensor, Group, object]]:
    """Yield the number, the parameter, its group in ``groups`` and the loaded value of each state.

    Raises:
        ValueError: if a number stands for no parameter, or for several.
    """
    by_number: dict[int, tuple[Tensor, Group]] = {}
    for saved, group in zip(state_dict["param_groups"], groups, strict=True):
        for number, p in zip(saved["params"], group["params"], strict=True):
            if by_number.setdefault(number, (p, group))[0] is not p:
                raise ValueError(f"loaded state dict: number {number} stands for several parameters")
    states = state_dict["state"]
    if not isinstance(states, dict) or not states.keys() <= by_number.keys():
        raise ValueError("loaded state dict: state must be a dict by the numbers of the parameters in param_groups")
    for number, state in states.items():
        yield number, *by_number[number], state


def _option(name: str, group: int, value: object, own: object) -> object:
    """Return a loaded option as the kind of value that the optimizer's own is: true or false, a number, or betas."""
    where = f"{name} of group {group}"
    if isinstance(own, bool):
        if isinstance(value, bool | int | np.bool_) and value in (0, 1):
            return bool(value)
        raise ValueError(f"loaded state dict: {where} must be true or false, got {_shown(value)}")
    if isinstance(own, int | float):
        number = _number(where, value)
        if name in _NOT_NEGATIVE and number < 0:
            raise ValueError(f"loaded state dict: {where} must not be negative, got {number}")
        return number
    if isinstance(own, tuple) and all(isinstance(beta, float | int) for beta in own):
        if not isinstance(value, list | tuple) or len(value) != len(own):
            raise ValueError(f"loaded state dict: {where} must be {len(own)} numbers, got {_shown(value)}")
        numbers = tuple(_number(where, beta) for beta in value)
        if name == "betas" and not all(0 <= beta < 1 for beta in numbers):
            raise ValueError(f"loaded state dict: {where} must be at least 0 and below 1, got {numbers}")
        if not all(number >= 0 for number in numbers):
            raise ValueError(f"loaded state dict: {where} must not be negative, got {numbers}")
        return numbers
    return value


def _number(name: str, value: object) -> float:
    """Return a finite number; torch's are arrays or tensors of one element."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
        value = array.item() if array.size == 1 and array.dtype.kind in "fiu" else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"loaded state dict: {name} must be a finite number, got {_shown(value)}")
    return value


def checked_state(saved: object, initial: State, parameter: Tensor, number: int) -> State:
    """Return the loaded state of a parameter as the optimizer keeps it: numbers, and tensors of its own.

    Args:
        saved: the loaded value. If it is empty, the parameter begins anew.
        initial: the optimizer's state before the first step. A number there must be one, a tensor a tensor of the
            parameter's shape, and None may be either a tensor or None. Other values are taken as they are.

    Raises:
        ValueError: naming what does not fit.
    """
    where = f"the state of parameter {number}"
    if not isinstance(saved, dict):
        raise ValueError(f"loaded state dict: {where} must be a dict, got {_shown(saved)}")
    missing = [name for name, value in initial.items() if value is not None and name not in saved]
    if saved and missing:
        raise ValueError(f"loaded state dict: {where} lacks {', '.join(missing)}")
    return {name: _value(f"{name} in {where}", name, value, initial, parameter) for name, value in saved.items()}


def _value(full_name: str, name: str, value: object, initial: State, parameter: Tensor) -> object:
    expected = initial.get(name)
    if isinstance(expected, float):
        count = float(_number(full_name, value))
        if not 0 <= count <= _MOST.get(name, math.inf):
            raise ValueError(f"loaded state dict: {full_name} is out of range: {count}")
        return count
    array = _array_in(value)
    if array is None:
        if isinstance(expected, Tensor) or (name in initial and value is not None):
            raise ValueError(
                f"loaded state dict: {full_name} must be a tensor of shape {list(parameter.shape)}, got {_shown(value)}"
            )
        return value
    fits = array.shape == parameter.array.shape and array.dtype.kind == "f"
    if name in initial and not fits:
        raise ValueError(
            f"loaded state dict: {full_name} must be a floating tensor of shape {list(parameter.shape)}, got "
            f"{_shown(value)}"
        )
    return _copy(array, parameter, in_its_order=fits)


def _array_in(value: object) -> Array | None:
    """Return the array of a tensor, or an array itself; None for any other value."""
    array = value.array if isinstance(value, Tensor) else value
    return cast(Array, array) if hasattr(array, "shape") else None


def _copy(array: Array, parameter: Tensor, in_its_order: bool) -> Tensor:
    """Return a copy of a loaded array on the parameter's device; in its memory order and dtype, if they are alike."""
    here = to_device(array if hasattr(array, "__array_function__") else np.asarray(array), parameter.device)
    copy = np.empty_like(parameter.array if in_its_order else here)
    copy[...] = here
    return like(parameter, copy)


def _shown(value: object) -> str:
    """Return a loaded value as an error shows it."""
    if (array := _array_in(value)) is not None:
        return f"one of shape {list(array.shape)} and {array.dtype}"
    if value is None or isinstance(value, bool | float | str):
        return repr(value)[:100]
    return f"a value of type {type(value).__name__}"  # which may be too long to show
