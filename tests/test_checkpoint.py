"""Checkpoints: what is saved comes back, and nothing is ever half written."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from inception.weights import Description, load_weights, read_weights, save_weights
from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError

_leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
_trees = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(tree=_trees)
def test_any_tree_comes_back_as_it_was(tmp_path_factory: Any, tree: Any) -> None:
    path = tmp_path_factory.mktemp("tree") / "tree.safetensors"
    checkpoint.save(path, {"tree": tree, "x": minigrad.arange(3)})
    again = checkpoint.load(path)
    assert again["tree"] == tree
    assert again["x"].tolist() == [0, 1, 2]


def test_a_checkpoint_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"x": minigrad.randn(1000)})
    whole = path.read_bytes()
    for length in (0, 4, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=rf"c\.safetensors: not a whole safetensors file \({length} bytes\)"):
            checkpoint.load(path)


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    tree = {"x": minigrad.arange(3.0), "y": {"n": 1, "loss": 0.5, "name": "cat"}, "z": (minigrad.tensor(True), None)}
    checkpoint.save(path, tree)
    whole, found = path.read_bytes(), 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        for read in (lambda: checkpoint.from_bytes(bytes(damaged)), lambda: checkpoint.load(path)):  # noqa: B023
            try:
                again = read()
            except CheckpointError:
                found += 1
            else:
                assert str(again) == str(checkpoint.from_bytes(whole)), bit
            if bit % 16:  # the bytes are enough
                break
            path.write_bytes(damaged)
    assert found > 8 * len(whole) * 0.95


def test_what_was_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"model": {"fc.weight": minigrad.randn(5)}, "step": 1})
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"c\.safetensors is damaged: .*tensor model\.fc\.weight differs\. Take"):
        checkpoint.load(path)
    assert checkpoint.load(path, with_tensors=False)["step"] == 1
    path.write_bytes(whole.replace(b'[[\\"model', b'[[\\"modul'))
    with pytest.raises(CheckpointError, match="the checksum of its header differs"):
        checkpoint.load(path, with_tensors=False)


_strange = st.recursive(
    st.one_of(_leaves, st.sampled_from(["x", "dict", "tensor"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["tensor", "dict", "list", "tuple", "x"]), inner, max_size=2),
    ),
    max_leaves=8,
)


@given(skeleton=_strange)
def test_a_tree_that_nobody_has_saved_is_refused_in_words(skeleton: Any) -> None:
    content = checkpoint.with_checksums({"x": np.zeros(2)}, {"tree": json.dumps(skeleton)})
    with suppress(CheckpointError):
        checkpoint.from_bytes(content)


def test_a_tree_without_end_is_refused() -> None:
    content = checkpoint.with_checksums({}, {"tree": '{"list": [' * 100_000 + "]}" * 100_000})
    with pytest.raises(CheckpointError, match="nested too deeply"):
        checkpoint.from_bytes(content)


def test_the_file_before_stays_under_another_name(tmp_path: Path) -> None:
    new, old = tmp_path / "c", tmp_path / "before"
    for number in range(3):
        checkpoint.save(new, {"n": number}, keep_old_as=old)
    assert (checkpoint.load(new), checkpoint.load(old)) == ({"n": 2}, {"n": 1})
    assert sorted(os.listdir(tmp_path)) == ["before", "c"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_system_without_links_or_sync_will_do(tmp_path: Path, monkeypatch: Any, links: bool) -> None:
    def cannot(*arguments: Any) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    if not links:
        monkeypatch.setattr(os, "link", cannot)
    monkeypatch.setattr(os, "fsync", cannot)
    for number in range(2):
        checkpoint.save(tmp_path / "c", {"n": number}, keep_old_as=tmp_path / "before")
    assert (checkpoint.load(tmp_path / "c"), checkpoint.load(tmp_path / "before")) == ({"n": 1}, {"n": 0})


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"x": 1})

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"x": 2})
    monkeypatch.undo()
    assert checkpoint.load(path) == {"x": 1}
    assert os.listdir(tmp_path) == ["c.safetensors"]


def test_what_is_no_data_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"a\.b: function is neither data nor a tensor"):
        checkpoint.save(tmp_path / "c", {"a": {"b": lambda: None}})
    assert not os.listdir(tmp_path)


def test_weights_are_plain_safetensors_and_name_a_wrong_architecture(tmp_path: Path) -> None:
    import safetensors.numpy

    path = tmp_path / "w.safetensors"
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    save_weights(model, path, Description(("cat", "dog", "cow"), 75))
    arrays = safetensors.numpy.load_file(path)
    assert list(arrays) == sorted(model.state_dict()) or set(arrays) == set(model.state_dict())
    assert read_weights(path).description == Description(("cat", "dog", "cow"), 75)
    assert np.array_equal(arrays["0.weight"], model[0].weight.detach().numpy())
    again = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    load_weights(again, path)
    assert again[0].bias.tolist() == model[0].bias.tolist()
    with pytest.raises(CheckpointError, match=r'(?s)w\.safetensors is of another architecture.*"0\.weight"'):
        load_weights(nn.ModuleList([nn.ModuleList([nn.Linear(2, 3)])]), path)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_weights(model, tmp_path / "missing")
