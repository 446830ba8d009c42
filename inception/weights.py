"""Weights, with torchvision's names; and what they mean: classes, and how images are prepared for them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from inception.classes import listed, same
from inception.normalization import NORMALIZATIONS
from inception.preprocessing import check_sizes
from inception.weight_files import Found, find_weights, read_metadata, read_tree, to_minigrad
from inception.width import width_of
from inception.wording import counted
from minigrad import Tensor, checkpoint, nn, zeros
from minigrad.checkpoint import CheckpointError
from minigrad.devices import to_host

HEADS = ("fc", "AuxLogits")  # may be missing in a file, or be for other classes


@dataclass(frozen=True)
class Description:
    """The meaning of weights: it travels with them in every file that minigrad writes.

    Args:
        classes: the name of each output; empty if they are not known.
        image_size: height and width of the model's input.
        resize: the shorter side of an image is brought to this, and the middle is cut out; None: it is squeezed.
        normalize: a name in ``NORMALIZATIONS``.
        averaged: the weights are the moving average; in a checkpoint, which has both, the average is meant.

    Raises:
        ValueError: for a value that cannot be right.
    """

    classes: tuple[str, ...] = ()
    image_size: int = 299
    resize: int | None = None
    normalize: str = "half"
    averaged: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.classes, tuple) or not all(isinstance(name, str) for name in self.classes):
            raise ValueError(f"classes {self.classes!r} are no names")
        if not isinstance(self.normalize, str) or self.normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize {self.normalize!r} is none of {', '.join(NORMALIZATIONS)}")
        if not isinstance(self.averaged, bool):
            raise ValueError(f"averaged must be true or false, got {self.averaged!r}")
        check_sizes(self.image_size, self.resize)

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name, as data for JSON or a checkpoint."""
        return {**asdict(self), "classes": list(self.classes)}

    @staticmethod
    def from_dict(values: object) -> Description:
        """Return the description that :meth:`as_dict` turned into ``values``; what is missing has its default.

        Raises:
            ValueError: for anything else, saying what is wrong.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"the description of the weights is no dict but {type(values).__name__}")
        unknown = set(values) - {field.name for field in fields(Description)}
        if unknown:
            raise ValueError(f"the description of the weights has unknown entries: {', '.join(map(str, unknown))}")
        classes = values.get("classes", ())
        try:
            return Description(**{**values, "classes": tuple(classes) if isinstance(classes, list) else classes})
        except ValueError as error:
            raise ValueError(f"the description of the weights is wrong: {error}") from None

    def __str__(self) -> str:
        size = f"{self.image_size} x {self.image_size}" + (f" out of {self.resize}" if self.resize else "")
        average = ", averaged" if self.averaged else ""
        return f"{counted(len(self.classes), 'class')}, images of {size}, normalised: {self.normalize}{average}"


class Weights(NamedTuple):
    """A state dict with names of torchvision, and its meaning."""

    state: dict[str, Tensor]
    description: Description
    place: str  # where in the file it was, in words; empty if it is all that the file holds


class Loaded(NamedTuple):
    """A report: what was loaded into a model, and what was not."""

    path: Path
    place: str
    tensors: int  # loaded
    new: list[str]  # names of the model that keep their own values
    left_out: list[str]  # names in the file that were not used
    description: Description

    def __str__(self) -> str:
        parts = [f"loaded {counted(self.tensors, 'tensor')} of {self.path}{self.place}"]
        new = dict.fromkeys(name.partition(".")[0] for name in self.new)
        left_out = dict.fromkeys(layer for name in self.left_out if (layer := name.partition(".")[0]) not in new)
        parts += [f"new: {', '.join(new)}"] if new else []
        parts += [f"left out: {listed(list(left_out))}"] if left_out else []
        return "; ".join(parts)


def save_weights(model: nn.Module, path: str | os.PathLike[str], description: Description | None = None) -> None:
    """Write the model's state dict. ``safetensors.torch.load_file`` reads it for torchvision's model, too."""
    arrays = {name: to_host(t.array) for name, t in model.state_dict().items()}
    metadata = {} if description is None else {"inception": json.dumps(description.as_dict())}
    checkpoint.save_tensors(path, arrays, metadata)


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load a file of :func:`save_weights`, or any safetensors file with the same names, into ``model``.

    Raises:
        FileNotFoundError, CheckpointError: if the file is missing, cut short, or of another architecture;
            the message names the first keys that differ, and the model is unchanged.
    """
    load_into(model, checkpoint.load(path), path)


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Return the weights in a file of torch or of safetensors, or in a checkpoint, with their meaning.

    The first bytes decide what a file is, not its name. The weights may lie in dicts, as training scripts write them
    (``{"state_dict": …}``), and have a prefix (``module.``). Of several, the moving average is taken. Without a
    description, they are taken for the published ones.

    Raises:
        FileNotFoundError, CheckpointError: if it is missing, cut short, or has no weights in it.
        ImportError: for a file of torch without torch.
    """
    path = Path(path)
    tree = read_tree(path)
    try:
        found, description = _described(tree, path)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}. Take another copy of the file") from None
    where, prefix, state = found
    tensors = {name.removeprefix(prefix): to_minigrad(value, name, path) for name, value in state.items()}
    return Weights(tensors, description, f" ({where})" if where else "")


def load_pretrained(model: nn.Module, path: str | os.PathLike[str], classes: Sequence[str] = ()) -> Loaded:
    """Load weights for a model that is then trained: published ones, or those of another run.

    A head for other classes is left out, and the model keeps its own ``fc`` (and ``AuxLogits.fc``), as it does if the
    file has none. Return what was loaded, what is new and what was left out; as a text it is one line.

    Args:
        classes: the names of the model's classes, if they are known. If the file names others, its head is for others,
            even if there are as many.

    Raises:
        FileNotFoundError, CheckpointError: if the file is missing, cannot be read, or is of another architecture.
        ImportError: for a file of torch without torch.
    """
    state, described, place = read_weights(path)
    own = model.state_dict()
    theirs, ours = width_of(state), width_of(own)
    if theirs is not None and ours is not None and theirs != ours:
        raise CheckpointError(
            f"{path} is of a model of width {theirs:g}, and this one has {ours:g}: give --width {theirs:g}"
        )
    others = bool(classes and described.classes) and not same(classes, described.classes)
    other_heads = [
        name
        for name in state
        if _is_of_head(name) and (others or name not in own or state[name].shape != own[name].shape)
    ]
    fits = {name: value for name, value in state.items() if name in own and name not in other_heads}
    new = [name for name in own if name not in fits and name.partition(".")[0] in HEADS]
    if not any(name.startswith("Mixed_") for name in fits):
        fits = state  # of another architecture, which the error describes
    load_into(model, {**{name: own[name] for name in new}, **_with_counters(fits, own)}, path)
    return Loaded(Path(path), place, len(fits), new, [name for name in state if name not in fits], described)


def load_exactly(model: nn.Module, weights: Weights, path: Path) -> Loaded:
    """Load weights for a model that is used as it is: every layer must be in the file.

    Raises:
        CheckpointError: for weights of another architecture.
    """
    own = model.state_dict()
    known = {name: value for name, value in weights.state.items() if name in own}
    load_into(model, _with_counters(known, own), path)
    left_out = [name for name in weights.state if name not in own]
    return Loaded(path, weights.place, len(known), [], left_out, weights.description)


def load_into(model: nn.Module, state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Load a state dict that was read from ``path``, which errors name."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path} is of another architecture. {error}") from None


def _described(tree: Mapping[str, object], path: Path) -> tuple[Found, Description]:
    """Return the weights in a tree, and their description."""
    recipe = tree.get("recipe")
    if "description" in tree:
        described = Description.from_dict(tree["description"])
    elif "model" in tree and isinstance(recipe, Mapping):  # a checkpoint from before there were descriptions
        known = {name: recipe[name] for name in ("image_size", "resize", "normalize") if name in recipe}
        described = Description.from_dict(known)
    else:
        text = read_metadata(path).get("inception")
        return find_weights(tree, path), Description() if text is None else Description.from_dict(json.loads(text))
    average, model = tree.get("ema"), tree.get("model")
    if isinstance(average, Mapping):  # it is meant wherever there is one
        state = {name: value for name, value in average.items() if name.startswith("module.")}
        return Found("", "module.", state), replace(described, averaged=True)
    if not isinstance(model, Mapping):
        raise ValueError("there are no weights in it")
    return Found("", "", model), replace(described, averaged=False)


def _is_of_head(name: str) -> bool:
    """Return whether a tensor has a value for each class."""
    return name.startswith(("fc.", "AuxLogits.fc."))


def _with_counters(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with the counters of batch norms, which files from before torch 0.4.1 do not have."""
    missing = [name for name in own if name.endswith(".num_batches_tracked") and name not in state]
    return {**{name: zeros((), dtype=own[name].dtype) for name in missing}, **state}
