"""Threads that share out the parts of one compiled function, without Python's lock (needs Numba).

A training step has hundreds of kernels that take a fraction of a millisecond. To start them through Python's threads
costs a good part of that: each handover of Python's lock is a trip through the operating system. Here the helpers
stay inside compiled code. They look at a counter; when it moves there is a job, that is a function and its arguments,
in ``PARTS`` numbered parts; each thread takes the next part until there is none. A helper that has found nothing
for a millisecond goes to sleep, as Python threads sleep.

        @compiled
        def double(part, x, y):                     # for the numbers 0 … parts − 1
            ...

        @compiled
        def run(team, x, y):                        # compiled: all within one call from Python
            share_out(team, parts, as_job(double, (x, y)))  # returns when all parts are done

Which thread takes which part is up to timing, so no result may depend on it: parts write to different memory. If a part
fails (its scratch memory may not be had), ``share_out`` raises what that part has raised once all parts are done.

The caller waits only for helpers that have joined the job, that is, are ``INSIDE``; a sleeping or descheduled helper
simply gets no part. A helper first marks itself as inside and then checks whether the job is still ``OPEN``; the caller
first closes the job and then checks which helpers are inside. In whatever order that happens, no helper reads a job
that has been replaced.

A thread that has a job claims the team for it (``BUSY``), and does the job alone where another thread of the user's has
claimed the team. The claim is made in compiled code, so that no exception (such as Ctrl-C in Python code) can interrupt
it.
"""

from __future__ import annotations

import logging
import threading
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.callconv import RETCODE_USEREXC, Status, excinfo_ptr_t
from numba.extending import intrinsic

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Context, Intrinsic, Job, NumbaType, Signature, Team, TypingContext, Value
from minigrad.kernels.threads import get_num_threads
from minigrad.system import after_fork_in_child, cores
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

Result = TypeVar("Result")

_LINE = 8  # numbers of a cache line: each field has one to itself, or threads would slow each other down
TICKET, OPEN, NEXT, INSIDE, FUNCTION, ARGUMENTS, FAILURE, PARTS, HELPERS, BUSY = (_LINE * i for i in range(10))
_PATIENCE = 4_000  # polls of the counter, after which a waiting thread offers its core to others at each poll
_TURNS = 5_000  # polls before a helper goes to sleep: about half a millisecond
_CORES = cores()

_INDEX = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
#: A part of a job as a function of (address of the arguments, number of the part, address for an exception).
_PART = ir.FunctionType(ir.VoidType(), [_BYTES, _INDEX, _INDEX.as_pointer()])

#: The function of this system's C library that offers the rest of a thread's turn to others.
_YIELD = next((name for name in ("sched_yield", "SwitchToThread") if binding.address_of_symbol(name)), None)


# --- Instructions that Numba has no names for ---


def _field(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


@intrinsic
def _load(typing_context: TypingContext, team: NumbaType, field: NumbaType) -> Intrinsic:
    """Return a field, as other threads have left it."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        return builder.load_atomic(_field(context, builder, signature, arguments), ordering="seq_cst", align=8)

    return types.int64(team, types.int64), generate


@intrinsic
def _store(typing_context: TypingContext, team: NumbaType, field: NumbaType, value: NumbaType) -> Intrinsic:
    """Set a field, after all that was written before."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        place = _field(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], place, ordering="seq_cst", align=8)
        return context.get_dummy_value()

    return types.void(team, types.int64, types.int64), generate


@intrinsic
def _add(typing_context: TypingContext, team: NumbaType, field: NumbaType, value: NumbaType) -> Intrinsic:
    """Add to a field, and return what it was before."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        place = _field(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, arguments[2], ordering="seq_cst")

    return types.int64(team, types.int64, types.int64), generate


@intrinsic
def _claim(typing_context: TypingContext, team: NumbaType) -> Intrinsic:
    """Claim the team, if nobody has; return whether that worked."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        place = _field(context, builder, signature, [arguments[0], ir.Constant(_INDEX, BUSY)])
        free, taken = ir.Constant(_INDEX, 0), ir.Constant(_INDEX, 1)
        return builder.extract_value(builder.cmpxchg(place, free, taken, ordering="seq_cst"), 1)

    return types.boolean(team), generate


def _call_without_arguments(builder: ir.IRBuilder, name: str, result: ir.Type) -> None:
    builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, []), name), [])


@intrinsic
def _pause(typing_context: TypingContext) -> Intrinsic:
    """Tell the processor that this is a waiting loop, so that it leaves its units to others."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        if vectors.X86:
            _call_without_arguments(builder, "llvm.x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _offer_core(typing_context: TypingContext) -> Intrinsic:
    """Let another thread have this core, if one waits for it."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        if _YIELD is not None:
            _call_without_arguments(builder, _YIELD, ir.IntType(32))
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _call(typing_context: TypingContext, job: NumbaType, part: NumbaType) -> Intrinsic:
    """Do a part of a job."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, values: list[Value]) -> Value:
        function, arguments, failure = (builder.extract_value(values[0], i) for i in range(3))
        function, arguments = builder.inttoptr(function, _PART.as_pointer()), builder.inttoptr(arguments, _BYTES)
        builder.call(function, [arguments, values[1], builder.inttoptr(failure, _INDEX.as_pointer())])
        return context.get_dummy_value()

    return types.void(job, types.int64), generate


@intrinsic
def as_job(typing_context: TypingContext, kernel: NumbaType, arguments: NumbaType) -> Intrinsic:
    """Return ``kernel(part, *arguments)`` as a job: three addresses, two of them on the caller's stack.

    They are those of a function, of its arguments, and of memory for an exception of any part.
    """
    called = kernel.get_call_type(typing_context, (types.int64, *arguments.types), {})

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, values: list[Value]) -> Value:
        held = cgutils.alloca_once_value(builder, values[1])
        failure = cgutils.alloca_once(builder, _INDEX)
        builder.store(ir.Constant(_INDEX, 0), failure)
        function = ir.Function(builder.module, _PART, name=builder.module.get_unique_name("part"))
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        loaded = inner.load(inner.bitcast(function.args[0], held.type))
        unpacked = [inner.extract_value(loaded, i) for i in range(len(signature.args[1].types))]
        overload = kernel.dispatcher.overloads[called.args]
        context.active_code_library.add_linking_library(overload.library)
        target = context.declare_function(builder.module, overload.fndesc)
        passed = [function.args[1], *unpacked]
        status, _ = context.call_conv.call_function(inner, target, called.return_type, called.args, passed)
        with cgutils.if_unlikely(inner, status.is_error):
            exception = inner.ptrtoint(status.excinfoptr, _INDEX)
            inner.store_atomic(exception, function.args[2], ordering="monotonic", align=8)
        inner.ret_void()
        addresses = [builder.ptrtoint(address, _INDEX) for address in (function, held, failure)]
        return context.make_tuple(builder, signature.return_type, addresses)

    return types.UniTuple(types.int64, 3)(kernel, arguments), generate


@intrinsic
def _raise_failure(typing_context: TypingContext, job: NumbaType) -> Intrinsic:
    """Raise what a part of the job has raised, if any has."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        place = builder.inttoptr(builder.extract_value(arguments[0], 2), _INDEX.as_pointer())
        failure = builder.load(place)
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("!=", failure, ir.Constant(_INDEX, 0))):
            exception = builder.inttoptr(failure, excinfo_ptr_t)
            status = Status(RETCODE_USEREXC, *[None] * 6, exception)
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(job), generate


# --- Sharing out ---


@compiled
def _take_parts(team: Team) -> None:
    job, parts = (_load(team, FUNCTION), _load(team, ARGUMENTS), _load(team, FAILURE)), _load(team, PARTS)
    while True:
        part = _add(team, NEXT, 1)
        if part >= parts:
            break
        _call(job, part)


@compiled
def _wait(turn: int) -> None:
    """Wait for a moment; ``turn`` counts the moments that this thread has waited already."""
    if turn < _PATIENCE:
        _pause()
    else:
        _offer_core()


@compiled
def share_out(team: Team, parts: int, job: Job) -> None:
    """Do all parts of a job, shared out among the threads that have time; only compiled functions can call it."""
    if parts <= 1 or _load(team, HELPERS) == 0 or not _claim(team):
        for part in range(parts):
            _call(job, part)
    else:
        _store(team, FUNCTION, job[0])
        _store(team, ARGUMENTS, job[1])
        _store(team, FAILURE, job[2])
        _store(team, PARTS, parts)
        _store(team, NEXT, 0)
        _store(team, OPEN, 1)
        _add(team, TICKET, 1)
        _take_parts(team)
        _store(team, OPEN, 0)
        turn = 0
        while _load(team, INSIDE) != 0:
            _wait(turn)
            turn += 1
        _store(team, BUSY, 0)
    _raise_failure(job)


@compiled
def _serve(team: Team, me: int, seen: int, turns: int) -> int:
    """Take parts of each new job; return after ``turns`` idle polls with the number of the last job seen."""
    turn = 0
    while turn < turns:
        now = _load(team, TICKET)
        if now == seen:
            _wait(turn)
            turn += 1
            continue
        seen, turn = now, 0
        if me < _load(team, HELPERS):
            _add(team, INSIDE, 1)
            if _load(team, OPEN) != 0:
                _take_parts(team)
            _add(team, INSIDE, -1)
    return seen


# --- The threads ---


class _Helper:
    """A thread that serves the team; where there is nothing to do, it sleeps until it is woken.

    It is started without a ``threading.Thread``, whose ``start`` waits for an Event: an exception at the wrong moment
    would leave that with a lock that is not held, and so with "release unlocked lock".
    """

    def __init__(self, team: Array, helpers: dict[int, _Helper], number: int) -> None:
        self.thread = 0  # its number, once it runs
        self._team, self._helpers, self._number = team, helpers, number
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._asleep = False

    def run(self) -> None:
        """Serve the team until the process ends."""
        self.thread = threading.get_ident()
        if self._helpers.setdefault(self._number, self) is not self:
            return  # Ctrl-C came while threads were started, so there is one of this number already
        try:
            self._serve_for_ever()
        finally:
            del self._helpers[self._number]
            self._team[HELPERS] = 0  # the next call counts the helpers anew

    def _serve_for_ever(self) -> None:
        seen = 0
        while True:
            seen = _serve(self._team, self._number, seen, _TURNS)
            self._asleep = True  # a job posted from now on wakes this thread; one posted before has changed the ticket
            if self._team[TICKET] == seen:
                self._calls.get()
            self._asleep = False

    def wake(self) -> None:
        """Wake this helper if it sleeps.

        To put something into a SimpleQueue is one indivisible operation. An Event has a lock of its own inside, which
        Ctrl-C at the wrong moment would leave held for ever.
        """
        if self._asleep and self._calls.empty():
            self._calls.put(None)


def _new_team() -> Array:
    """Return the fields, from the beginning of a cache line on."""
    memory = np.zeros(BUSY + 2 * _LINE, np.int64)
    skip = -memory.ctypes.data // memory.itemsize % _LINE
    return memory[skip:]


_team = _new_team()
_alone = _new_team()  # has no helpers
_helpers: dict[int, _Helper] = {}  # those that are running, by number
_starting = threading.RLock()
_starter = 0  # the thread that is starting helpers
_most_helpers = _CORES - 1  # or as many as the system has let us start


def _forget_helpers() -> None:
    """Start anew in a child process, which has none of its parent's threads."""
    global _team, _helpers, _starting, _starter
    _team, _helpers, _starting, _starter = _new_team(), {}, threading.RLock(), 0


after_fork_in_child(_forget_helpers)


def _set_helpers(wanted: int) -> None:
    """Let ``wanted`` helpers serve the team; start those that are not there, as far as the system allows it.

    An exception may end this at any line: the next call does the rest. A signal handler that interrupts it, and runs a
    kernel, makes do with the helpers there are.
    """
    global _starter
    if _starter == threading.get_ident():
        return
    with _starting:
        try:
            _starter = threading.get_ident()
            _team[HELPERS] = _started(wanted)
        finally:
            _starter = 0


def _started(wanted: int) -> int:
    """Start helpers until there are ``wanted``; return how many there are."""
    global _most_helpers
    for number in range(wanted):
        if number in _helpers:
            continue
        try:
            start_new_thread(_Helper(_team, _helpers, number).run, ())
        except RuntimeError:  # as many threads as this user or container may have
            _most_helpers = number
            logging.getLogger("minigrad").warning(
                "the system lets no more threads start: kernels use %d instead of %d", number + 1, get_num_threads()
            )
            return number
    return wanted


def call(function: Callable[..., Result], *arguments: object, alone: bool = False) -> Result:
    """Call ``function(team, *arguments)`` with the helpers that are free, or ``alone`` without any."""
    if alone:
        return function(_alone, *arguments)
    wanted = min(get_num_threads() - 1, _most_helpers)
    if _team[HELPERS] != wanted:
        _set_helpers(wanted)
    for number in range(wanted):
        if (helper := _helpers.get(number)) is not None:  # it is just starting
            helper.wake()
    return function(_team, *arguments)
