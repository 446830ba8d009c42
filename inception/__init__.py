"""Inception V3 on minigrad: the model, its training, and the commands that use it."""

from inception.model import InceptionOutputs, InceptionV3, inception_v3

__all__ = [
    "InceptionOutputs",
    "InceptionV3",
    "inception_v3",
]
