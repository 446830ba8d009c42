"""``torch.mps``: a kind of device that is not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: ``torch.manual_seed`` seeds every device."""


def empty_cache() -> None:
    """Do nothing."""


synchronize = empty_cache
