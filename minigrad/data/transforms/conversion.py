"""Transforms that convert an image to a tensor, and those that combine other transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.data.datasets.images import Transform
from minigrad.dtypes import get_default_dtype
from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor
from minigrad.typing import Array

if TYPE_CHECKING:
    from PIL import Image


class Compose:
    """Apply transforms in order, each to the previous one's result: images first, then perhaps tensors."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: object) -> Any:  # as the last transform returns it
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return "Compose(\n" + "".join(f"    {t!r}\n" for t in self.transforms) + ")"


class Lambda:
    """Apply a function of the user."""

    def __init__(self, lambd: Transform) -> None:
        self.lambd = lambd

    def __call__(self, image: object) -> object:
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"


class ToTensor:
    """Convert an image (height, width[, channels]) of bytes to a tensor (channels, height, width) in [0, 1].

    Its dtype is the default one, float32 unless :func:`minigrad.set_default_dtype` changed it.
    """

    def __call__(self, image: Image.Image | Array) -> Tensor:
        pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        scale = 255 if pixels.dtype == np.uint8 else 1
        dtype = get_default_dtype()
        return wrap(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=dtype) / dtype.type(scale))

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """Compute (x − mean) / std, channel by channel.

    Raises:
        ValueError: if a std is 0, or the channels do not match the tensor's.
        TypeError: if the tensor does not hold floats.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        if 0 in std:
            raise ValueError(f"std evaluated to zero, leading to division by zero: {list(std)}")
        self.mean = np.asarray(mean, np.float64).reshape(-1, 1, 1)
        self.std = np.asarray(std, np.float64).reshape(-1, 1, 1)
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        if len(self.mean) not in (1, tensor.shape[0]):
            raise ValueError(f"Normalize got {len(self.mean)} means for an image of {tensor.shape[0]} channels")
        dtype = tensor.array.dtype
        if dtype.kind != "f":
            raise TypeError(f"Normalize needs a tensor of floats, got {dtype}; ToTensor makes one")
        result = (tensor.array - self.mean.astype(dtype)) / self.std.astype(dtype)
        if not self.inplace:
            return wrap(result)
        tensor.array[...] = result
        return tensor

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean.ravel().tolist()}, std={self.std.ravel().tolist()})"
