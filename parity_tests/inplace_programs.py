"""Random programs of views and writes in place, run by torch and by minigrad side by side.

    python -m parity_tests.inplace_programs 100000 [--start 20000]

runs so many programs, with the seeds 0, 1, … or from another one on, and prints how they ended; the first that differs
is printed line by line. A program has 3 to 12 lines. Each takes a view of a tensor, computes a new one, or writes into
one, as a rule of a graph. After each line all values are compared, at the end gradients and gradients of gradients.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import zip_longest
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

import minigrad

#: What torch refuses and minigrad computes: where an element is written in several ways (torch looks for any overlap),
#: where the saved result of an operation in place is overwritten (minigrad saves a result of its own), a view that was
#: taken before its base entered the graph, a shape that torch's parser does not take, and a memory order.
MORE_THAN_TORCH = (
    "refer to a single memory",
    "more than one element of the written-to tensor",
    "modified by an inplace operation",
    "leaf Variable that requires grad",
    'missing 1 required positional arguments: "shape"',
    "view size is not compatible",
)
#: What minigrad refuses and torch, in part, computes.
LESS_THAN_TORCH = ("more than one element of the written-to tensor",)


class DifferenceError(AssertionError):
    """The two engines differ."""


class Engine:
    """One engine, and the tensors of the program in it."""

    def __init__(self, module: ModuleType) -> None:
        self.module: Any = module
        self.tensors: list[Any] = []
        self.leaves: list[Any] = []

    def leaf(self, values: np.ndarray) -> None:
        self.leaves.append(self.module.tensor(values, requires_grad=True))
        self.tensors.append(self.leaves[-1])

    def gradients(self, cotangents: list[np.ndarray | None]) -> list[np.ndarray | None]:
        """Return the gradients by the leaves of Σ (c · t)² over the tensors t, and those of their squares' sum."""
        grad = self.module.autograd.grad
        pairs = zip(self.tensors, cotangents, strict=True)
        loss: Any = sum(((t * self.module.tensor(c)) ** 2).sum() for t, c in pairs if c is not None and t.requires_grad)
        if isinstance(loss, int):
            return []
        first = grad(loss, self.leaves, create_graph=True, allow_unused=True)
        squares: Any = sum((g * g).sum() for g in first if g is not None and g.requires_grad)
        second = [] if isinstance(squares, int) else grad(squares, self.leaves, allow_unused=True)
        return [None if g is None else g.detach().numpy() for g in (*first, *second)]


class Line(NamedTuple):
    """A line of a program: its text, and what it does to the tensors of an engine."""

    text: str
    run: Callable[[list[Any], Any], Any]
    may_be_without_grad: bool = True


Step = Callable[[random.Random, list[tuple[int, ...]], list[int], int], Line]


def a_view(r: random.Random, shape: tuple[int, ...], k: int) -> Line:
    """Return a line that takes a view of tensor k."""
    choice, dim = r.randrange(9), r.randrange(len(shape)) if shape else 0
    if choice < 3 and shape and shape[dim]:
        i = r.randrange(shape[dim])
        part: Any = i if choice == 0 else slice(i, r.randint(i, shape[dim]), r.choice((1, 1, 2)))
        index = (*(slice(None),) * dim, part)
        return Line(f"t{k}[{index}]", lambda t, _: t[k][index], False)
    backwards = shape[::-1]
    lines = (
        Line(f"t{k}.transpose(0, -1)", lambda t, _: t[k].transpose(0, -1) if shape else t[k][...], False),
        Line(f"t{k}.view(-1)", lambda t, _: t[k].view(-1), False),
        Line(f"t{k}.unsqueeze(0)", lambda t, _: t[k].unsqueeze(0), False),
        Line(f"t{k}.expand(2, …)", lambda t, _: t[k].expand(2, *shape), False),
        Line(f"t{k}[...]", lambda t, _: t[k][...], False),
        Line(f"t{k}.reshape{backwards}", lambda t, _: t[k].reshape(*backwards), False),
        Line(f"t{k}.detach()", lambda t, _: t[k].detach(), False),
    )
    return r.choice(lines)


def a_result(r: random.Random, shape: tuple[int, ...], k: int, j: int) -> Line:
    """Return a line that computes a new tensor from the tensors k and j, which have one shape."""
    lines = (
        Line(f"t{k} * t{j}", lambda t, _: t[k] * t[j]),
        Line(f"t{k} + t{j}", lambda t, _: t[k] + t[j]),
        Line(f"t{k}.sin()", lambda t, _: t[k].sin()),
        Line(f"t{k}.sum(0)", lambda t, _: t[k].sum(0) if shape else t[k] * 2),
        Line(f"cat((t{k}, t{j}))", lambda t, engine: engine.cat([t[k], t[j]]) if shape else t[k] * 3),
        Line(f"(0.3 * t{k}).sigmoid()", lambda t, _: (t[k] * 0.3).sigmoid()),
    )
    return r.choice(lines)


def a_write(r: random.Random, shape: tuple[int, ...], k: int, j: int, small: int) -> Line:
    """Return a line that writes into tensor k; j has its shape, and ``small`` broadcasts to it."""
    dim, value = r.randrange(len(shape)) if shape else 0, round(r.uniform(0.5, 1.5), 2)
    index: Any = (*(slice(None),) * dim, r.randrange(shape[dim])) if shape and shape[dim] else ...
    mask = np.random.default_rng(r.randrange(1000)).random(shape) < 0.5

    def assigned(change: Callable[[list[Any], Any], None]) -> Callable[[list[Any], Any], Any]:
        def run(t: list[Any], engine: Any) -> Any:
            change(t, engine)
            return t[k]

        return run

    def add(t: list[Any], _: Any) -> None:
        t[k][index] += t[j][index]

    def scale(t: list[Any], _: Any) -> None:
        t[k][index] *= value

    lines = (
        Line(f"t{k}.mul_(t{j})", lambda t, _: t[k].mul_(t[j])),
        Line(f"t{k}.sub_(t{j})", lambda t, _: t[k].sub_(t[j])),
        Line(f"t{k}.add_(t{small})", lambda t, _: t[k].add_(t[small])),
        Line(f"t{k}.copy_(t{small})", lambda t, _: t[k].copy_(t[small])),
        Line(f"t{k}.zero_()", lambda t, _: t[k].zero_()),
        Line(f"t{k}.relu_()", lambda t, _: t[k].relu_()),
        Line(f"t{k}.sigmoid_()", lambda t, _: t[k].sigmoid_()),
        Line(f"t{k}.clamp_(0.7, 1.3)", lambda t, _: t[k].clamp_(0.7, 1.3)),
        Line(f"t{k}.div_({value})", lambda t, _: t[k].div_(value)),
        Line(f"t{k}[{index}] = {value}", assigned(lambda t, _: t[k].__setitem__(index, value))),
        Line(f"t{k}[{index}] = {value} * t{j}[…]", assigned(lambda t, _: t[k].__setitem__(index, t[j][index] * value))),
        Line(f"t{k}[mask] = {value}", assigned(lambda t, engine: t[k].__setitem__(engine.tensor(mask), value))),
        Line(f"t{k}[{index}] += t{j}[…]", assigned(add)),
        Line(f"t{k}[{index}] *= {value}", assigned(scale)),
    )
    return r.choice(lines)


def next_line(r: random.Random, tensors: list[torch.Tensor]) -> Line:
    """Return a line of any kind for a program whose tensors, in torch, are ``tensors``."""
    k = r.randrange(len(tensors)) if r.random() < 0.2 else r.randrange(2, len(tensors))
    shape = tuple(tensors[k].shape)
    kind = r.random()
    if kind < 0.35:
        return a_view(r, shape, k)
    same = r.choice([i for i, t in enumerate(tensors) if tuple(t.shape) == shape])
    if kind < 0.55:
        return a_result(r, shape, k, same)
    memory = tensors[k].untyped_storage().data_ptr()
    apart = [i for i, t in enumerate(tensors) if t.untyped_storage().data_ptr() != memory]
    same = r.choice([k, *(i for i in apart if tuple(tensors[i].shape) == shape)])  # what overlaps in part is undefined
    small = r.choice([i for i in apart if tuple(tensors[i].shape) in ((), shape[1:])] or [same])
    return a_write(r, shape, k, same, small)


def run(seed: int, lines: list[str] | None = None) -> str:
    """Run the program of a seed in both engines; return how it ended. ``lines`` receives its text.

    Raises:
        DifferenceError: if the engines differ.
    """
    r, values = random.Random(seed), np.random.default_rng(seed)
    engines = [Engine(torch), Engine(minigrad)]
    lines = [] if lines is None else lines
    for shape in [(3, 4) if r.random() < 0.7 else (2, 3, 2) for _ in range(2)]:
        start = values.uniform(0.5, 1.5, shape)
        for engine in engines:
            engine.leaf(start)
    plain = values.uniform(0.5, 1.5, (3, 4))
    for engine in engines:
        engine.tensors += [engine.module.tensor(plain), *(leaf * 1.5 for leaf in engine.leaves)]
    for _ in range(r.randint(3, 12)):
        line = next_line(r, engines[0].tensors)
        without_grad = line.may_be_without_grad and r.random() < 0.1
        lines.append(f"t{len(engines[0].tensors)} = {line.text}{'  # under no_grad' if without_grad else ''}")
        ending = _step(engines, line, without_grad, lines)
        if ending is not None:
            return ending
    cotangents = [values.uniform(0.5, 1.5, tuple(t.shape)) if r.random() < 0.7 else None for t in engines[0].tensors]
    return _compare_gradients(engines, cotangents)


def _step(engines: list[Engine], line: Line, without_grad: bool, lines: list[str]) -> str | None:
    """Run a line in both engines; return how the program ended, if it did."""
    results, errors = [], []
    for engine in engines:
        with engine.module.no_grad() if without_grad else nullcontext():
            try:
                results.append(line.run(engine.tensors, engine.module))
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                errors.append(str(error))
                lines.append(f"    # {engine.module.__name__}: {error}")
    if len(errors) == 1:
        known = LESS_THAN_TORCH if results and isinstance(results[0], torch.Tensor) else MORE_THAN_TORCH
        return _known(errors[0], known)
    if not errors:
        for engine, result in zip(engines, results, strict=True):
            engine.tensors.append(result)
        for i, (theirs, ours) in enumerate(zip(*(engine.tensors for engine in engines), strict=True)):
            if theirs.requires_grad != ours.requires_grad:
                raise DifferenceError(f"t{i}.requires_grad is {ours.requires_grad}, torch's {theirs.requires_grad}")
            _compare(f"t{i}", theirs.detach().numpy(), ours.detach().numpy())
    return None


def _compare_gradients(engines: list[Engine], cotangents: list[np.ndarray | None]) -> str:
    found, errors = [], []
    for engine in engines:
        try:
            found.append(engine.gradients(cotangents))
        except RuntimeError as error:
            errors.append(str(error))
    if len(errors) == 1:
        if "inplace" not in errors[0] and "single memory" not in errors[0]:
            raise DifferenceError(f"one engine refuses to differentiate: {errors[0]}")
        return "torch refuses to differentiate"
    if errors:
        return "both refuse to differentiate"
    for i, (theirs, ours) in enumerate(zip_longest(*found)):
        some = theirs if theirs is not None else ours
        if some is not None:
            zeros = np.zeros_like(some)
            _compare(f"gradient {i}", zeros if theirs is None else theirs, zeros if ours is None else ours)
    return "equal"


def _known(error: str, known: tuple[str, ...]) -> str:
    for text in known:
        if text in error:
            return f"only one refuses: {text}"
    raise DifferenceError(f"only one engine refuses: {error}")


def _compare(name: str, theirs: np.ndarray, ours: np.ndarray) -> None:
    if not np.allclose(theirs, ours, rtol=1e-9, atol=1e-11, equal_nan=True):
        raise DifferenceError(f"{name} differs:\n{ours}\ntorch's:\n{theirs}")


def programs(seeds: range) -> Iterator[str]:
    """Run the programs of these seeds; yield how each ended. An error has the text of its program."""
    for seed in seeds:
        lines: list[str] = []
        try:
            with warnings.catch_warnings(action="ignore"):  # torch deprecates some writes where elements share memory
                ending = run(seed, lines)
            yield ending
        except DifferenceError as error:
            raise DifferenceError("\n".join([f"seed {seed}: {error}", *lines])) from None


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m parity_tests.inplace_programs")
    parser.add_argument("count", type=int, help="how many programs")
    parser.add_argument("--start", type=int, default=0, help="the first seed (%(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(args.start, args.start + args.count)
    endings = Counter(programs(tqdm(seeds, disable=None)))  # type: ignore[arg-type]  # it iterates over a range
    print(f"seeds {seeds.start:,} to {seeds.stop - 1:,}:")
    for ending, times in endings.most_common():
        print(f"{times:7,}  {ending}")


if __name__ == "__main__":
    main()
