"""Memory by its address, for compiled loops (needs Numba).

Loops take arrays as addresses, and an empty array ``like`` them for their dtype. So Numba compiles a loop once for each
dtype, whatever the arrays' order in memory and whether or not they may be written to.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"


@intrinsic
def pointer(typing_context: TypingContext, address: NumbaType, like: NumbaType) -> Intrinsic:
    """Return an address as a pointer to elements as those of ``like``."""
    kind = types.CPointer(like.dtype)

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return kind(types.int64, like), generate


@intrinsic
def moved(typing_context: TypingContext, start: NumbaType, count: NumbaType) -> Intrinsic:
    """Return the pointer ``count`` elements after another."""

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        return builder.gep(arguments[0], [arguments[1]])

    return start(start, types.int64), generate


@intrinsic
def element(typing_context: TypingContext, array: NumbaType, index: NumbaType) -> Intrinsic:
    """Return a pointer to element ``index`` of a contiguous array."""
    signature = types.CPointer(array.dtype)(array, types.int64)

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return signature, generate


@compiled
def stretch(address: int, first: int, count: int, like: Array) -> Array:
    """Return ``count`` elements as those of ``like``, of which the first is number ``first`` from an address on.

    Unlike a slice it does not count references to the memory: two threads that do that all the time slow each other
    down more than they help. And its indices from 0 on let the compiler use vectors.
    """
    return carray(pointer(address + first * like.itemsize, like), (count,))


@compiled
def place(array: Array) -> int:
    """Return the address at which an array begins."""
    return np.int64(array.ctypes.data)  # type: ignore[return-value]  # or it would be an unsigned number


@intrinsic
def keep(typing_context: TypingContext, arrays: NumbaType) -> Intrinsic:
    """Keep arrays that a loop has made alive up to here: Numba frees them after their last use that it can see.

    It cannot see that the parts of a job use them, nor what reads them by their addresses.
    """

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        return context.get_dummy_value()

    return types.void(arrays), generate
