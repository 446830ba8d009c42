"""Weights of a model in a safetensors file, under torchvision's names."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import safetensors.numpy

from minigrad import checkpoint, nn
from minigrad.device import to_host


def save_weights(model: nn.Module, path: str | os.PathLike[str], **metadata: str) -> None:
    """Writes the model's state dict; ``safetensors.torch.load_file`` reads it for torchvision's model too."""
    arrays = {name: np.asarray(to_host(t.array), order="C") for name, t in model.state_dict().items()}
    checkpoint.write_atomically(path, safetensors.numpy.save(arrays, metadata))


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Loads a file of :func:`save_weights` (or any safetensors file of the same names) into ``model``.

    Raises:
        FileNotFoundError, CheckpointError: if the file is missing, cut short, or of another architecture;
            then the message names the first keys that differ, and the model is unchanged.
    """
    load_into(model, checkpoint.load(path), path)


def load_into(model: nn.Module, state: Any, path: str | os.PathLike[str]) -> None:
    """Loads a state dict that came from ``path``, whose name an error then gives."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise checkpoint.CheckpointError(f"{path} is of another architecture. {error}") from None
