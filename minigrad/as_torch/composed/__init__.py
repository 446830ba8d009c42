"""Operations of torch's that minigrad leaves out because they are a line of others: ``vstack``, ``cross``, ``cdist``.

``torch.name`` and ``x.name`` answer with those in :data:`FUNCTIONS`. Their gradients are those of the lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.as_torch.composed import arrangement, counting, elementwise, making, matrices

#: The functions, by their names.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: item
    for module in (arrangement, counting, elementwise, making, matrices)
    for name, item in vars(module).items()
    if callable(item) and not isinstance(item, type) and not name.startswith("_")
}
