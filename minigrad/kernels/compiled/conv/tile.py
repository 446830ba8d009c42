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
        w: NumbaType,
        w_tap: NumbaType,
        y: NumbaType,
        y_pixel: NumbaType,
        places: NumbaType,
        add: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(x, i, nothing, taps, at, i, i, w, i, y, i, places, types.boolean)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            x, x_pixel, nothing, taps, at, entries, channels, w, w_tap, y, y_pixel, places, add = arguments
            emit = Emitter(context, builder, signature.args[0])
            height = range(ROWS)
            rows = [emit.at(y, builder.mul(emit.integer(places, number(m)), y_pixel)) for m in height]
            totals = emit.totals(ROWS, width)
            # as many chains of equal length as a tap needs; or as many taps in one chain as fit
            chains = builder.udiv(builder.add(channels, number(CHAIN - 1)), number(CHAIN))
            length = builder.udiv(builder.sub(builder.add(channels, chains), number(1)), chains)
            together = builder.udiv(number(CHAIN), length)

            def entry(e: Value, sums: Block) -> Block:
                sources = []
                for m in height:
                    pixel = emit.integer(at, builder.add(builder.mul(e, number(ROWS)), number(m)))
                    source = emit.at(x, builder.mul(pixel, x_pixel))
                    sources.append(builder.select(builder.icmp_signed("<", pixel, number(0)), nothing, source))
                weights = emit.at(w, builder.mul(emit.integer(taps, e), w_tap))
                several = builder.icmp_unsigned(">", chains, number(1))
                full = builder.icmp_unsigned("==", builder.urem(e, together), builder.sub(together, number(1)))
                joins = builder.or_(several, full)

                def chain(number_of_chain: Value, sums: Block) -> Block:
                    first = builder.mul(number_of_chain, length)
                    left = builder.sub(channels, first)
                    count = builder.select(builder.icmp_signed("<", left, length), left, length)
                    here = [emit.at(source, first) for source in sources]
                    panel = emit.at(weights, builder.mul(first, number(width * emit.lanes)))

                    def channel(c: Value, sums: Block) -> Block:
                        row = emit.row(emit.at(panel, builder.mul(c, number(width * emit.lanes))), width)
                        return emit.outer([builder.load(emit.at(source, c)) for source in here], row, sums)

                    return emit.when(joins, emit.loop(count, sums, channel), lambda sums: emit.join(sums, totals))

                return emit.loop(chains, sums, chain)

            sums = emit.loop(entries, emit.zeros(ROWS, width), entry)
            emit.add_or_set(emit.plus(sums, emit.read(totals)), rows, add)
            return context.get_dummy_value()

        return signature, generate

    return tile


tile = intrinsic(_tile(VECTORS))
#: The same for a last panel of few results.
narrow_tile = intrinsic(_tile(1))
