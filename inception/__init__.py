"""Inception V3 on minigrad: the model, its weights, recipes, and the training code."""

from inception.model import InceptionOutputs, InceptionV3, inception_v3

__all__ = [
    "InceptionOutputs",
    "InceptionV3",
    "inception_v3",
]
