"""Two inner loops for the processor's vector units, written as LLVM instructions for Numba (optional).

A compiler keeps a block of sums in registers only if it is told to. These two functions tell it:

        accumulate    y[o, p] = Σ_k w[k, o] · x[offsets[k] + p]         a block of ROWS × VECTORS vectors
        correlate     s[o, k] += Σ_p g[o, p] · x[offsets[k] + p]        a block of PAIR[0] × PAIR[1] vectors

``offsets`` is what makes a matrix product of them into a convolution: row k of the "column matrix" is nothing but
the input, read from another place on. No column is ever copied. See conv_direct.py.

(To whoever changes this file: Numba's cache looks at the date of conv_direct.py only. Touch that too.)
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_features = binding.get_host_cpu_features()
_WIDE = bool(_features.get("avx512f"))

#: Bytes of a vector register; rows and vectors of the block that ``accumulate`` keeps in registers (of which there
#: are 32 with AVX-512 and 16 with AVX2; other processors have no fewer than 16); and the block of ``correlate``.
VECTOR_BYTES = 64 if _WIDE else 32
ROWS, VECTORS = (8, 3) if _WIDE else (4, 3)
PAIR = (4, 6) if _WIDE else (3, 4)

_INDEX = ir.IntType(64)
_COUNT = ir.IntType(32)


def lanes(itemsize: int) -> int:
    """Elements of a vector."""
    return VECTOR_BYTES // itemsize


def _vector_type(context: Any, pointer: Any) -> ir.VectorType:
    element = context.get_value_type(pointer.dtype)
    return ir.VectorType(element, lanes(8 if pointer.dtype == types.float64 else 4))


class _Emitter:
    """Writes the few vector instructions that are needed."""

    def __init__(self, builder: Any, vector: ir.VectorType) -> None:
        self.builder, self.vector = builder, vector
        suffix = f"v{vector.count}f{64 if isinstance(vector.element, ir.DoubleType) else 32}"
        kind = ir.FunctionType(vector, [vector] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{suffix}")
        self._sum = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector.element, [vector.element, vector]),
            f"llvm.vector.reduce.fadd.{suffix}",
        )

    def at(self, pointer: Any, index: Any) -> Any:
        """The address of element ``index``."""
        return self.builder.gep(pointer, [index if not isinstance(index, int) else ir.Constant(_INDEX, index)])

    def load(self, pointer: Any) -> Any:
        """The vector that begins at an address, aligned to an element only."""
        loaded = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        loaded.align = 4
        return loaded

    def store(self, value: Any, pointer: Any) -> None:
        """Writes a vector to an address."""
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = 4

    def everywhere(self, scalar: Any) -> Any:
        """A vector of one value."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_COUNT, 0))
        zeros = ir.Constant(ir.VectorType(_COUNT, self.vector.count), [0] * self.vector.count)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a · b + c"""
        return self.builder.call(self._fma, [a, b, c])

    def total(self, vector: Any) -> Any:
        """The sum of a vector's elements, added in pairs."""
        start = ir.Constant(self.vector.element, -0.0)
        return self.builder.call(self._sum, [start, vector], fastmath=["reassoc"])

    def zeros(self, height: int, width: int) -> list[list[Any]]:
        """A block of sums to begin with."""
        return [[ir.Constant(self.vector, [0.0] * self.vector.count)] * width for _ in range(height)]

    def loop(self, count: Any, start: list[list[Any]], body: Any) -> list[list[Any]]:
        """``body(i, sums)`` for i in 0 … count − 1, where ``sums`` is a block of vectors; returns the last sums."""
        builder = self.builder
        before = builder.block
        inside, after = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(inside)
        builder.position_at_end(inside)
        i = builder.phi(_INDEX)
        i.add_incoming(ir.Constant(_INDEX, 0), before)
        sums = [[builder.phi(self.vector) for _ in row] for row in start]
        results = body(i, sums)
        following = builder.add(i, ir.Constant(_INDEX, 1))
        i.add_incoming(following, builder.block)
        for row, new_row, start_row in zip(sums, results, start, strict=True):
            for total, new, first in zip(row, new_row, start_row, strict=True):
                total.add_incoming(first, before)
                total.add_incoming(new, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
        builder.position_at_end(after)
        return results


@intrinsic
def accumulate(typing_context: Any, x: Any, offsets: Any, w: Any, count: Any, y: Any, stride: Any) -> Any:
    """y[o · stride + p] = Σ over k < count of w[k · ROWS + o] · x[offsets[k] + p], for ROWS o and VECTORS vectors of p.

    ``x``, ``offsets``, ``w`` and ``y`` are pointers; ``count`` is at least 1.
    """
    signature = types.void(x, offsets, w, types.int64, y, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, offsets, w, count, y, stride = arguments
        emit = _Emitter(builder, _vector_type(context, signature.args[0]))
        wide = emit.vector.count

        def body(k: Any, sums: Any) -> Any:
            source = emit.at(x, builder.load(emit.at(offsets, k)))
            seen = [emit.load(emit.at(source, v * wide)) for v in range(VECTORS)]
            weights = emit.at(w, builder.mul(k, ir.Constant(_INDEX, ROWS)))
            rows = []
            for o in range(ROWS):
                weight = emit.everywhere(builder.load(emit.at(weights, o)))
                rows.append([emit.fma(weight, seen[v], sums[o][v]) for v in range(VECTORS)])
            return rows

        for o, row in enumerate(emit.loop(count, emit.zeros(ROWS, VECTORS), body)):
            target = emit.at(y, builder.mul(stride, ir.Constant(_INDEX, o)))
            for v, total in enumerate(row):
                emit.store(total, emit.at(target, v * wide))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def correlate(
    typing_context: Any,
    g: Any,
    g_stride: Any,
    x: Any,
    offsets: Any,
    lines: Any,
    line_stride: Any,
    steps: Any,
    s: Any,
    s_stride: Any,
) -> Any:
    """s[o · s_stride + k] += Σ_p g[o · g_stride + p] · x[offsets[k] + p], for PAIR o and k.

    The positions p are ``lines`` stretches of ``steps`` vectors each, ``line_stride`` apart.
    """
    signature = types.void(g, types.int64, x, offsets, types.int64, types.int64, types.int64, s, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        g, g_stride, x, offsets, lines, line_stride, steps, s, s_stride = arguments
        emit = _Emitter(builder, _vector_type(context, signature.args[0]))
        rows = [emit.at(g, builder.mul(g_stride, ir.Constant(_INDEX, o))) for o in range(PAIR[0])]
        sources = [emit.at(x, builder.load(emit.at(offsets, k))) for k in range(PAIR[1])]

        def line(number: Any, sums: Any) -> Any:
            start = builder.mul(number, line_stride)

            def step(i: Any, sums: Any) -> Any:
                p = builder.add(start, builder.mul(i, ir.Constant(_INDEX, emit.vector.count)))
                from_g = [emit.load(emit.at(row, p)) for row in rows]
                from_x = [emit.load(emit.at(source, p)) for source in sources]
                pairs = zip(from_g, sums, strict=True)
                return [[emit.fma(a, b, old) for b, old in zip(from_x, row, strict=True)] for a, row in pairs]

            return emit.loop(steps, sums, step)

        for o, row in enumerate(emit.loop(lines, emit.zeros(*PAIR), line)):
            target = emit.at(s, builder.mul(s_stride, ir.Constant(_INDEX, o)))
            for k, total in enumerate(row):
                place = emit.at(target, k)
                builder.store(builder.fadd(builder.load(place), emit.total(total)), place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def address(typing_context: Any, array: Any, index: Any) -> Any:
    """The address of element ``index`` of an array's memory."""
    signature = types.CPointer(array.dtype)(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return signature, generate
