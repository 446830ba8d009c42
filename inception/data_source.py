"""The data source of a run: which images, how many of them, and how they are preprocessed."""

from __future__ import annotations

from dataclasses import dataclass

from inception.normalization import NORMALIZATIONS
from inception.options import check, option
from inception.preprocessing import AUGMENTATIONS, AUTO_AUGMENTS, check_sizes

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
        None,
        "folder of the files; needed for all data except embedded and synthetic; without --data, a folder of images",
        metavar="FOLDER",
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
    auto_augment: str | None = option(
        None,
        "random operations on training images, after --augment: two by RandAugment, or one by TrivialAugment",
        choices=AUTO_AUGMENTS,
    )
    random_erasing: float = option(0.0, "probability of overwriting a random part of a training image", between=(0, 1))
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
        below=1,
    )
    limit: int | None = option(
        None, "use at most this many images for training and for validation, of every class evenly", at_least=1
    )
    classes: int | None = option(
        None, "outputs of the classifier; by default as many as the data has classes", at_least=1
    )
    skip_corrupt: bool = option(False, "leave out images that cannot be read, instead of stopping (--data folder)")
    balanced: bool = option(False, "draw training images so that every class is seen equally often")
    class_weights: str | None = option(
        None, "balanced: in the loss, images of rare classes count for more", choices=("balanced",)
    )
    seed: int = option(0, "seed of initial weights, image order and every random change", at_least=0)

    def __post_init__(self) -> None:
        check(self)
        if self.data not in WITHOUT_ROOT and not self.root:  # "" is a variable of the shell that is not set
            raise ValueError(f"--data {self.data} needs --root, the folder with its files")
        if self.balanced and self.class_weights is not None:
            raise ValueError("give either --balanced or --class-weights: together they would favour rare classes twice")
        check_sizes(self.image_size, self.resize)
