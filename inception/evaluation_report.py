"""The report of an evaluation: a table for the reader, and the same numbers as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inception.evaluation import Evaluation
from inception.scores import Scores, class_scores, macro
from inception.wording import counted
from minigrad.printable import columns, padded, printable


class Mistake(NamedTuple):
    """An image with a high loss: the model is sure of another class, or the label is wrong."""

    image: str
    truth: str
    answer: str
    loss: float

    def __str__(self) -> str:
        verdict = "found" if self.truth == self.answer else f"taken for {self.answer}"
        return printable(f"  {self.loss:7.3f}  {self.image}: {self.truth}, {verdict}")


def worst_images(found: Evaluation, names: Sequence[str], images: Mapping[int, str]) -> list[Mistake]:
    """Return the images that ``images`` names by their numbers, with what the model made of them."""
    return [
        Mistake(image, names[found.labels[i]], names[found.predictions[i]], float(found.losses[i]))
        for i, image in images.items()
    ]


def table(found: Evaluation, names: Sequence[str]) -> list[str]:
    """Return the lines of a table: precision, recall and F1 of each class that has images, and their means."""
    scores = class_scores(found.confusion)
    seen = [(name, each) for name, each in zip(names, scores, strict=True) if each.images]
    mean = f"mean of {counted(len(seen), 'class')}"
    width = max(columns(printable(name)) for name in [mean, *(name for name, _ in seen)])
    head = f"  {'':<{width}}  precision  recall      F1  images"
    return [head, *(_row(name, each, width) for name, each in [*seen, (mean, macro(scores))])]


def _row(name: str, scores: Scores, width: int) -> str:
    shares = f"{scores.precision:9.1%}  {scores.recall:6.1%}  {scores.f1:6.1%}"
    return f"  {padded(printable(name), width)}  {shares}  {scores.images:6,}"


def as_json(found: Evaluation, names: Sequence[str], worst: Sequence[Mistake], about: Mapping[str, object]) -> bytes:
    """Return everything that is known about an evaluation.

    Args:
        about: what was evaluated on what, which stands first.
    """
    scores = class_scores(found.confusion)
    means = macro(scores)
    seen = sorted({*found.labels.tolist(), *found.predictions.tolist()})
    content: dict[str, object] = {
        **about,
        "images": found.seen,
        "loss": found.loss,
        "accuracy": found.accuracy,
        "top5": found.in_top5,
        "macro": {"precision": means.precision, "recall": means.recall, "f1": means.f1},
        "classes": [{"name": names[i], **scores[i]._asdict()} for i in seen],
        "confusion": found.confusion[seen][:, seen].tolist(),  # [true, predicted], in the order of "classes"
        "worst": [mistake._asdict() for mistake in worst],
    }
    lines = (f"{json.dumps(name)}: {json.dumps(_finite(value), ensure_ascii=False)}" for name, value in content.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    return text.encode("utf-8", "backslashreplace")  # names of files need not be UTF-8


def _finite(value: object) -> object:
    """Return data with None for numbers that JSON has not: NaN and infinity."""
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
