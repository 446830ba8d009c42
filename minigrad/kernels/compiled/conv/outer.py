"""The kernel of the gradient of w: outer products of outputs × channels, summed over positions in registers.

dw[m, c] (+)= Σ over entries k   g[place[k], m] · x[k, c]          whose rows are ``x_row`` elements apart
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minigrad.kernels.compiled.conv.emit import Block, Emitter, number
from minigrad.kernels.compiled.conv.tile import CHAIN, ROWS, VECTORS
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value


def _outer(width: int) -> Callable[..., Intrinsic]:
    """Return the kernel for ``width`` vectors of channels."""

    def outer(
        typing_context: TypingContext,
        g: NumbaType,
        places: NumbaType,
        x: NumbaType,
        x_row: NumbaType,
        count: NumbaType,
        dw: NumbaType,
        dw_row: NumbaType,
        add: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(g, places, x, i, i, dw, i, types.boolean)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            g, places, x, x_row, count, dw, dw_row, add = arguments
            emit = Emitter(context, builder, signature.args[0])
            height = range(ROWS)
            rows = [emit.at(dw, builder.mul(number(m), dw_row)) for m in height]
            for row in rows:
                emit.prefetch(row)
            totals = emit.totals(ROWS, width)

            def chain(number_of_chain: Value, _: Block) -> Block:
                first = builder.mul(number_of_chain, number(CHAIN))
                left = builder.sub(count, first)
                length = builder.select(builder.icmp_signed("<", left, number(CHAIN)), left, number(CHAIN))

                def position(k: Value, sums: Block) -> Block:
                    k = builder.add(first, k)
                    outputs = emit.at(g, builder.mul(emit.integer(places, k), number(ROWS)))
                    row = emit.row(emit.at(x, builder.mul(k, x_row)), width)
                    return emit.outer([emit.at(outputs, m) for m in height], row, sums)

                emit.join(emit.repeat(length, emit.zeros(ROWS, width), position), totals)
                return []

            chains = builder.udiv(builder.add(count, number(CHAIN - 1)), number(CHAIN))
            emit.loop(chains, [], chain)
            emit.add_or_set(emit.read(totals), rows, add)
            return context.get_dummy_value()

        return signature, generate

    return outer


outer = intrinsic(_outer(VECTORS))
#: The same for the last channels.
narrow_outer = intrinsic(_outer(1))
