"""GPUs of NVIDIA and AMD, under the names of ``torch.cuda``.

Everything but :func:`is_available` and :func:`device_count` needs CuPy and a GPU, and otherwise raises RuntimeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.absent import module_getattr as _module_getattr
from minigrad.devices import in_use
from minigrad.gpu import cupy, precision


def is_available() -> bool:
    """Return whether there is a usable GPU."""
    try:
        cupy()
    except RuntimeError:
        return False
    return True


def device_count() -> int:
    """Return the number of GPUs."""
    return cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def is_hip() -> bool:
    """Return whether CuPy was built for AMD's ROCm, rather than for CUDA."""
    return bool(cupy().cuda.runtime.is_hip)


def current_device() -> int:
    """Return the number of the GPU that "gpu" means."""
    return in_use.chosen.get("gpu", 0)


def set_device(index: int) -> None:
    """Let "gpu" mean the GPU of this number."""
    cupy().cuda.Device(index).use()
    in_use.chosen["gpu"] = index


def get_device_name(index: int | None = None) -> str:
    """Return the product name of a GPU, by default of the current one."""
    number = current_device() if index is None else index
    name = cupy().cuda.runtime.getDeviceProperties(number)["name"]
    return name.decode() if isinstance(name, bytes) else name


def mem_get_info(index: int | None = None) -> tuple[int, int]:
    """Return (free, total) bytes of a GPU's memory."""
    module = cupy()
    with module.cuda.Device(current_device() if index is None else index):
        free, total = module.cuda.runtime.memGetInfo()
    return int(free), int(total)


def memory_allocated(device: int | None = None) -> int:
    """Return the bytes that arrays occupy on a GPU, by default on the current one."""
    return _pool("used_bytes", device)


def memory_reserved(device: int | None = None) -> int:
    """Return the bytes in a GPU's memory pool, used or not; the pool only grows until ``empty_cache``."""
    return _pool("total_bytes", device)


def _pool(statistic: str, device: int | None) -> int:
    module = cupy()
    with module.cuda.Device(current_device() if device is None else device):
        return int(getattr(module.get_default_memory_pool(), statistic)())


def empty_cache() -> None:
    """Free the memory of the pool that no array uses."""
    cupy().get_default_memory_pool().free_all_blocks()


def set_per_process_memory_fraction(fraction: float) -> None:
    """Limit the share of the current GPU's memory that arrays may occupy; beyond it they raise out-of-memory.

    Raises:
        ValueError: for a fraction outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    cupy().get_default_memory_pool().set_limit(fraction=fraction)


def synchronize() -> None:
    """Wait until the current GPU has finished all its work."""
    cupy().cuda.runtime.deviceSynchronize()


def Stream(*, non_blocking: bool = True) -> Any:  # noqa: N802  (torch's name; the class is CuPy's)
    """Return a queue of work that runs beside others; ``with Stream():`` puts the work inside it into the queue."""
    return cupy().cuda.Stream(non_blocking=non_blocking)


def set_tf32(allowed: bool) -> None:
    """Allow matrix products of float32 to round their inputs to 10 bits (TF32), on GPUs that can; initially off."""
    core = cupy()._core
    products = core._routines_linalg
    precision.tf32 = allowed
    core.set_compute_type(np.float32, products.COMPUTE_TYPE_TF32 if allowed else products.COMPUTE_TYPE_DEFAULT)


if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
