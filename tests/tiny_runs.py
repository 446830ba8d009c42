"""Options of training runs that take seconds: a few generated images, and Inception V3 with a part of its channels."""

from __future__ import annotations

_SETTINGS = {"data": "synthetic", "classes": 3, "limit": 4, "batch_size": 2, "width": 0.25}


def tiny(**settings: object) -> list[str]:
    """Return the options of ``inception train`` for a tiny run, with these settings in place of its own, or beside."""
    return [
        part
        for name, value in {**_SETTINGS, **settings}.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
