"""Weights in safetensors files, with torchvision's names; and torchvision's own files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigrad import Tensor, checkpoint, from_numpy, nn
from minigrad.devices import to_host
from minigrad.extras import Later, require
from minigrad.files import write_atomically

if TYPE_CHECKING:
    import safetensors
    from safetensors import numpy as safetensors_numpy
else:
    safetensors = Later("safetensors", "a file of weights")
    safetensors_numpy = Later("safetensors.numpy", "a file of weights")


@dataclass(frozen=True)
class Description:
    """The classes of a model and the preprocessing of its images, stored in the metadata of minigrad's files."""

    classes: tuple[str, ...] = ()
    image_size: int = 299
    resize: int | None = None
    normalize: str = "half"


def class_names(known: Sequence[str], count: int) -> tuple[str, ...]:
    """Return ``count`` names of classes: the known ones, and numbers for the others."""
    return (*known, *(f"class {i}" for i in range(len(known), count)))


def save_weights(model: nn.Module, path: str | os.PathLike[str], description: Description | None = None) -> None:
    """Write the model's state dict. ``safetensors.torch.load_file`` reads it for torchvision's model, too."""
    arrays = {name: np.asarray(to_host(t.array), order="C") for name, t in model.state_dict().items()}
    metadata = {} if description is None else {"inception": json.dumps(asdict(description))}
    write_atomically(path, safetensors_numpy.save(arrays, metadata))


def read_description(path: str | os.PathLike[str]) -> Description:
    """Return the description in a file of :func:`save_weights`; for any other file, that of the published weights."""
    if Path(path).suffix == ".safetensors":
        with safetensors.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("inception")
        if text is not None:
            values = json.loads(text)
            return Description(tuple(values.pop("classes")), **values)
    return Description()


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load a file of :func:`save_weights`, or any safetensors file with the same names, into ``model``.

    Raises:
        FileNotFoundError, CheckpointError: if the file is missing, cut short, or of another architecture;
            the message names the first keys that differ, and the model is unchanged.
    """
    load_into(model, checkpoint.load(path), path)


def load_pretrained(model: nn.Module, path: str | os.PathLike[str]) -> list[str]:
    """Load published weights: torchvision's ``.pth``, or a safetensors file with the same names.

    A classifier for another number of classes is left out, and the model keeps its own ``fc`` (and ``AuxLogits.fc``).
    The weights of the aux head are left out if the model has none. Return the names of the weights left out.

    Raises:
        FileNotFoundError, CheckpointError: if the file is missing, cannot be read, or is of another architecture.
        ImportError: for a ``.pth`` without torch.
    """
    state = read_weights(path)
    own = model.state_dict()
    heads = ("fc.weight", "fc.bias", "AuxLogits.fc.weight", "AuxLogits.fc.bias")
    other_head = [n for n in heads if n in state and n in own and tuple(state[n].shape) != tuple(own[n].shape)]
    no_aux = [n for n in state if n.startswith("AuxLogits.") and n not in own]
    left_out = [*other_head, *no_aux]
    kept = {name: value for name, value in state.items() if name not in left_out}
    load_into(model, {**kept, **{name: own[name] for name in other_head}}, path)
    return left_out


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the weights in a ``.pth`` of a state dict, in a safetensors file, or in a checkpoint of a run."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    if path.suffix not in (".pth", ".pt"):
        tree = checkpoint.load(path)
        weights: dict[str, Tensor] = tree["model"] if isinstance(tree.get("model"), dict) else tree
        return weights
    require(f"{path}: reading a .pth (once; it can be converted to safetensors)", "torch")
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # which never runs a program in the file
    except Exception as error:  # damaged zip archives and pickles raise all kinds
        raise checkpoint.CheckpointError(f"{path}: torch cannot read it as weights: {error}") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise checkpoint.CheckpointError(f"{path}: expected a state dict of tensors, as torchvision publishes it")
    return {name: from_numpy(value.contiguous().numpy()) for name, value in state.items()}


def load_into(model: nn.Module, state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Load a state dict that was read from ``path``, which errors name."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise checkpoint.CheckpointError(f"{path} is of another architecture. {error}") from None
