"""Mistakes in a Function of the reader's own: one sentence each, which names the class and says what to write instead.

function.py and backward.py call these where something does not fit.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from minigrad.engine.devices import refuse_mixed_devices
from minigrad.engine.tensor_base import TensorBase, type_name
from minigrad.typing import Shape, Tensor

if TYPE_CHECKING:
    from minigrad.engine.function import Function


def refuse_static_methods(cls: type[Function]) -> None:
    """Refuse torch's style, static methods with ``ctx``, when the class is defined.

    Raises:
        TypeError: naming the class and the method.
    """
    for name in ("forward", "backward", "fused_backward"):
        if isinstance(vars(cls).get(name), staticmethod | classmethod):
            arguments = list(inspect.signature(vars(cls)[name].__func__).parameters)[1:]
            raise TypeError(
                f"{cls.__name__}.{name} is a static method, as in torch; here the instance is the context: write "
                f"`def {name}({', '.join(['self', *arguments])})` without @staticmethod, and self where ctx was"
            )


def explain_forward(node: Function, arrays: Sequence[object], error: Exception) -> None:
    """Raise a better error than NumPy's for shapes that do not broadcast and for arrays on several devices.

    Raises:
        RuntimeError: if it is one of these.
    """
    if isinstance(error, TypeError):
        refuse_mixed_devices(arrays)
    elif node.broadcasts and "broadcast" in str(error):
        raise RuntimeError(why_not_broadcast(node.name, arrays)) from None


def why_not_broadcast(name: str, arrays: Sequence[object]) -> str:
    """Return, in torch's words, why the shapes of some arrays do not broadcast."""
    shapes: list[Shape] = [array.shape for array in arrays if hasattr(array, "shape")]
    for from_end in range(1, max(len(shape) for shape in shapes) + 1):
        sizes = [shape[-from_end] for shape in shapes if len(shape) >= from_end and shape[-from_end] != 1]
        if len(set(sizes)) > 1:
            dim = max(len(shape) for shape in shapes) - from_end
            return (
                f"The size of tensor a ({sizes[0]}) must match the size of tensor b ({sizes[1]}) at non-singleton "
                f"dimension {dim} ({name} of shapes {' and '.join(str(list(shape)) for shape in shapes)})"
            )
    return f"{name}: shapes {' and '.join(str(list(shape)) for shape in shapes)} cannot be broadcast together"


def refuse_result(node: Function, result: object) -> None:
    """Refuse what ``forward`` may not return.

    Raises:
        TypeError: if it is not an array.
    """
    if isinstance(result, TensorBase):
        raise TypeError(
            f"{node.name}.forward returned a Tensor, but it computes on arrays: return an array (that of a tensor t is "
            "t.array)"
        )
    if result is None:
        raise TypeError(f"{node.name}.forward returned None: end it with `return y`, where y is the array of results")
    if not hasattr(result, "__array_function__") and not isinstance(result, np.generic):
        raise TypeError(
            f"{node.name}.forward returned {_a(result)}: return an array, such as np.asarray(y), or a tuple of arrays "
            "if there are several outputs"
        )


def explain_backward(node: Function, error: ValueError) -> None:
    """Raise a better error than Python's for saved values that are fewer or more than ``backward`` unpacks.

    Raises:
        RuntimeError: if that is the case.
    """
    saved = len(node._saved or ())
    if "too many values to unpack" in str(error) or (
        "values to unpack" in str(error) and f"got {saved})" in str(error)
    ):
        method = "backward" if node.fused_backward is None else "fused_backward"
        raise RuntimeError(
            f"{node.name}.{method} unpacks another number of values than the {saved} that {node.name}.forward saved "
            f"({error}): call self.save_for_backward(…) in forward with every array that {method} reads from "
            "self.saved_tensors"
        ) from error


def matched(node: Function, results: object) -> tuple[Tensor | None, ...]:
    """Return what ``backward`` returned as one gradient for each input; further ``None`` at the end mean nothing.

    Raises:
        RuntimeError: if their number is another than that of the inputs, or ``return`` was forgotten.
    """
    count = len(node._edges)
    if results is None and not _has_return(type(node).backward):
        names = ", ".join(f"dx{i}" for i in range(count)) if count > 1 else "dx"
        raise RuntimeError(
            f"{node.name}.backward returned nothing for its {count} input{'s' if count > 1 else ''}: it has no "
            f"`return`; end it with `return {names}`"
        )
    if isinstance(results, list):
        raise RuntimeError(f"{node.name}.backward returned a list: return a tuple, one gradient for each input")
    given = results if isinstance(results, tuple) else (results,)
    if len(given) < count or any(extra is not None for extra in given[count:]):
        raise RuntimeError(
            f"{node.name}.backward returned {len(given)} gradients for {count} inputs: return one for each argument of "
            "forward, None where there is none"
        )
    return given[:count]


@cache
def _has_return(method: object) -> bool:
    """Return whether the source of a method has a ``return``; true also where it cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(method)))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return True
    return any(isinstance(node, ast.Return | ast.Lambda) for node in ast.walk(tree))


def refuse_gradient(node: Function, i: int, gradient: object) -> NoReturn:
    """Refuse a gradient that is no tensor.

    Raises:
        RuntimeError: naming the operation and the input.
    """
    if hasattr(gradient, "__array_function__") or isinstance(gradient, np.generic):
        raise RuntimeError(
            f"{node.name}.backward returned a NumPy array for input {i}: return a tensor, minigrad.from_numpy(dx), or "
            "better compute it with tensor operations, so that it has a gradient too"
        )
    raise RuntimeError(f"{node.name}.backward returned {_a(gradient)} for input {i}: expected a Tensor or None")


def refuse_shape(node: Function, i: int, shape: Shape, expected: Shape) -> NoReturn:
    """Refuse a gradient of another shape than its input.

    Raises:
        RuntimeError: naming the operation, the input and both shapes.
    """
    raise RuntimeError(
        f"{node.name}.backward returned a gradient of shape {list(shape)} for input {i}, which has shape "
        f"{list(expected)}: a gradient has the shape of its input (set broadcasts = True if forward broadcasts)"
    )


def _a(value: object) -> str:
    name = type_name(value)
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
