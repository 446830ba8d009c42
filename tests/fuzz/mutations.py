"""Damage to bytes and to JSON, drawn from a seeded generator."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
from collections.abc import Sequence
from typing import Any

#: Values at which sizes, indices and types change their meaning.
_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "x", "0", "tensor", "dict", "\0", "\x1b[2J", "../../x", "\ud800", "é" * 300, [], {}, [[]], [None], {"": None},
    {"tensor": "x"}, {"dict": []}, {"dict": [["a", 1], ["a", 2]]}, {"list": 1}, {"tuple": [1]},
)  # fmt: skip


def damaged(content: bytes, rng: random.Random, others: Sequence[bytes] = (), words: Sequence[bytes] = ()) -> bytes:
    """Return bytes with up to four pieces of damage.

    Args:
        others: other files of the format, of which stretches are taken.
        words: texts that mean something in the format.
    """
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        _damage(changed, rng, others, words)
    return bytes(changed)


def _damage(changed: bytearray, rng: random.Random, others: Sequence[bytes], words: Sequence[bytes]) -> None:
    near = min(len(changed), 64) if rng.random() < 0.4 else len(changed)  # headers come first
    at = rng.randrange(near) if near else 0
    end = min(len(changed), at + rng.choice((1, 2, 4, 8, 16, 64, 1000)))
    kind = rng.randrange(11)
    if kind == 0 and changed:
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and changed:
        changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        del changed[at:end]
    elif kind == 3:
        del changed[at:]
    elif kind == 4:
        changed[at:at] = rng.randbytes(rng.choice((1, 2, 8, 100)))
    elif kind == 5:
        changed[at:at] = changed[at:end] * rng.choice((1, 2, 50))
    elif kind == 6:
        changed[at:end] = bytes(end - at)
    elif kind == 7 and others:
        other = rng.choice(others)
        start = rng.randrange(len(other) or 1)
        changed[at:end] = other[start : start + rng.choice((4, 40, 400))]
    elif kind == 8 and words:
        changed[at : at if rng.random() < 0.5 else end] = rng.choice(words)
    elif kind == 9:
        _damage_number(changed, rng)
    else:
        size = rng.choice("BHIQ")
        number = rng.choice(_NUMBERS) & (2 ** (8 * struct.calcsize(size)) - 1)
        changed[at : at + struct.calcsize(size)] = struct.pack(rng.choice("<>") + size, number)


def _damage_number(changed: bytearray, rng: random.Random) -> None:
    """Replace a number that is written in digits."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(changed[:20_000])))
    if found:
        match = rng.choice(found)
        number = rng.choice((*_NUMBERS, -1, -(2**63), 10**30, 1.5, "9" * 5000, "1e999", "NaN"))
        changed[match.start() : match.end()] = str(number).encode()


def damaged_json(text: str, rng: random.Random) -> str:
    """Return a JSON text of which one or two values are others, gone, doubled, or elsewhere."""
    tree = [json.loads(text)]
    for _ in range(rng.choice((1, 1, 2))):
        holder, key = rng.choice(list(_places(tree)))
        kind = rng.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            other, place = rng.choice(list(_places(tree)) or [(tree, 0)])
            holder[key] = copy.deepcopy(other[place])
        elif kind == 2 and isinstance(holder, dict):
            holder[rng.choice(("", "x", str(key) + " ", "__metadata__"))] = holder.pop(key)
        elif kind == 3 and isinstance(holder, list) and len(holder) < 10_000:
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(rng.choice(_ODD))
        if not tree:
            return ""
    return json.dumps(tree[0])


def _places(holder: Any) -> Any:
    """Yield (dict or list, key) of every value below."""
    items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
    for key, value in items:
        yield holder, key
        if isinstance(value, dict | list):
            yield from _places(value)
