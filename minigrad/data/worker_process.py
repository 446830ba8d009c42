"""The program of a worker process: it receives tasks and sends batches until its pipe closes."""

from __future__ import annotations

import os
import pickle
import random
import signal
import traceback
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from minigrad.data.slots import Message, Slot, pack
from minigrad.random import default_generator

#: Pipes and slots of the parent, which a copied process must close: they would stay open as long as it lives.
parents: weakref.WeakSet[Connection | Slot] = weakref.WeakSet()


class WorkerInfo(NamedTuple):
    """The facts that :func:`get_worker_info` returns inside a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any  # the user's


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return the number of this worker process and of how many; None in the main process."""
    return _worker_info


class Failure(NamedTuple):
    """An exception on its way to the parent."""

    error: Exception  # without its traceback, which cannot be sent
    traceback: str  # and in which worker, as text


def work(
    info: WorkerInfo,
    pipe: Connection,
    load: Callable[..., object],
    slots: Sequence[Slot | None],
    init: Callable[[int], None] | None,
) -> None:
    """Run a worker: receive (task, number of a slot), send a :class:`Message` or a :class:`Failure`, and so on."""
    global _worker_info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    for other in list(parents):
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
            answer: Message | Failure
            if failure is None:
                try:
                    answer = pack(load(task), slots[slot])
                    pickle.dumps(answer)
                except Exception as error:
                    answer = _failure(error, info.id)
            else:
                answer = failure
            pipe.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        os._exit(0)  # skips the parent's own exit handlers and buffered output, which were copied


def _failure(error: Exception, worker: int) -> Failure:
    text = f"Caught {type(error).__name__} in DataLoader worker process {worker}.\nOriginal {traceback.format_exc()}"
    try:
        copied = pickle.loads(pickle.dumps(error))
        if type(copied) is type(error) and str(copied) == str(error):
            return Failure(copied, text)
    except Exception:  # a class that cannot be pickled, or made again
        pass
    return Failure(RuntimeError(f"{type(error).__name__}: {error}"), text)
