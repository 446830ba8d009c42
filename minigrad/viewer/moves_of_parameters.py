"""The optimisation pass: every parameter before it, its gradient, what the optimiser keeps for it, and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from minigrad.devices import to_host
from minigrad.kernels.rules import Rule
from minigrad.nn.module import Module
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.states import Group
from minigrad.tensor import Tensor
from minigrad.viewer.samples import Index, Sample, number, sample, strongest
from minigrad.viewer.story import Parameter, Story


class MovesOfParameters:
    """A watcher of optimisers (optim/step_watchers.py) that notes how the parameters of a model move.

    Args:
        stepped: called after the first step.
    """

    def __init__(self, model: Module, story: Story, stepped: Callable[[], None]) -> None:
        self._story, self._stepped = story, stepped
        self._parameters = dict(model.named_parameters())
        self._at: dict[str, Index] = {}
        self.taken = False

    def watch(self, optimizer: Optimizer, moment: str) -> None:
        """Note the parameters before a step, and after it.

        Raises:
            RuntimeError: for a second step of an optimiser of this model.
        """
        ours = {id(p) for p in self._parameters.values()}
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"] if id(p) in ours}
        if not groups:
            return
        if moment == "before" and self.taken:
            raise RuntimeError(
                "record() tells the story of one training step, and a second optimizer.step() began inside it: leave "
                "the with block after the first one"
            )
        if moment == "before":
            self._story.optimizer = _described(optimizer)
            self.note_before(optimizer, groups)
        else:
            self._note_after(optimizer)
            self.taken = True
            self._stepped()

    def note_before(self, optimizer: Optimizer | None, groups: dict[int, Group]) -> None:
        """Note every parameter that has a gradient: its values, the gradient, and the optimiser's state."""
        for name, p in self._parameters.items():
            if p.grad is None:
                continue
            gradient = to_host(p.grad.array)
            self._at[name] = at = strongest(gradient, in_batch=False)
            entry = Parameter(name, tuple(p.shape), sample(to_host(p.array), at), sample(gradient, at))
            self._story.parameters.append(entry)
            if optimizer is None or id(p) not in groups:
                continue
            state = dict(optimizer.state.get(p) or optimizer.initial_state(p, groups[id(p)]))
            entry.state_before = _samples(state, p, at)
            rule = _rule(optimizer, p, state, groups[id(p)])
            if rule is not None:
                self._story.rule = type(rule)
                entry.numbers = _numbers(rule)

    def _note_after(self, optimizer: Optimizer) -> None:
        for entry in self._story.parameters:
            p, at = self._parameters[entry.name], self._at[entry.name]
            entry.after = sample(to_host(p.array), at)
            entry.state = _samples(dict(optimizer.state.get(p) or {}), p, at)


def _described(optimizer: Optimizer) -> str:
    """Return an optimiser as text, with the options of its first group that are numbers."""
    group = optimizer.param_groups[0]
    options = ", ".join(f"{key}={_short(value)}" for key, value in group.items() if _is_option(key, value))
    return f"{type(optimizer).__name__}({options})"


def _is_option(key: str, value: object) -> bool:
    return key not in ("params", "param_names", "initial_lr") and value not in (None, False, 0)


def _short(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _samples(state: dict[str, object], parameter: Tensor, at: Index) -> dict[str, Sample]:
    """Return the arrays of a parameter's state that have its shape, around the same element; numbers as they are."""
    found = {}
    for name, value in state.items():
        if isinstance(value, Tensor):
            array = to_host(value.array)
            found[name] = sample(array, at if array.shape == tuple(parameter.shape) else None)
    return found


def _rule(optimizer: Optimizer, p: Tensor, state: dict[str, object], group: Group) -> Rule | None:
    """Return the rule by which a parameter is about to move. Its step is counted in a copy of the state."""
    copied = {k: v.clone() if isinstance(v, Tensor) and v.ndim == 0 else v for k, v in state.items()}
    try:
        return optimizer.rule(p, copied, group)
    except NotImplementedError:  # an optimiser of the reader's own, without a rule
        return None


def _numbers(rule: Rule) -> dict[str, str]:
    values = {field.name: getattr(rule, field.name) for field in fields(rule)}
    return {
        name: number(value) for name, value in values.items() if isinstance(value, int | float) and value is not False
    }
