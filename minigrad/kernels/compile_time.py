"""The time that compiling kernels has taken in this process, which a profile shows apart from the operations."""

from __future__ import annotations

_seconds = 0.0


def add(seconds: float) -> None:
    """Count seconds in which a kernel was compiled."""
    global _seconds
    _seconds += seconds


def compile_seconds() -> float:
    """Return the seconds so far."""
    return _seconds
