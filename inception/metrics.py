"""The lines of metrics.jsonl: which of them are records, and which have been damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeGuard

#: A line of the metrics, a JSON object. ``kind`` is "step", "gradients", "warning" or "epoch" and decides the rest.
Record: TypeAlias = dict[str, Any]

#: By kind: the whole numbers that each record has, and the other numbers.
_NUMBERS = {
    "step": (("global_step", "epoch", "step"), ("loss", "accuracy", "cross_entropy")),
    "gradients": (("global_step",), ()),
    "warning": (("global_step",), ()),
    "epoch": (("global_step", "epoch"), ("validation_loss", "validation_accuracy")),
}
_MOST = 2**53  # a whole number beyond it is no count of steps


class Metrics(NamedTuple):
    """The records in a file of metrics, and the lines that are none."""

    records: list[Record]
    damaged: list[int]  # the numbers of the lines that are no records, from 1 on


def read_metrics(path: Path) -> Metrics:
    """Return the records in a file of metrics, and which lines are none; a file that is not there has neither.

    The last line is left out if its end is missing: a run that was killed had begun to write it. After a crash of the
    machine a file may have other damage, such as a stretch of zeros.
    """
    if not path.is_file():
        return Metrics([], [])
    records, damaged = [], []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
        record = _record(line)
        if record is None:
            damaged.append(number)
        else:
            records.append(record)
    return Metrics(records, damaged)


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of thousands of digits
        return None
    if not isinstance(record, dict) or record.get("kind") not in tuple(_NUMBERS):
        return None
    whole, others = _NUMBERS[record["kind"]]
    fits = all(_is_whole(count := record.get(name)) and count >= 0 for name in whole)
    fits &= all(isinstance(number := record.get(name), float) or _is_whole(number) for name in others)
    return record if fits else None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST
