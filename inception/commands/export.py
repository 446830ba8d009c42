"""``python -m inception export``: write a model as ONNX, or as safetensors for torchvision."""

from __future__ import annotations

import argparse
import json

import minigrad
from inception.commands.trained import add_model_options, load_model
from inception.ending import OptionError
from inception.normalization import NORMALIZATIONS
from inception.options import as_path
from inception.weights import Description, save_weights
from minigrad import files, onnx

ENDINGS = (".onnx", ".safetensors")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "export",
        help="write a model as ONNX, or as safetensors that torchvision loads",
        description="Both files also hold the names of the classes, the size of the images and their normalisation.",
    )
    add_model_options(parser)
    parser.add_argument("output", type=as_path, help="NAME.onnx or NAME.safetensors")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the model in the format that the name of the output file tells."""
    output, ending = options.output, options.output.suffix.lower()
    if ending not in ENDINGS:
        raise OptionError(f"{output}: the name must end in .onnx or .safetensors")
    if output.is_dir():
        raise OptionError(f"{output} is a folder; give the name of a file")
    if output.exists() and output.samefile(options.weights):
        raise OptionError(f"{output} is the file that is read: give another name")
    model, described, _ = load_model(options, "export", *(["onnx"] if ending == ".onnx" else []))
    files.make_writable(output.parent)
    size = described.image_size
    if ending == ".onnx":
        onnx.export(model, minigrad.zeros(1, 3, size, size), output, metadata=metadata(described))
        print(f"{output}: input N x 3 x {size} x {size}, normalised: {described.normalize}")
    else:
        save_weights(model, output, described)
        print(output)


def metadata(described: Description) -> dict[str, str]:
    """Return the description as texts for an ONNX file, each in JSON; mean and std are of pixels between 0 and 1."""
    mean, std = NORMALIZATIONS[described.normalize]
    values = {**described.as_dict(), "mean": mean, "std": std}
    return {name: json.dumps(value) for name, value in values.items()}
