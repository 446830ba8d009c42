"""Several computations in one process, side by side but never at the same time: each runs until all have to meet.

A batch norm over a whole batch needs the statistics of all shards at the same layer. A rank with several shards
therefore takes the first one as far as that layer, then the second one, and so on; there they meet, and go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

from minigrad.random import get_rng_state, set_rng_state

T = TypeVar("T")

_place: ContextVar[tuple[Turns[object], int] | None] = ContextVar("place", default=None)


class StoppedError(RuntimeError):
    """Another one of the computations has failed."""


class Turns(Generic[T]):
    """Computations that take turns, each in a thread of its own.

    Each begins with the state of the default generator that was there before, and has its own from then on. Afterwards
    that state is there again.
    """

    def __init__(self, functions: Sequence[Callable[[], T]]) -> None:
        self._functions = functions
        self._results: list[T | None] = [None] * len(functions)
        self._brought: list[object] = []
        self._met: list[object] = []
        self._errors: list[BaseException] = []
        self._random = get_rng_state()
        self._turn = [threading.Semaphore(0) for _ in functions]

    def run(self) -> list[T]:
        """Run all of them to the end; return their results.

        Raises:
            Exception: the first one that a computation has raised.
        """
        threads = [
            threading.Thread(target=copy_context().run, args=(self._run, number), daemon=True)
            for number in range(len(self._functions))
        ]
        for thread in threads:
            thread.start()
        self._turn[0].release()
        for thread in threads:
            thread.join()
        set_rng_state(self._random)
        if self._errors:
            raise self._errors[0]
        return self._results  # type: ignore[return-value]  # none is missing

    def _run(self, number: int) -> None:
        self._turn[number].acquire()
        _place.set((self, number))  # type: ignore[arg-type]  # their results are not used there
        set_rng_state(self._random)
        try:
            if not self._errors:
                self._results[number] = self._functions[number]()
        except BaseException as error:
            if not isinstance(error, StoppedError):
                self._errors.append(error)
        waiting = self._turn if self._errors else self._turn[number + 1 : number + 2]
        for turn in waiting:
            turn.release()

    def meet(self, number: int, value: object, exchange: Callable[[list[object]], list[object]]) -> list[object]:
        """Wait until all have come here; return what they have brought, after ``exchange``."""
        self._brought.append(value)
        if len(self._brought) == len(self._functions):
            brought, self._brought = self._brought, []
            self._met = exchange(brought)
        if len(self._functions) > 1:
            random = get_rng_state()
            self._turn[(number + 1) % len(self._functions)].release()
            self._turn[number].acquire()
            set_rng_state(random)
        if self._errors:
            raise StoppedError
        return self._met


def in_turns(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Run functions so that they can :func:`meet`; return their results."""
    return Turns(functions).run()


def meet(value: object, exchange: Callable[[list[object]], list[object]]) -> list[object]:
    """Bring a value; return those of all computations that take turns with this one, after ``exchange``."""
    place = _place.get()
    return exchange([value]) if place is None else place[0].meet(place[1], value, exchange)


def is_first_in_turn() -> bool:
    """Return whether this is the first of the computations that take turns, or the only one."""
    place = _place.get()
    return place is None or place[1] == 0


def number_in_turn() -> int | None:
    """Return the number of this computation among those that take turns; None outside of them."""
    place = _place.get()
    return None if place is None else place[1]
