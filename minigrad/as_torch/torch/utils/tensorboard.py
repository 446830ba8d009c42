"""``torch.utils.tensorboard``: tensorboardX writes the same files, of minigrad's tensors, too."""

from __future__ import annotations

from functools import wraps
from typing import Any

import tensorboardX

from minigrad import Tensor


class SummaryWriter(tensorboardX.SummaryWriter):  # type: ignore[misc]  # tensorboardX has no types
    """Write numbers, images and histograms to a file for TensorBoard; tensors become arrays."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _of_arrays(found) if name.startswith("add_") else found

    def add_graph(self, model: Any, input_to_model: Any = None, *_: object, **__: object) -> None:
        """Write nothing: programs are not traced here."""


def _of_arrays(method: Any) -> Any:
    @wraps(method)
    def written(*args: Any, **options: Any) -> Any:
        return method(*map(_array, args), **{name: _array(value) for name, value in options.items()})

    return written


def _array(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _array(item) for key, item in value.items()}
    return value.detach().numpy() if isinstance(value, Tensor) else value
