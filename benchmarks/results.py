"""The results file of a processor: it is written after every measurement, so that a stopped run can continue.

Each measurement has a *stamp*: the code, the versions, the machine and the options that it belongs to. A measurement
whose stamp is still right is kept, and all others are done anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from minigrad.files import write_atomically

Stamp = dict[str, Any]


class Results:
    """Measurements by part and name, kept in a file.

    Args:
        path: the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document: dict[str, Any] = {"parts": {}}
        if path.exists():
            self.document = json.loads(path.read_text(encoding="utf-8"))

    def describe(self, machine: dict[str, Any], versions: dict[str, str], command: str) -> None:
        """Note what the next measurements are made on."""
        self.document |= {"machine": machine, "versions": versions, "command": command}

    def forget(self, parts: Iterable[str]) -> None:
        """Forget all measurements of these parts."""
        for part in parts:
            self.document["parts"].pop(part, None)

    def has(self, part: str, name: str, stamp: Stamp) -> bool:
        """Return whether there is a complete measurement with this stamp, and no fewer rounds."""
        kept = self.document["parts"].get(part, {}).get(name)
        if kept is None or not kept["complete"] or kept["stamp"]["rounds"] < stamp["rounds"]:
            return False
        return bool({**kept["stamp"], "rounds": 0} == {**stamp, "rounds": 0})

    def keep(self, part: str, name: str, stamp: Stamp, result: dict[str, Any], seconds: float) -> None:
        """Add a measurement, and write the file."""
        complete = "failed" not in result and not result.get("cut_short", False)
        self.document["parts"].setdefault(part, {})[name] = {
            "stamp": stamp,
            "complete": complete,
            "date": date.today().isoformat(),
            "took_seconds": round(seconds, 1),
            "result": result,
        }
        self.document["date"] = date.today().isoformat()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, (json.dumps(self.document, indent=1, ensure_ascii=False) + "\n").encode())


def read(path: Path) -> dict[str, Any]:
    """Return the machine, versions, date, command, minutes and results of a file, without stamps and failures."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kept = {
        part: {name: unit["result"] for name, unit in units.items() if "failed" not in unit["result"]}
        for part, units in document["parts"].items()
    }
    codes = {unit["stamp"]["code"] for units in document["parts"].values() for unit in units.values()}
    minutes = sum(unit["took_seconds"] for units in document["parts"].values() for unit in units.values()) / 60
    return {**document, "parts": kept, "codes": len(codes), "minutes": minutes}
