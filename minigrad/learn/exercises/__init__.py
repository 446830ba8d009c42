"""The exercises in their order, one file each."""

from __future__ import annotations

from minigrad.learn.exercises import (
    broadcast,
    difference,
    linear,
    matmul,
    mean,
    multiply,
    relu,
    tanh,
)
from minigrad.learn.record import Exercise

EXERCISES: tuple[Exercise, ...] = tuple(
    module.EXERCISE
    for module in (
        multiply,
        tanh,
        difference,
        mean,
        broadcast,
        matmul,
        linear,
        relu,
    )
)
