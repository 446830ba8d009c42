"""Processes that load batches ahead of time.

Worker w of W loads the batches w, w + W, w + 2W, …, so their number alone decides which process loads what, and batches
arrive in order. The content of a batch does not even depend on that number (see ``loader.item_generator``).

A worker is a copy of its parent (``fork``) on Linux. Elsewhere it is a fresh Python (``spawn``), to which dataset and
functions are sent. These must be picklable, so none may be defined inside a function, and the program's own code must
stand under ``if __name__ == "__main__":``, because each worker reads the program's file for its definitions.

A worker ends when its pipe closes, and so also if its parent is killed.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from minigrad.data.slots import Message, Slot, unpack
from minigrad.data.worker_process import Failure, WorkerInfo, parents, work
from minigrad.system import FILES_ARE_INHERITED, START_METHOD, is_stopped

_PATIENCE = 5.0  # seconds that a worker gets to end by itself
_NOTICED = 60.0  # seconds without a batch, after which a line says so
_LOOK_EVERY = 2.0  # seconds between two looks at a worker that gives no batch

_log = logging.getLogger("minigrad")


class WorkerError(RuntimeError):
    """A worker process was killed, or crashed."""


class RemoteTracebackError(Exception):
    """The traceback of an exception in a worker, as text, since it cannot be sent itself."""


class Workers:
    """Processes that call ``load(task)`` ahead of time.

    Args:
        load: returns the batch of a task; it runs in the workers.
        count: number of processes.
        prefetch: number of batches that each may be ahead.
        seed: worker w seeds its random numbers with seed + w.
        dataset: for ``get_worker_info``.
        init: called in each worker with its number, before the first batch.
        timeout: seconds to wait for a batch; 0 waits without limit. After a minute a line on stderr says so.
        context: how processes start, "fork", "forkserver" or "spawn"; by default "fork" on Linux, else "spawn".
    """

    def __init__(
        self,
        load: Callable[..., object],
        count: int,
        prefetch: int = 2,
        seed: int = 0,
        dataset: object = None,
        init: Callable[[int], None] | None = None,
        timeout: float = 0,
        context: str | None = None,
    ) -> None:
        made_by: Any = multiprocessing.get_context(context or START_METHOD)  # its base class lacks Process
        self.prefetch, self.timeout = prefetch, timeout
        self.pipes: list[Connection] = []
        self.processes: list[BaseProcess] = []
        self.slots: list[list[Slot | None]] = []
        for number in range(count):
            here, there = multiprocessing.Pipe()
            info = WorkerInfo(number, count, seed, dataset)
            slots = [Slot.new() if FILES_ARE_INHERITED else None for _ in range(prefetch)]
            process = made_by.Process(target=work, args=(info, there, load, slots, init), daemon=True)
            parents.update([here, *(slot for slot in slots if slot is not None)])
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)
            self.slots.append(slots)
        self._end = weakref.finalize(self, _end, self.pipes, self.processes, self.slots)

    def run(self, tasks: Iterable[object]) -> Iterator[object]:
        """Yield the batch of every task, in order. The tasks are read only as they are needed.

        Raises:
            WorkerError: if a worker dies, or takes longer than ``timeout``.
            Exception: the one that ``load`` raised. Its cause has the worker's traceback, which Python prints with an
                error that nobody catches.
        """
        count = len(self.processes)
        waiting = enumerate(tasks)
        sent = done = 0
        finished = False
        try:
            for number, task in islice(waiting, count * self.prefetch):
                self._send(number, task, count)
                sent += 1
            while done < sent:
                batch = self._receive(done, count)
                done += 1
                for number, task in islice(waiting, 1):
                    self._send(number, task, count)
                    sent += 1
                if isinstance(batch, Failure):
                    raise batch.error from RemoteTracebackError(batch.traceback)
                yield batch
            finished = True
        finally:
            if not finished:  # the caller stopped early: nobody will receive the batches under way
                self.close()

    def _send(self, number: int, task: object, count: int) -> None:
        worker = number % count
        try:
            self.pipes[worker].send((task, number // count % self.prefetch))
        except (BrokenPipeError, ConnectionResetError):
            raise self._died(worker) from None

    def _receive(self, number: int, count: int) -> object:
        worker = number % count
        try:
            self._wait(worker)
            message: Message | Failure = self.pipes[worker].recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        slot = self.slots[worker][number // count % self.prefetch]
        return message if isinstance(message, Failure) else unpack(message, slot)

    def _wait(self, worker: int) -> None:
        """Wait until the worker has sent something, or has ended; continue it if somebody has stopped it."""
        process = self.processes[worker]
        awaited: list[Connection | int] = [self.pipes[worker], process.sentinel]
        began, noticed, stopped = time.monotonic(), False, False
        while not (ready := wait(awaited, min(_LOOK_EVERY, self.timeout or _LOOK_EVERY))):
            waited = time.monotonic() - began
            if self.timeout and waited >= self.timeout:
                raise WorkerError(f"DataLoader timed out after {self.timeout} seconds: worker {worker} gave no batch")
            was_stopped, stopped = stopped, process.pid is not None and is_stopped(process.pid)
            # Seen twice: Ctrl-Z stops all processes, and they go on one by one.
            if stopped and was_stopped and hasattr(signal, "SIGCONT"):
                _log.warning("DataLoader worker %d (pid %d) was stopped: it is continued", worker, process.pid)
                os.kill(process.pid or 0, signal.SIGCONT)
            elif waited >= _NOTICED and not noticed:
                noticed = True
                words = "DataLoader worker %d (pid %d) has given no batch for %.0f s; still waiting"
                _log.warning(words + " (timeout= sets a limit)", worker, process.pid, _NOTICED)
        if self.pipes[worker] not in ready and not self.pipes[worker].poll():
            raise self._died(worker)

    def _died(self, worker: int) -> WorkerError:
        process = self.processes[worker]
        process.join(_PATIENCE)
        code = process.exitcode
        names: dict[int | None, str] = {-number: number.name for number in signal.Signals}
        how = f"killed by signal {names.get(code, -code)}" if code is not None and code < 0 else f"exit code {code}"
        if names.get(code) == "SIGKILL":  # which Windows does not have
            how += "; if nobody killed it by hand, memory may have run out: try fewer workers, or smaller batches"
        return WorkerError(f"DataLoader worker {worker} (pid {process.pid}) exited unexpectedly: {how}")

    @property
    def closed(self) -> bool:
        """Return whether ``close`` has been called."""
        return not self._end.alive

    def close(self) -> None:
        """End the processes, and wait until they have ended."""
        self._end()


def _end(pipes: list[Connection], processes: list[BaseProcess], slots: list[list[Slot | None]]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.join(_PATIENCE)
        if process.is_alive():  # it is still busy with a batch
            process.kill()
            process.join()
        process.close()
    for slot in (slot for held in slots for slot in held if slot is not None):
        slot.close()
