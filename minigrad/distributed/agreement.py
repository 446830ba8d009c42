"""Agreement: refuse ranks that would compute something else, and name the difference."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from minigrad.distributed.group import Group

SHOWN = 5  # differences in a message


class RanksDifferError(RuntimeError):
    """The ranks would not compute the same; the message says what differs."""


def refuse_differences(facts: Mapping[str, object], group: Group) -> None:
    """Compare facts about all ranks with those of rank 0.

    Args:
        facts: by name; mappings may hold further ones.

    Raises:
        RanksDifferError: on every rank, if some differ, naming the first ones.
    """
    everywhere = group.gather(facts)
    for rank, own in enumerate(everywhere):
        found = list(islice(_differences(everywhere[0], own), SHOWN + 1))
        if found:
            more = "; …" if len(found) > SHOWN else ""
            listed = "; ".join(f"{name} is {there!r} on rank 0, {here!r} on rank {rank}" for name, there, here in found)
            raise RanksDifferError(f"rank {rank} differs from rank 0: {listed}{more}")


def _differences(
    first: Mapping[str, object], second: Mapping[str, object], prefix: str = ""
) -> Iterator[tuple[str, object, object]]:
    for name in dict.fromkeys([*first, *second]):
        there, here = first.get(name), second.get(name)
        if isinstance(there, Mapping) and isinstance(here, Mapping):
            yield from _differences(there, here, f"{prefix}{name} ")
        elif there != here:
            yield f"{prefix}{name}", there, here


def digest_of_sources(*packages: str) -> str:
    """Return a digest of all Python files in folders of packages, by which different versions are told apart."""
    digest = hashlib.blake2b(digest_size=8)
    for package in packages:
        for path in sorted(Path(package).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
