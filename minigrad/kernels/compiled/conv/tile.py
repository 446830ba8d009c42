"""The kernel of y and of the gradient of x: a tile of positions × results, whose sums stay in registers.

y[place[m], r] (+)= Σ over entries e, channels c   x[at[e, m] + c] · w[tap[e], c, r]
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.conv.emit import Block, Emitter, number
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

#: Positions of a tile, and vectors of results of a panel: as many sums as there are registers, but for a few.
ROWS, VECTORS = (12, 2) if vectors.REGISTERS == 32 else (6, 2)
#: Products added one after another, before their sum joins a total: rounding errors grow with the length of a chain.
CHAIN = 64


def _tile(width: int) -> Callable[..., Intrinsic]:
    """Return the kernel for panels of ``width`` vectors."""

    def tile(
        typing_context: TypingContext,
        x: NumbaType,
        x_pixel: NumbaType,
        nothing: NumbaType,
        taps: NumbaType,
        at: NumbaType,
        entries: NumbaType,
        channels: NumbaType,
        chains: NumbaType,
        length: NumbaType,
        together: NumbaType,
        w: NumbaType,
        w_tap: NumbaType,
        y: NumbaType,
        y_pixel: NumbaType,
        places: NumbaType,
        add: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(x, i, nothing, taps, at, i, i, i, i, i, w, i, y, i, places, types.boolean)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            x, x_pixel, nothing, taps, at, entries, channels, chains, length, together, *rest = arguments
            w, w_tap, y, y_pixel, places, add = rest
            emit = Emitter(context, builder, signature.args[0])
            height = range(ROWS)
            rows = [emit.at(y, builder.mul(emit.integer(places, number(m)), y_pixel)) for m in height]
            for row in rows:
                emit.prefetch(row)
            totals = emit.totals(ROWS, width)
            several = builder.icmp_signed(">", chains, number(1))
            width_of_row = number(width * emit.lanes)

            def entries_of_a_chain(i: Value, sums: Block) -> Block:
                first = builder.mul(i, together)
                count = least(builder.sub(entries, first), together)
                sums = emit.loop(count, sums, lambda e, sums: entry(builder.add(first, e), sums))
                last = builder.icmp_signed(">=", builder.add(first, together), entries)
                return emit.when(builder.not_(builder.or_(several, last)), sums, join)

            def entry(e: Value, sums: Block) -> Block:
                sources = []
                for m in height:
                    pixel = emit.integer(at, builder.add(builder.mul(e, number(ROWS)), number(m)))
                    source = emit.at(x, builder.mul(pixel, x_pixel))
                    sources.append(builder.select(builder.icmp_signed("<", pixel, number(0)), nothing, source))
                weights = emit.at(w, builder.mul(emit.integer(taps, e), w_tap))

                def chain(i: Value, sums: Block) -> Block:
                    first = builder.mul(i, length)
                    here = [emit.at(source, first) for source in sources]
                    panel = emit.at(weights, builder.mul(first, width_of_row))

                    def channel(c: Value, sums: Block) -> Block:
                        row = emit.row(emit.at(panel, builder.mul(c, width_of_row)), width)
                        return emit.outer([builder.load(emit.at(source, c)) for source in here], row, sums)

                    sums = emit.loop(least(builder.sub(channels, first), length), sums, channel)
                    return emit.when(several, sums, join)

                return emit.loop(chains, sums, chain)

            def join(sums: Block) -> Block:
                return emit.join(sums, totals)

            def least(a: Value, b: Value) -> Value:
                return builder.select(builder.icmp_signed("<", a, b), a, b)

            groups = builder.sdiv(builder.sub(builder.add(entries, together), number(1)), together)
            sums = emit.loop(groups, emit.zeros(ROWS, width), entries_of_a_chain)
            emit.add_or_set(emit.plus(sums, emit.read(totals)), rows, add)
            return context.get_dummy_value()

        return signature, generate

    return tile


tile = intrinsic(_tile(VECTORS))
#: The same for a last panel of few results.
narrow_tile = intrinsic(_tile(1))
