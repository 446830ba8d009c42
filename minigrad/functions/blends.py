"""Three tensors in one formula: interpolation between two, and a product or quotient added to a third."""

from __future__ import annotations

from minigrad.engine.tensor_base import TensorBase
from minigrad.functions.arguments import as_tensor_operand
from minigrad.ops.blends import Lerp
from minigrad.ops.casting import rounded_once
from minigrad.typing import Number, Tensor

__all__ = ["addcdiv", "addcmul", "lerp"]


@rounded_once
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return input + value · tensor1 · tensor2, broadcast."""
    x, y, z = _tensors("addcmul", input, tensor1, tensor2)
    return x + (y * z if value == 1 else value * y * z)


@rounded_once
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return input + value · tensor1 / tensor2, broadcast.

    Raises:
        RuntimeError: if both divided tensors are of integers.
    """
    x, y, z = _tensors("addcdiv", input, tensor1, tensor2)
    if y.array.dtype.kind != "f" and z.array.dtype.kind != "f":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; write input + value * tensor1 / tensor2, "
            "or div(tensor1, tensor2, rounding_mode='trunc')"
        )
    return x + (y / z if value == 1 else value * y / z)


def _tensors(name: str, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (
        as_tensor_operand(name, x),
        as_tensor_operand(name, y, "tensor1"),
        as_tensor_operand(name, z, "tensor2"),
    )


@rounded_once
def lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor:
    """Return input + weight · (end − input), broadcast; ``end`` exactly where the weight is 1.

    Raises:
        RuntimeError: if the dtypes differ.
        NotImplementedError: for integers.
    """
    start, end = as_tensor_operand("lerp", input), as_tensor_operand("lerp", end, "end")
    for name, x in (("end", end), ("weight", weight)):
        if isinstance(x, TensorBase) and x.array.dtype != start.array.dtype:
            raise RuntimeError(f"expected dtype {start.array.dtype} for `{name}` but got dtype {x.array.dtype}")
    if start.array.dtype.kind != "f":
        raise NotImplementedError(f"lerp is not implemented for {start.array.dtype}; make it floating first")
    return Lerp.apply(start, end, weight)
