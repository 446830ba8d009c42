"""Texts: metrics, names of classes, settings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from inception.classes import read_names
from inception.config import as_toml, read_settings
from inception.figures.curves import CHARTS
from inception.metrics import read_metrics
from inception.options import options_of
from inception.recipes import RECIPES, Recipe
from minigrad.printable import printable
from tests.fuzz.readers import Reader, Sample, must
from tests.fuzz.shells import in_json_lines, in_json_text

_STEP = {
    "kind": "step",
    "epoch": 1,
    "loss": 2.5,
    "accuracy": 0.25,
    "cross_entropy": 2.4,
    "lr": 0.001,
    "memory_mb": None,
}


def _metrics() -> list[Sample]:
    records: list[dict[str, object]] = [{**_STEP, "step": i, "global_step": i} for i in range(1, 5)]
    records.append({"kind": "gradients", "global_step": 4, "fc": 0.5, "total": float("nan")})
    records.append({"kind": "warning", "global_step": 4, "text": "the loss has risen"})
    values = {"train_loss": 2.0, "validation_loss": 2.1, "validation_accuracy": 0.3}
    records.append({"kind": "epoch", "epoch": 1, "global_step": 4, **values, "by_class": {"cat": 0.5}})
    return [{"metrics.jsonl": "".join(json.dumps(record) + "\n" for record in records).encode()}]


def _read_metrics(folder: Path, sample: Sample) -> None:
    found = read_metrics(folder / "metrics.jsonl")
    for of_step, of_epoch in CHARTS.values():
        for kind, name in (("step", of_step), ("epoch", of_epoch)):
            np.array([record[name] for record in found.records if record["kind"] == kind], float)
    for record in found.records:
        must(record["global_step"] >= 0 and (record["kind"] != "epoch" or record["epoch"] >= 0), "a negative count")
    lines = (folder / "metrics.jsonl").read_bytes().count(b"\n")
    must(lines == len(found.records) + len(found.damaged), "lines are neither records nor damaged")


def _names() -> list[Sample]:
    return [{"names.txt": text.encode()} for text in ("cat\ndog\n", "\ufeffgroß\nnaïve\ncrane\n", "a\r\nb c\r\n" * 50)]


def _read_names(folder: Path, sample: Sample) -> None:
    for name in read_names(folder / "names.txt"):
        must(name and name == printable(name), f"a name that cannot be shown: {name!r}")


def _settings() -> list[Sample]:
    settings = {"recipe": "quick", "lr": 0.01, "epochs": 3, "batch_size": 8, "image_size": 75, "aux": True, "root": "a"}
    samples: list[Sample] = [{"settings.json": json.dumps({name: value}).encode()} for name, value in settings.items()]
    samples.append({"settings.json": json.dumps(settings).encode()})
    return [*samples, {"settings.toml": as_toml(settings).encode()}]


def _read_settings(folder: Path, sample: Sample) -> None:
    (name,) = sample
    found = read_settings(folder / name, options_of(Recipe), sorted(RECIPES))
    for each in options_of(Recipe):
        each.check(found.get(each.name))


_CHARACTERS = (b"\x1b[2J", b"\xe2\x80\xa8", b"\x00", b"\xff", b"\n")
_SIGNS = (b"null", b"[", b"{", b"=", b'"')

READERS = {
    "metrics": Reader(_metrics, _read_metrics, (), {".jsonl": in_json_lines}),
    "class-names": Reader(_names, _read_names, (ValueError,), words=_CHARACTERS),
    "settings": Reader(_settings, _read_settings, (ValueError,), {".json": in_json_text}, words=_SIGNS),
}
