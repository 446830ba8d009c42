"""Exceptions: special values and integers for which minigrad need not equal torch, each with its reason."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Excuse(NamedTuple):
    """The parts that the comparison of one operation leaves out."""

    reason: str
    ends: bool = False  #: the largest, smallest and finest numbers of the dtype
    values: tuple[float, ...] = ()  #: these values
    tensors: tuple[int, ...] = ()  #: special values in these tensors
    ties: bool = False  #: equal elements
    cotangents: bool = False  #: infinite cotangents and NaN
    dtypes: tuple[Any, ...] = (np.float64, np.float32, np.float16)


_INFINITIES = (np.inf, -np.inf)
_NOT_FINITE = (*_INFINITIES, np.nan)
_ONE_STEP = "torch's vector loop makes α · y + x in one step, which does not overflow in between"
_PLACE = "torch's gradient at NaN depends on the place in the tensor: its vector loop chooses, its other loop compares"
_TWO_LOOPS = "torch's vector loop gives NaN where its loop for the last elements gives a remainder"
_STEP_BY_STEP = "torch's mean beside a variance moves step by step, in which ∞ − ∞ occurs; its mean alone does not"
_DIVIDES = (
    "torch divides the product by the element: ∞ / ∞, NaN / NaN, or a product with few digits left; with two zeros its "
    "gradient is 0, even where the cotangent is infinite or NaN"
)
_ANY_ORDER = "torch adds up one factor before it multiplies, so that ∞ − ∞ occurs or not"
_MEAN_TIMES_WEIGHT = "torch adds bias − mean · weight / σ, which is ∞ − ∞ for an infinite weight"
_LAYOUT = (
    "torch multiplies before it subtracts the mean, in which ∞ − ∞ occurs, or after it: that depends on the strides"
)
_INFINITE_FACTOR = (
    "an infinite weight makes the mean of the gradients infinite: what is left of ∞ − ∞ depends on the order"
)
_NO_DIGITS = "a difference of distances of 2·10⁹, of which float32 keeps no digit"
_COMPOSED = (
    "torch's relu6 passes the gradient at NaN, and so does this, which is composed of it; its hardsigmoid does not"
)
_SUM_FIRST = "torch multiplies the cotangent by a sum, of whose terms one may be 0 or infinite"
_LAPACK = "what LAPACK makes of infinities and NaN, and of matrices that are nearly singular, depends on its version"
_NOWHERE = "torch reads some pixel or other at a position that is no number"
_PADDING = "what an infinite weight makes of the zeros of the padding depends on which algorithm torch chooses"

#: By record.
EXCUSES: dict[str, Excuse] = {
    **{name: Excuse(_ONE_STEP, ends=True) for name in ("add.alpha", "lerp", "lerp.weights", "addcmul")},
    "addcdiv": Excuse("torch divides the gradient by z², which is 0 before z is", ends=True),
    "relu6": Excuse(_PLACE, values=(np.nan,)),
    "relu6.inplace": Excuse(_PLACE, values=(np.nan,)),
    "elu": Excuse(_PLACE, values=(np.nan,)),
    "hardswish": Excuse(_PLACE, values=(np.nan,)),
    **{name: Excuse(_PLACE, values=(np.nan,)) for name in ("hardtanh", "hardtanh.inplace", "hardshrink", "softshrink")},
    **{name: Excuse(_COMPOSED, values=(np.nan,)) for name in ("hardsigmoid", "hardsigmoid.inplace")},
    **{name: Excuse(_SUM_FIRST, values=_INFINITIES, cotangents=True) for name in ("mish", "mish.inplace")},
    "selu.inplace": Excuse("torch's gradient in place is written in terms of the output", cotangents=True),
    "remainder": Excuse(_TWO_LOOPS, ends=True),
    "fmod": Excuse(_TWO_LOOPS, ends=True),
    "div.trunc": Excuse("torch ends the process at the smallest integer / −1", True, dtypes=(np.int32, np.int64)),
    "triplet_margin_loss": Excuse(_NO_DIGITS, ends=True, dtypes=(np.int32, np.int64)),
    "var_mean": Excuse(_STEP_BY_STEP, values=_INFINITIES),
    **{
        name: Excuse(_DIVIDES, ends=True, values=_NOT_FINITE, cotangents=True)
        for name in ("prod", "prod.zeros", "prod.all", "cumprod", "scatter_reduce.prod")
    },
    "norm": Excuse("torch divides by ‖x‖^(p−1), which is 0 before ‖x‖ is", ends=True),
    **{name: Excuse(_MEAN_TIMES_WEIGHT, tensors=(1,)) for name in ("group_norm", "instance_norm")},
    **{
        f"{name}.{mode}": Excuse(_LAYOUT, tensors=(2, 3))  # σ may be 0, or the weight infinite
        for name in ("batch_norm", "batch_norm_relu")
        for mode in ("training", "evaluation")
    },
    "ctc_loss": Excuse("torch's gradient at a log-probability of −∞ is ∞ − ∞, or 0", values=(-np.inf,)),
    "cross_entropy": Excuse("torch multiplies the weights of classes by the 0 of a target to be ignored", tensors=(2,)),
    "layer_norm": Excuse(_INFINITE_FACTOR, tensors=(1,)),
    "einsum.ijk,ij->k": Excuse(_ANY_ORDER, values=_INFINITIES),
    **{name: Excuse(_PADDING, tensors=(1,)) for name in ("conv1d", "conv2d")},
    "conv_transpose2d": Excuse(_PADDING, tensors=(1,), values=_NOT_FINITE),  # its input meets padding in backward
    **{
        name: Excuse(_LAPACK, tensors=(0,), cotangents=True)
        for name in ("det", "inverse", "solve", "cholesky", "eigh", "svd", "qr", "linalg.norms")
    },
    **{name: Excuse(_NOWHERE, tensors=(1,)) for name in ("grid_sample", "grid_sample.nearest")},
    "kthvalue": Excuse("which of equal elements is named is nobody's promise", ties=True),
    "topk": Excuse("which of equal elements comes first is nobody's promise", ties=True),
}

#: Errors of torch's own on a GPU, found by comparing it with torch on the CPU, by a part of the tests' names.
TORCHS_ERRORS_ON_A_GPU = {
    "hardswish": "torch divides by 6 in float32 there, also in float64",
    "gradient_equal_torchs[avg_pool2d]": "torch loses parts of the gradient of narrow images there",
    "embedding.max_norm": "torch adds up x³ rather than |x|³ for the norm there",
}

_NONE = Excuse("")


def excuse_of(name: str, dtype: Any) -> Excuse:
    """Return the excuse of a record in a dtype; one that leaves out nothing if there is none."""
    excuse = EXCUSES.get(name, _NONE)
    return excuse if dtype in excuse.dtypes else _NONE


#: Where minigrad treats integers otherwise than torch: parts of what is reported then.
OTHERWISE = {
    # A sum over a dimension of 1 becomes int64 in torch, which it then cannot multiply.
    "einsum.ijk,ij->k": ("expected scalar type Long but found",),
    # The margin is cut off to an integer in torch.
    "hinge_embedding_loss": ("could not infer output dtype", "dtype float32, torch has"),
    # The places of equal elements, of which integers have many.
    "topk": ("output 1[",),
    "kthvalue": ("output 1[",),
    # A value that is no integer is cut off to one in torch.
    "addcmul": ("dtype float32, torch has",),
    # Bools only, into other tensors; torch converts every other dtype, as minigrad converts all.
    **{
        f"setitem.{index}": ("Index put requires the source",)
        for index in ("list", "tensor", "tensors", "split", "mask", "row mask")
    },
}
