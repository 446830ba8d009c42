"""``torch.hub``: nothing is downloaded."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlparse as urlparse

#: The part of a file's name that says what its checksum begins with.
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")


def _refuse(url: str, *_: object, **__: object) -> Any:
    """Refuse to download.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        f"minigrad downloads nothing: fetch {url} yourself, and read the file with torch.load(path)"
    )


load_state_dict_from_url = download_url_to_file = load = load_url = _refuse


def get_dir() -> str:
    """Return the folder in which torch keeps what it has downloaded."""
    return os.path.join(_get_torch_home(), "hub")


def _get_torch_home() -> str:
    return os.path.expanduser(os.environ.get("TORCH_HOME", "~/.cache/torch"))
