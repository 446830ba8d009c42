"""L-BFGS: Newton's method with the curvature that the last steps have shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from minigrad.engine.grad_mode import enable_grad, no_grad
from minigrad.optim.line_search import Point, strong_wolfe
from minigrad.optim.optimizer import Loss, Optimizer, Parameters
from minigrad.optim.options import check_non_negative
from minigrad.optim.states import State, like
from minigrad.tensor import Tensor
from minigrad.typing import Array


class LBFGS(Optimizer):
    """Move along −H·g, where H stands for the inverse of the second derivatives, without computing it.

    Of the last ``history_size`` steps, the changes s of the parameters and y of the gradient are kept. Each pair says
    that H·y = s. One loop backwards and one forwards over the pairs multiply a vector by the H for which all hold
    that starts from (sᵀy / yᵀy) · identity.

    A step iterates, and calls ``closure`` each time, which clears the gradients, computes the loss, calls ``backward``
    and returns the loss. All parameters are one vector, in one group.
    Source: Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.4.

    Args:
        lr: the length of the step along the direction; with a line search, the first to try.
        max_iter: iterations of one call of ``step``.
        max_eval: evaluations of one call of ``step``; 1.25 · max_iter by default.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when neither a parameter nor the loss changes by more.
        history_size: the number of pairs.
        line_search_fn: ``"strong_wolfe"``, or None for steps of ``lr``.

    Raises:
        ValueError: for a negative learning rate, or several groups.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_non_negative(lr=lr)
        options = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return cast(list[Tensor], self.param_groups[0]["params"])

    def step(self, closure: Callable[[], Loss] | None = None) -> Loss:
        """Iterate, and return the loss at the beginning."""
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss, calls backward, and returns the loss")
        self.has_stepped = True
        with no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Loss]) -> Loss:
        group, state = self.param_groups[0], self.state.setdefault(self._params[0], {})
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = _call(closure)
        loss, gradient = _number(first_loss), self._gradient()
        evaluations = 1
        state["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        kept = _Memory.of(state)
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = kept.next_direction(gradient, group["history_size"])
            kept.gradient, kept.loss = gradient, loss
            first = state["n_iter"] == 1
            kept.step = min(1.0, 1.0 / float(np.abs(gradient).sum())) * group["lr"] if first else group["lr"]
            slope = float(gradient @ direction)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, gradient, slope)
                best, used = self._search(closure, start, kept.step, direction, group, evaluations)
                loss, gradient, kept.step = best.value, best.gradient, best.step
                self._add(direction, kept.step)
            else:
                self._add(direction, kept.step)
                if iteration < group["max_iter"]:  # the last gradient would not be used
                    loss, gradient, used = _number(_call(closure)), self._gradient(), 1
            evaluations += used
            state["func_evals"] += used
            if evaluations >= group["max_eval"] or _largest(gradient) <= group["tolerance_grad"]:
                break
            if _largest(direction * kept.step) <= group["tolerance_change"]:
                break
            if abs(loss - kept.loss) < group["tolerance_change"]:
                break
        kept.save(state, self._params[0])
        return first_loss

    def _search(
        self,
        closure: Callable[[], object],
        start: Point,
        step: float,
        direction: Array,
        group: dict[str, Any],
        evaluations: int,
    ) -> tuple[Point, int]:
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported, got {group['line_search_fn']!r}")
        before = [p.array.copy() for p in self._params]

        def evaluate(t: float) -> Point:
            self._add(direction, t)
            value, gradient = _number(_call(closure)), self._gradient()
            for p, array in zip(self._params, before, strict=True):
                p.array[...] = array
                p._written_in_place()
            return Point(t, value, gradient, float(gradient @ direction))

        return strong_wolfe(evaluate, start, step, _largest(direction), group["max_eval"] - evaluations)

    def _gradient(self) -> Array:
        """Return the gradients of all parameters as one vector; zeros where there is none."""
        parts = [np.zeros_like(p.array) if p.grad is None else p.grad.array for p in self._params]
        return np.concatenate([part.reshape(-1) for part in parts])

    def _add(self, direction: Array, step: float) -> None:
        """Move the parameters along the direction."""
        start = 0
        for p in self._params:
            part = direction[start : start + p.numel()]
            p.array[...] += step * part.reshape(p.shape)
            p._written_in_place()
            start += p.numel()


class _Memory:
    """The last direction and step, the pairs (s, y), and the loss and gradient before the step."""

    _NAMES = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")

    def __init__(self) -> None:
        self.direction: Array | None = None
        self.step = 0.0
        self.changes: list[Array] = []  # y
        self.steps: list[Array] = []  # s
        self.inverses: list[float] = []  # 1 / sᵀy
        self.scale = 1.0
        self.gradient: Array | None = None
        self.loss = 0.0

    def next_direction(self, gradient: Array, history_size: int) -> Array:
        """Keep the last step as a pair, and return −H·g."""
        if self.direction is None or self.gradient is None:
            self.direction = -gradient
            return self.direction
        y, s = gradient - self.gradient, self.direction * self.step
        curvature = float(y @ s)
        if curvature > 1e-10:
            if len(self.changes) == history_size:
                del self.changes[0], self.steps[0], self.inverses[0]
            self.changes.append(y)
            self.steps.append(s)
            self.inverses.append(1.0 / curvature)
            self.scale = curvature / float(y @ y)
        pairs = list(zip(self.steps, self.changes, self.inverses, strict=True))
        direction, shares = -gradient, []
        for s, y, inverse in reversed(pairs):
            shares.append(float(s @ direction) * inverse)
            direction = direction - shares[-1] * y
        direction = direction * self.scale
        for (s, y, inverse), share in zip(pairs, reversed(shares), strict=True):
            direction = direction + s * (share - float(y @ direction) * inverse)
        self.direction = direction
        return direction

    @classmethod
    def of(cls, state: State) -> _Memory:
        """Return the memory in a state of the optimizer."""
        memory = cls()
        if state.get("d") is not None:
            values = [_array(state[name]) for name in cls._NAMES]
            memory.direction, memory.step, memory.changes, memory.steps = values[:4]
            memory.inverses, memory.scale, memory.gradient, memory.loss = values[4:]
        return memory

    def save(self, state: State, parameter: Tensor) -> None:
        """Write the memory to a state of the optimizer, as tensors, numbers and lists of them."""
        values = [self.direction, self.step, self.changes, self.steps, self.inverses, self.scale, self.gradient]
        for name, value in zip(self._NAMES, [*values, self.loss], strict=True):
            state[name] = _tensors(value, parameter)


def _array(value: Any) -> Any:  # a tensor, a number, or a list of them, and the same of arrays
    if isinstance(value, list):
        return [_array(item) for item in value]
    return value.array if isinstance(value, Tensor) else value


def _tensors(value: Any, parameter: Tensor) -> Any:  # the reverse of ``_array``
    if isinstance(value, list):
        return [_tensors(item, parameter) for item in value]
    return value if isinstance(value, float | int) else like(parameter, value)


def _call(closure: Callable[[], Loss]) -> Loss:
    with enable_grad():
        return closure()


def _number(loss: object) -> float:
    return float(loss.item() if isinstance(loss, Tensor) else loss)  # type: ignore[arg-type]


def _largest(values: Array) -> float:
    return float(np.abs(values).max())
