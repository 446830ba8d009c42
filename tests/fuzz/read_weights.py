"""Files of tensors: safetensors, checkpoints, weights and their description, and what torch writes."""

from __future__ import annotations

import importlib
import importlib.util
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from inception.checkpoints import load_checkpoint, place_in_words, read_outline, recipe_of
from inception.recipes import Recipe, settings_of
from inception.weights import Description, read_weights, save_weights
from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError
from minigrad.checksums import read_header, texts_of
from tests.fuzz.readers import SLOW, Reader, Sample, must
from tests.fuzz.shells import forged, in_safetensors, in_zip

_ERRORS = (CheckpointError,)


def readers() -> dict[str, Reader]:
    """Return the readers whose packages are installed."""
    shells, found = {".safetensors": in_safetensors}, {}
    if importlib.util.find_spec("safetensors"):
        found["safetensors"] = Reader(_plain, _load, _ERRORS, shells)
        found["checkpoint"] = Reader(_trees, _load_tree, _ERRORS, shells)
        found["forged checkpoint"] = Reader(_runs, _load_run, _ERRORS, {".safetensors": forged})
        found["weights"] = Reader(_weights, _read_weights, _ERRORS, shells)
    if importlib.util.find_spec("torch"):
        found["pth"] = Reader(_torchs, _read_weights, _ERRORS, {"new.pth": in_zip}, count=SLOW)
    return found


def _written(write: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        write(path)
        return path.read_bytes()


def _plain() -> list[Sample]:
    from safetensors import numpy as safetensors_numpy

    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.zeros((0, 2), np.float32),
        "c": np.array(3),
        "d": np.ones(2, bool),
    }
    return [{"x.safetensors": safetensors_numpy.save(tensors)} for tensors in (arrays, {"a": arrays["a"]}, {})]


def _load(folder: Path, sample: Sample) -> Any:
    return minigrad.load(folder / "x.safetensors")


_STATE: dict[str, Any] = {"step": 3, "exp_avg": minigrad.ones(2), "lr": 0.1, "betas": (0.9, 0.999), "amsgrad": False}
_TREES: list[Any] = [
    {"model": {"fc.weight": minigrad.ones(2, 3)}, "optimizer": {"state": {0: _STATE}, "param_groups": [_STATE]}},
    {"position": {"epoch": 1, "step": 2}, "names": ["cat", "dog"], "nothing": None, "deep": [[[[1]]]]},
    [minigrad.ones(1), (minigrad.zeros(2, dtype=minigrad.int64), "text")],
]


def _trees() -> list[Sample]:
    return [{"x.safetensors": _written(lambda path, tree=tree: checkpoint.save(path, tree))} for tree in _TREES]


def _load_tree(folder: Path, sample: Sample) -> Any:
    """Load a tree; it has checksums, so it must be one of those that were written.

    With neither the tree nor checksums in its header, it is a file of tensors as others write it.
    """
    found = _load(folder, sample)
    if {"tree", "checksum", "checksums"} & texts_of(read_header(folder / "x.safetensors")).keys():
        must(repr(found) in map(repr, _TREES), "a damaged tree is taken for a sound one")


def _runs() -> list[Sample]:
    recipe = Recipe.from_dict(settings_of("quick") | {"epochs": 2}).as_dict()
    position = {"epoch": 1, "validated": 1, "step": 2, "steps_before": 5, "steps_per_epoch": 5}
    tree = {
        "recipe": recipe,
        "description": Description(classes=("cat", "dog"), image_size=75).as_dict(),
        "data": None,
        "model": {"fc.weight": minigrad.ones(2, 3)},
        "optimizer": {"state": {0: _STATE}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "scheduler": {"last_epoch": 7},
        "ema": None,
        "scaler": {},
        "random": {"seed": 1},
        "position": position,
        "progress": {"seen": 10, "correct": 3, "loss_sum": 20.5, "cross_entropy_sum": 20.0},
        "best": {"epoch": 1, "loss": 2.0, "accuracy": 0.3},
        "watch": {"norms": [1.0], "losses": [(2.0, 2.1, 0.1)], "overflows": 0, "given": []},
        "changes": [{"global_step": 5, "setting": "lr", "before": 0.1, "now": 0.05}],
        "minigrad": minigrad.__version__,
    }
    return [{"x.safetensors": _written(lambda path: checkpoint.save(path, tree))}]


def _load_run(folder: Path, sample: Sample) -> None:
    found, path = load_checkpoint(folder / "x.safetensors"), folder / "x.safetensors"
    recipe_of(found, path)
    must(0 <= found["position"]["step"] <= max(1, found["position"]["steps_per_epoch"]), "a step beyond the epoch")
    place_in_words(read_outline(path)["position"])


def _weights() -> list[Sample]:
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch")  # or the first file that looks like one of torch's would take its memory
    description = Description(classes=("cat", "dog"), image_size=75, normalize="half")
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    return [
        {"x.safetensors": _written(lambda path: save_weights(model, path, description))},
        {"x.safetensors": _written(lambda path: save_weights(model, path))},
    ]


def _torchs() -> list[Sample]:
    import torch

    state = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2, dtype=torch.float64), "n": torch.tensor(3)}
    found = []
    for name, zipped in (("new.pth", True), ("old.pth", False)):
        file = io.BytesIO()
        torch.save({"state_dict": state, "epoch": 3}, file, _use_new_zipfile_serialization=zipped)
        found.append({name: file.getvalue()})
    return found


def _read_weights(folder: Path, sample: Sample) -> None:
    (name,) = sample
    found = read_weights(folder / name)
    for value in found.state.values():
        must(isinstance(value, minigrad.Tensor), "no tensor")
    if name == "new.pth":
        with zipfile.ZipFile(folder / name) as archive:
            must(archive.testzip() is None, "the checksum of an entry is wrong")
