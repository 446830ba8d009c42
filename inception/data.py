"""Data: the training and test images that a data source names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from inception.model import SMALLEST_SIZE
from inception.normalization import NORMALIZATIONS
from inception.options import check, option
from inception.preprocessing import AUGMENTATIONS, evaluation_transform, training_transform
from minigrad.data import Subset, transforms
from minigrad.data.datasets import (
    CIFAR10,
    CIFAR100,
    MNIST,
    FashionMNIST,
    ImageFolder,
    SyntheticImages,
    TinyImageNet,
    embedded_clothing,
)
from minigrad.data.datasets.images import Labelled, Transform

if TYPE_CHECKING:
    from PIL.Image import Image

DATA = ("cifar10", "cifar100", "embedded", "fashion-mnist", "folder", "mnist", "synthetic", "tiny-imagenet")
WITHOUT_ROOT = ("embedded", "synthetic")
SYNTHETIC_TRAIN, SYNTHETIC_TEST = 512, 128  # images
VALIDATION_FOLDERS = ("val", "validation", "test")


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
        "resize the shorter side of test images to this, then crop the middle; by default the whole image is squeezed "
        "into a square",
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
    limit: int | None = option(None, "use at most this many training and this many test images", at_least=1)
    classes: int | None = option(
        None, "outputs of the classifier; by default as many as the data has classes", at_least=1
    )
    skip_corrupt: bool = option(False, "leave out images that cannot be read, instead of stopping (--data folder)")
    seed: int = option(0, "seed of initial weights, image order and every random change")

    def __post_init__(self) -> None:
        check(self)
        if self.data not in WITHOUT_ROOT and self.root is None:
            raise ValueError(f"data {self.data!r} needs --root, the folder with its files")
        if self.image_size < SMALLEST_SIZE:
            raise ValueError(f"image size {self.image_size} is too small: Inception V3 needs at least {SMALLEST_SIZE}")
        if self.resize is not None and self.resize < self.image_size:
            raise ValueError(f"resize {self.resize} is below the image size {self.image_size} that is cut out of it")


class LabelledImages(Protocol):
    """A dataset of labelled images."""

    transform: Transform | None

    @property
    def classes(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Labelled: ...


#: All images of a set, or some of them.
Images: TypeAlias = LabelledImages | Subset[Labelled]


class Data(NamedTuple):
    """Training set, test set, and the names of the classes."""

    train: Images
    test: Images
    classes: tuple[str, ...]


def load_data(source: DataSource) -> Data:
    """Return the training and test set of a source.

    Raises:
        FileNotFoundError: if files are missing, saying which.
        ValueError: if training and validation images have different classes, or the model would have too few.
    """
    train, test = _datasets(
        source,
        training_transform(source.image_size, source.resize, source.augment, source.normalize),
        evaluation_transform(source.image_size, source.resize, source.normalize),
    )
    classes = tuple(train.classes)
    if source.classes is not None and source.classes < len(classes):
        raise ValueError(
            f"labels are out of range: the data have {len(classes)} classes, the model would have {source.classes}; "
            f"give --classes {len(classes)} or more"
        )
    if source.limit is None:
        return Data(train, test, classes)
    return Data(_limited(train, source, source.limit), _limited(test, source, source.limit), classes)


def _datasets(
    source: DataSource, for_training: transforms.Compose, for_test: transforms.Compose
) -> tuple[LabelledImages, LabelledImages]:
    root = str(source.root)
    if source.data == "embedded":
        return embedded_clothing(True, for_training), embedded_clothing(False, for_test)
    if source.data == "synthetic":
        size, classes, seed = source.image_size, source.classes or 10, source.seed
        return (
            SyntheticImages(SYNTHETIC_TRAIN, size, classes, seed, for_training),
            SyntheticImages(SYNTHETIC_TEST, size, classes, seed + 1, for_test),
        )
    if source.data == "folder":
        return _folders(Path(root), for_training, for_test, source.skip_corrupt)
    if source.data == "tiny-imagenet":
        return TinyImageNet(root, "train", for_training), TinyImageNet(root, "val", for_test)
    kinds: dict[str, type[CIFAR10] | type[MNIST]] = {
        "cifar10": CIFAR10,
        "cifar100": CIFAR100,
        "mnist": MNIST,
        "fashion-mnist": FashionMNIST,
    }
    kind = kinds[source.data]
    return kind(root, True, for_training), kind(root, False, for_test)


def _folders(
    root: Path, for_training: transforms.Compose, for_test: transforms.Compose, skip_corrupt: bool
) -> tuple[ImageFolder, ImageFolder]:
    if not (root / "train").is_dir():
        raise FileNotFoundError(
            f"no folder {root / 'train'}: expected train and val, each with a folder for each class"
        )
    validation = next((root / name for name in VALIDATION_FOLDERS if (root / name).is_dir()), root / "val")
    train = ImageFolder(root / "train", for_training, skip_corrupt=skip_corrupt)
    test = ImageFolder(validation, for_test, skip_corrupt=skip_corrupt)
    only_train, only_test = set(train.classes) - set(test.classes), set(test.classes) - set(train.classes)
    if only_train or only_test:
        found = [f"only in {validation.name}: {', '.join(sorted(only_test)[:5])}"] if only_test else []
        found += [f"only in train: {', '.join(sorted(only_train)[:5])}"] if only_train else []
        raise ValueError(f"{root}: train and {validation.name} have different classes ({'; '.join(found)})")
    return train, test


def _limited(images: LabelledImages, source: DataSource, limit: int) -> Subset[Labelled]:
    """Return the first ``limit`` images; of folders, whose classes follow one another, images spread over the set."""
    count = min(limit, len(images))
    if source.data not in ("folder", "tiny-imagenet"):
        return Subset(images, range(count))
    return Subset(images, range(0, len(images), max(1, len(images) // count))[:count])


def summary(data: Data) -> dict[str, object]:
    """Return how many images there are."""
    return {"train": len(data.train), "test": len(data.test)}


def originals(images: Images, count: int) -> list[tuple[Image, int]]:
    """Return the first ``count`` images as they are in the files, not as the model sees them, with their labels."""
    base: LabelledImages = images.dataset if isinstance(images, Subset) else images
    transform, base.transform = base.transform, None
    try:
        return [images[i] for i in range(min(count, len(images)))]
    finally:
        base.transform = transform
