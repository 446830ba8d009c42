"""Einstein summation: a product of tensors, written by naming its dimensions.

``"ij,jk->ik"`` is a matrix product: letters on the right are kept, all others are summed over. Operands are combined
two at a time, in one batched matrix product:

        letters in both and still needed   → batch          (b)
        letters in both, not needed        → summed         (s)
        letters in one only                → rows, columns  (r, c)

        (b, r, s) @ (b, s, c) → (b, r, c)

The derivative is therefore that of the matrix product. Source: torch documentation, "einsum".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.linalg import matmul
from minigrad.functions.promotion import promote
from minigrad.typing import Tensor

__all__ = ["einsum"]

Label: TypeAlias = str | int  #: a letter, or for a dimension of an ellipsis a negative number, counted from the right


def einsum(equation: str | Tensor, *operands: Tensor | Sequence[Tensor] | Sequence[int | EllipsisType]) -> Tensor:
    """Return the sum of products that ``equation`` names, such as ``"bi,bj->bij"``; ``...`` stands for any dimensions.

    Without ``->`` the result has the letters that occur once, in alphabetical order, after the ellipsis. A letter
    twice in one operand takes its diagonal. ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` writes numbers for letters.

    Raises:
        RuntimeError, ValueError: if the equation is malformed or does not fit the operands.
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    tensors = [as_tensor_operand("einsum", x, "operands") for x in operands]
    if not tensors:
        raise ValueError("einsum(): must provide at least one operand")
    labels, result = _parse(equation.replace(" ", ""), tensors)
    terms = [_diagonals(x, names) for x, names in zip(tensors, labels, strict=True)]
    _check_sizes(terms)
    x, names = terms[0]
    for i, (y, others) in enumerate(terms[1:], start=2):
        needed = {name for _, rest in terms[i:] for name in rest} | set(result)
        x, names = _contract(x, names, y, others, needed)
    summed = [d for d, name in enumerate(names) if name not in result]
    x = x.sum(summed) if summed else x
    names = [name for name in names if name in result]
    return x.permute(*(names.index(name) for name in result))


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:  # operands and lists, by turns
    """Return the equation and the operands of ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""

    def letters(labels: Sequence[int | EllipsisType]) -> str:
        return "".join("..." if label is Ellipsis else _letter(label) for label in labels)

    paired = len(arguments) // 2 * 2
    equation = ",".join(letters(labels) for labels in arguments[1:paired:2])
    return equation + (f"->{letters(arguments[-1])}" if len(arguments) % 2 else ""), arguments[0:paired:2]


def _letter(label: int) -> str:
    if not 0 <= label < 52:
        raise ValueError(f"einsum(): labels in lists must be in the range [0, 52), got {label}")
    return chr(ord("A") + label) if label < 26 else chr(ord("a") + label - 26)


def _parse(equation: str, tensors: list[Tensor]) -> tuple[list[list[Label]], list[Label]]:
    """Return the labels of every operand and of the result."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        more = "fewer" if len(terms) > len(tensors) else "more"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation ({len(tensors)}, {equation!r})"
        )
    labels = [_labels(term, x.array.ndim, equation, i) for i, (term, x) in enumerate(zip(terms, tensors, strict=True))]
    everything = [name for names in labels for name in names]
    widest = [-d for d in range(max([-n for n in everything if isinstance(n, int)], default=0), 0, -1)]
    if not arrow:
        once = sorted({name for name in everything if isinstance(name, str) and everything.count(name) == 1})
        return labels, [*widest, *once]
    if right.count("...") > 1 or "." in right.replace("...", ""):
        raise RuntimeError(f"einsum(): found '.' for output that is not part of any ellipsis, in {equation!r}")
    before, dots, after = right.partition("...")
    result = [*before, *(widest if dots else []), *after]
    for name in result:
        if result.count(name) > 1:
            raise RuntimeError(f"einsum(): output subscript {name} appears more than once in the output")
        if name not in everything:
            raise RuntimeError(
                f"einsum(): output subscript {name} does not appear in the equation for any input operand"
                if str(name).isalpha()
                else f"einsum(): invalid subscript given for the output: {name!r}; it must be a letter"
            )
    return labels, result


def _labels(term: str, ndim: int, equation: str, position: int) -> list[Label]:
    """Return the labels of one operand, with a number for each dimension that an ellipsis stands for."""
    before, dots, after = term.partition("...")
    for name in before + after:
        if not (name.isascii() and name.isalpha()):
            raise RuntimeError(
                f"einsum(): invalid subscript {name!r} for operand {position} in {equation!r}; "
                "subscripts are letters, and '...' once"
            )
    hidden = ndim - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) does not match the "
            f"number of dimensions ({ndim}) for operand {position}"
        )
    return [*before, *range(-hidden, 0), *after]


def _diagonals(x: Tensor, names: list[Label]) -> tuple[Tensor, list[Label]]:
    """Return ``x`` with the diagonal taken for every label that it has twice, and its labels."""
    for name in list(dict.fromkeys(names)):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            sizes = x.array.shape[first], x.array.shape[second]
            if sizes[0] != sizes[1]:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for an operand but the sizes don't match, "
                    f"{sizes[0]} != {sizes[1]}"
                )
            rest = [d for d in range(x.array.ndim) if d not in (first, second)]
            positions = wrap(np.arange(sizes[0], like=x.array))
            x = x.permute(first, second, *rest)[(positions, positions)]
            names = [name, *(names[d] for d in rest)]
    return x, names


def _check_sizes(terms: list[tuple[Tensor, list[Label]]]) -> None:
    sizes: dict[Label, int] = {}
    for i, (x, names) in enumerate(terms):
        for name, n in zip(names, x.array.shape, strict=True):
            if n != 1 and sizes.setdefault(name, n) != n:
                raise RuntimeError(
                    f"einsum(): operand {i} has size {n} for subscript {name!r} which does not broadcast with "
                    f"previously seen size {sizes[name]}"
                )


def _contract(x: Tensor, a: list[Label], y: Tensor, b: list[Label], needed: set[Label]) -> tuple[Tensor, list[Label]]:
    """Return the product of two operands, summed over the labels that are not needed any more, and its labels."""
    alike = x.array.dtype == y.array.dtype
    x, a = _sum_out(x, a, needed | set(b))
    y, b = _sum_out(y, b, needed | set(a))
    if alike:  # a sum of small integers is int64
        x, y = promote(x, y)
    shared = [name for name in a if name in b]
    for name in shared:  # a size of 1 broadcasts: repeat it, so that both sides can be laid out as matrices
        n = max(x.array.shape[a.index(name)], y.array.shape[b.index(name)])
        x = x.expand(*(n if other == name else -1 for other in a))
        y = y.expand(*(n if other == name else -1 for other in b))
    batch = [name for name in shared if name in needed]
    summed = [name for name in shared if name not in needed]
    rows, columns = [name for name in a if name not in b], [name for name in b if name not in a]
    size = {
        **dict(zip(a, x.array.shape, strict=True)),
        **dict(zip(b, y.array.shape, strict=True)),
    }

    def laid_out(tensor: Tensor, names: list[Label], *groups: list[Label]) -> Tensor:
        ordered = tensor.permute(*(names.index(name) for group in groups for name in group))
        return ordered.reshape(*(math.prod(size[name] for name in group) for group in groups))

    product = matmul(laid_out(x, a, batch, rows, summed), laid_out(y, b, batch, summed, columns))
    names = [*batch, *rows, *columns]
    return product.reshape(*(size[name] for name in names)), names


def _sum_out(x: Tensor, names: list[Label], needed: set[Label]) -> tuple[Tensor, list[Label]]:
    """Return ``x`` summed over the labels that are not needed, and the labels that are left."""
    dims = [d for d, name in enumerate(names) if name not in needed]
    return (x.sum(dims) if dims else x), [name for name in names if name in needed]
