"""``torch.cuda``: names that programs use without a GPU too. ``minigrad.cuda`` has those that need one."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import cuda as _cuda
from minigrad.as_torch import tensors as _tensors

# A program names them before it knows whether there is a GPU.
FloatTensor, DoubleTensor, HalfTensor = _tensors.FloatTensor, _tensors.DoubleTensor, _tensors.HalfTensor
LongTensor, IntTensor, ByteTensor, BoolTensor = (
    _tensors.LongTensor,
    _tensors.IntTensor,
    _tensors.ByteTensor,
    _tensors.BoolTensor,
)


def manual_seed(seed: int) -> None:
    """Do nothing: ``torch.manual_seed`` seeds every device."""


manual_seed_all = manual_seed


def get_rng_state(device: Any = "cuda") -> Any:
    """Return the state of the one generator that all devices use."""
    return minigrad.get_rng_state()


def get_rng_state_all() -> list[Any]:
    """Return the state of the one generator, in a list."""
    return [minigrad.get_rng_state()]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the one generator that all devices use."""
    minigrad.set_rng_state(new_state)


def set_rng_state_all(new_states: list[Any]) -> None:
    """Set the state of the one generator."""
    minigrad.set_rng_state(new_states[0])


def synchronize(device: Any = None) -> None:
    """Wait for the GPU, if there is one."""
    if _cuda.is_available():
        _cuda.synchronize()


def empty_cache() -> None:
    """Free the GPU's unused memory, if there is a GPU."""
    if _cuda.is_available():
        _cuda.empty_cache()


def is_initialized() -> bool:
    """Return whether there is a GPU."""
    return _cuda.is_available()


def is_bf16_supported(*_: object) -> bool:
    """Return False: there is no bfloat16."""
    return False


def init() -> None:
    """Do nothing."""


def _none(*_: object, **__: object) -> int:
    return 0


ipc_collect = reset_peak_memory_stats = reset_max_memory_allocated = init
max_memory_allocated = max_memory_reserved = _none
