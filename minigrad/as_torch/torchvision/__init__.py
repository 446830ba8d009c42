"""Names of ``torchvision``."""

from typing import Any

__version__ = "0.28.0+minigrad"
_HAS_OPS = False


def set_image_backend(backend: str) -> None:
    """Do nothing: Pillow reads images."""


def get_image_backend() -> str:
    """Return ``"PIL"``."""
    return "PIL"


def disable_beta_transforms_warning() -> None:
    """Do nothing."""


def _is_tracing() -> Any:
    return False
