"""A random case of every kernel: its arguments, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Move
from minigrad.optim.adam import AdamRule
from minigrad.optim.rmsprop import RMSpropRule
from minigrad.optim.sgd import SGDRule
from tests.guarded.draws import Random, maps, size, values, window

Arrays: TypeAlias = Sequence[Any]


class Case(NamedTuple):
    """Arguments, float64 or of whole numbers, and the call of a kernel with them: it returns all that it computes."""

    arrays: list[np.ndarray]
    call: Callable[[Reference, Arrays], Arrays]


def _elementwise(rng: Random) -> Case:
    shape = maps(rng) if rng.random() < 0.5 else (rng.randint(0, 70_000),)
    x, y = values(rng, *shape), values(rng, *shape)
    low, high = sorted((rng.uniform(-2, 2), rng.uniform(-2, 2)))
    calls: list[Callable[[Reference, Arrays], Arrays]] = [
        lambda k, a: (k.add(a[0], a[1]),),
        lambda k, a: (k.add(a[0], a[1], a[0]), a[0]),
        lambda k, a: (k.relu(a[0]),),
        lambda k, a: (k.relu(a[0], a[0]), a[0]),
        lambda k, a: (k.pass_where_positive(a[0], a[1]),),
        lambda k, a: (k.clamp(a[0], low, high),),
        lambda k, a: (k.clamp(a[0], low, high, a[0]), a[0]),
        lambda k, a: (k.pass_where_between(a[0], a[1], low, high),),
        lambda k, a: (k.clamp_in_place(a[0], low, high), a[0]),
    ]
    if rng.random() < 0.1:
        return Case([x, y > 0], lambda k, a: (k.pass_where(a[0], a[1]),))
    return Case([x, y], rng.choice(calls))


def _concatenate(rng: Random) -> Case:
    n, _, h, w = maps(rng)
    xs = [values(rng, n, size(rng, 20), h, w) for _ in range(rng.randint(1, 5))]
    return Case(xs, lambda k, a: (k.concatenate(a, 1),))


def _convolution(rng: Random) -> Case | None:
    n, _, h, w = maps(rng)
    groups = rng.choice((1, 1, 1, 2, 3, 7, 40))
    channels, outputs = size(rng, 70 // groups + 1), size(rng, 70 // groups + 1)
    if rng.random() < 0.2:  # depthwise
        channels = 1
    seen = window(rng, h, w)
    if seen is None or n * groups * channels * h * w > 300_000:
        return None
    rows, columns = seen.output_size(h, w)
    taps = seen.kernel[0] * seen.kernel[1]
    if n * rows * columns * taps * groups * channels * outputs > 2e7:
        return None
    x, weight = values(rng, n, groups * channels, h, w), values(rng, groups * outputs, channels, *seen.kernel)
    g = values(rng, n, groups * outputs, rows, columns)
    if rng.random() < 0.5:
        return Case([x, weight], lambda k, a: (k.conv2d(a[0], a[1], seen, groups),))
    return Case([x, weight, g], lambda k, a: k.conv2d_backward(a[0], a[1], a[2], seen, groups, True, True))


def _linear(rng: Random) -> Case:
    n, c, o = size(rng, 70), size(rng, 200), size(rng, 200)
    x, w, g = values(rng, n, c), values(rng, o, c), values(rng, n, o)
    if rng.random() < 0.5:
        return Case([x, w], lambda k, a: (k.linear(a[0], a[1]),))
    return Case([x, w, g], lambda k, a: k.linear_backward(a[0], a[1], a[2]))


def _channels(rng: Random) -> Case:
    shape = maps(rng, 600)
    x, bias = values(rng, *shape), values(rng, shape[1])

    def add(k: Reference, a: Arrays) -> Arrays:
        k.add_to_channels(a[0], a[1])
        return (a[0],)

    return Case([x, bias], rng.choice((add, lambda k, a: (k.channel_sums(a[0]),))))


def _max_pool(rng: Random) -> Case | None:
    shape = maps(rng)
    seen = window(rng, *shape[2:], inside=True)
    if seen is None or 0 in shape:
        return None
    x, g = values(rng, *shape), values(rng, *shape[:2], *seen.output_size(*shape[2:]))
    if rng.random() < 0.5:
        return Case([x], lambda k, a: k.max_pool2d(a[0], seen))
    taps = Reference().max_pool2d(x, seen)[1]
    return Case([g, taps], lambda k, a: (k.max_pool2d_scatter(a[0], a[1], shape, seen),))


def _avg_pool(rng: Random) -> Case | None:
    shape = maps(rng)
    seen = window(rng, *shape[2:], inside=True)
    if seen is None:
        return None
    x, g = values(rng, *shape), values(rng, *shape[:2], *seen.output_size(*shape[2:]))
    if rng.random() < 0.5:
        return Case([x], lambda k, a: (k.avg_pool2d(a[0], seen, 0.25),))
    return Case([g], lambda k, a: (k.avg_pool2d_backward(a[0], shape, seen, 0.25),))


def _batch_norm(rng: Random) -> Case:
    shape = maps(rng, 600)
    x, weight, bias = values(rng, *shape), values(rng, shape[1]), values(rng, shape[1])
    mean, var, relu = values(rng, shape[1]), np.abs(values(rng, shape[1])) + 0.5, rng.random() < 0.5
    with np.errstate(all="ignore"):
        y = Reference().normalize_channels(x, weight, bias, mean, var, 1e-3)
    g = np.where(np.abs(y) < 1e-3, 0, values(rng, *shape))  # whether g passes there is up to rounding
    return rng.choice((
        Case([x, weight, bias], lambda k, a: k.batch_norm(a[0], a[1], a[2], 1e-3, relu)),
        Case([x, weight, bias, mean, var], lambda k, a: (k.normalize_channels(*a, 1e-3, relu),)),
        Case(
            [g, x, weight, mean, var, bias],
            lambda k, a: k.batch_norm_backward(a[0], a[1], a[2], a[3], a[4], 1e-3, a[5], relu),
        ),
    ))  # fmt: skip


def _cross_entropy(rng: Random) -> Case:
    n, c = size(rng, 70), size(rng, 300)
    x, g = values(rng, n, c), values(rng, n)
    labels = np.random.default_rng(rng.getrandbits(40)).integers(0, c, n)

    def both(k: Reference, a: Arrays) -> Arrays:
        loss, factors, sums = k.softmax_cross_entropy(a[0], a[2], None, 0.0, -100)
        return loss, k.softmax_cross_entropy_backward(a[1], a[0], a[2], None, 0.0, -100, factors, sums)

    return Case([x, g, labels], both)


def _move(rng: Random) -> Case:
    option, decay = rng.random() < 0.5, rng.choice((0.0, 0.01))
    rule = rng.choice((
        SGDRule(0.1, rng.choice((0.0, 0.9)), decay, 1.0, option, rng.random() < 0.5),
        AdamRule(0.1, 0.1, 0.9, 0.9, 0.99, 1e-3, decay, option, rng.random() < 0.5),
        RMSpropRule(0.1, 0.9, 1e-3, decay, rng.choice((0.0, 0.9)), rng.random() < 0.5),
    ))  # fmt: skip
    count = 2 + len(type(rule).arrays)
    shapes = [(rng.randint(0, 9), size(rng, 300)) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.1:
        shapes.append((1, rng.randint(30_000, 70_000)))
    present = [True, True, *(not option or rng.random() < 0.5 for option in type(rule).arrays.values())]
    arrays = [np.abs(values(rng, *shape)) for shape in shapes for number in range(count) if present[number]]
    if isinstance(rule, RMSpropRule):
        arrays[2 :: sum(present)] = [v + 50 for v in arrays[2 :: sum(present)]]  # larger than any squared mean

    def move(k: Reference, a: Arrays) -> Arrays:
        given = iter(a)
        k.move([Move(rule, [next(given) if there else None for there in present]) for _ in shapes])
        return a

    return Case(arrays, move)


#: By name: what draws a case, or returns None if it has drawn one that is too large.
KERNELS: dict[str, Callable[[Random], Case | None]] = {
    "elementwise": _elementwise,
    "concatenate": _concatenate,
    "convolution": _convolution,
    "linear": _linear,
    "channels": _channels,
    "max pool": _max_pool,
    "avg pool": _avg_pool,
    "batch norm": _batch_norm,
    "cross entropy": _cross_entropy,
    "optimisers": _move,
}
