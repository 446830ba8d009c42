"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim
from minigrad.functions.promotion import lowered
from minigrad.functions.selection import where
from minigrad.ops.linalg import MatMul
from minigrad.typing import Array, Tensor

__all__ = [
    "addmm",
    "bilinear",
    "bmm",
    "dot",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product of the last two dimensions; leading ones broadcast; a vector joins as row or column.

    Raises:
        RuntimeError: if the inner sizes differ, a tensor is 0-d, or the dtypes differ.
    """
    input, other = lowered(input, other)
    a, b = as_tensor_operand("matmul", input), as_tensor_operand("matmul", other, "other")
    if a.array.ndim == 0 or b.array.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.array.ndim}D and {b.array.ndim}D"
        )
    if a.array.dtype != b.array.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.array.dtype} != {b.array.dtype}; "
            "convert one with .to(dtype)"
        )
    rows, columns = a.array.ndim == 1, b.array.ndim == 1
    a = a.unsqueeze(0) if rows else a
    b = b.unsqueeze(1) if columns else b
    if a.array.shape[-1] != b.array.shape[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_shape(input.array)} and {_shape(other.array)}): "
            f"the inner sizes {a.array.shape[-1]} and {b.array.shape[-2]} differ"
        )
    c = MatMul.apply(a, b)
    if rows:
        c = c.squeeze(-2)
    return c.squeeze(-1) if columns else c


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices.

    Raises:
        RuntimeError: if one is no matrix, or the sizes do not fit.
    """
    for name, x in (("self", input), ("mat2", mat2)):
        if as_tensor_operand("mm", x, name).array.ndim != 2:
            raise RuntimeError(f"mm: {name} must be a matrix, got {x.array.ndim}D")
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix and a vector.

    Raises:
        RuntimeError: if they are no matrix and no vector, or the sizes do not fit.
    """
    a, b = as_tensor_operand("mv", input), as_tensor_operand("mv", vec, "vec")
    if a.array.ndim != 2 or b.array.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {a.array.ndim}D and {b.array.ndim}D")
    return matmul(a, b)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices, (B, n, k) and (B, k, m).

    Raises:
        RuntimeError: if one is no batch of matrices, or the sizes do not fit.
    """
    for name, x in (("batch1", input), ("batch2", mat2)):
        if as_tensor_operand("bmm", x, name).array.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, got {x.array.ndim}D")
    a, b = input.array.shape, mat2.array.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: {list(b[:2])}."
        )
    return matmul(input, mat2)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return β · input + α · mat1 mat2. With β = 0 the input counts for nothing, not even where it is NaN or infinite.

    Raises:
        RuntimeError: if one is no matrix, or the sizes or dtypes do not fit.
    """
    product = mm(mat1, mat2)
    if input.array.dtype != mat1.array.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {input.array.dtype} and {mat2.array.dtype}; "
            "convert one with .to(dtype)"
        )
    if product.array.dtype.kind != "f":  # torch cuts their fractions off
        beta, alpha = int(beta), int(alpha)
    x = input.expand(*product.shape)
    scaled = product if alpha == 1 else alpha * product
    if beta == 0:
        return where(wrap(np.zeros_like(x.array, dtype=bool)), x, scaled)  # its gradient is 0
    return (x if beta == 1 else beta * x) + scaled


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return Σ x · y of two vectors.

    Raises:
        RuntimeError: if one is no vector, or their lengths differ.
    """
    x, y = as_tensor_operand("dot", input), as_tensor_operand("dot", tensor, "tensor")
    if x.array.ndim != 1 or y.array.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {x.array.ndim}D and {y.array.ndim}D tensors")
    if x.array.shape != y.array.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(x.array.shape)} and src {list(y.array.shape)} to have "
            f"the same number of elements, but got {x.array.size} and {y.array.size} elements respectively"
        )
    return matmul(x, y)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the matrix of all products xᵢ · yⱼ.

    Raises:
        RuntimeError: if one is no vector.
    """
    for name, x in (("self", input), ("vec2", vec2)):
        if as_tensor_operand("outer", x, name).array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.array.ndim}-D")
    return input.unsqueeze(1) * vec2.unsqueeze(0)


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Return Σ over the last ``dims`` dimensions of a with the first of b, or over two lists of dimensions.

    Raises:
        RuntimeError: if the summed sizes differ.
    """
    if isinstance(dims, int):
        first, second = list(range(a.array.ndim - dims, a.array.ndim)), list(range(dims))
    else:
        first, second = ([normalize_dim(d, x.array.ndim) for d in ds] for ds, x in zip(dims, (a, b), strict=True))
    for d, e in zip(first, second, strict=True):  # a size of 1 broadcasts: sum the other side first
        if a.array.shape[d] == 1 != b.array.shape[e]:
            b = b.sum(e, keepdim=True, dtype=b.dtype)
        elif b.array.shape[e] == 1 != a.array.shape[d]:
            a = a.sum(d, keepdim=True, dtype=a.dtype)
    if [a.array.shape[d] for d in first] != [b.array.shape[d] for d in second]:
        raise RuntimeError(
            f"contracted dimensions need to match, but first has sizes {[a.array.shape[d] for d in first]} and second "
            f"has sizes {[b.array.shape[d] for d in second]}"
        )
    kept_a = [d for d in range(a.array.ndim) if d not in first]
    kept_b = [d for d in range(b.array.ndim) if d not in second]
    summed = math.prod(a.array.shape[d] for d in first)
    rows, columns = [a.array.shape[d] for d in kept_a], [b.array.shape[d] for d in kept_b]
    left = a.permute(*kept_a, *first).reshape(math.prod(rows), summed)
    right = b.permute(*second, *kept_b).reshape(summed, math.prod(columns))
    return matmul(left, right).reshape(*rows, *columns)


def _shape(array: Array) -> str:
    return "x".join(str(n) for n in array.shape)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return y_o = x₁ᵀ W_o x₂ + b_o. input1 (…, i), input2 (…, j), weight (o, i, j), bias (o) → (…, o).

    Raises:
        RuntimeError: if the sizes do not fit, naming them.
    """
    x, y = as_tensor_operand("bilinear", input1), as_tensor_operand("bilinear", input2, "input2")
    out, first, second = weight.array.shape
    if x.array.shape[:-1] != y.array.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {list(x.array.shape)} and {list(y.array.shape)}"
        )
    for position, (name, size, given) in enumerate((("input1", first, x), ("input2", second, y)), start=1):
        if given.array.shape[-1] != size:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {given.array.shape[-1]} but expected {size} "
                f"(dimension {position} of the weight)"
            )
    if bias is not None and bias.array.shape[0] != out:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.array.shape[0]}, expected {out}"
        )
    lead = x.array.shape[:-1]
    rows = math.prod(lead)
    left = matmul(x.reshape(rows, first), weight.permute(1, 0, 2).reshape(first, out * second))  # rows o·j
    result = (left.reshape(rows, out, second) * y.reshape(rows, 1, second)).sum(-1, dtype=x.dtype)
    result = result if bias is None else result + bias
    return result.reshape(*lead, out)
