"""Prediction: the most probable classes of images, batch by batch; an image that cannot be read stops nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

import minigrad
from inception.classes import distinct
from inception.model import InceptionV3, logits_of
from inception.preprocessing import evaluation_transform
from inception.weights import Description
from minigrad import Tensor, nn
from minigrad.data.datasets.images import CorruptImageError, open_image

COLUMNS = ("image", "rank", "class", "probability", "error")


class Answer(NamedTuple):
    """A class, and how probable it is."""

    name: str
    probability: float


class Prediction(NamedTuple):
    """The most probable classes of an image, the most probable one first; or the error that made it unreadable."""

    path: Path
    answers: Sequence[Answer]
    error: str | None = None


def predict(
    model: InceptionV3, description: Description, paths: Iterable[Path], top: int = 5, batch_size: int = 32
) -> Iterator[Prediction]:
    """Yield a prediction for each path, in order. Only one batch of images is in memory at a time."""
    left = iter(paths)
    described = replace(description, classes=distinct(description.classes))
    while batch := list(islice(left, batch_size)):
        yield from _predict_batch(model, described, batch, top)


def _predict_batch(
    model: InceptionV3, description: Description, paths: Sequence[Path], top: int
) -> Iterator[Prediction]:
    transform = evaluation_transform(description.image_size, description.resize, description.normalize)
    images: dict[Path, Tensor] = {}
    errors: dict[Path, str] = {}
    for path in paths:
        try:
            images[path] = transform(open_image(path))
        except (OSError, CorruptImageError) as error:
            errors[path] = str(error)
    probabilities: dict[Path, np.ndarray] = {}
    if images:
        with minigrad.no_grad():
            scores = logits_of(model(minigrad.stack(list(images.values()))))  # N x classes
            probabilities = dict(zip(images, nn.functional.softmax(scores, 1).numpy(), strict=True))
    for path in paths:
        if path in errors:
            yield Prediction(path, [], errors[path])
        elif not np.isfinite(probabilities[path]).all():
            yield Prediction(path, [], f"the model's answer for {path} is not a number: its weights are broken")
        else:
            best = np.argsort(-probabilities[path], kind="stable")[:top]
            yield Prediction(path, [Answer(description.classes[i], float(probabilities[path][i])) for i in best])


def as_csv(predictions: Iterable[Prediction]) -> bytes:
    """Return a table with a row for each answer: image, rank (1 is the most probable), class, probability, error."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for path, answers, error in predictions:
        if error is not None:
            rows.writerow((path, "", "", "", error))
        rows.writerows((path, rank, *answer, "") for rank, answer in enumerate(answers, 1))
    return text.getvalue().encode("utf-8", "surrogateescape")  # names of files need not be UTF-8


def as_json(predictions: Iterable[Prediction]) -> bytes:
    """Return a list with an object for each image: its ``answers`` (class, probability), or its ``error``."""
    found = []
    for path, answers, error in predictions:
        listed = [{"class": name, "probability": probability} for name, probability in answers]
        found.append({"image": str(path), "answers": listed} if error is None else {"image": str(path), "error": error})
    text = "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in found) + "\n]\n"
    return text.encode("utf-8", "backslashreplace")
