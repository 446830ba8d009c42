"""The few vector instructions of the convolution's kernels, as LLVM's for Numba (needs Numba)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from llvmlite import ir
from numba.core import cgutils

from minigrad.kernels.compiled import vectors
from minigrad.kernels.compiled.names import Context, NumbaType, Value

#: Vectors that are kept in registers, as rows; and the body of a loop, which turns its number and a block into a block.
Block: TypeAlias = list[list[Value]]
Body: TypeAlias = Callable[[Value, Block], Block]

_INDEX = ir.IntType(64)
_COUNT = ir.IntType(32)


def number(value: int) -> Value:
    """Return a constant integer."""
    return ir.Constant(_INDEX, value)


class Emitter:
    """Emits instructions on vectors of the elements that a pointer of Numba's points to."""

    def __init__(self, context: Context, builder: ir.IRBuilder, pointer: NumbaType) -> None:
        element = context.get_value_type(pointer.dtype)
        size = 64 if isinstance(element, ir.DoubleType) else 32
        self.builder, self.lanes = builder, vectors.BITS // size
        self.vector = ir.VectorType(element, self.lanes)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        # one instruction where the processor has it; "llvm.fma" would call a slow function where it has not
        self._fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{self.lanes}f{size}")

    # --- Memory ---

    def at(self, pointer: Value, index: Value | int) -> Value:
        """Return the address of element ``index``."""
        return self.builder.gep(pointer, [number(index) if isinstance(index, int) else index])

    def integer(self, pointer: Value, index: Value) -> Value:
        """Return an element of an array of 32-bit integers."""
        return self.builder.sext(self.builder.load(self.at(pointer, index)), _INDEX)

    def load(self, pointer: Value) -> Value:
        """Return the vector that begins at an address, aligned to an element only."""
        loaded = self.builder.load(self.builder.bitcast(pointer, self.vector.as_pointer()))
        loaded.align = 4
        return loaded

    def store(self, value: Value, pointer: Value) -> None:
        """Write a vector to an address."""
        self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer())).align = 4

    def row(self, pointer: Value, count: int) -> list[Value]:
        """Return the vectors that lie one after the other from an address on."""
        return [self.load(self.at(pointer, v * self.lanes)) for v in range(count)]

    def put(self, row: list[Value], pointer: Value) -> None:
        """Write vectors one after the other from an address on."""
        for v, value in enumerate(row):
            self.store(value, self.at(pointer, v * self.lanes))

    def add_or_set(self, block: Block, rows: list[Value], add: Value) -> None:
        """Write a block to rows of memory; add to what is there if ``add``.

        All is read before any is written: rows may be the same.
        """
        places = [self.at(row, v * self.lanes) for row in rows for v in range(len(block[0]))]
        values = [value for row in block for value in row]
        with self.builder.if_else(add) as (then, otherwise):
            with then:
                sums = [self.builder.fadd(self.load(place), value) for value, place in zip(values, places, strict=True)]
                for value, place in zip(sums, places, strict=True):
                    self.store(value, place)
            with otherwise:
                for value, place in zip(values, places, strict=True):
                    self.store(value, place)

    def prefetch(self, pointer: Value) -> None:
        """Have the line of memory at an address brought into the cache, to be written."""
        memory = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [memory, _COUNT, _COUNT, _COUNT])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        options = [ir.Constant(_COUNT, option) for option in (1, 3, 1)]  # to write; to all levels; data
        self.builder.call(function, [self.builder.bitcast(pointer, memory), *options])

    # --- Arithmetic ---

    def everywhere(self, scalar: Value) -> Value:
        """Return a vector of one value."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_COUNT, 0))
        zeros = ir.Constant(ir.VectorType(_COUNT, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return a · b + c."""
        return self.builder.call(self._fma, [a, b, c])

    def outer(self, scalars: list[Value], row: list[Value], sums: Block) -> Block:
        """Return sums + scalars · row: a column of numbers, given by their addresses, times a row of vectors.

        Each number is loaded just before its products: fewer registers are needed than if all were loaded first.
        """
        found = []
        for scalar, olds in zip(scalars, sums, strict=True):
            a = self.everywhere(self.builder.load(scalar))
            found.append([self.fma(a, b, old) for b, old in zip(row, olds, strict=True)])
        return found

    def plus(self, a: Block, b: Block) -> Block:
        """Return a + b."""
        return [[self.builder.fadd(x, y) for x, y in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)]

    def transposed(self, rows: list[Value]) -> list[Value]:
        """Return the columns of a square of as many vectors as a vector has elements.

        Exchange the upper right and lower left quarters, then those of each quarter, and so on.
        """
        rows, kind, half = list(rows), ir.VectorType(_COUNT, self.lanes), self.lanes // 2
        while half:
            for i in range(self.lanes):
                if i & half:
                    continue
                a, b = rows[i], rows[i + half]
                upper = [j + self.lanes - half if j & half else j for j in range(self.lanes)]
                lower = [j + self.lanes if j & half else j + half for j in range(self.lanes)]
                rows[i] = self.builder.shuffle_vector(a, b, ir.Constant(kind, upper))
                rows[i + half] = self.builder.shuffle_vector(a, b, ir.Constant(kind, lower))
            half //= 2
        return rows

    # --- Sums ---

    def totals(self, height: int, width: int) -> Block:
        """Return the places in memory of a block of totals, which are zero."""
        memory = cgutils.alloca_once(self.builder, self.vector, size=height * width)
        places = [[self.at(memory, m * width + v) for v in range(width)] for m in range(height)]
        self._to(places, self.zeros(height, width))
        return places

    def join(self, sums: Block, totals: Block) -> Block:
        """Add sums to totals, and return new sums, of nothing."""
        self._to(totals, self.plus(sums, self.read(totals)))
        return self.zeros(len(sums), len(sums[0]))

    def read(self, places: Block) -> Block:
        """Return the vectors in places of memory."""
        return [[self.builder.load(place) for place in row] for row in places]

    def _to(self, places: Block, block: Block) -> None:
        for row, values in zip(places, block, strict=True):
            for place, value in zip(row, values, strict=True):
                self.builder.store(value, place)

    # --- Loops ---

    def zeros(self, height: int, width: int) -> Block:
        """Return a block of sums to begin with."""
        return [[ir.Constant(self.vector, [0.0] * self.lanes)] * width for _ in range(height)]

    def loop(self, count: Value, start: Block, body: Body) -> Block:
        """Emit ``sums = body(i, sums)`` for i in 0 … count − 1, and return the last sums; ``count`` may be 0."""
        return self.when(self.some(count), start, lambda sums: self.repeat(count, sums, body))

    def some(self, count: Value) -> Value:
        """Return whether a count is more than 0."""
        return self.builder.icmp_signed(">", count, number(0))

    def repeat(self, count: Value, start: Block, body: Body) -> Block:
        """Emit the same for a ``count`` of at least 1, which saves the test whether it is 0."""
        builder, before = self.builder, self.builder.block
        inside, after = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(inside)
        builder.position_at_end(inside)
        i = builder.phi(_INDEX)
        i.add_incoming(number(0), before)
        sums = self._either(start, before)
        results = body(i, sums)
        following, end = builder.add(i, number(1)), builder.block
        i.add_incoming(following, end)
        self._or(sums, results, end)
        builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
        builder.position_at_end(after)
        return results

    def when(self, condition: Value, start: Block, body: Callable[[Block], Block]) -> Block:
        """Emit ``sums = body(sums)`` where a condition holds, and return the sums."""
        before = self.builder.block
        with self.builder.if_then(condition):
            results, end = body(start), self.builder.block
        last = self._either(start, before)
        self._or(last, results, end)
        return last

    def _either(self, block: Block, before: Value) -> Block:
        """Return what a block is where the program comes from ``before``; :meth:`_or` says what else it may be."""
        found = [[self.builder.phi(self.vector) for _ in row] for row in block]
        self._or(found, block, before)
        return found

    def _or(self, found: Block, block: Block, before: Value) -> None:
        for row, other in zip(found, block, strict=True):
            for value, incoming in zip(row, other, strict=True):
                value.add_incoming(incoming, before)
