"""Errors that beginners meet often, and what to do about them."""

from __future__ import annotations

import traceback

import numpy as np

#: The kind of an error, a piece of its text, a name for the mistake, and what to do; the first that fits counts.
_ADVICE: tuple[tuple[type[BaseException], str, str, str], ...] = (
    (RecursionError, "", "endless recursion", "A function that calls itself needs a case in which it does not."),
    (NameError, "'np'", "import missing", "The line `import numpy as np` is missing at the top of the file."),
    (
        UnboundLocalError,
        "",
        "used before it has a value",
        "The name gets its value below this line, or in a branch that was not taken.",
    ),
    (NameError, "", "unknown name", "Nothing has this name here. Is it spelled as where it got its value?"),
    (
        ModuleNotFoundError,
        "",
        "unknown module",
        "The exercises need NumPy alone. Is the name spelled right? `import numpy as np`. A "
        "file of your own must stand in the same folder.",
    ),
    (
        TypeError,
        "positional argument",
        "other arguments",
        "Leave the line `def ...` as it was given: these arguments are passed.",
    ),
    (TypeError, "bitwise_xor", "^ for **", "In Python ^ is not a power. Write y ** 2, or y * y."),
    (TypeError, "unsupported operand type(s) for ^", "^ for **", "In Python ^ is not a power. Write y ** 2, or y * y."),
    (
        TypeError,
        "Cannot cast ufunc",
        "whole numbers",
        "Your array holds whole numbers, and fractions cannot be written into it. Make it "
        "without dtype=int, as np.zeros(x.shape) does.",
    ),
    (
        TypeError,
        "not subscriptable",
        "index of a number",
        "Only arrays, lists and dictionaries have elements. Is this a single number, or a function without its ()?",
    ),
    (
        TypeError,
        "not callable",
        "call of a value",
        "Only functions are called with ( ). An index stands in [ ], and a product needs its *.",
    ),
    (
        np.exceptions.AxisError,
        "",
        "axis out of bounds",
        "The axes of an array count from 0: one of two dimensions has the axes 0 and 1, and -1 for the last.",
    ),
    (
        ValueError,
        "einstein sum",
        "letters of einsum",
        "Each letter of np.einsum is one dimension, and has one length wherever it stands. Compare with the shapes.",
    ),
    (
        ValueError,
        "einsum",
        "letters of einsum",
        "Each letter of np.einsum is one dimension, and has one length wherever it stands. Compare with the shapes.",
    ),
    (
        ValueError,
        "Size of label",
        "letters of einsum",
        "Each letter of np.einsum is one dimension, and has one length wherever it stands. Compare with the shapes.",
    ),
    (
        ValueError,
        "broadcast",
        "shapes that do not fit",
        "NumPy aligns shapes at the right end; lengths must be equal there, or 1. "
        "print(a.shape) shows a shape; keepdims=True keeps a dimension that was summed, with the length 1.",
    ),
    (
        ValueError,
        "remapping",
        "shapes that do not fit",
        "np.broadcast_to repeats a small array. To come back from a large one to a small one, add up: sum.",
    ),
    (
        IndexError,
        "shape mismatch",
        "indices that do not fit",
        "Arrays that stand together as indices must have the same shape: one row and one column for each element.",
    ),
    (
        IndexError,
        "too many indices",
        "too many indices",
        "The array has fewer dimensions than there are indices. A single number has none: print(a.shape).",
    ),
    (
        IndexError,
        "boolean index did not match",
        "indices that do not fit",
        "An array of True and False chooses from an array of its own shape.",
    ),
    (
        IndexError,
        "out of bounds",
        "index out of bounds",
        "An index counts from 0 to the length - 1. Does the loop run over the length of another array, or too far?",
    ),
    (
        IndexError,
        "out of range",
        "index out of bounds",
        "An index counts from 0 to the length - 1. Does the loop run over the length of another list, or too far?",
    ),
    (
        ValueError,
        "reshape",
        "reshape of another size",
        "A reshape keeps the number of elements. To make fewer of them, add up: sum.",
    ),
    (
        ValueError,
        "matmul",
        "shapes that do not fit",
        "In a @ b the columns of a must be as many as the rows of b. a.T swaps rows and columns.",
    ),
    (
        RuntimeError,
        "does not require grad",
        "no graph",
        "The loss has no graph behind it. Was it computed under no_grad, or of a tensor that was detached?",
    ),
    (
        RuntimeError,
        "Can't call numpy()",
        "out of the graph",
        "np functions and .numpy() leave the graph. Tensors have methods of their own: x.exp(), x.sigmoid().",
    ),
    (
        RuntimeError,
        "unpacks another number of values",
        "not saved",
        "forward keeps with self.save_for_backward(...) what backward takes out of self.saved_tensors.",
    ),
    (
        AttributeError,
        "'numpy.ndarray' object has no attribute",
        "an array for a tensor",
        "An array has no such method. Must this be a tensor, which comes out of self.saved_tensors? Or is the function "
        "in NumPy, as np.exp(x)?",
    ),
    (
        NotImplementedError,
        "for int64 scores",
        "swapped arguments",
        "The loss function takes the scores first, and the labels after them.",
    ),
    (KeyError, "", "key missing", "The dictionary has no such key yet. `name in sums` tells whether it has one."),
    (ZeroDivisionError, "", "division by 0", "A number is divided by 0. Is a count 0 in this case?"),
    (
        ValueError,
        "unpack",
        "number of values",
        "On the left of = stand more or fewer names than there are values on its right.",
    ),
    (
        ValueError,
        "truth value",
        "truth of an array",
        "An `if` needs one True or False, and this is an array of them: np.where, or a loop.",
    ),
)


def where(error: BaseException, path: str) -> str:
    """Return the line of the learner's file at which an error occurred, what it says, and what to do."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    says = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    text = f"    line {frames[-1].lineno}:  {frames[-1].line}\n    {says}" if frames else f"    {says}"
    _, hint = advice(error)
    return f"{text}\n\n{hint}" if hint else text


def advice(error: BaseException) -> tuple[str, str]:
    """Return the name of a common mistake and what to do, or two empty texts if the error is not a common one."""
    fitting = ((name, says) for kind, piece, name, says in _ADVICE if isinstance(error, kind) and piece in str(error))
    return next(fitting, ("", ""))
