"""A summary of the images of a run, by which a later change of the data is noticed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import TypedDict

import numpy as np

from inception.data import Data
from inception.image_sets import Images, indices_of, paths_of, targets_of, whole_set
from minigrad.data.datasets import ImageFolder, SyntheticImages, TinyImageNet
from minigrad.data.datasets.images import ImageArrays


class SetSummary(TypedDict):
    """The images of one set in few words."""

    images: int
    bytes: int
    per_class: list[int]
    digest: str


class DataSummary(TypedDict):
    """The images of a run in few words."""

    classes: list[str]
    train: SetSummary
    validation: SetSummary
    left_out: list[str]


def summary(data: Data) -> DataSummary:
    """Return the images of a run in few words, for a checkpoint, by which a later change is noticed.

    ``classes`` (names), ``left_out`` (notes), and of ``train`` and ``validation`` each ``images``, ``bytes``,
    ``per_class`` (counts) and ``digest``: of names, sizes and classes of the files, or of the pixels where one file has
    many images. Where the files lie makes no difference.
    """
    return {
        "classes": list(data.classes),
        "train": _set_summary(data.train, data.train_sizes, len(data.classes)),
        "validation": _set_summary(data.validation, data.validation_sizes, len(data.classes)),
        "left_out": [_without_root(note, data) for note in data.notes],
    }


def _without_root(note: str, data: Data) -> str:
    for base in (whole_set(data.train), whole_set(data.validation)):
        if isinstance(base, ImageFolder | TinyImageNet):
            note = note.replace(os.path.join(os.path.dirname(base.root), ""), "")
    return note


def _set_summary(images: Images, sizes: list[int] | None, num_classes: int) -> SetSummary:
    base = whole_set(images)
    size = 0 if sizes is None else sum(sizes)
    if isinstance(base, ImageArrays):
        size = len(images) * base.data[0].nbytes
    digest = hashlib.blake2b(digest_size=16)
    for part in _contents(images, sizes):
        digest.update(part)
    counts = np.bincount(targets_of(images), minlength=num_classes).tolist()
    return {"images": len(images), "bytes": size, "per_class": counts, "digest": digest.hexdigest()}


def _contents(images: Images, sizes: list[int] | None) -> Iterator[bytes]:
    """Yield what tells these images from others: of files their names below the root, their sizes and classes."""
    base, targets, paths = whole_set(images), targets_of(images), paths_of(images)
    if paths is not None and sizes is not None:
        root = os.fspath(base.root) if isinstance(base, ImageFolder | TinyImageNet) else ""
        names = (path[len(root) :].replace(os.sep, "/").strip("/") for path in paths)
        for name, size, target in sorted(zip(names, sizes, targets.tolist(), strict=True)):
            yield f"{name}\0{size}\0{base.classes[target]}\n".encode("utf-8", "surrogateescape")
        return
    yield targets.tobytes()
    if isinstance(base, ImageArrays):
        for index in indices_of(images):
            yield base.data[index].tobytes()
    elif isinstance(base, SyntheticImages):
        yield f"{base.size} {base.seed} {list(indices_of(images))}".encode()
