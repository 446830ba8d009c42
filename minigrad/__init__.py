"""minigrad: a small, readable tensor and autograd engine with torch's names and semantics."""

import warnings as _warnings
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING

from minigrad import absent as _absent
from minigrad import amp as amp
from minigrad import autograd as autograd
from minigrad import creation as creation
from minigrad import cuda as cuda
from minigrad import dtypes as dtypes
from minigrad import functions as functions
from minigrad import linalg as linalg
from minigrad import memory_order as memory_order
from minigrad import nn as nn
from minigrad import number_limits as number_limits
from minigrad import ops as ops
from minigrad import optim as optim
from minigrad import printing as printing
from minigrad import profiler as profiler
from minigrad import recompute as recompute
from minigrad import typed_tensors as typed_tensors
from minigrad.autocast import autocast as autocast
from minigrad.autocast import is_autocast_enabled as is_autocast_enabled
from minigrad.creation import *
from minigrad.devices import device as device
from minigrad.devices import get_default_device as get_default_device
from minigrad.devices import set_default_device as set_default_device
from minigrad.dtypes import *
from minigrad.engine.grad_mode import enable_grad as enable_grad
from minigrad.engine.grad_mode import inference_mode as inference_mode
from minigrad.engine.grad_mode import is_grad_enabled as is_grad_enabled
from minigrad.engine.grad_mode import no_grad as no_grad
from minigrad.engine.grad_mode import set_grad_enabled as set_grad_enabled
from minigrad.functions.activation import *
from minigrad.functions.arithmetic import *
from minigrad.functions.arrangement import *
from minigrad.functions.bitwise import *
from minigrad.functions.blends import *
from minigrad.functions.closeness import *
from minigrad.functions.comparison import *
from minigrad.functions.contraction import *
from minigrad.functions.conv import *
from minigrad.functions.copying import *
from minigrad.functions.counting import *
from minigrad.functions.decompositions import *
from minigrad.functions.diagonals import *
from minigrad.functions.gathering import *
from minigrad.functions.index_parts import newaxis
from minigrad.functions.indexing import *
from minigrad.functions.linalg import *
from minigrad.functions.order import *
from minigrad.functions.pieces import *
from minigrad.functions.reduce import *
from minigrad.functions.running import *
from minigrad.functions.sampling import *
from minigrad.functions.scattering import *
from minigrad.functions.selection import *
from minigrad.functions.shape import *
from minigrad.functions.synonyms import *
from minigrad.functions.trigonometry import *
from minigrad.functions.unary import *
from minigrad.kernels.threads import get_num_threads as get_num_threads
from minigrad.kernels.threads import set_num_threads as set_num_threads
from minigrad.memory_order import *
from minigrad.number_limits import *
from minigrad.printing import *
from minigrad.random import Generator as Generator
from minigrad.random import get_rng_state as get_rng_state
from minigrad.random import initial_seed as initial_seed
from minigrad.random import manual_seed as manual_seed
from minigrad.random import set_rng_state as set_rng_state
from minigrad.tensor import Tensor as Tensor
from minigrad.tensor import is_tensor as is_tensor
from minigrad.typed_tensors import *

__all__ = (
    creation.__all__
    + dtypes.__all__
    + memory_order.__all__
    + number_limits.__all__
    + printing.__all__
    + functions.activation.__all__
    + functions.arrangement.__all__
    + functions.arithmetic.__all__
    + functions.bitwise.__all__
    + functions.comparison.__all__
    + functions.contraction.__all__
    + functions.conv.__all__
    + functions.copying.__all__
    + functions.decompositions.__all__
    + functions.diagonals.__all__
    + functions.gathering.__all__
    + functions.indexing.__all__
    + functions.linalg.__all__
    + functions.order.__all__
    + functions.pieces.__all__
    + functions.reduce.__all__
    + functions.selection.__all__
    + functions.shape.__all__
    + functions.trigonometry.__all__
    + functions.closeness.__all__
    + functions.blends.__all__
    + functions.counting.__all__
    + functions.running.__all__
    + functions.sampling.__all__
    + functions.synonyms.__all__
    + functions.scattering.__all__
    + functions.unary.__all__
    + typed_tensors.__all__
    + [
        "Generator",
        "Tensor",
        "amp",
        "autocast",
        "autograd",
        "creation",
        "cuda",
        "device",
        "dtypes",
        "e",
        "enable_grad",
        "functions",
        "get_default_device",
        "get_num_threads",
        "get_rng_state",
        "inference_mode",
        "inf",
        "initial_seed",
        "is_autocast_enabled",
        "is_grad_enabled",
        "is_tensor",
        "linalg",
        "manual_seed",
        "memory_order",
        "nan",
        "newaxis",
        "nn",
        "no_grad",
        "ops",
        "number_limits",
        "optim",
        "pi",
        "printing",
        "profiler",
        "recompute",
        "set_default_device",
        "set_grad_enabled",
        "set_num_threads",
        "set_rng_state",
        "typed_tensors",
    ]
)


__version__ = "0.1.0"

# Infinities and NaN are values like others here, as in torch. NumPy would warn of each operation that makes one.
_warnings.filterwarnings("ignore", ".* encountered in", RuntimeWarning, r"minigrad\.")

# Imported when first used, because each takes a while or needs what the rest does not.
_LATER = {
    name: f"minigrad.{name}"
    for name in ("checkpoint", "data", "distributed", "distributions", "onnx", "saving", "testing", "viewer")
}
_LATER |= {"load": "minigrad.saving:load", "save": "minigrad.saving:save"}

if TYPE_CHECKING:
    from minigrad import checkpoint as checkpoint
    from minigrad import data as data
    from minigrad import distributed as distributed
    from minigrad import distributions as distributions
    from minigrad import onnx as onnx
    from minigrad import saving as saving
    from minigrad import testing as testing
    from minigrad import viewer as viewer
    from minigrad.saving import load as load
    from minigrad.saving import save as save
else:
    _absent.answer_for_modules()
    __getattr__ = _absent.module_getattr(__name__, _LATER)

    def __dir__():
        return sorted({*globals(), *_LATER})
