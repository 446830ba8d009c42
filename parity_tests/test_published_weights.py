"""Weights in torchvision's published form, ONNX, and the commands that use them; against torch and onnxruntime."""

from __future__ import annotations

import argparse
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import minigrad
import minigrad.onnx
from inception import __main__ as command
from inception.model import inception_v3
from inception.weights import load_pretrained, read_weights
from minigrad import nn
from minigrad.checkpoint import CheckpointError
from parity_tests.torchvision_models import inception_v3 as torchvisions


@pytest.fixture(scope="module")
def published(tmp_path_factory: Any) -> tuple[Path, Any]:
    """A file of random weights, exactly as torchvision publishes the trained ones: 1000 classes, aux head, .pth."""
    torch.manual_seed(0)
    model = torchvisions(weights=None, init_weights=False, transform_input=False)
    model.eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    path = tmp_path_factory.mktemp("weights") / "inception_v3_google-0cc3c7bd.pth"
    torch.save(model.state_dict(), path)
    return path, model


def logits(model: Any, x: np.ndarray) -> np.ndarray:
    with minigrad.no_grad():
        return model(minigrad.from_numpy(x)).numpy()


def random_images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 3, size, size)).astype(np.float32)


@pytest.mark.parametrize("aux", [True, False])
def test_a_published_file_gives_torchvisions_logits(published: tuple[Path, Any], aux: bool) -> None:
    path, theirs = published
    ours = inception_v3(aux_logits=aux, init_weights=False)
    left_out = load_pretrained(ours, path).left_out
    assert all(name.startswith("AuxLogits.") for name in left_out)
    assert bool(left_out) is not aux
    x = random_images(2, 299)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    assert np.allclose(logits(ours.eval(), x), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_a_published_file_gets_a_new_head_for_other_classes(published: tuple[Path, Any]) -> None:
    ours = inception_v3(num_classes=7, init_weights=False)
    heads = ["fc.weight", "fc.bias", "AuxLogits.fc.weight", "AuxLogits.fc.bias"]
    loaded = load_pretrained(ours, published[0])
    assert sorted(loaded.left_out) == sorted(loaded.new) == sorted(heads)
    assert str(loaded) == f"loaded {loaded.tensors} tensors of {published[0]}; new: AuxLogits, fc"


def test_files_that_are_no_weights_are_refused(tmp_path: Path, published: tuple[Path, Any]) -> None:
    model = inception_v3(init_weights=False)
    with pytest.raises(FileNotFoundError, match="no weights at"):
        load_pretrained(model, tmp_path / "none.pth")
    (tmp_path / "cut.pth").write_bytes(published[0].read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"cut\.pth: the archive is damaged: .* cut short"):
        load_pretrained(model, tmp_path / "cut.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="expected a state dict"):
        load_pretrained(model, tmp_path / "list.pth")
    torch.save(torch.nn.Linear(2, 3).state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="another architecture"):
        load_pretrained(model, tmp_path / "other.pth")


def few_layers() -> dict[str, torch.Tensor]:
    """Return a few weights with names of Inception V3."""
    torch.manual_seed(0)
    return {
        "Conv2d_1a_3x3.conv.weight": torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last),
        "Mixed_5b.branch1x1.conv.weight": torch.randn(5, 4, 1, 1),
        "Mixed_5b.branch1x1.bn.num_batches_tracked": torch.tensor(3),
        "fc.weight": torch.randn(3, 5),
    }


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in state.items()}


def doubled(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value * 2 for name, value in state.items()}


#: What training scripts save, and what the report says about its place.
CONTAINERS: dict[str, tuple[Any, str]] = {
    "torchvision": (lambda state: state, ""),
    "DataParallel": (lambda state: prefixed("module.", state), ""),
    "torch.compile": (lambda state: prefixed("_orig_mod.module.", state), ""),
    "ImageNet example": (
        lambda state: {"epoch": 3, "arch": "inception_v3", "state_dict": prefixed("module.", state),
                       "best_acc1": torch.tensor(70.0), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}},
        " (state_dict)",
    ),
    "torchvision's references": (
        lambda state: {"model": doubled(state), "optimizer": {}, "epoch": 1, "args": argparse.Namespace(lr=0.1),
                       "model_ema": {"n_averaged": torch.tensor(5), **prefixed("module.", state)}},
        " (model_ema)",
    ),
    "timm": (
        lambda state: {"arch": "inception_v3", "state_dict": doubled(state), "state_dict_ema": state},
        " (state_dict_ema)",
    ),
    "Lightning": (
        lambda state: {"pytorch-lightning_version": "2", "state_dict": prefixed("model.net.", state)},
        " (state_dict)",
    ),
    "another name": (lambda state: {"weights": {"net": state}, "lr": 0.1}, " (weights.net)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTAINERS)
def test_weights_are_found_in_what_training_scripts_save(kind: str, tmp_path: Path) -> None:
    wrap, place = CONTAINERS[kind]
    state = few_layers()
    for name, options in (
        ("w.PTH", {}),
        ("w.pth.tar", {"_use_new_zipfile_serialization": False}),
        ("pytorch_model.bin", {}),
        ("w.safetensors", {}),
    ):
        torch.save(wrap(state), tmp_path / name, **options)
        found = read_weights(tmp_path / name)
        assert found.place == place
        for key, value in state.items():
            assert np.array_equal(found.state[key].numpy(), value.numpy()), key


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read_as_the_numbers_they_are(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: v.to(dtype) if v.is_floating_point() else v for name, v in few_layers().items()}
    torch.save(state, tmp_path / "w.pth")
    safetensors.torch.save_file({name: v.contiguous() for name, v in state.items()}, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        found = read_weights(tmp_path / name).state
        for key, value in state.items():
            assert np.array_equal(found[key].numpy(), value.to(torch.float64).numpy()), key


def test_a_pickled_model_is_refused_in_one_line_that_says_how_to_save_its_weights(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    torch.save(model, tmp_path / "model.pth")
    torch.save({"model": model, "epoch": 1}, tmp_path / "training.pt")
    torch.jit.trace(model, torch.ones(1, 2)).save(tmp_path / "script.pt")
    for name, what in (("model.pth", "Linear"), ("training.pt", "Linear"), ("script.pt", "TorchScript")):
        with pytest.raises(CheckpointError) as caught:
            read_weights(tmp_path / name)
        said = str(caught.value)
        assert what in said
        assert "torch.save(model.state_dict(), 'weights.pth')" in said
        assert "\n" not in said


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """Return a folder of three classes in the layout of ImageNet."""
    for number, name in enumerate(("n01", "n02", "n03")):
        for split in ("train", "val"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                pixels = np.random.default_rng((number, i)).integers(0, 256, (400, 350, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{i}.jpeg")
    return tmp_path


def test_evaluate_and_predict_see_images_as_torchvision_does(
    published: tuple[Path, Any], image_folder: Path, capsys: Any
) -> None:
    from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

    path, theirs = published
    prepare = Compose([Resize(342), CenterCrop(299), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)])
    images = sorted((image_folder / "val").rglob("*.jpeg"))
    with torch.no_grad():
        scores = theirs(torch.stack([prepare(Image.open(p).convert("RGB")) for p in images]))
    correct = int((scores.argmax(1) == torch.tensor([0, 0, 1, 1, 2, 2])).sum())
    names = image_folder / "names.txt"
    names.write_text("".join(f"n{i + 1:02}\n" for i in range(1000)))
    options = ["--weights", str(path), "--classes", str(names), "--resize", "342", "--image-size", "299"]
    evaluate = ["evaluate", *options, "--data", "folder", "--root", str(image_folder)]
    assert command.main([*evaluate, "--output", str(image_folder / "results")]) == 0
    shown = capsys.readouterr().out
    assert f"accuracy {correct / 6:.1%}" in shown
    assert "of 6 images" in shown
    predict = ["predict", *options, str(images[0]), "--save", str(image_folder / "answers")]
    assert command.main(predict) == 0
    shown = capsys.readouterr().out
    probable = scores[0].softmax(0)
    for index in probable.argsort(descending=True)[:5].tolist():
        assert f"{float(probable[index]):6.1%}  n{index + 1:02}\n" in shown
    assert (image_folder / "answers" / "0.prediction.png").stat().st_size > 10_000


def small_run(folder: Path) -> Path:
    arguments = ["--data", "synthetic", "--limit", "8", "--batch-size", "4", "--classes", "6", "--epochs", "1"]
    assert command.main(["train", *arguments, "--output", str(folder)]) == 0
    return folder / "weights.safetensors"


def test_what_was_trained_is_evaluated_exported_and_loaded_by_torchvision(tmp_path: Path, capsys: Any) -> None:
    weights = small_run(tmp_path / "run")
    evaluate = ["evaluate", "--weights", str(weights), "--data", "synthetic", "--limit", "12"]
    assert command.main([*evaluate, "--output", str(tmp_path / "results")]) == 0
    shown = capsys.readouterr().out
    assert "of 12 images" in shown
    assert "class 5" in shown
    for name in ("m.safetensors", "m.onnx"):
        assert command.main(["export", "--weights", str(weights), str(tmp_path / name)]) == 0

    theirs = torchvisions(weights=None, init_weights=False, num_classes=6, aux_logits=False)
    theirs.load_state_dict(safetensors.torch.load_file(tmp_path / "m.safetensors"))
    x = random_images(3, 75)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs what was exported")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].shape == ["batch", 3, 75, 75]
    (found,) = session.run(None, {"input": x})
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_commands_refuse_what_does_not_fit(tmp_path: Path, capsys: Any) -> None:
    weights = small_run(tmp_path / "run")
    for arguments, status, message in (
        (["evaluate", "--weights", str(weights)], 1, "--data embedded (as none is given) has the classes T-shirt/top"),
        (["predict", "--weights", "none.pth", "a.png"], 1, "no weights at none.pth"),
        (["predict", "--weights", str(weights), "none.png"], 1, "no image at none.png"),
        (["export", "--weights", str(weights), "m.txt"], 2, "must end in .onnx or .safetensors"),
    ):
        capsys.readouterr()
        assert command.main(arguments) == status
        assert message in capsys.readouterr().err
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    assert command.main(["predict", "--weights", str(weights), "--classes", str(names), "a.png"]) == 2
    assert "2 names of classes, but" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])["kind"] == "step"


MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(1)), (6,)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(8, 8, (1, 3), padding=(0, 1), groups=4), nn.Sigmoid(), nn.AvgPool2d(3, 1, 1, False, False),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(8, 4), nn.LogSoftmax(1),
        ),
        (3, 17, 15),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_other_models_export_too(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs what was exported")
    minigrad.manual_seed(0)
    make, shape = MODELS[name]
    model = make()
    minigrad.onnx.export(model, minigrad.randn(2, *shape), tmp_path / "m.onnx")
    assert model.training
    x = np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"input": x})
    assert np.allclose(found, logits(model.eval(), x), rtol=1e-4, atol=1e-5)


def test_what_onnx_has_no_translation_for_is_named(tmp_path: Path) -> None:
    class Sorts(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.sort(1)[0]

    with pytest.raises(NotImplementedError, match=r"has no translation to ONNX here; there is one for: Add, Sub"):
        minigrad.onnx.export(Sorts(), minigrad.randn(2, 3), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_torch_file_is_read_only_if_the_checksums_that_it_has_are_right(tmp_path: Path) -> None:
    path, state = tmp_path / "weights.pth", {"a": torch.arange(3.0), "empty": torch.zeros(0)}
    torch.save(state, path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        checksum = struct.pack("<I", next(e.CRC for e in archive.infolist() if e.filename.endswith("data.pkl")))
    end = content.index(b"PK\x06\x07")  # which has the number of the disk and of all disks
    damaged = {
        "a checksum of 0": content.replace(checksum, bytes(4)),
        "two disks": content[: end + 16] + struct.pack("<I", 2) + content[end + 20 :],
        "a name that is no UTF-8": content.replace(b"weights/data/0", b"weights/d\xffta/0", 1),
        "another number": content.replace(struct.pack("<3f", 0, 1, 2), struct.pack("<3f", 0, 1, 3)),
    }
    for changed in damaged.values():
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match="the archive is damaged"):
            read_weights(path)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert list(read_weights(path).state) == ["a", "empty"]
