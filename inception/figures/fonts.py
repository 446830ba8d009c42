"""Fonts: which of those installed can draw a text."""

from __future__ import annotations

import importlib
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from inception.figures.page import DPI, FONT
from inception.progress import warn
from minigrad.extras import Later

if TYPE_CHECKING:
    from matplotlib import font_manager
    from matplotlib.backends import backend_agg
else:
    font_manager = Later("matplotlib.font_manager", "a figure")
    backend_agg = Later("matplotlib.backends.backend_agg", "a figure")

_warned: set[str] = set()  # scripts

#: Parts of the names of fonts whose characters are colour images, which Matplotlib cannot draw, or only boxes.
USELESS = ("Color Emoji", "Colour Emoji", "Last Resort", "LastResort", "Adobe Blank")
LIKED = ("Noto Sans", "WenQuanYi", "Microsoft YaHei", "PingFang", "Hiragino", "Yu Gothic", "Meiryo", "Malgun", "IPA")


def fonts_for(text: str) -> tuple[str, ...]:
    """Return the names of fonts that together draw as many characters of a text as the installed ones can.

    The first is always Matplotlib's own; others follow only if they are needed.
    """
    chosen, missing = [FONT], {character for character in set(text) if not _has(FONT, character)}
    for name in _installed() if missing else ():
        found = {character for character in missing if _has(name, character)}
        if found:
            chosen.append(name)
            missing -= found
        if not missing:
            break
    return tuple(chosen)


def can_draw(character: str, fonts: tuple[str, ...]) -> bool:
    """Return whether one of the fonts has a character, and Matplotlib puts it in its place.

    Matplotlib before 3.11 would draw Hebrew and Arabic from left to right.
    """
    if unicodedata.bidirectional(character) in ("R", "AL") and not _orders_text():
        return False
    return any(_has(name, character) for name in fonts)


def warn_of_missing_fonts(text: str, fonts: tuple[str, ...]) -> None:
    """Warn of each script that no installed font can draw, once in a process. Emoji are replaced by their names."""
    missing: dict[str, list[str]] = {}
    for character in dict.fromkeys(text):
        if unicodedata.category(character)[0] in "LMN" and not can_draw(character, fonts):
            missing.setdefault(_script_of(character), []).append(character)
    for script, characters in missing.items():
        if script not in _warned:
            _warned.add(script)
            shown = " ".join(characters[:5]) + (" …" if len(characters) > 5 else "")
            warn(f"no font for {shown}: figures show … or the number of the class. {_remedy(script, characters[0])}")


def _script_of(character: str) -> str:
    """Return the script of a character, as far as the name of a font goes."""
    script = unicodedata.name(character, "Symbols").split()[0].title()
    return "CJK" if script in ("Cjk", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Fullwidth") else script


def _remedy(script: str, character: str) -> str:
    if unicodedata.bidirectional(character) in ("R", "AL") and not _orders_text():
        return "Matplotlib before 3.11 cannot draw what is written from right to left"
    return f"Install one, such as Noto Sans {script}"


def width_in_inches(text: str, points: float, fonts: tuple[str, ...]) -> float:
    """Return how wide a text is in a font size."""
    properties = font_manager.FontProperties(family=list(fonts), size=points)
    width, _, _ = _renderer().get_text_width_height_descent(text, properties, False)  # type: ignore[no-untyped-call]
    return float(width) / DPI


@cache
def _renderer() -> backend_agg.RendererAgg:
    return backend_agg.RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]


def _installed() -> list[str]:
    """Return the names of the upright fonts of usual weight, those that look best first."""
    names = {
        entry.name
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and entry.weight in (400, "normal", "regular")
    }
    usable = [name for name in names if not any(part in name for part in USELESS)]
    return sorted(usable, key=lambda name: (not name.startswith(LIKED), name))


@cache
def _orders_text() -> bool:
    return hasattr(importlib.import_module("matplotlib.ft2font"), "__libraqm_version__")


@cache
def _has(name: str, character: str) -> bool:
    """Return whether a font has a character; false for a damaged file."""
    try:
        return bool(font_manager.get_font(_file_of(name)).get_char_index(ord(character)))
    except (OSError, RuntimeError):
        return False


@cache
def _file_of(name: str) -> str:
    return str(font_manager.findfont(name))
