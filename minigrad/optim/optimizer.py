"""The base of all optimisers: groups of parameters with options of their own, and the state of each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from minigrad.caller import warn
from minigrad.devices import compute_beside, in_use
from minigrad.engine.grad_mode import enable_grad, no_grad
from minigrad.kernels import of as kernels_of
from minigrad.kernels.addresses import is_writable
from minigrad.kernels.rules import Move, Rule
from minigrad.optim.state_dicts import StateDict, checked_groups, checked_state, states_by_parameter
from minigrad.optim.states import Group, State, zeros_state
from minigrad.optim.step_watchers import step_watchers
from minigrad.profiler import record_function
from minigrad.tensor import Tensor
from minigrad.typing import Array

#: What an optimiser moves: tensors, pairs of a name and a tensor, or groups with options of their own.
Parameters: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Group]
Loss = TypeVar("Loss")


class Implementation(TypedDict, total=False):
    """Options of torch's optimisers that choose among its own implementations."""

    foreach: bool | None
    fused: bool | None
    capturable: bool
    differentiable: bool


class Optimizer:
    """Base of the optimisers. A subclass names its ``rule_type`` and defines ``rule(parameter, state, group)``.

    Args:
        params: parameters, pairs (name, parameter) as of ``named_parameters()``, or dicts
            ``{"params": […], "lr": …}`` that give a group options of its own.
        defaults: the options of a group that does not give its own.
        implementation: ``foreach``, ``fused``, ``capturable``, ``differentiable``, none of which may be true.

    The dicts are kept as they are given, so an option that is changed there counts from the next step on.

    Raises:
        ValueError: if there are no parameters, or one is in two groups.
        TypeError: if a parameter is not a tensor, or for an unknown option.
        NotImplementedError: for torch's choice of an implementation.

    >>> from dataclasses import dataclass
    >>> import numpy as np, minigrad
    >>> @dataclass
    ... class SignRule(Rule):
    ...     lr: float
    ...     def step(self, p, g):
    ...         p -= self.lr * np.sign(g)
    >>> class SignSGD(Optimizer):
    ...     rule_type = SignRule
    ...     def rule(self, parameter, state, group):
    ...         return SignRule(group["lr"])
    >>> w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignSGD([w], {"lr": 0.5}).step()
    >>> w.tolist()
    [0.5, 1.5]
    """

    rule_type: type[Rule] = Rule
    ignored: frozenset[str] = frozenset()  #: options among ``implementation`` that may be true, without effect
    has_stepped = False  #: True from the first call of ``step`` on, also if a ``GradScaler`` skipped it

    def __init__(
        self,
        params: Parameters,
        defaults: Group,
        **implementation: Unpack[Implementation],
    ) -> None:
        self._refuse(implementation)
        if isinstance(params, Tensor | dict):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts")
        self.defaults = defaults
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[Group] = []
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        for group in cast(list[Group], given) if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def _refuse(self, implementation: Implementation) -> None:
        for name, value in implementation.items():
            if name not in Implementation.__annotations__:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument {name!r}")
            if value and name not in self.ignored:
                raise NotImplementedError(
                    f"{type(self).__name__}: {name}=True is not supported; it chooses among torch's own implementations"
                )

    # --- One step ---

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], Loss]) -> Loss: ...
    def step(self, closure: Callable[[], Loss] | None = None) -> Loss | None:
        """Move every parameter that has a gradient, and return the loss that ``closure`` computes first, if given."""
        self.has_stepped = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad(), record_function(f"{type(self).__name__}.step"):
            by_device: dict[object, list[tuple[Tensor, Group]]] = {}
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        by_device.setdefault(p.device, []).append((p, group))
            for watch in step_watchers:
                watch(self, "before")
            for moved in by_device.values():
                self._move(moved)
            for watch in step_watchers:
                watch(self, "after")
        return loss

    def _move(self, moved: list[tuple[Tensor, Group]]) -> None:
        """Move parameters of one device."""
        _refuse_unwritable([p for p, _ in moved])
        if in_use.several:
            compute_beside(moved[0][0].array)
        moves = []
        for p, group in moved:
            state = self.state[p]
            if not state:
                state.update(self.initial_state(p, group))
            rule = self.rule(p, state, group)
            assert p.grad is not None  # ``step`` has left those out
            arrays: list[Array | None] = [p.array, p.grad.array]
            for name, option in rule.arrays.items():
                kept = state[name] if not option or group[option] else None
                arrays.append(None if kept is None else kept.array)
            moves.append(Move(rule, arrays))
        kernels_of(moved[0][0].array).move(moves)
        for p, _ in moved:
            p._written_in_place()

    def initial_state(self, parameter: Tensor, group: Group) -> State:
        """Return the state of a parameter before its first step: here, zeros for each array of the rule.

        A subclass may add numbers. A tensor that is made in the first step is None. A loaded state must have values of
        the same kinds.
        """
        arrays = self.rule_type.arrays.items()
        return {name: zeros_state(parameter) for name, option in arrays if not option or group[option]}

    def rule(self, parameter: Tensor, state: State, group: Group) -> Rule:
        """Return the formula with the numbers for this step of a parameter, and count the step in its state."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, which otherwise add up from one backward to the next."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    # --- Groups ---

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        names, params = _named(param_group["params"])
        if any(group["params"] and ("param_names" in group) != (names is not None) for group in self.param_groups):
            raise ValueError(_SOME_WITHOUT_NAMES)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if len({id(p) for p in params}) < len(params):
            warn("optimizer contains a parameter group with duplicate parameters")
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in known:
                raise ValueError("some parameters appear in more than one parameter group")
        for name, value in self.defaults.items():
            param_group.setdefault(name, value)
        if names is not None:
            param_group["param_names"] = names
        if isinstance(param_group.get("lr"), Tensor):
            param_group["lr"] = param_group["lr"].item()
        param_group["params"] = params
        self.param_groups.append(param_group)

    # --- Saving ---

    def state_dict(self) -> StateDict:
        """Return state and options in torch's form: parameters are numbered in the order of the groups."""
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(p)]: dict(state) for p, state in self.state.items() if state}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Continue from a ``state_dict`` (also torch's, with its tensors as arrays).

        Raises:
            ValueError: if the groups do not match, or a value is not of the kind that the optimizer has there, saying
                which. Then the optimizer is unchanged.
        """
        options = checked_groups(state_dict, self.param_groups)
        groups = [{**group, **given} for group, given in zip(self.param_groups, options, strict=True)]
        loaded: defaultdict[Tensor, State] = defaultdict(dict)
        for number, p, group, saved in states_by_parameter(state_dict, groups):
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


_SOME_WITHOUT_NAMES = "all optimizer params should be with/without names. Some param names are missing"


def _named(given: Tensor | Iterable[Tensor] | Iterable[tuple[str, Tensor]]) -> tuple[list[str] | None, list[Tensor]]:
    """Return the names of a group's parameters, None if they have none, and the parameters."""
    if isinstance(given, set | frozenset):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    params = [given] if isinstance(given, Tensor) else list(given)
    pairs = [p for p in params if isinstance(p, tuple)]
    if not pairs:
        return None, cast(list[Tensor], params)
    if len(pairs) < len(params):
        raise ValueError(_SOME_WITHOUT_NAMES)
    return [name for name, _ in pairs], [p for _, p in pairs]


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
        if not is_writable(p.array):
            raise ValueError(
                f"a parameter of shape {list(p.shape)} lies in read-only memory, which an optimizer cannot change; "
                "give it memory of its own: parameter.data = parameter.data.clone()"
            )
