"""Recurrent networks: a state that is carried along a sequence, and changed by one formula at every step.

The formulas are the four functions at the top. ``x`` in them is W_ih input + b_ih, which a layer computes for all steps
in one product before the loop over time; ``state`` is (h,), for the LSTM (h, c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from minigrad.functions.pieces import cat
from minigrad.nn import functional as F
from minigrad.ops.shape import Split
from minigrad.tensor import Tensor

State: TypeAlias = tuple[Tensor, ...]
#: ``step(x, state, weight_hh, bias_hh)`` returns the next state.
Step: TypeAlias = Callable[[Tensor, State, Tensor, Tensor | None], State]


def tanh_step(x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """Return h′ = tanh(x + W h + b) (Elman 1990)."""
    return ((x + F.linear(state[0], weight, bias)).tanh(),)


def relu_step(x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """Return h′ = max(x + W h + b, 0)."""
    return (F.relu(x + F.linear(state[0], weight, bias)),)


def lstm_step(x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """Return (h′, c′): a memory cell c that gates protect (Hochreiter & Schmidhuber 1997).

    i, f, g, o = x + W h + b        what to write, what to keep, the new values, what to show
    c′ = σ(f) · c + σ(i) · tanh(g)
    h′ = σ(o) · tanh(c′)
    """
    h, c = state
    i, f, g, o = _gates(x + F.linear(h, weight, bias), 4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """Return h′: the old state and a new one, mixed by a gate (Cho et al. 2014).

    r = σ(x_r + W_r h + b_r)                how much of the old state the new one sees
    z = σ(x_z + W_z h + b_z)                how much of the old state stays
    n = tanh(x_n + r · (W_n h + b_n))
    h′ = (1 − z) · n + z · h
    """
    (h,) = state
    x_r, x_z, x_n = _gates(x, 3)
    h_r, h_z, h_n = _gates(F.linear(h, weight, bias), 3)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (n + z * (h - n),)


def _gates(x: Tensor, count: int) -> tuple[Tensor, ...]:
    """Return ``count`` equal pieces of the last dimension."""
    *_, size = x.shape
    pieces: tuple[Tensor, ...] = Split.apply(x, lengths=(size // count,) * count, dim=x.ndim - 1)
    return pieces


#: The number of gates and the formula, by torch's name for them.
STEPS: dict[str, tuple[int, Step]] = {
    "RNN_TANH": (1, tanh_step),
    "RNN_RELU": (1, relu_step),
    "LSTM": (4, lstm_step),
    "GRU": (3, gru_step),
}


def over_time(
    step: Step, x: Tensor, sizes: Sequence[int], initial: State, weight: Tensor, bias: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """Return the state h after every step, and the last state of every sequence.

    Args:
        x: W_ih input + b_ih of all steps, one step below the other: (Σ sizes, gates · H).
        sizes: how many sequences go on at each step; they lie in order, the longest first.
        initial: the state at the start, with a row for each sequence.
        reverse: go from the last step to the first.
    """
    pieces = Split.apply(x, lengths=tuple(sizes), dim=0)
    outputs: list[Tensor] = []
    ended: list[State] = []
    state, rows = initial, sizes[0]
    for t in range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes)):
        if sizes[t] < rows and outputs:  # forwards, the shortest sequences have ended
            ended.append(tuple(s[sizes[t] :] for s in state))
        if sizes[t] < rows:
            state = tuple(s[: sizes[t]] for s in state)
        if sizes[t] > rows:  # backwards, they begin
            state = tuple(cat([s, start[rows : sizes[t]]]) for s, start in zip(state, initial, strict=True))
        rows = sizes[t]
        state = step(pieces[t], state, weight, bias)
        outputs.append(state[0])
    if ended:
        state = tuple(cat([s, *reversed(parts)]) for s, *parts in zip(state, *ended, strict=True))
    return cat(outputs[::-1] if reverse else outputs), state
