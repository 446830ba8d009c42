"""``python -m inception export``: write a model as ONNX, or as safetensors for torchvision."""

from __future__ import annotations

import argparse
from pathlib import Path

import minigrad
from inception.commands.trained import add_model_options, load_model, reader
from inception.weights import save_weights
from minigrad import onnx
from minigrad.extras import require


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("export", help="write a model as ONNX, or as safetensors that torchvision loads")
    add_model_options(parser)
    parser.add_argument("output", type=Path, help="NAME.onnx or NAME.safetensors")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the model in the format that the name of the output file tells."""
    require("export", *reader(options.weights), *(["onnx"] if options.output.suffix == ".onnx" else []))
    model, described = load_model(options)
    size = described.image_size
    if options.output.suffix == ".onnx":
        onnx.export(model, minigrad.zeros(1, 3, size, size), options.output)
        print(f"{options.output}: input N x 3 x {size} x {size}, normalised: {described.normalize}")
    elif options.output.suffix == ".safetensors":
        save_weights(model, options.output, described)
        print(options.output)
    else:
        raise ValueError(f"{options.output}: the name must end in .onnx or .safetensors")
