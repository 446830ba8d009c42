"""Types that the signatures of minigrad share.

``Array`` is what an operation computes on, ``Tensor`` (tensor.py) is what the user holds. They are never mixed up:
``forward`` takes arrays and ``backward`` takes tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

#: A NumPy array, or an array of another library that NumPy's functions accept, such as CuPy's. The elements may have
#: any of minigrad's dtypes.
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
DType: TypeAlias = np.dtype[Any]
Number: TypeAlias = int | float
Shape: TypeAlias = tuple[int, ...]
#: An integer for height and width alike, or a pair of them.
IntOrPair: TypeAlias = int | tuple[int, int]
#: One integer for all dimensions, or a sequence with one for each.
IntOrInts: TypeAlias = int | Sequence[int]
#: How a loss function combines the losses of the single elements.
Reduction: TypeAlias = Literal["none", "mean", "sum"]

if TYPE_CHECKING:
    from minigrad.tensor import Tensor as Tensor
else:
    #: The type of tensors, for annotations in files that tensor.py imports. At run time import minigrad.tensor.
    Tensor = "a type for annotations; the class is in minigrad.tensor"
