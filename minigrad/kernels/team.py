"""Threads that share out the parts of one compiled function, without Python's lock (needs Numba).

A training step has hundreds of kernels that take a fraction of a millisecond. To start them through Python's threads
costs a good part of that: each handover of Python's lock is a trip through the operating system. Here the helpers
stay inside compiled code. They look at a counter; when it moves there is a job, that is a function and its arguments,
in ``PARTS`` numbered parts; everybody takes the next part until there is none. A helper that has found nothing
for a millisecond goes to sleep, as Python threads sleep.

        @compiled_part
        def double(part, x, y):                     # compiled, for the numbers 0 … parts − 1
            ...

        @compiled
        def run(team, x, y):                        # compiled: all within one call from Python
            share_out(team, parts, as_job(double, (x, y)))  # returns when all parts are done

Which thread takes which part is up to timing, so no result may depend on it: parts write to different places.

The caller never waits for a helper that has not come: one that sleeps, or that the system has put aside, just gets
nothing to do. It waits only for those that are ``INSIDE``. A helper first says that it is inside and then looks whether
the job is still ``OPEN``; the caller first closes the job and then looks who is inside. In whatever order that
happens, no helper reads a job that has been replaced.
"""

from __future__ import annotations

import platform
import threading
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from minigrad.kernels.threads import get_num_threads
from minigrad.system import after_fork_in_child

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"

_LINE = 8  # numbers of a cache line: each field has one to itself, or threads would slow each other down
TICKET, OPEN, NEXT, INSIDE, FUNCTION, ARGUMENTS, PARTS, HELPERS = (_LINE * i for i in range(8))
_SPIN = 20_000  # looks at the counter before a helper goes to sleep: a millisecond or so
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")

_INDEX = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_PART = ir.FunctionType(ir.VoidType(), [_BYTES, _INDEX])  # (address of the arguments, number of the part)

#: How kernels are compiled: kept on disk, without Python's lock, and with division by zero as in NumPy.
compiled = njit(cache=True, nogil=True, error_model="numpy")


# --- Instructions that Numba has no names for ---


def _field(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.gep(data, [arguments[1]])


@intrinsic
def _load(typing_context: Any, team: Any, field: Any) -> Any:
    """A field, as other threads have left it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_field(context, builder, signature, arguments), ordering="seq_cst", align=8)

    return types.int64(team, types.int64), generate


@intrinsic
def _store(typing_context: Any, team: Any, field: Any, value: Any) -> Any:
    """Sets a field, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _field(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], place, ordering="seq_cst", align=8)
        return context.get_dummy_value()

    return types.void(team, types.int64, types.int64), generate


@intrinsic
def _add(typing_context: Any, team: Any, field: Any, value: Any) -> Any:
    """Adds to a field; what it was before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _field(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, arguments[2], ordering="seq_cst")

    return types.int64(team, types.int64, types.int64), generate


@intrinsic
def _pause(typing_context: Any) -> Any:
    """Tells the processor that this is a waiting loop, so that it leaves its units to others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _X86:
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _call(typing_context: Any, function: Any, arguments: Any, part: Any) -> Any:
    """Calls a function by its address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        function, arguments, part = values
        builder.call(builder.inttoptr(function, _PART.as_pointer()), [builder.inttoptr(arguments, _BYTES), part])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def as_job(typing_context: Any, kernel: Any, arguments: Any) -> Any:
    """``kernel(part, *arguments)`` as a job: the address of a function, and that of its arguments on the stack."""
    called = kernel.get_call_type(typing_context, (types.int64, *arguments.types), {})

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        held = cgutils.alloca_once_value(builder, values[1])
        function = ir.Function(builder.module, _PART, name=builder.module.get_unique_name("part"))
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        loaded = inner.load(inner.bitcast(function.args[0], held.type))
        unpacked = [inner.extract_value(loaded, i) for i in range(len(signature.args[1].types))]
        overload = kernel.dispatcher.overloads[called.args]
        context.active_code_library.add_linking_library(overload.library)
        target = context.declare_function(builder.module, overload.fndesc)
        context.call_conv.call_function(inner, target, called.return_type, called.args, [function.args[1], *unpacked])
        inner.ret_void()
        addresses = [builder.ptrtoint(function, _INDEX), builder.ptrtoint(held, _INDEX)]
        return context.make_tuple(builder, signature.return_type, addresses)

    return types.UniTuple(types.int64, 2)(kernel, arguments), generate


# --- Sharing out ---


@compiled
def _take_parts(team: Any) -> None:
    function, arguments, parts = _load(team, FUNCTION), _load(team, ARGUMENTS), _load(team, PARTS)
    while True:
        part = _add(team, NEXT, 1)
        if part >= parts:
            break
        _call(function, arguments, part)


@compiled
def share_out(team: Any, parts: int, job: Any) -> None:
    """Does all parts of a job, by whoever has time; only for compiled functions to call."""
    function, arguments = job
    if parts <= 1 or _load(team, HELPERS) == 0:
        for part in range(parts):
            _call(function, arguments, part)
        return
    _store(team, FUNCTION, function)
    _store(team, ARGUMENTS, arguments)
    _store(team, PARTS, parts)
    _store(team, NEXT, 0)
    _store(team, OPEN, 1)
    _add(team, TICKET, 1)
    _take_parts(team)
    _store(team, OPEN, 0)
    while _load(team, INSIDE) != 0:
        _pause()


@compiled
def _serve(team: Any, me: int, seen: int, turns: int) -> int:
    """What a helper does until there has been nothing to do for so many turns; returns the last job's number."""
    turn = 0
    while turn < turns:
        now = _load(team, TICKET)
        if now == seen:
            _pause()
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


class _Helper(threading.Thread):
    """Serves the team, and sleeps where there is nothing to do until it is woken."""

    def __init__(self, team: np.ndarray, number: int) -> None:
        super().__init__(name="minigrad", daemon=True)
        self.team, self.number = team, number
        self.wake = threading.Event()
        self.asleep = False
        self.start()

    def run(self) -> None:
        seen = 0
        while True:
            seen = _serve(self.team, self.number, seen, _SPIN)
            self.wake.clear()
            self.asleep = True  # whoever posts a job from now on sets ``wake``; what came before is seen in the ticket
            if self.team[TICKET] == seen:
                self.wake.wait()
            self.asleep = False


def _new_team() -> np.ndarray:
    """The fields, from the beginning of a cache line on."""
    memory = np.zeros(HELPERS + 2 * _LINE, np.int64)
    skip = -memory.ctypes.data // memory.itemsize % _LINE
    return memory[skip:]


_team = _new_team()
_alone = _new_team()  # has no helpers: for whoever comes while another thread of the user's has the team
_helpers: list[_Helper] = []
_in_use = threading.Lock()


def _forget_helpers() -> None:
    """After a fork the child has none of its parent's threads."""
    global _team, _helpers, _in_use
    _team, _helpers, _in_use = _new_team(), [], threading.Lock()


after_fork_in_child(_forget_helpers)


def call(function: Any, *arguments: Any, alone: bool = False) -> Any:
    """``function(team, *arguments)``, with the helpers if nobody else has them now, or ``alone`` without."""
    if alone or not _in_use.acquire(blocking=False):
        return function(_alone, *arguments)
    try:
        wanted = get_num_threads() - 1
        if _team[HELPERS] != wanted:
            while len(_helpers) < wanted:
                _helpers.append(_Helper(_team, len(_helpers)))
            _team[HELPERS] = wanted
        for helper in _helpers[:wanted]:
            if helper.asleep:
                helper.wake.set()
        return function(_team, *arguments)
    finally:
        _in_use.release()
