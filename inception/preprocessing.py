"""Preprocessing: from a Pillow image to the tensor that the model sees."""

from __future__ import annotations

from collections.abc import Callable

from inception.model import SMALLEST_SIZE
from inception.normalization import NORMALIZATIONS
from minigrad.data import transforms
from minigrad.data.datasets.images import as_rgb

AUGMENTATIONS = ("none", "flip", "crop", "crop-flip", "crop-flip-colour")
AUTO_AUGMENTS: dict[str, Callable[[], Callable[..., object]]] = {
    "randaugment": transforms.RandAugment,
    "trivialaugment": transforms.TrivialAugmentWide,
}


def check_sizes(image_size: object, resize: object) -> None:
    """Check the sizes of images and of what is cut out of them; the values may come from a file.

    Raises:
        ValueError: if Inception V3 cannot take the images, or they are larger than what they are cut out of.
    """
    if not _is_whole(image_size, SMALLEST_SIZE):
        raise ValueError(f"image size {image_size} is too small: Inception V3 needs at least {SMALLEST_SIZE}")
    if resize is not None and not _is_whole(resize, image_size):
        raise ValueError(f"resize {resize} is below the image size {image_size} that is cut out of it")


def _is_whole(value: object, least: object) -> bool:
    return type(value) is int and type(least) is int and value >= least


def training_transform(
    image_size: int,
    resize: int | None,
    augment: str,
    normalize: str,
    auto_augment: str | None = None,
    random_erasing: float = 0.0,
) -> transforms.Compose:
    """Return the transform of training images, with the random changes that are named."""
    if augment.startswith("crop"):
        steps: list[Callable[..., object]] = [transforms.RandomResizedCrop(image_size)]
    else:
        steps = _to_size(image_size, resize)
    if "flip" in augment:
        steps.append(transforms.RandomHorizontalFlip())
    if "colour" in augment:
        steps.append(transforms.ColorJitter(0.3, 0.3, 0.3, 0.05))
    if auto_augment is not None:
        steps.append(AUTO_AUGMENTS[auto_augment]())
    composed = _compose(steps, normalize)
    if random_erasing > 0:
        composed.transforms.append(transforms.RandomErasing(random_erasing))
    return composed


def evaluation_transform(image_size: int, resize: int | None, normalize: str) -> transforms.Compose:
    """Return the transform of validation and test images, in which nothing is random."""
    return _compose(_to_size(image_size, resize), normalize)


def _to_size(image_size: int, resize: int | None) -> list[Callable[..., object]]:
    """Return the steps to a square: squeeze the whole image, or bring its shorter side to ``resize`` and crop."""
    if resize is None:
        return [transforms.Resize((image_size, image_size))]
    return [transforms.Resize(resize), transforms.CenterCrop(image_size)]


def _compose(steps: list[Callable[..., object]], normalize: str) -> transforms.Compose:
    mean, std = NORMALIZATIONS[normalize]
    return transforms.Compose(
        [transforms.Lambda(as_rgb), *steps, transforms.ToTensor(), transforms.Normalize(mean, std)]
    )
