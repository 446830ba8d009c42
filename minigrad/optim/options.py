"""Checks of the options that several optimisers have."""

from __future__ import annotations

from minigrad.tensor import Tensor


def check_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Return the two betas, each in [0, 1).

    Raises:
        ValueError: naming the one that is not.
    """
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    return (float(betas[0]), float(betas[1]))


def check_non_negative(**options: float) -> None:
    """Raise ValueError, in torch's words, for a negative option."""
    for name, value in options.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element, got shape {list(value.shape)}")
        if not value >= 0.0:
            label = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
            raise ValueError(f"Invalid {label}: {value}")
