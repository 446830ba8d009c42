"""Two inner loops for the processor's vector units, written as LLVM instructions for Numba (optional).

Compilers do not by themselves keep a block of sums in registers. So these two functions are written out:

        accumulate    y[o, p] = Σ_k w[k, o] · x[offsets[k] + p]         a block of ROWS × VECTORS vectors
        correlate     s[o, k] += Σ_p g[o, p] · x[offsets[k] + p]         a block of PAIR[0] × PAIR[1] vectors

``offsets`` is what makes a matrix product of them into a convolution: row k of the "column matrix" is only
the input, read from another offset. No column is ever copied. See conv_direct.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.machine_code import compiled
from minigrad.kernels.compiled.names import Context, Intrinsic, NumbaType, Signature, TypingContext, Value
from minigrad.typing import Array

# Numba passes an intrinsic its first argument itself:
# mypy: disable-error-code="call-arg"

#: Bytes of a vector register; rows and vectors of the block that ``accumulate`` keeps in registers; and the block of
#: ``correlate``.
VECTOR_BYTES = vectors.BITS // 8
ROWS, VECTORS = (8, 2) if vectors.REGISTERS == 32 else (6, 2)
PAIR = (4, 6) if vectors.REGISTERS == 32 else (3, 4)

#: Vectors that are kept in registers, as rows; and the body of a loop, which turns its number and a block into a block.
Block: TypeAlias = list[list[Value]]
Body: TypeAlias = Callable[[Value, Block], Block]

_INDEX = ir.IntType(64)
_COUNT = ir.IntType(32)


def lanes(itemsize: int) -> int:
    """Return how many elements a vector has."""
    return VECTOR_BYTES // itemsize


def _vector_type(context: Context, pointer: NumbaType) -> ir.VectorType:
    element = context.get_value_type(pointer.dtype)
    return ir.VectorType(element, lanes(8 if pointer.dtype == types.float64 else 4))


class _Emitter:
    """Emit the few vector instructions that are needed."""

    def __init__(self, builder: ir.IRBuilder, vector: ir.VectorType) -> None:
        self.builder, self.vector = builder, vector
        suffix = f"v{vector.count}f{64 if isinstance(vector.element, ir.DoubleType) else 32}"
        kind = ir.FunctionType(vector, [vector] * 3)
        # one instruction where the processor has it; "llvm.fma" would call a slow function where it has not
        self._fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.{suffix}")

    def at(self, pointer: Value, index: Value | int) -> Value:
        """Return the address of element ``index``."""
        return self.builder.gep(pointer, [index if not isinstance(index, int) else ir.Constant(_INDEX, index)])

    def load(self, pointer: Value) -> Value:
        """Return the vector that begins at an address, aligned to an element only."""
        loaded = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        loaded.align = 4
        return loaded

    def store(self, value: Value, pointer: Value) -> None:
        """Write a vector to an address."""
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = 4

    def everywhere(self, scalar: Value) -> Value:
        """Return a vector of one value."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_COUNT, 0))
        zeros = ir.Constant(ir.VectorType(_COUNT, self.vector.count), [0] * self.vector.count)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return a · b + c."""
        return self.builder.call(self._fma, [a, b, c])

    def only_from(self, first: Value, vector: Value) -> Value:
        """Return a vector with zeros before element ``first``."""
        wide = self.vector.count
        numbers = ir.VectorType(_INDEX, wide)
        undefined = ir.Constant(numbers, ir.Undefined)
        firsts = self.builder.insert_element(undefined, first, ir.Constant(_COUNT, 0))
        zeros = ir.Constant(ir.VectorType(_COUNT, wide), [0] * wide)
        firsts = self.builder.shuffle_vector(firsts, undefined, zeros)
        counts = self.builder.icmp_signed(">=", ir.Constant(numbers, list(range(wide))), firsts)
        return self.builder.select(counts, vector, ir.Constant(self.vector, [0.0] * wide))

    def totals(self, vectors: list[Value]) -> list[Value]:
        """Return the sum of each vector's elements, as vectors of such sums.

        Two vectors become one of half sums, with half as many additions as if each were added up by itself.
        """
        wide = self.vector.count
        nothing = ir.Constant(self.vector, [0.0] * wide)
        found = []
        for first in range(0, len(vectors), wide):
            level = vectors[first : first + wide]
            level += [nothing] * (wide - len(level))
            half = wide // 2
            while len(level) > 1:
                middle = len(level) // 2
                level = [self._folded(a, b, half) for a, b in zip(level[:middle], level[middle:], strict=True)]
                half //= 2
            found.append(level[0])
        return found

    def _folded(self, a: Value, b: Value, half: int) -> Value:
        """Return, in every 2 · half elements, sums of a's elements that are ``half`` apart, and then those of b's."""
        wide = self.vector.count
        front, back = [], []
        for start in range(0, wide, 2 * half):
            front += [start + i for i in range(half)] + [wide + start + i for i in range(half)]
            back += [start + half + i for i in range(half)] + [wide + start + half + i for i in range(half)]
        kind = ir.VectorType(_COUNT, wide)
        return self.builder.fadd(
            self.builder.shuffle_vector(a, b, ir.Constant(kind, front)),
            self.builder.shuffle_vector(a, b, ir.Constant(kind, back)),
        )

    def zeros(self, height: int, width: int) -> Block:
        """Return a block of sums to begin with."""
        return [[ir.Constant(self.vector, [0.0] * self.vector.count)] * width for _ in range(height)]

    def loop(self, count: Value, start: Block, body: Body, may_be_empty: bool = False) -> Block:
        """Emit ``sums = body(i, sums)`` for i in 0 … count − 1, and return the last sums, a block of vectors.

        ``count`` is at least 1 unless it ``may_be_empty``.
        """
        builder = self.builder
        before = builder.block
        inside, after = builder.append_basic_block("loop"), builder.append_basic_block("done")
        if may_be_empty:
            builder.cbranch(builder.icmp_signed(">", count, ir.Constant(_INDEX, 0)), inside, after)
        else:
            builder.branch(inside)
        builder.position_at_end(inside)
        i = builder.phi(_INDEX)
        i.add_incoming(ir.Constant(_INDEX, 0), before)
        sums = [[builder.phi(self.vector) for _ in row] for row in start]
        results = body(i, sums)
        following = builder.add(i, ir.Constant(_INDEX, 1))
        end = builder.block
        i.add_incoming(following, end)
        for row, new_row, start_row in zip(sums, results, start, strict=True):
            for total, new, first in zip(row, new_row, start_row, strict=True):
                total.add_incoming(first, before)
                total.add_incoming(new, end)
        builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
        builder.position_at_end(after)
        return self._either(start, before, results, end) if may_be_empty else results

    def _either(self, first: Block, before: Value, second: Block, end: Value) -> Block:
        """Return the first block if the program comes from ``before``, and the second if it comes from ``end``."""
        found = []
        for row, other_row in zip(first, second, strict=True):
            found.append([self.builder.phi(self.vector) for _ in row])
            for value, one, other in zip(found[-1], row, other_row, strict=True):
                value.add_incoming(one, before)
                value.add_incoming(other, end)
        return found


def _accumulation(packed: bool) -> Callable[..., object]:
    """Return one of the two forms of ``accumulate``."""

    def accumulate(
        typing_context: TypingContext,
        x: NumbaType,
        x_stride: NumbaType,
        channels: NumbaType,
        w: NumbaType,
        w_stride: NumbaType,
        w_row: NumbaType,
        x_taps: NumbaType,
        w_taps: NumbaType,
        taps: NumbaType,
        y: NumbaType,
        y_stride: NumbaType,
        add: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(x, i, i, w, i, i, x_taps, w_taps, i, y, i, types.boolean)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            x, x_stride, channels, w, w_stride, w_row, x_taps, w_taps, taps, y, y_stride, add = arguments
            emit = _Emitter(builder, _vector_type(context, signature.args[0]))
            wide = emit.vector.count

            def weights(first: Value) -> list[Value]:
                """Return the addresses of ROWS weights, through as few registers as the processor's addresses allow."""
                if packed:
                    return [emit.at(first, o) for o in range(ROWS)]
                fourth = emit.at(first, builder.mul(w_row, ir.Constant(_INDEX, 3)))
                pairs = [
                    (first, 0),
                    (first, 1),
                    (first, 2),
                    (fourth, 0),
                    (first, 4),
                    (fourth, 2),
                    (fourth, 3),
                    (fourth, 4),
                ]
                return [emit.at(base, builder.mul(w_row, ir.Constant(_INDEX, k))) for base, k in pairs[:ROWS]]

            def channel(c: Value, sums: Block) -> Block:
                source = emit.at(x, builder.mul(c, x_stride))
                weights_here = emit.at(w, builder.mul(c, w_stride))

                def tap(t: Value, sums: Block) -> Block:
                    at = emit.at(source, builder.load(emit.at(x_taps, t)))
                    seen = [emit.load(emit.at(at, v * wide)) for v in range(VECTORS)]
                    block = []
                    for o, place in enumerate(weights(emit.at(weights_here, builder.load(emit.at(w_taps, t))))):
                        weight = emit.everywhere(builder.load(place))
                        block.append([emit.fma(weight, seen[v], sums[o][v]) for v in range(VECTORS)])
                    return block

                return emit.loop(taps, sums, tap)

            block = emit.loop(channels, emit.zeros(ROWS, VECTORS), channel)
            rows = [emit.at(y, builder.mul(y_stride, ir.Constant(_INDEX, o))) for o in range(ROWS)]
            places = [emit.at(row, v * wide) for row in rows for v in range(VECTORS)]
            totals = [total for row in block for total in row]
            with builder.if_else(add) as (then, otherwise):
                with then:
                    for total, place in zip(totals, places, strict=True):
                        emit.store(builder.fadd(emit.load(place), total), place)
                with otherwise:
                    for total, place in zip(totals, places, strict=True):
                        emit.store(total, place)
            return context.get_dummy_value()

        return signature, generate

    return accumulate


#: y[o · y_stride + p] = Σ_c Σ_t w[c · w_stride + w_taps[t] + o] · x[c · x_stride + x_taps[t] + p]
#: for ROWS outputs o and VECTORS vectors of positions p; added to what is in y if ``add``. ``x``, ``w``, ``x_taps``,
#: ``w_taps`` and ``y`` are pointers; ``channels`` and ``taps``, the numbers of c and t, are at least 1.
accumulate = intrinsic(_accumulation(packed=True))

#: The same with the weights of neighbouring outputs ``w_row`` apart.
accumulate_strided = intrinsic(_accumulation(packed=False))


def _correlation(masked: bool) -> Callable[..., object]:
    """Return one of the two forms of ``correlate``."""

    def correlate(
        typing_context: TypingContext,
        g: NumbaType,
        g_stride: NumbaType,
        x: NumbaType,
        offsets: NumbaType,
        lines: NumbaType,
        count: NumbaType,
        more: NumbaType,
        sums: NumbaType,
    ) -> Intrinsic:
        i = types.int64
        signature = types.void(g, i, x, offsets, lines, i, i, sums)

        def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
            g, g_stride, x, offsets, lines, count, more, sums = arguments
            emit = _Emitter(builder, _vector_type(context, signature.args[0]))
            rows = [emit.at(g, builder.mul(g_stride, ir.Constant(_INDEX, o))) for o in range(PAIR[0])]
            sources = [emit.at(x, builder.load(emit.at(offsets, k))) for k in range(PAIR[1])]

            def line(number: Value, block: Block) -> Block:
                entry = emit.at(lines, builder.mul(number, ir.Constant(_INDEX, 3)))
                g_at, x_at, third = (builder.load(emit.at(entry, field)) for field in range(3))

                def vector(v: Value, block: Block) -> Block:
                    along = builder.mul(v, ir.Constant(_INDEX, emit.vector.count))
                    from_g = [emit.load(emit.at(row, builder.add(g_at, along))) for row in rows]
                    if masked:
                        from_g = [emit.only_from(third, vector) for vector in from_g]
                    from_x = [emit.load(emit.at(source, builder.add(x_at, along))) for source in sources]
                    if masked:  # both: 0 · ∞ would not be 0
                        from_x = [emit.only_from(third, vector) for vector in from_x]
                    pairs = zip(from_g, block, strict=True)
                    return [[emit.fma(a, b, old) for b, old in zip(from_x, row, strict=True)] for a, row in pairs]

                return vector(ir.Constant(_INDEX, 0), block) if masked else emit.loop(third, block, vector)

            block = emit.loop(count, emit.zeros(*PAIR), line)
            others = emit.loop(
                more, emit.zeros(*PAIR), lambda i, block: line(builder.add(count, i), block), may_be_empty=True
            )
            pairs = zip(
                [total for row in block for total in row], [total for row in others for total in row], strict=True
            )
            for at, vector in enumerate(emit.totals([builder.fadd(a, b) for a, b in pairs])):
                place = emit.at(sums, at * emit.vector.count)
                emit.store(builder.fadd(emit.load(place), vector), place)
            return context.get_dummy_value()

        return signature, generate

    return correlate


#: sums[o · PAIR[1] + k] += Σ_p g[o · g_stride + p] · x[offsets[k] + p'], for PAIR outputs o and channels or taps k.
#: The positions p and p' are those of ``count`` lines (where in g, where in x, how many vectors), and of ``more`` lines
#: after them, which may be none. The two are summed by themselves first, because long sums round more. ``sums`` must
#: have room for PAIR[0] · PAIR[1] elements, rounded up to whole vectors.
correlate = intrinsic(_correlation(masked=False))

#: The same, of lines of one vector, (where in g, where in x, first element that counts).
correlate_ends = intrinsic(_correlation(masked=True))


@intrinsic
def address(typing_context: TypingContext, array: NumbaType, index: NumbaType) -> Intrinsic:
    """Return the address of element ``index`` of an array's memory."""
    signature = types.CPointer(array.dtype)(array, types.int64)

    def generate(context: Context, builder: ir.IRBuilder, signature: Signature, arguments: list[Value]) -> Value:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return signature, generate


@compiled
def stretch(array: Array, first: int, count: int) -> Array:
    """Return the elements first … first + count − 1 of a contiguous array's memory.

    Unlike a slice it does not count references to the memory: two threads that do that all the time slow each other
    down more than they help. And indices from 0 on, unlike ``array[first + i]`` which might be negative and count from
    the end, let the compiler use vectors.
    """
    return carray(address(array, first), (count,))
