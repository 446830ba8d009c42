"""Copies between the order in memory and that in which the kernels read and write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minigrad.kernels.compiled.conv.emit import Emitter, number
from minigrad.kernels.compiled.conv.tile import ROWS, VECTORS
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value
from minigrad.kernels.compiled.pointers import moved
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg,var-annotated"


@intrinsic
def turn(
    typing_context: TypingContext, source: NumbaType, source_row: NumbaType, target: NumbaType, target_row: NumbaType
) -> Intrinsic:
    """Set target[j, i] = source[i, j], for as many rows and columns as a vector has elements."""
    signature = types.void(source, types.int64, target, types.int64)

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        source, source_row, target, target_row = arguments
        emit = Emitter(context, builder, signature.args[0])
        rows = [emit.load(emit.at(source, builder.mul(source_row, number(i)))) for i in range(emit.lanes)]
        for j, row in enumerate(emit.transposed(rows)):
            emit.store(row, emit.at(target, builder.mul(target_row, number(j))))
        return context.get_dummy_value()

    return signature, generate


def _copy(count: Callable[[int], int]) -> Callable[..., Intrinsic]:
    """Return the copy of a number of elements, given the number that a vector has."""

    def copy(typing_context: TypingContext, source: NumbaType, target: NumbaType) -> Intrinsic:
        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            emit = Emitter(context, builder, signature.args[0])
            emit.vector = ir.VectorType(emit.vector.element, count(emit.lanes))
            emit.store(emit.load(arguments[0]), arguments[1])
            return context.get_dummy_value()

        return types.void(source, source), generate

    return copy


#: Numbers of rows that follow each other.
IN_ORDER = np.arange(ROWS, dtype=np.int32)

#: Copy a row of a panel, of a narrow panel, and of a tile.
copy_wide = intrinsic(_copy(lambda lanes: VECTORS * lanes))
copy_narrow = intrinsic(_copy(lambda lanes: lanes))
copy_tile = intrinsic(_copy(lambda lanes: ROWS))


@compiled
def put_corner(
    corner: Array, wide: int, rows: int, count: int, target: Array, target_row: int, places: Array, add: bool
) -> None:
    """Copy rows of ``count`` elements from a block of registers that was larger than what it is for; or add them."""
    for m in range(rows):
        row = moved(target, places[m] * target_row)
        for i in range(count):
            row[i] = corner[m * wide + i] + (row[i] if add else 0)
