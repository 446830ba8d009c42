"""The exercises in their order, one file each."""

from __future__ import annotations

from minigrad.learn.exercises import (
    accumulate,
    broadcast,
    cross_entropy,
    difference,
    linear,
    matmul,
    mean,
    multiply,
    order,
    relu,
    sgd,
    tanh,
    training_step,
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
        accumulate,
        order,
        cross_entropy,
        sgd,
        training_step,
    )
)
