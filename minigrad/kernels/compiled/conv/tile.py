"""The kernel of y and of the gradient of x: a tile of positions × results, whose sums stay in registers.

y[place[m], r] (+)= Σ over entries e, channels c   x[at[e, m] + c] · w[tap[e], c, r]
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core import cgutils
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
            panel = number(width * emit.lanes)
            taken = cgutils.alloca_once_value(builder, number(0))  # taps of the chain so far

            def piece(i: Value, sums: Block) -> Block:
                """Add what some of the channels contribute at all taps."""
                first = builder.mul(i, length)
                left = builder.sub(channels, first)
                count = builder.select(builder.icmp_signed("<", left, length), left, length)
                pixels, zeros, weights = (
                    emit.at(x, first),
                    emit.at(nothing, first),
                    emit.at(w, builder.mul(first, panel)),
                )

                def entry(e: Value, sums: Block) -> Block:
                    """Add what they contribute at one tap; before that, end a chain that is long enough."""
                    full = builder.icmp_signed("==", builder.load(taken), together)
                    sums = emit.when(full, sums, lambda sums: emit.join(sums, totals))
                    builder.store(builder.select(full, number(1), builder.add(builder.load(taken), number(1))), taken)
                    sources = []
                    for m in height:
                        pixel = emit.integer(at, builder.add(builder.mul(e, number(ROWS)), number(m)))
                        source = emit.at(pixels, builder.mul(pixel, x_pixel))
                        sources.append(builder.select(builder.icmp_signed("<", pixel, number(0)), zeros, source))
                    tap = emit.at(weights, builder.mul(emit.integer(taps, e), w_tap))

                    def channel(c: Value, sums: Block) -> Block:
                        row = emit.row(emit.at(tap, builder.mul(c, panel)), width)
                        return emit.outer([emit.at(source, c) for source in sources], row, sums)

                    return emit.repeat(count, sums, channel)

                return emit.repeat(entries, sums, entry)

            nothing_yet = emit.zeros(ROWS, width)
            sums = emit.when(emit.some(entries), nothing_yet, lambda sums: emit.repeat(chains, sums, piece))
            emit.add_or_set(emit.plus(sums, emit.read(totals)), rows, add)
            return context.get_dummy_value()

        return signature, generate

    return tile


tile = intrinsic(_tile(VECTORS))
#: The same for a last panel of few results.
narrow_tile = intrinsic(_tile(1))
