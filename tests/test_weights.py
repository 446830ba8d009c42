"""Weights: what they mean travels with them, and files of others are read, or refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import minigrad
from inception.blocks import BasicConv2d
from inception.weight_files import FIRST
from inception.weights import Description, load_pretrained, read_weights, save_weights
from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError

DESCRIBED = Description(("猫", "crane", "crane"), 96, 110, "imagenet", averaged=True)


class Tiny(nn.Module):
    """A few layers with names of Inception V3."""

    def __init__(self, classes: int = 3, aux: bool = False) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = BasicConv2d(3, 2, kernel_size=3)
        self.Mixed_5b = BasicConv2d(2, 2, kernel_size=1)
        if aux:
            self.AuxLogits = nn.ModuleDict({"fc": nn.Linear(2, classes)})
        self.fc = nn.Linear(2, classes)


def arrays(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> Path:
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    return path


# --- The description ---


def test_a_description_is_the_same_after_a_file_whatever_the_name_of_the_file(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.st", "w.bin", "w.pth", "w"):
        save_weights(Tiny(), tmp_path / name, DESCRIBED)
        assert read_weights(tmp_path / name).description == DESCRIBED
    assert Description.from_dict(json.loads(json.dumps(DESCRIBED.as_dict()))) == DESCRIBED


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": "cat"}, {"classes": ["cat", 3]}, {"image_size": "96"}, {"image_size": True}, {"image_size": 74},
        {"image_size": None}, {"image_size": float("nan")}, {"resize": 80, "image_size": 96}, {"normalize": "none"},
        {"normalize": ["half"]}, {"averaged": 1}, {"size": 96}, ["classes"], None,
    ],
)  # fmt: skip
def test_a_wrong_description_is_refused_by_name(wrong: Any, tmp_path: Path) -> None:
    named = next(iter(wrong)).replace("_", " ") if isinstance(wrong, dict) else "no dict"
    with pytest.raises(ValueError, match=f"the description of the weights .*{named}"):
        Description.from_dict(wrong)
    path = write(tmp_path / "w.safetensors", arrays(Tiny()), {"inception": json.dumps(wrong)})
    with pytest.raises(CheckpointError, match=rf"w\.safetensors: the description of the weights .*{named}"):
        read_weights(path)


def run_of(average: Tiny | None, **more: Any) -> tuple[Tiny, dict[str, Any]]:
    """Return a model and a checkpoint of a run that trains it."""
    model = Tiny()
    ema = None
    if average is not None:
        ema = {"n_averaged": minigrad.tensor(7)}
        ema |= {f"module.{name}": value for name, value in average.state_dict().items()}
    return model, {"model": model.state_dict(), "ema": ema, "position": {"epoch": 1}, "optimizer": {}, **more}


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize("age", ["new", "before descriptions"])
def test_a_checkpoint_gives_the_weights_that_its_run_keeps_with_their_meaning(
    averaged: bool, age: str, tmp_path: Path
) -> None:
    average = Tiny() if averaged else None
    described = Description(DESCRIBED.classes if age == "new" else (), 96, 110, "imagenet", averaged)
    recipe = {"image_size": 96, "resize": 110, "normalize": "imagenet", "ema": 0.5 if averaged else None, "lr": 0.1}
    told = {"description": described.as_dict()} if age == "new" else {}
    model, tree = run_of(average, recipe=recipe, **told)
    for name in ("checkpoint.safetensors", "c.st"):
        checkpoint.save(tmp_path / name, tree)
        found = read_weights(tmp_path / name)
        assert found.description == described
        expected = arrays(model if average is None else average)
        assert {name: value.tolist() for name, value in found.state.items()} == {
            name: value.tolist() for name, value in expected.items()
        }


# --- Loading into a model ---


def test_one_line_says_what_was_loaded_what_is_new_and_what_was_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "w.st", {**arrays(Tiny(1000, aux=True)), "n_averaged": np.zeros(())})
    model = Tiny(3)
    head = model.fc.weight.tolist()
    loaded = load_pretrained(model, path)
    assert str(loaded) == f"loaded 12 tensors of {path}; new: fc; left out: AuxLogits, n_averaged"
    assert sorted(loaded.left_out) == ["AuxLogits.fc.bias", "AuxLogits.fc.weight", "fc.bias", "fc.weight", "n_averaged"]
    assert model.fc.weight.tolist() == head
    assert str(load_pretrained(Tiny(1000, aux=True), path)) == f"loaded 16 tensors of {path}; left out: n_averaged"
    assert str(load_pretrained(Tiny(1000), path)).endswith("left out: AuxLogits, n_averaged")
    write(path, arrays(Tiny(3)))
    assert str(load_pretrained(Tiny(3, aux=True), path)) == f"loaded 14 tensors of {path}; new: AuxLogits"


def test_a_head_for_as_many_other_classes_is_not_loaded(tmp_path: Path) -> None:
    save_weights(Tiny(3), tmp_path / "w", Description(("cat", "dog", "zebra"), 96))
    assert load_pretrained(Tiny(3), tmp_path / "w", ("cat", "dog", "zebra")).new == []
    assert load_pretrained(Tiny(3), tmp_path / "w").new == []
    for others in (("ant", "bee", "cow"), ("dog", "cat", "zebra")):
        assert load_pretrained(Tiny(3), tmp_path / "w", others).new == ["fc.weight", "fc.bias"]


def test_weights_from_before_batch_norms_counted_their_batches_are_loaded(tmp_path: Path) -> None:
    old = {name: value for name, value in arrays(Tiny()).items() if not name.endswith("num_batches_tracked")}
    model = Tiny()
    load_pretrained(model, write(tmp_path / "w", old))
    assert model.Mixed_5b.conv.weight.detach().numpy().tobytes() == old["Mixed_5b.conv.weight"].tobytes()


def test_another_architecture_is_named_and_the_model_unchanged(tmp_path: Path) -> None:
    model = Tiny()
    before = arrays(model)["Mixed_5b.conv.weight"].copy()
    lacking = {name: value for name, value in arrays(Tiny()).items() if name != "Mixed_5b.conv.weight"}
    for tensors in (lacking, {"conv1.weight": np.ones(3, np.float32), "fc.weight": np.ones((3, 2), np.float32)}):
        with pytest.raises(CheckpointError, match=r"(?s)w is of another architecture.*(Mixed_5b\.conv|conv1)\.weight"):
            load_pretrained(model, write(tmp_path / "w", tensors))
    assert np.array_equal(arrays(model)["Mixed_5b.conv.weight"], before)


# --- Files of others ---


def test_bfloat16_and_float16_are_read_as_the_numbers_they_are(tmp_path: Path) -> None:
    half = {
        name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in arrays(Tiny()).items()
    }
    model = Tiny()
    load_pretrained(model, write(tmp_path / "half.safetensors", half))
    assert np.array_equal(model.fc.weight.detach().numpy(), half["fc.weight"].astype(np.float32))
    upper_half = np.array([1.0, -2.5, 3.0e38], np.float32).view(np.uint32) >> 16  # a bfloat16 is half a float32
    head = {
        FIRST: {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]},
        "n": {"dtype": "I64", "shape": [], "data_offsets": [6, 14]},
    }
    text = json.dumps(head).encode()
    content = upper_half.astype("<u2").tobytes() + (5).to_bytes(8, "little")
    (tmp_path / "b.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + content)
    state = read_weights(tmp_path / "b.safetensors").state
    assert np.allclose(state[FIRST].numpy(), [1.0, -2.5, 3.0e38], rtol=2**-7)
    assert state["n"].item() == 5


NO_WEIGHTS = {
    b"": "not a whole safetensors file (0 bytes)",
    b"abc": "not a whole safetensors file (3 bytes)",
    b"<!DOCTYPE html><html>": "is a web page",
    b"version https://git-lfs.github.com/spec/v1\n": "git lfs pull",
    b"\x89HDF\r\n\x1a\n" + bytes(20): "is an HDF5 file",
    b"\x1f\x8b\x08" + bytes(20): "is compressed",
    b"\xff\xd8\xff\xe0" + bytes(20): "is not a file of weights",
    b"\x08\x0a\x12\x07pytorch" + bytes(20): "is an ONNX or protobuf file",
    (99).to_bytes(8, "little") + b'{"a": 1}' + bytes(20): "not a whole safetensors file",
}


@pytest.mark.parametrize("content", NO_WEIGHTS, ids=NO_WEIGHTS.values())
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_what_is_no_file_of_weights_is_refused_with_what_it_is(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_weights(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert NO_WEIGHTS[content] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_and_nothing_are_no_weights(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"is a folder; give a file of weights, such as best\.safetensors"):
        read_weights(tmp_path)
    with pytest.raises(FileNotFoundError, match="no weights at"):
        read_weights(tmp_path / "none.pth")
    write(tmp_path / "empty.safetensors", {})
    with pytest.raises(CheckpointError, match="expected a state dict of tensors, found none"):
        read_weights(tmp_path / "empty.safetensors")
