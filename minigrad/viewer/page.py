"""The page: a story as one HTML file, which needs nothing else: style, script and numbers are inside it.

The files of ``browser/`` are what runs there; the scripts are put together in the order of their names.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from html import escape
from importlib.resources import files
from typing import Any

from minigrad.engine.function import Function
from minigrad.viewer.scopes import scopes_of
from minigrad.viewer.sources import Source, source_of
from minigrad.viewer.story import Story
from minigrad.viewer.telling import Told, told
from minigrad.viewer.tree import tree_of

PHASES = ("forward pass", "loss computation", "backward pass", "optimization pass")


def page(story: Story, title: str) -> str:
    """Return the HTML of a story."""
    folder = files("minigrad.viewer").joinpath("browser")
    frame = folder.joinpath("page.html").read_text(encoding="utf-8")
    scripts = sorted((file for file in folder.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    filled = {
        "{{title}}": escape(title),
        "{{style}}": folder.joinpath("page.css").read_text(encoding="utf-8"),
        "{{data}}": _embedded(page_data(story, title)),
        "{{script}}": "".join(script.read_text(encoding="utf-8") for script in scripts),
    }
    before, *rest = frame.split("{{")
    pieces = [before]
    for part in rest:  # in one pass, so that braces in what was filled in are left alone
        name, _, after = part.partition("}}")
        pieces += [filled["{{" + name + "}}"], after]
    return "".join(pieces)


def _embedded(data: dict[str, Any]) -> str:
    """Return data as JSON that no browser takes for markup, whatever the names in it are."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def page_data(story: Story, title: str) -> dict[str, Any]:
    """Return what the page shows, as plain data.

    ``steps`` are the steps in their order: [phase, position], where the position is that of an operation, of an
    operation on the way back, or of a parameter.
    """
    shown = told(story)
    sources = _Sources()
    operations = [{**_plain(op), "name": op.name, "source": sources.number(type(op.node))} for op in shown.operations]
    steps = [[1 if op.loss else 0, k] for k, op in enumerate(shown.operations)]
    steps += [[2, k] for k in range(len(shown.backward))]
    steps += [[3, k] for k in range(len(story.parameters))]
    return {
        "title": title,
        "model": shown.model,
        "phases": PHASES,
        "steps": steps,
        "calls": _plain(shown.calls),
        "tree": tree_of(shown),
        "scopes": scopes_of(shown),
        "operations": operations,
        "users": shown.users,
        "backward": _plain(shown.backward),
        "parameters": _plain(story.parameters),
        "optimizer": story.optimizer,
        "rule": None if story.rule is None else sources.of_rule(story.rule),
        "sources": sources.all,
        "abouts": sources.abouts,
        "loss": _loss(shown),
    }


def _loss(story: Told) -> str:
    """Return the number that the backward pass started from."""
    if not story.backward:
        return ""
    last = story.operations[story.backward[0].operation]
    return last.outputs[0].text.partition(" ")[0]


class _Sources:
    """The sources of all operations on the page, each once."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.abouts: list[str] = []  #: the docstrings of their files
        self._numbers: dict[type[Function], int] = {}

    def number(self, operation: type[Function]) -> int:
        """Return the position of an operation's source."""
        if operation not in self._numbers:
            self._numbers[operation] = len(self.all)
            self.all.append(self._with_about(source_of(operation)))
        return self._numbers[operation]

    def _with_about(self, source: Source) -> Any:
        """Return a source as plain data, with the position of its module's text, which is on the page once."""
        text = source.module.strip()
        if text not in self.abouts:
            self.abouts.append(text)
        return {**_plain(replace(source, module="")), "about": self.abouts.index(text)}

    def of_rule(self, rule: type) -> Any:
        """Return the formula and the code of an optimiser's rule."""
        return self._with_about(source_of(rule, ("step",)))


def _plain(value: Any) -> Any:
    """Return dataclasses as dicts, without the fields that are empty; nodes are left out."""
    if is_dataclass(value):
        items = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {
            k: v for k, v in items.items() if v not in (None, "", [], {}, ()) and k not in ("node", "folded", "loss")
        }
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
