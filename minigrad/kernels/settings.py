"""Read the environment variables that choose kernels, and say what is wrong with a bad value."""

from __future__ import annotations

import os

WIDTHS = (128, 256, 512)


def vector_bits() -> int | None:
    """Return the width of the compiled kernels' vectors that ``MINIGRAD_VECTOR_BITS`` sets; None if it is not set.

    Raises:
        ValueError: if it is not a width that vectors have.
    """
    wanted = os.environ.get("MINIGRAD_VECTOR_BITS", "")
    if not wanted:
        return None
    if wanted not in map(str, WIDTHS):
        raise ValueError(f"MINIGRAD_VECTOR_BITS={wanted!r} is unknown; it may be: {', '.join(map(str, WIDTHS))}")
    return int(wanted)
