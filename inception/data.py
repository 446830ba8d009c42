"""The pictures of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from inception.recipes import Recipe
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
from minigrad.data.datasets.images import as_rgb

SYNTHETIC_TRAIN, SYNTHETIC_TEST = 512, 128
MEANS = {"half": ([0.5] * 3, [0.5] * 3), "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])}
VALIDATION_FOLDERS = ("val", "validation", "test")


class Data(NamedTuple):
    """Training set, test set, and the names of the classes."""

    train: Any
    test: Any
    classes: tuple[str, ...]


def training_transform(recipe: Recipe) -> transforms.Compose:
    """From a Pillow image to what the model is trained on."""
    size = (recipe.image_size, recipe.image_size)
    steps: list[Any] = [transforms.Lambda(as_rgb)]
    if recipe.augment.startswith("crop"):
        steps.append(transforms.RandomResizedCrop(recipe.image_size))
    elif recipe.resize is not None:
        steps += [transforms.Resize(recipe.resize), transforms.CenterCrop(recipe.image_size)]
    else:
        steps.append(transforms.Resize(size))
    if "flip" in recipe.augment:
        steps.append(transforms.RandomHorizontalFlip())
    if "colour" in recipe.augment:
        steps.append(transforms.ColorJitter(0.3, 0.3, 0.3, 0.05))
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(*MEANS[recipe.normalize])])


def test_transform(image_size: int, resize: int | None, normalize: str) -> transforms.Compose:
    """From a Pillow image to what the model is tested on: no chance is involved."""
    if resize is None:
        steps: list[Any] = [transforms.Resize((image_size, image_size))]
    else:
        steps = [transforms.Resize(resize), transforms.CenterCrop(image_size)]
    return transforms.Compose(
        [transforms.Lambda(as_rgb), *steps, transforms.ToTensor(), transforms.Normalize(*MEANS[normalize])]
    )


test_transform.__test__ = False  # type: ignore[attr-defined]  # to pytest its name looks like a test's


def load_data(recipe: Recipe) -> Data:
    """The sets that the recipe names.

    Raises:
        FileNotFoundError: saying what to fetch.
        ValueError: if training and validation pictures have different classes, or the model would have too few.
    """
    both = (training_transform(recipe), test_transform(recipe.image_size, recipe.resize, recipe.normalize))
    root = str(recipe.root)
    if recipe.data == "synthetic":
        count = recipe.classes or 10
        lengths = (SYNTHETIC_TRAIN, recipe.seed), (SYNTHETIC_TEST, recipe.seed + 1)
        sets: list[Any] = [
            SyntheticImages(length, recipe.image_size, count, seed, transform)
            for (length, seed), transform in zip(lengths, both, strict=True)
        ]
    elif recipe.data == "embedded":
        sets = [embedded_clothing(train, transform) for train, transform in zip((True, False), both, strict=True)]
    elif recipe.data == "tiny-imagenet":
        sets = [TinyImageNet(root, split, transform) for split, transform in zip(("train", "val"), both, strict=True)]
    elif recipe.data == "folder":
        sets = _folders(Path(root), both, recipe.skip_corrupt)
    else:
        kind = {"cifar10": CIFAR10, "cifar100": CIFAR100, "mnist": MNIST, "fashion-mnist": FashionMNIST}[recipe.data]
        sets = [kind(root, train, transform) for train, transform in zip((True, False), both, strict=True)]
    classes = tuple(sets[0].classes)
    if recipe.classes is not None and recipe.classes < len(classes):
        raise ValueError(
            f"labels are out of range: the data have {len(classes)} classes, the model would have {recipe.classes}; "
            f"give --classes {len(classes)} or more"
        )
    if recipe.limit is not None:
        sets = [Subset(items, _spread(len(items), recipe)) for items in sets]
    return Data(sets[0], sets[1], classes)


def _spread(length: int, recipe: Recipe) -> range:
    """The first ``limit`` items; of folders, whose classes come one after the other, items all over the set."""
    assert recipe.limit is not None
    count = min(recipe.limit, length)
    if recipe.data not in ("folder", "tiny-imagenet"):
        return range(count)
    return range(0, length, max(1, length // count))[:count]


def _folders(root: Path, both: tuple[Any, Any], skip_corrupt: bool) -> list[ImageFolder]:
    if not (root / "train").is_dir():
        raise FileNotFoundError(
            f"no folder {root / 'train'}: expected train and val, each with a folder for each class"
        )
    validation = next((root / name for name in VALIDATION_FOLDERS if (root / name).is_dir()), root / "val")
    sets = [
        ImageFolder(folder, transform, skip_corrupt=skip_corrupt)
        for folder, transform in zip((root / "train", validation), both, strict=True)
    ]
    train, test = (set(items.classes) for items in sets)
    if train != test:
        found = [f"only in {validation.name}: {', '.join(sorted(test - train)[:5])}"] if test - train else []
        found += [f"only in train: {', '.join(sorted(train - test)[:5])}"] if train - test else []
        raise ValueError(f"{root}: train and {validation.name} have different classes ({'; '.join(found)})")
    return sets
