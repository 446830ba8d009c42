"""``torch.accelerator``: the GPU, where minigrad can use one."""

from __future__ import annotations

from minigrad import cuda, device


def is_available() -> bool:
    """Return whether there is a GPU that minigrad can use."""
    return cuda.is_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """Return the GPU, or None."""
    return device("gpu") if cuda.is_available() else None


def device_count() -> int:
    """Return the number of GPUs."""
    return cuda.device_count()


def set_device_index(device: object) -> None:
    """Do nothing: there is one GPU at most."""


def current_device_index() -> int:
    """Return 0."""
    return 0


def synchronize() -> None:
    """Wait until the GPU has finished its work, if there is one."""
    if cuda.is_available():
        cuda.synchronize()
