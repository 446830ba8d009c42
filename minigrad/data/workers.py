"""Processes that load batches ahead of time.

Worker w of W loads the batches w, w + W, w + 2W, …, so which process loads what depends on nothing but their number,
and batches come back in order. What is in a batch does not even depend on that (see ``loader.item_generator``).

Arrays are not pickled. A worker writes a batch's arrays one behind the other into a *slot*: memory that both processes
see, of which it has one for each batch that may be under way. Only the shape of the batch goes through the pipe: what
was nested in what, and the dtype, shape and place of each array. Slots are files without a name, which the parent opens
and a worker inherits; whatever happens to the processes, nothing is left over. On Windows, where a process inherits no
files, the arrays go through the pipe too, which costs two more copies.

A worker is a copy of its parent (``fork``) on Linux. Elsewhere it is a fresh Python (``spawn``), to which dataset and
functions are sent: they must be picklable, so nothing defined inside a function, and the program's own code must stand
under ``if __name__ == "__main__":``, because each worker reads the program's file for its definitions.

A worker ends when its pipe closes, and so also if its parent is killed.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import random
import signal
import tempfile
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.random import default_generator
from minigrad.system import FILES_ARE_INHERITED, START_METHOD
from minigrad.tensor import Tensor

_ALIGNMENT = 64
_PATIENCE = 5.0  # seconds that a worker gets to end by itself
_parents: weakref.WeakSet[Connection | _Slot] = weakref.WeakSet()  # what is the parent's, so no child may hold it open


class WorkerInfo(NamedTuple):
    """What :func:`get_worker_info` says inside a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker of how many this process is; None in the main process."""
    return _worker_info


class WorkerError(RuntimeError):
    """A worker process came to an end by itself: it was killed, or crashed."""


class _Placed(NamedTuple):
    """Where an array lies in a slot."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    is_tensor: bool


class _Sent(NamedTuple):
    """An array that goes through the pipe, for want of a slot."""

    array: np.ndarray
    is_tensor: bool


# --- Slots ---


class _Slot:
    """A stretch of memory that two processes see, as large as was needed so far."""

    def __init__(self, file: int) -> None:
        self.file, self.memory, self.size = file, None, 0  # type: tuple[int, mmap.mmap | None, int]

    @classmethod
    def new(cls) -> _Slot:
        """A slot without a name, of this process's and of those that inherit it."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("minigrad-batch"))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    def __reduce__(self) -> Any:
        return _inherited, (DupFd(self.file),)  # only while a process is being spawned: it gets the file too

    def at_least(self, size: int, grow: bool) -> mmap.mmap:
        """The memory, mapped; the writer lets the file grow first."""
        if size > self.size:
            if grow:
                os.ftruncate(self.file, size)
            if self.memory is not None:
                self.memory.close()
            self.memory, self.size = mmap.mmap(self.file, size), size
        assert self.memory is not None
        return self.memory

    def close(self) -> None:
        """Gives the memory back; a second time it does nothing."""
        if self.memory is not None:
            self.memory.close()
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def _inherited(file: Any) -> _Slot:
    return _Slot(file.detach())


def _pack(batch: Any, slot: _Slot | None) -> Any:
    """Writes a batch's arrays into the slot; what is left of the batch says where. Without a slot they stay in it."""
    arrays: list[tuple[np.ndarray, int]] = []

    def place(node: Any) -> Any:
        if isinstance(node, Tensor | np.ndarray):
            array = node.array if isinstance(node, Tensor) else node
            if array.dtype.hasobject:
                return node
            if slot is None:
                return _Sent(array, isinstance(node, Tensor))
            start = -(-(arrays[-1][1] + arrays[-1][0].nbytes) // _ALIGNMENT) * _ALIGNMENT if arrays else 0
            arrays.append((array, start))
            return _Placed(array.dtype.str, array.shape, start, isinstance(node, Tensor))
        return mapped(place, node)

    shape = place(batch)
    if slot is None:
        return shape, 0
    if arrays:
        memory = slot.at_least(max(1, arrays[-1][1] + arrays[-1][0].nbytes), grow=True)
        for array, start in arrays:
            np.ndarray(array.shape, array.dtype, memory, start)[...] = array
    return shape, slot.size


def _unpack(message: Any, slot: _Slot | None) -> Any:
    """The batch, with arrays of its own: the slot will be written to again."""
    shape, size = message

    def fetch(node: Any) -> Any:
        if isinstance(node, _Sent):
            return wrap(node.array) if node.is_tensor else node.array
        if isinstance(node, _Placed):
            assert slot is not None
            memory = slot.at_least(size, grow=False)
            array = np.ndarray(node.shape, np.dtype(node.dtype), memory, node.start).copy()
            return wrap(array) if node.is_tensor else array
        return mapped(fetch, node)

    return fetch(shape)


def mapped(function: Callable[[Any], Any], node: Any) -> Any:
    """A list, tuple or dict with the function applied to what is in it; anything else as it is."""
    if isinstance(node, Mapping):
        return {key: function(value) for key, value in node.items()}
    if isinstance(node, tuple):
        values = [function(value) for value in node]
        return type(node)(*values) if hasattr(node, "_fields") else tuple(values)
    return [function(value) for value in node] if isinstance(node, list) else node


# --- In the worker ---


class _Failure(NamedTuple):
    """An exception on its way to the parent."""

    kind: type[BaseException]
    text: str  # with its traceback


def _work(
    info: WorkerInfo,
    pipe: Connection,
    load: Callable[[Any], Any],
    slots: Sequence[_Slot | None],
    init: Callable[[int], None] | None,
) -> None:
    """A worker's life: a task comes, a batch goes, until the pipe closes."""
    global _worker_info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to everybody at the terminal; the parent decides
    for other in list(_parents):
        if other not in slots:
            other.close()
    _worker_info = info
    seed = info.seed + info.id
    random.seed(seed)
    np.random.seed(seed % 2**32)
    default_generator.manual_seed(seed)
    try:
        failure = None
        try:
            if init is not None:
                init(info.id)
        except Exception as error:
            failure = _failure(error, info.id)
        while True:
            task, slot = pipe.recv()
            if failure is None:
                try:
                    answer: Any = _pack(load(task), slots[slot])
                    pickle.dumps(answer)
                except Exception as error:
                    answer = _failure(error, info.id)
            else:
                answer = failure
            pipe.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        os._exit(0)  # nothing of the parent's is to be flushed or cleaned up here


def _failure(error: Exception, worker: int) -> _Failure:
    text = f"Caught {type(error).__name__} in DataLoader worker process {worker}.\nOriginal {traceback.format_exc()}"
    try:
        pickle.dumps(type(error))
        type(error)(text)
        return _Failure(type(error), text)
    except Exception:  # a class that needs other arguments, or cannot travel
        return _Failure(RuntimeError, text)


# --- In the parent ---


class Workers:
    """Processes that call ``load(task)`` ahead of time.

    Args:
        load: gives a batch for a task; it runs in the workers.
        count: of processes.
        prefetch: batches that each may be ahead.
        seed: worker w's random numbers start from seed + w.
        init: called in each with its number, first of all.
        timeout: seconds to wait for a batch; 0 waits for ever.
        context: how processes start, "fork", "forkserver" or "spawn"; by default "fork" on Linux, else "spawn".
    """

    def __init__(
        self,
        load: Callable[[Any], Any],
        count: int,
        prefetch: int = 2,
        seed: int = 0,
        dataset: Any = None,
        init: Callable[[int], None] | None = None,
        timeout: float = 0,
        context: str | None = None,
    ) -> None:
        made_by: Any = multiprocessing.get_context(context or START_METHOD)
        self.prefetch, self.timeout = prefetch, timeout
        self.pipes: list[Connection] = []
        self.processes: list[Any] = []
        self.slots: list[list[_Slot | None]] = []
        for number in range(count):
            here, there = multiprocessing.Pipe()
            info = WorkerInfo(number, count, seed, dataset)
            slots = [_Slot.new() if FILES_ARE_INHERITED else None for _ in range(prefetch)]
            process = made_by.Process(target=_work, args=(info, there, load, slots, init), daemon=True)
            _parents.update([here, *(slot for slot in slots if slot is not None)])
            process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)
            self.slots.append(slots)
        self._end = weakref.finalize(self, _end, self.pipes, self.processes, self.slots)

    def run(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """The batch of every task, in order. Tasks are taken as they are needed: there may be any number.

        Raises:
            WorkerError: if a worker dies, or takes longer than ``timeout``.
            Exception: of the type that ``load`` raised, with the worker's traceback in its message.
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
                if isinstance(batch, _Failure):
                    raise batch.kind(batch.text)
                yield batch
            finished = True
        finally:
            if not finished:  # left early: what is under way belongs to nobody
                self.close()

    def _send(self, number: int, task: Any, count: int) -> None:
        worker = number % count
        try:
            self.pipes[worker].send((task, number // count % self.prefetch))
        except (BrokenPipeError, ConnectionResetError):
            raise self._died(worker) from None

    def _receive(self, number: int, count: int) -> Any:
        worker = number % count
        try:
            self._wait(worker)
            message = self.pipes[worker].recv()
        except (EOFError, OSError):
            raise self._died(worker) from None
        slot = self.slots[worker][number // count % self.prefetch]
        return message if isinstance(message, _Failure) else _unpack(message, slot)

    def _wait(self, worker: int) -> None:
        """Until the worker has sent something, or is no more."""
        ready = wait([self.pipes[worker], self.processes[worker].sentinel], self.timeout or None)
        if not ready:
            raise WorkerError(f"DataLoader timed out after {self.timeout} seconds: worker {worker} gave no batch")
        if self.pipes[worker] not in ready and not self.pipes[worker].poll():
            raise self._died(worker)

    def _died(self, worker: int) -> WorkerError:
        process = self.processes[worker]
        process.join(_PATIENCE)
        code = process.exitcode
        names = {-number: number.name for number in signal.Signals}
        how = f"killed by signal {names.get(code, -code)}" if code is not None and code < 0 else f"exit code {code}"
        if names.get(code) == "SIGKILL":  # which Windows does not have
            how += "; if nobody killed it by hand, memory may have run out: try fewer workers, or smaller batches"
        return WorkerError(f"DataLoader worker {worker} (pid {process.pid}) exited unexpectedly: {how}")

    @property
    def closed(self) -> bool:
        """Whether the processes have been told to end."""
        return not self._end.alive

    def close(self) -> None:
        """Ends the processes, and waits for that."""
        self._end()


def _end(pipes: list[Connection], processes: list[Any], slots: list[list[_Slot | None]]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.join(_PATIENCE)
        if process.is_alive():  # it is in the middle of something that takes long
            process.kill()
            process.join()
        process.close()
    for slot in (slot for held in slots for slot in held if slot is not None):
        slot.close()
