"""The data source of a run: which images, how many of them, and how they are preprocessed."""

from __future__ import annotations

from dataclasses import dataclass

from inception.model import SMALLEST_SIZE
from inception.normalization import NORMALIZATIONS
from inception.options import check, option
from inception.preprocessing import AUGMENTATIONS

DATA = ("cifar10", "cifar100", "embedded", "fashion-mnist", "folder", "mnist", "synthetic", "tiny-imagenet")
WITHOUT_ROOT = ("embedded", "synthetic")


@dataclass(frozen=True)
class DataSource:
    """A choice of images and of their preprocessing.

    Raises:
        ValueError: for a value outside its limits, or values that contradict each other.
    """

    data: str = option(
        "embedded",
        "embedded: the clothing that ships with minigrad; folder: train/CLASS/* and val/CLASS/* (JPEG, PNG, …); "
        "synthetic: generated images, for trying things out; the others in their published formats",
        choices=DATA,
    )
    root: str | None = option(
        None, "folder of the files; needed for all data except embedded and synthetic", metavar="FOLDER"
    )
    image_size: int = option(75, "height and width of the model's input: at least 75, with --aux at least 299")
    resize: int | None = option(
        None,
        "resize the shorter side of validation images to this, then crop the middle; by default the whole image is "
        "squeezed into a square",
    )
    augment: str = option(
        "none",
        "random changes of training images: flip; crop (a part of random size and shape); colour",
        choices=AUGMENTATIONS,
    )
    normalize: str = option(
        "half",
        "half: (x - 0.5) / 0.5, as for the published weights; imagenet: ImageNet's mean and standard deviation",
        choices=NORMALIZATIONS,
    )
    val_split: float | None = option(
        None,
        "hold back this share of the training images of every class for validation, such as 0.2; by default the "
        "images of val are for validation, or those of test if there is no val",
        above=0,
        meaning="val split",
    )
    limit: int | None = option(
        None, "use at most this many images for training and for validation, of every class evenly", at_least=1
    )
    classes: int | None = option(
        None, "outputs of the classifier; by default as many as the data has classes", at_least=1
    )
    skip_corrupt: bool = option(False, "leave out images that cannot be read, instead of stopping (--data folder)")
    seed: int = option(0, "seed of initial weights, image order and every random change")

    def __post_init__(self) -> None:
        check(self)
        if self.data not in WITHOUT_ROOT and self.root is None:
            raise ValueError(f"data {self.data!r} needs --root, the folder with its files")
        if self.val_split is not None and not self.val_split < 1:
            raise ValueError(f"val split must be below 1, a share of the training images, got {self.val_split}")
        if self.image_size < SMALLEST_SIZE:
            raise ValueError(f"image size {self.image_size} is too small: Inception V3 needs at least {SMALLEST_SIZE}")
        if self.resize is not None and self.resize < self.image_size:
            raise ValueError(f"resize {self.resize} is below the image size {self.image_size} that is cut out of it")
