"""A trained model, as the commands that use one load it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from inception.classes import class_names, read_names
from inception.ending import OptionError, checking_options
from inception.model import InceptionV3
from inception.normalization import NORMALIZATIONS
from inception.options import as_path
from inception.progress import say
from inception.weight_files import packages_for
from inception.weights import Description, load_exactly, read_weights
from inception.width import make_narrow, width_of
from inception.wording import counted
from minigrad.checkpoint import CheckpointError
from minigrad.extras import require
from minigrad.printable import printable


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a model, and how images are preprocessed for it."""
    group = parser.add_argument_group(
        "the model",
        "What is not given is taken from the file; a .pth does not say it, and is taken for published weights.",
    )
    add = group.add_argument
    add(
        "--weights",
        help="weights or a checkpoint of a run, or any .safetensors or .pth with torchvision's names of layers",
        type=as_path,
        required=True,
        metavar="FILE",
    )
    add("--classes", help="text file with the names of the classes, one per line", type=as_path, metavar="FILE")
    add("--image-size", help="height and width of the model's input (published weights: 299)", type=int, metavar="N")
    add("--resize", help="first resize the shorter side to this, then crop the middle", type=int, metavar="N")
    add("--normalize", help="as in training (published weights: half)", choices=NORMALIZATIONS)


class Trained(NamedTuple):
    """A model in evaluation mode, with the names of its classes and its preprocessing."""

    model: InceptionV3
    description: Description
    knows_names: bool  # whether the names of the classes are known; otherwise they are numbers


def load_model(options: argparse.Namespace, what: str, *packages: str) -> Trained:
    """Load the model of a file of weights, and print a line about it to stderr.

    Args:
        options: those of :func:`add_model_options`. What they leave open is taken from the file.
        what, packages: a command, and the packages that it needs besides those for the file.

    Raises:
        ImportError: if a package is missing.
        FileNotFoundError, CheckpointError: for a file that is missing, damaged, or of another architecture.
        OptionError: if there are not as many names as classes, or for a size that cannot be.
    """
    path: Path = options.weights
    require(what, *packages, *packages_for(path))
    weights = read_weights(path)
    if "fc.weight" not in weights.state:
        raise CheckpointError(f"{path} has no fc.weight: it is not a model of Inception V3")
    count = weights.state["fc.weight"].shape[0]
    model = InceptionV3(count, aux_logits="AuxLogits.fc.weight" in weights.state, init_weights=False)
    make_narrow(model, width_of(weights.state) or 1.0)
    loaded = load_exactly(model, weights, path)
    with checking_options():
        names = weights.description.classes if options.classes is None else read_names(options.classes)
    if names and len(names) != count:
        raise OptionError(f"{counted(len(names), 'name')} of classes, but {path} has {counted(count, 'class')}")
    described = _preprocessing(replace(weights.description, classes=class_names(names, count)), options)
    say(printable(f"{loaded} ({described})"))
    return Trained(model.eval(), described, bool(names))


def _preprocessing(described: Description, options: argparse.Namespace) -> Description:
    """Return the description with what the command line says otherwise."""
    given = {name: getattr(options, name) for name in ("image_size", "resize", "normalize")}
    changed = {name: value for name, value in given.items() if value is not None}
    if "image_size" in changed:
        changed = {"resize": None, **changed}  # that of the file belongs to its own image size
    with checking_options():
        return replace(described, **changed)
