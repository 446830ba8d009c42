"""Several devices of a kind: each computation takes place where its arrays lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minigrad.devices import compute_beside, device_of, in_use
from minigrad.engine.tensor_base import TensorBase
from minigrad.engine.watchers import watchers

if TYPE_CHECKING:
    from minigrad.engine.function import Function


def compute_where_the_inputs_are(
    node: Function, stage: str, inputs: Sequence[object], compute: Callable[[], object]
) -> object:  # a watcher: see watchers.py
    """Switch to the device of the inputs, then compute.

    Raises:
        RuntimeError: if the inputs are on several devices.
    """
    arrays: list[object] = [x.array if isinstance(x, TensorBase) else x for x in inputs]
    compute_beside(*arrays)
    if stage == "forward":
        refuse_mixed_devices(arrays)
    return compute()


in_use.when_several.append(lambda: watchers.append(compute_where_the_inputs_are))


def refuse_mixed_devices(arrays: Sequence[Any]) -> None:
    """Refuse arrays that are on several devices.

    Raises:
        RuntimeError: naming two of the devices, in torch's words.
    """
    found = dict.fromkeys(str(device_of(a)) for a in arrays if hasattr(a, "__array_function__") and a.ndim)
    if len(found) > 1:
        first, second = list(found)[:2]
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {first} and {second}! "
            "Move one with .to(device)"
        )
