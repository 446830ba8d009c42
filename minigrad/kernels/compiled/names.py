"""Names for the values that Numba and LLVM, which have few annotations, hand to functions that emit instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from llvmlite import ir

from minigrad.typing import Array

#: A type of Numba's, of which each has attributes of its own: ``dtype``, ``types``, …
NumbaType: TypeAlias = Any
#: Numba's contexts of a compilation: they find the signatures of functions, and emit instructions for them.
TypingContext: TypeAlias = Any
Context: TypeAlias = Any
#: The types of a function's arguments and result.
Signature: TypeAlias = Any
#: A compiled function, which Python code may call like any other.
Dispatcher: TypeAlias = Any
#: The beginning or end of a compilation, with ``data`` about it.
CompilerEvent: TypeAlias = Any
#: The values that instructions compute and take.
Value: TypeAlias = ir.Value
#: What an intrinsic returns: its signature, and the function that emits its instructions.
Intrinsic: TypeAlias = tuple[Signature, Callable[..., Value]]

#: The fields that the threads of a team share (team.py), and a job of theirs: three addresses.
Team: TypeAlias = Array
Job: TypeAlias = tuple[int, int, int]
