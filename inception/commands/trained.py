"""A trained model, as the commands that use one load it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from inception.model import InceptionV3
from inception.normalization import NORMALIZATIONS
from inception.weights import Description, class_names, load_into, read_description, read_weights


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a model, and how images are preprocessed for it."""
    add = parser.add_argument
    add("--weights", help=".safetensors, or torchvision's .pth", type=Path, required=True, metavar="FILE")
    add("--classes", help="names of the classes, one per line", type=Path, metavar="FILE")
    add("--image-size", help="size of the model's input (299, if the file does not say)", type=int, metavar="N")
    add("--resize", help="first resize the shorter side to this, then crop the middle", type=int, metavar="N")
    add("--normalize", help="as in training (for the published weights: half)", choices=NORMALIZATIONS)


class Trained(NamedTuple):
    """A model in evaluation mode, with the names of its classes and its preprocessing."""

    model: InceptionV3
    description: Description


def load_model(options: argparse.Namespace) -> Trained:
    """Load the model of a weights file. Options that are not given are taken from the file.

    Raises:
        FileNotFoundError, CheckpointError: for a file that is missing, damaged, or of another architecture.
        ValueError: if there are not as many names as classes.
    """
    path: Path = options.weights
    state = read_weights(path)
    if "fc.weight" not in state:
        raise ValueError(f"{path} has no fc.weight: it is not a model of Inception V3")
    count = state["fc.weight"].shape[0]
    model = InceptionV3(count, aux_logits="AuxLogits.fc.weight" in state, init_weights=False)
    load_into(model, state, path)
    described = read_description(path)
    names = described.classes
    if options.classes is not None:
        names = tuple(options.classes.read_text(encoding="utf-8").splitlines())
    if names and len(names) != count:
        raise ValueError(f"{len(names)} names of classes, but {path} has {count} classes")
    described = replace(described, classes=class_names(names, count))
    if options.image_size is not None:
        described = replace(described, image_size=options.image_size, resize=None)
    if options.resize is not None:
        described = replace(described, resize=options.resize)
    if options.normalize is not None:
        described = replace(described, normalize=options.normalize)
    return Trained(model.eval(), described)


def reader(weights: Path) -> list[str]:
    """Return the package that reads a file of weights."""
    return ["torch" if weights.suffix in (".pth", ".pt") else "safetensors"]
