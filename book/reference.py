"""Sphinx extension: the directive `public`, which documents every public name of a module from its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from itertools import cycle
from types import ModuleType
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

SECTIONS = ("Args:", "Raises:", "Returns:", "Yields:", "Attributes:")


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of a module: its ``__all__``, or else what it defines; modules are left out."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    found = {name for name in names if name[0] != "_" and not inspect.ismodule(getattr(module, name))}
    return sorted(found, key=lambda name: (name.lower(), name))


def by_file(module: ModuleType, names: list[str]) -> dict[str, list[str]]:
    """Sort names by the file that defines them; the key is the first sentence of that file's docstring."""
    groups: dict[str, list[str]] = {}
    for name in names:
        value = getattr(module, name)
        defined_in = importlib.import_module(getattr(value, "__module__", None) or "minigrad.dtypes")
        belongs = defined_in.__name__.startswith("minigrad") and defined_in is not module
        sentence = (defined_in.__doc__ or "").split("\n\n")[0].replace("\n", " ") if belongs else ""
        groups.setdefault(sentence, []).append(name)
    return dict(sorted(groups.items()))


def entries(module: ModuleType, names: list[str], members: str | None) -> Iterator[str]:
    """Yield the lines that document names, in reStructuredText."""
    for name in names:
        value = getattr(module, name)
        path = f"{module.__name__}.{name}"
        if inspect.isclass(value):
            yield f".. autoclass:: {path}"
            if members is not None:
                yield f"   :members: {', '.join(n for n in members.split(', ') if not n or hasattr(value, n))}"
        elif callable(value):
            yield f".. autofunction:: {path}"
        else:
            yield f".. py:data:: {path}"
            yield f"   :value: {value!r}"
        yield ""


class Public(SphinxDirective):
    """Document the public names of a module; with the option ``members`` also the methods of its classes."""

    required_arguments = 1
    option_spec: ClassVar = {"members": directives.unchanged, "by-file": directives.flag}
    option_spec |= dict.fromkeys(("only", "without"), directives.unchanged)

    def run(self) -> list[nodes.Node]:
        module = importlib.import_module(self.arguments[0])
        names = self.options["only"].split() if "only" in self.options else public_names(module)
        names = [name for name in names if name not in self.options.get("without", "").split()]
        groups = by_file(module, names) if "by-file" in self.options else {"": names}
        lines = []
        for title, group in groups.items():
            if title:
                lines += [f".. rubric:: {escaped(title.rstrip('.'))}", ""]
            lines += entries(module, group, self.options.get("members"))
        fence = "`" * 12
        return self.parse_text_to_nodes("\n".join([fence + "{eval-rst}", *lines, fence]))


#: Emphasis in a docstring, such as *this*; the signs of a product have spaces around them, and so are none.
EMPHASIS = re.compile(r"(?<![\w*\\])\*(\w(?:[^*]*\w)?)\*(?![\w*])")


def escaped(text: str) -> str:
    """Return text of a docstring so that reStructuredText shows it as it is; `code` becomes literal."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"``\1``", text)
    parts = re.split(r"(``.+?``|`[^`]+`)", text)
    for i in range(0, len(parts), 2):
        parts[i] = "".join(
            f"*{piece}*" if is_emphasised else re.sub(r"_(?!\w)", r"\\_", re.sub(r"([\\*|])", r"\\\1", piece))
            for is_emphasised, piece in zip(cycle((False, True)), EMPHASIS.split(parts[i]), strict=False)
        )
    for i in range(1, len(parts), 2):
        parts[i] = f"``{parts[i].strip('`')}``"
        if i + 1 < len(parts) and re.match(r"\w", parts[i + 1]):
            parts[i + 1] = r"\ " + parts[i + 1]
    return "".join(parts)


def plain(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring, which is plain text, into reStructuredText: formulas keep their lines and their signs."""
    found, section, in_code, in_example = [], False, False, False
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            section, in_code = line.strip() in SECTIONS, False
        in_example = bool(line.strip()) and (in_example or line.lstrip().startswith(">>>"))
        if line.strip() and indent >= 4 and not section and not in_code and i > 0 and not in_example:
            found += ["", ".. code-block:: text", ""]
            in_code = True
        found.append(line if in_code or in_example or line.strip() in SECTIONS else escaped(line))
        if in_example and i + 1 < len(lines) and lines[i + 1].strip() and not lines[i + 1].startswith((">>>", "...")):
            continue
    lines[:] = found


def as_written(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """Return a signature with its types as the source writes them, in place of what they stand for."""
    if not callable(value):
        return None
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    given = list(found.parameters.values())
    if what == "method" and given and given[0].name == "self":
        given = given[1:]
    given = [p if p.annotation is p.empty else p.replace(annotation=_Written(p.annotation)) for p in given]
    arguments = str(found.replace(parameters=given, return_annotation=found.empty))
    result = None if what == "class" or found.return_annotation is found.empty else found.return_annotation
    return arguments, None if result is None else repr(_Written(result))


class _Written:
    """A type, whose text is that of the source."""

    def __init__(self, annotation: object) -> None:
        self.annotation = annotation

    def __repr__(self) -> str:
        return self.annotation if isinstance(self.annotation, str) else inspect.formatannotation(self.annotation)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directive; docstrings pass through `plain` before napoleon reads their sections."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-docstring", plain, priority=100)
    app.connect("autodoc-process-signature", as_written)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
