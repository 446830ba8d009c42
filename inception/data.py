"""Data: the images that a run trains on and is validated with, or those of one split."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inception.data_source import DataSource
from inception.ending import OptionError
from inception.image_choice import some_of_every_class, split_every_class
from inception.image_folders import ALL, explain_missing, find_splits, unused_folders
from inception.image_sets import (
    Images,
    LabelledImages,
    Opener,
    file_sizes,
    notes_of,
    openers,
    paths_of,
    some_of,
    targets_of,
    whole_set,
)
from inception.preprocessing import evaluation_transform, training_transform
from inception.wording import counted, noun
from minigrad.data import Subset, transforms
from minigrad.data.datasets import ImageFolder

SPLITS = ("train", "val", "test")
_NAMED = 5  # classes or files named in a line; the others are counted
_UNEVEN = 10  # times as many images in the largest class as in the smallest: worth a line


class Data(NamedTuple):
    """The images that a run trains on, those that it is validated with, and the names of the classes."""

    train: Images
    validation: Images
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()  # lines for the user: files left out, classes with few images
    train_sizes: list[int] | None = None  # bytes of every file; None for a set that has no file for each image
    validation_sizes: list[int] | None = None


class Split(NamedTuple):
    """The images of one split, and the names of its own classes, to which their labels refer."""

    images: Images
    classes: tuple[str, ...]
    name: str  # "train", "val" or "test"; "all" for a folder without splits
    notes: tuple[str, ...] = ()  # lines for the user: files left out


def load_data(source: DataSource) -> Data:
    """Return the training and validation images of a source.

    Raises:
        FileNotFoundError: if files are missing, saying which.
        ValueError: if there is only one class, or if validation images are of other classes than training images.
        OptionError: if the model would have too few classes.
    """
    found = openers(source)
    for_training = training_transform(
        source.image_size, source.resize, source.augment, source.normalize, source.auto_augment, source.random_erasing
    )
    for_validation = evaluation_transform(source.image_size, source.resize, source.normalize)
    if source.val_split is None:
        held_out = found.get("val") or found.get("test")
        if "train" not in found or held_out is None:
            raise _missing(source)
        whole = found["train"](for_training)
        validation: Images = _as_numbered(held_out(for_validation), whole, source)
        train: Images = whole
        notes = [*notes_of(train), *notes_of(validation)]
    else:
        whole = _to_split(source, found)(for_training)
        train, validation = _split(whole, source, for_validation)
        notes = notes_of(whole)
        if "val" in found:
            notes.append(f"val of {source.root} is not used: --val-split takes images of train for validation")
    if source.data == "folder" and (unused := unused_folders(Path(str(source.root)))):
        notes.append(f"not used in {source.root}: the {noun(len(unused), 'folder')} {_some(unused)}")
    train, train_sizes = _chosen(train, source, notes)
    validation, validation_sizes = _chosen(validation, source, notes)
    _check(train, validation, source, notes)
    return Data(train, validation, tuple(whole.classes), tuple(notes), train_sizes, validation_sizes)


def load_split(source: DataSource, name: str | None = None) -> Split:
    """Return the images of one split, preprocessed as for validation; no other split need exist.

    Labels number the classes of the split itself: for a model of other classes they must be mapped by name.

    Args:
        name: "train", "val" or "test"; by default what ``load_data`` validates with, or else all that there is.

    Raises:
        FileNotFoundError: if files are missing, or there is no such split, saying which there are.
    """
    found = openers(source)
    transform = evaluation_transform(source.image_size, source.resize, source.normalize)
    if source.val_split is not None and name != "test":
        whole = _to_split(source, found)(transform)
        name = name or "val"
        images = _split(whole, source, transform)[0 if name == "train" else 1]
    else:
        name = name or next((each for each in ("val", "test", ALL, "train") if each in found), "val")
        if not found:
            raise FileNotFoundError(f"{source.root} has no folders in it: expected a folder of images for each class")
        if name not in found:
            raise FileNotFoundError(f"no split {name} of {source.root or source.data}, only {' and '.join(found)}")
        whole = images = found[name](transform)
    notes = notes_of(whole)
    images, _ = _chosen(images, source, notes)
    if len(images) == 0:
        raise FileNotFoundError("; ".join([_no_images(f"in the split {name}", source), *notes]))
    return Split(images, tuple(whole.classes), name, tuple(notes))


def _missing(source: DataSource) -> FileNotFoundError:
    root = Path(str(source.root))
    return FileNotFoundError(explain_missing(root, find_splits(root)))


def _to_split(source: DataSource, found: dict[str, Opener]) -> Opener:
    """Return the opener of the images of which ``val_split`` holds some back."""
    opener = found.get("train") or found.get(ALL)
    if opener is None:
        raise _missing(source)
    return opener


def _split(whole: LabelledImages, source: DataSource, transform: transforms.Compose) -> tuple[Images, Images]:
    """Return the images for training, and those that ``val_split`` holds back, with a transform of their own."""
    first, second = split_every_class(targets_of(whole), source.val_split or 0.0, source.seed)
    held_back = copy.copy(whole)
    held_back.transform = transform
    return Subset(whole, first), Subset(held_back, second)


def _as_numbered(validation: LabelledImages, train: LabelledImages, source: DataSource) -> LabelledImages:
    """Return validation images whose labels number the classes as in training.

    Raises:
        ValueError: for a class that is not in training.
    """
    if tuple(validation.classes) == tuple(train.classes):
        return validation
    in_training, in_validation = set(train.classes), set(validation.classes)
    only_validation = [name for name in validation.classes if name not in in_training]
    if only_validation or not isinstance(validation, ImageFolder):
        only_train = [name for name in train.classes if name not in in_validation]
        name = validation.root.name if isinstance(validation, ImageFolder) else "validation"
        differ = [f"only in {name}: {_some(only_validation)}"]
        differ += [f"only in train: {_some(only_train)}"] if only_train else []
        raise ValueError(f"{source.root}: train and {name} have different classes ({'; '.join(differ)})")
    validation.number_as(train.classes)
    return validation


def _chosen(images: Images, source: DataSource, notes: list[str]) -> tuple[Images, list[int] | None]:
    """Return at most ``limit`` images, of every class evenly, without empty files, and the sizes of their files."""
    if source.limit is not None and source.limit < len(images):
        images = some_of(images, some_of_every_class(targets_of(images), source.limit, source.seed))
    sizes = file_sizes(images)
    if sizes is None or all(sizes):
        return images, sizes
    paths = paths_of(images) or []
    empty = [path for path, size in zip(paths, sizes, strict=True) if not size]
    notes.append(f"left out {counted(len(empty), 'empty file')} (0 bytes): {_some(empty)}")
    return some_of(images, [i for i, size in enumerate(sizes) if size]), [size for size in sizes if size]


def _check(train: Images, validation: Images, source: DataSource, notes: list[str]) -> None:
    """Raise ValueError for images that no classifier can be trained with; note what is odd about others."""
    classes = whole_set(train).classes
    if len(classes) == 1:
        raise ValueError(
            f"there is only one class, {classes[0]}: a classifier needs at least two. Each folder in "
            f"{source.root or 'the data'} should be named after a class"
        )
    if source.classes is not None and source.classes < len(classes):
        raise OptionError(
            f"labels are out of range: the data have {counted(len(classes), 'class')}, the model would have "
            f"{source.classes}; give --classes {len(classes)} or more"
        )
    if len(validation) == 0:
        raise ValueError("; ".join([_no_images("for validation", source), *notes]))
    for name, images in (("training", train), ("validation", validation)):
        counts = np.bincount(targets_of(images), minlength=len(classes))
        empty = [each for each, count in zip(classes, counts, strict=True) if count == 0]
        if empty and name == "training" and source.limit is None:
            raise FileNotFoundError(
                f"no training images of the {noun(len(empty), 'class')} {_some(empty)} in {source.root}: "
                "add some, or remove the folder" + "".join(f"; {note}" for note in notes)
            )
        if empty:
            notes.append(f"no {name} images of {len(empty):,} of {counted(len(classes), 'class')}: {_some(empty)}")
        elif name == "training" and counts.max() >= _UNEVEN * counts.min():
            most, least = classes[int(counts.argmax())], classes[int(counts.argmin())]
            notes.append(
                f"classes are uneven: {counted(int(counts.max()), 'training image')} of {most}, {counts.min():,} of "
                f"{least}; --balanced or --class-weights balanced makes up for it"
            )


def _no_images(where: str, source: DataSource) -> str:
    of = source.root or source.data
    if source.val_split is None:
        return f"no images {where} of {of}"
    return f"no images {where} of {of}: --val-split leaves at least one image of each class for training; add images"


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
