"""Every operation: its formula, its forward, and its derivative.

A class here is a primitive, which carries a derivative; a function is a public name, which checks its
arguments and calls primitives or other functions.
"""

from minigrad.ops import promotion
from minigrad.ops.activation import log_softmax, relu, sigmoid, softmax, tanh
from minigrad.ops.conv import conv2d
from minigrad.ops.elementwise import abs, add, clamp, clone, contiguous, div, eq, exp, ge, gt, isfinite, isnan, le, log, logical_and, logical_not, logical_or, lt, maximum, minimum, mul, ne, neg, pow, rsqrt, sign, sqrt, sub, to_dtype, where
from minigrad.ops.indexing import gather, getitem, setitem, take_along_dim
from minigrad.ops.linalg import linear, matmul
from minigrad.ops.loss import cross_entropy, mse_loss, nll_loss
from minigrad.ops.norm import batch_norm
from minigrad.ops.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from minigrad.ops.reduce import all, amax, amin, any, argmax, argmin, max, mean, min, sum, var
from minigrad.ops.shape import broadcast_to, cat, expand, flatten, pad, permute, reshape, squeeze, stack, t, transpose, unsqueeze, view

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "avg_pool2d",
    "batch_norm",
    "broadcast_to",
    "cat",
    "clamp",
    "clone",
    "contiguous",
    "conv2d",
    "cross_entropy",
    "div",
    "eq",
    "exp",
    "expand",
    "flatten",
    "gather",
    "ge",
    "getitem",
    "gt",
    "isfinite",
    "isnan",
    "le",
    "linear",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "ne",
    "neg",
    "nll_loss",
    "pad",
    "permute",
    "pow",
    "promotion",
    "relu",
    "reshape",
    "rsqrt",
    "setitem",
    "sigmoid",
    "sign",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "sub",
    "sum",
    "t",
    "take_along_dim",
    "tanh",
    "to_dtype",
    "transpose",
    "unsqueeze",
    "var",
    "view",
    "where",
]
