"""Copies of weights in the order in which the kernels read them."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minigrad.kernels.compiled.conv.emit import Block, Emitter, number
from minigrad.kernels.compiled.conv.tile import VECTORS
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value


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


def _gather(width: int) -> Callable[..., Intrinsic]:
    def gather(
        typing_context: TypingContext,
        source: NumbaType,
        source_pixel: NumbaType,
        at: NumbaType,
        count: NumbaType,
        target: NumbaType,
    ) -> Intrinsic:
        signature = types.void(source, types.int64, at, types.int64, source)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            source, source_pixel, at, count, target = arguments
            emit = Emitter(context, builder, signature.args[0])

            def pixel(k: Value, _: Block) -> Block:
                seen = emit.row(emit.at(source, builder.mul(emit.integer(at, k), source_pixel)), width)
                emit.put(seen, emit.at(target, builder.mul(k, number(width * emit.lanes))))
                return []

            emit.loop(count, [], pixel)
            return context.get_dummy_value()

        return signature, generate

    return gather


#: target[k] = source[at[k] · source_pixel], of rows of VECTORS vectors.
gather = intrinsic(_gather(VECTORS))
#: The same, of rows of one vector.
narrow_gather = intrinsic(_gather(1))
