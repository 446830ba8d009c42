"""Inception V3 on minigrad: the model, its training, and the commands that use it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inception.model import InceptionOutputs, InceptionV3, inception_v3

__all__ = [
    "InceptionOutputs",
    "InceptionV3",
    "inception_v3",
]


def __getattr__(name: str) -> object:
    """Import the model when it is first used: a command can be interrupted before NumPy has been loaded."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inception import model

    value: object = getattr(model, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
