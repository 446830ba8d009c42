"""Names of ``torch`` that only programs for torch need; those of ``minigrad`` follow them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

import minigrad
from minigrad.as_torch.composed import FUNCTIONS
from minigrad.as_torch.dtypes import (
    Size,
    bfloat16,
    bool_,
    complex64,
    complex128,
    dtype,
    dtype_of,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from minigrad.as_torch.saving import load, save
from minigrad.as_torch.tensors import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    dtype_named,
    kind_name,
)
from minigrad.as_torch.torch.func import vmap
from minigrad.as_torch.torch.sparse import sparse_coo_tensor, spmm

__version__ = "2.13.0+minigrad"
version = SimpleNamespace(__version__=__version__, cuda=None, hip=None, debug=False, git_version="")

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
bool = bool_
cfloat, cdouble = complex64, complex128
strided = "torch.strided"


class Generator(minigrad.Generator):
    """A stream of random numbers; that of a device is the CPU's, too."""

    def __init__(self, device: Any = "cpu") -> None:
        super().__init__(67280421310721)  # torch's first seed
        self.device = minigrad.device(device)


class finfo:  # noqa: N801  (torch's name)
    """The limits of a floating dtype: ``eps``, ``min``, ``max``, ``tiny``, ``bits``."""

    def __init__(self, type: DTypeLike | None = None) -> None:
        limits = np.finfo(np.dtype(minigrad.get_default_dtype() if type is None else type))
        self.bits, self.dtype = limits.bits, str(limits.dtype)
        self.eps, self.min, self.max, self.tiny, self.smallest_normal, self.resolution = (
            getattr(limits, name).item() for name in ["eps", "min", "max", "tiny", "smallest_normal", "resolution"]
        )


class iinfo:  # noqa: N801
    """The limits of an integer dtype: ``min``, ``max``, ``bits``."""

    def __init__(self, type: DTypeLike) -> None:
        limits = np.iinfo(np.dtype(type))
        self.bits, self.min, self.max, self.dtype = limits.bits, limits.min, limits.max, str(limits.dtype)


def get_default_dtype() -> dtype:
    """Return the dtype of new floating tensors."""
    return dtype_of(minigrad.get_default_dtype())


def set_default_tensor_type(kind: Any) -> None:
    """Set the dtype of new floating tensors by a class, ``torch.DoubleTensor``, or its name."""
    minigrad.set_default_dtype(dtype_named(kind))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype to which both convert."""
    return dtype_of(minigrad.promote_types(np.dtype(type1), np.dtype(type2)))


def can_cast(from_: dtype, to: dtype) -> Any:
    """Return whether a result of one dtype may be written into a tensor of another."""
    return minigrad.can_cast(np.dtype(from_), np.dtype(to))


def is_tensor(obj: object) -> Any:
    """Return whether ``obj`` is a tensor."""
    return isinstance(obj, minigrad.Tensor)


def is_storage(obj: object) -> Any:
    """Return False: there are no storages."""
    return False


def is_floating_point(input: minigrad.Tensor) -> Any:
    """Return whether the dtype of a tensor is floating."""
    return input.is_floating_point()


def is_complex(input: minigrad.Tensor) -> Any:
    """Return False: there are no complex numbers."""
    return False


def numel(input: minigrad.Tensor) -> Any:
    """Return the number of elements."""
    return input.numel()


def typename(obj: object) -> str:
    """Return the name of the type of an object, ``torch.FloatTensor`` for a tensor."""
    if isinstance(obj, minigrad.Tensor):
        return kind_name(obj)
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def seed() -> Any:
    """Start the random numbers anew from a number that nobody knows, and return it."""
    number = np.random.SeedSequence().generate_state(1)[0].item()
    minigrad.manual_seed(number)
    return number


# --- What has no meaning here and does no harm ---


def compile(model: Any = None, **options: object) -> Any:
    """Return ``model`` as it is; also a decorator, with and without options."""
    return (lambda function: function) if model is None else model


def _assert(condition: Any, message: str) -> None:
    assert condition, message


def set_float32_matmul_precision(precision: str) -> None:
    """Do nothing: products are computed in the precision of their operands."""


def get_float32_matmul_precision() -> str:
    """Return the precision of products."""
    return "highest"


def use_deterministic_algorithms(mode: Any, *, warn_only: Any = False) -> None:
    """Do nothing: on a CPU every result is deterministic."""


def are_deterministic_algorithms_enabled() -> Any:
    """Return True: on a CPU every result is deterministic."""
    return True


def set_num_interop_threads(number: Any) -> None:
    """Do nothing: operations run one after the other."""


def get_num_interop_threads() -> Any:
    """Return 1: operations run one after the other."""
    return 1


def set_flush_denormal(mode: Any) -> Any:
    """Return False, which says that small numbers are not rounded to zero."""
    return False


def set_warn_always(mode: Any) -> None:
    """Do nothing."""


def get_autocast_dtype(device_type: str = "cuda") -> dtype:
    """Return the dtype of products under autocast."""
    return float16


get_autocast_gpu_dtype = get_autocast_cpu_dtype = get_autocast_dtype


def is_autocast_cpu_enabled() -> Any:
    """Return whether autocast is enabled."""
    return minigrad.is_autocast_enabled()


def __getattr__(name: str) -> Any:
    """Return an operation that is composed of others, or a method that writes into its tensor: ``torch.sin_(x)``."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    method = getattr(minigrad.Tensor, name, None) if name.endswith("_") and not name.startswith("_") else None
    if not callable(method):
        raise AttributeError(name)
    return method
