"""``torch.hub``: nothing is downloaded."""

from __future__ import annotations

import os
from typing import Any


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
