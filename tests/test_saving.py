"""``minigrad.save`` and ``minigrad.load``, and files of other programs."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.checkpoint import CheckpointError


def test_a_state_dict_and_any_tree_are_saved_and_loaded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    tree = {"model": model.state_dict(), "epoch": 3, "losses": [0.5, None], "size": (1, 2)}
    minigrad.save(tree, tmp_path / "model.pt")
    found = minigrad.load(tmp_path / "model.pt", map_location="cpu", weights_only=True)
    assert (found["epoch"], found["losses"], found["size"]) == (3, [0.5, None], (1, 2))
    again = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    again.load_state_dict(found["model"])
    for name, tensor in model.state_dict().items():
        assert again.state_dict()[name].tolist() == tensor.tolist()


def test_an_open_file_takes_a_tree_and_gives_it_back() -> None:
    file = io.BytesIO()
    minigrad.save({"weight": minigrad.ones(2), "epoch": 3, "rates": np.array([0.5, 0.25])}, file)
    with pytest.raises(CheckpointError, match=r"call seek\(0\)"):
        minigrad.load(file)
    file.seek(0)
    found = minigrad.load(file)
    assert (found["weight"].tolist(), found["epoch"]) == ([1.0, 1.0], 3)
    assert isinstance(found["rates"], np.ndarray)
    assert found["rates"].tolist() == [0.5, 0.25]
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        minigrad.load(io.BytesIO(file.getvalue()[:-1]))


def test_what_cannot_be_saved_or_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"save linear\.state_dict\(\)"):
        minigrad.save(nn.Linear(1, 1), tmp_path / "model.pt")
    with pytest.raises(TypeError, match="takes a path or an open file to write to, not Linear"):
        minigrad.save({}, nn.Linear(1, 1))  # type: ignore[arg-type]  # a mistake
    with pytest.raises(FileNotFoundError, match="nowhere"):
        minigrad.load(tmp_path / "nowhere")
    with pytest.raises(NotImplementedError, match="nothing in a file is ever run"):
        minigrad.load(tmp_path / "nowhere", weights_only=False)


def test_a_file_of_another_program_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", b"")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"weight": 1}))
    np.save(tmp_path / "array.npy", np.ones(2))
    np.savez(tmp_path / "arrays.npz", a=np.ones(2))
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    (tmp_path / "page.safetensors").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (tmp_path / "pointer").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "packed").write_bytes(gzip.compress(bytes(100)))
    (tmp_path / "noise").write_bytes(bytes([255] * 40))
    kinds = {
        "model.pt": r"a file of torch\.save.*safetensors\.torch\.save_file",
        "old.pth": r"a pickle, or an old file of torch\.save",
        "other.zip": "a ZIP archive",
        "array.npy": r"numpy\.load",
        "arrays.npz": r"numpy\.savez",
        "model.h5": "HDF5",
        "page.safetensors": "a web page",
        "pointer": "git lfs pull",
        "packed": "gzip",
        "noise": "not a whole safetensors file",
    }
    for name, kind in kinds.items():
        with pytest.raises(CheckpointError, match=kind) as caught:
            minigrad.load(tmp_path / name)
        assert name in str(caught.value)
