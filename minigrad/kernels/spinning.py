"""Waiting without sleeping, compiled by Numba: to wake a sleeping thread takes 50 µs and more."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


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
def _read(typing_context: Any, array: Any) -> Any:
    """Element 0, read from memory each time, as another thread may have written it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(data, ordering="acquire", align=8)

    return types.int64(array), generate


@njit(cache=True, nogil=True)
def wait_for_change(counter: Any, seen: int, turns: int) -> bool:
    """Whether ``counter[0]`` became another number than ``seen`` within so many looks at it."""
    for _ in range(turns):
        if _read(counter) != seen:
            return True
        _pause()
    return False
