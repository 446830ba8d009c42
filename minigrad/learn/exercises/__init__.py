"""The exercises in their order, one file each."""

from __future__ import annotations

from minigrad.learn.exercises import (
    accumulate,
    broadcast,
    conv1d,
    conv2d,
    cross_entropy,
    difference,
    linear,
    matmul,
    max_pool,
    mean,
    multiply,
    order,
    relu,
    sgd,
    strided_conv2d,
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
        conv1d,
        conv2d,
        strided_conv2d,
        max_pool,
    )
)
