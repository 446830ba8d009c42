"""The images of a run: which ones, of which class, in which split, and what is said about the others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import minigrad
from inception import image_sets
from inception.balance import BalancedSampler, class_weights, training_loader
from inception.batch import Batch, mix
from inception.data import load_data, load_split
from inception.data_source import DataSource
from inception.data_summary import summary
from inception.image_sets import paths_of, targets_of
from inception.step import loss_computation
from minigrad import nn


def folders(root: Path, splits: dict[str, dict[str, int]]) -> Path:
    """Write ``count`` tiny images of each class of each split; the split "" is the root itself."""
    for split, classes in splits.items():
        for name, count in classes.items():
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (8, 8), (40 * i % 256, 0, 0)).save(root / split / name / f"{i:03}.png")
    return root


def source(root: Path, **options: Any) -> DataSource:
    return DataSource(data="folder", root=str(root), **options)


def counts(images: Any) -> list[int]:
    return np.bincount(targets_of(images)).tolist()


# --- Limits ---


@pytest.mark.parametrize(("limit", "expected"), [(60, [15] * 4), (61, [16, 15, 15, 15]), (99, [25, 25, 25, 24])])
def test_a_limit_takes_of_every_class_evenly(tmp_path: Path, limit: int, expected: list[int]) -> None:
    root = folders(tmp_path, {"train": dict.fromkeys("abcd", 25), "val": dict.fromkeys("abcd", 1)})
    taken = [paths_of(load_data(source(root, limit=n)).train) for n in (limit, limit, limit + 1)]
    assert counts(load_data(source(root, limit=limit)).train) == expected
    assert taken[0] == taken[1]
    assert set(taken[0] or ()) < set(taken[2] or ())


def test_small_classes_give_all_they_have_to_a_limit(tmp_path: Path) -> None:
    root = folders(tmp_path, {"train": {"a": 2, "b": 30, "c": 10}, "val": {"a": 1, "b": 1, "c": 1}})
    data = load_data(source(root, limit=20))
    assert counts(data.train) == [2, 9, 9]
    assert any("no validation images" in note for note in load_data(source(root, limit=2)).notes)


@pytest.mark.parametrize("data", ["embedded", "synthetic"])
def test_a_limit_is_even_for_every_source(data: str) -> None:
    found = load_data(DataSource(data=data, limit=40))
    assert counts(found.train) == counts(found.validation) == [4] * 10


def test_every_file_is_asked_for_its_size_once_at_the_start_of_a_run(tmp_path: Path, monkeypatch: Any) -> None:
    root = folders(tmp_path, {"train": {"a": 3, "b": 2}, "val": {"a": 1, "b": 1}})
    asked: list[str] = []

    def stat(path: str) -> os.stat_result:
        asked.append(path)
        return os.stat(path)

    monkeypatch.setattr(image_sets, "os", SimpleNamespace(stat=stat))
    data = load_data(source(root))
    assert summary(data)["train"]["bytes"] == sum(os.stat(path).st_size for path in paths_of(data.train) or ())
    assert sorted(asked) == sorted([*(paths_of(data.train) or ()), *(paths_of(data.validation) or ())])


# --- Splits ---


def test_a_validation_split_has_the_same_share_of_every_class_and_the_same_images_every_time(tmp_path: Path) -> None:
    root = folders(tmp_path, {"": {"cat": 40, "dog": 10, "emu": 2}})
    with pytest.raises(FileNotFoundError, match=r"no folder train.* If cat, dog, emu are classes, .*--val-split"):
        load_data(source(root))
    one, again = load_data(source(root, val_split=0.2)), load_data(source(root, val_split=0.2))
    assert (counts(one.train), counts(one.validation)) == ([32, 8, 1], [8, 2, 1])
    assert summary(one) == summary(again) != summary(load_data(source(root, val_split=0.2, seed=1)))
    assert not set(paths_of(one.train) or ()) & set(paths_of(one.validation) or ())
    assert "Random" in repr(load_data(source(root, val_split=0.2, augment="crop")).train.dataset.transform)
    assert "Random" not in repr(load_data(source(root, val_split=0.2, augment="crop")).validation.dataset.transform)
    held_back = load_split(source(root, val_split=0.2))
    assert (held_back.name, paths_of(held_back.images)) == ("val", paths_of(one.validation))
    with pytest.raises(ValueError, match=r"no images for validation .* --val-split leaves at least one image of each"):
        load_data(source(folders(tmp_path / "few", {"": {"cat": 1, "dog": 1}}), val_split=0.5))
    with pytest.raises(ValueError, match="val-split must be above 0 and below 1"):
        source(root, val_split=1.0)


def test_published_test_images_are_left_alone_by_a_validation_split() -> None:
    options = {"data": "embedded", "val_split": 0.1}
    data = load_data(DataSource(**options))
    assert (len(data.train), len(data.validation)) == (4500, 500)
    assert len(load_split(DataSource(**options), "test").images) == 1000
    assert len(load_split(DataSource(**options), "train").images) == 4500


def test_one_split_is_loaded_without_the_others(tmp_path: Path) -> None:
    root = folders(tmp_path, {"Validation": {"cat": 2, "dog": 1}, "test": {"dog": 3}})
    assert (load_split(source(root)).name, len(load_split(source(root)).images)) == ("val", 3)
    found = load_split(source(root), "test")
    assert (found.classes, counts(found.images)) == (("dog",), [3])
    with pytest.raises(FileNotFoundError, match=r"no split train of .*, only val and test"):
        load_split(source(root), "train")
    with pytest.raises(FileNotFoundError, match=r"expected train and val, .*; found only Validation, test"):
        load_data(source(root))
    plain = load_split(source(root / "Validation"))
    assert (plain.name, plain.classes) == ("all", ("cat", "dog"))


def test_a_class_may_be_named_train(tmp_path: Path) -> None:
    root = folders(tmp_path, {"": {"train": 5, "tram": 5}})
    assert load_data(source(root, val_split=0.2)).classes == ("train", "tram")


def test_what_is_missing_is_said_with_the_way_out(tmp_path: Path) -> None:
    root = folders(tmp_path, {"train": {"cat": 5, "dog": 5}})
    with pytest.raises(FileNotFoundError, match=r"000\.png is a file: give the folder of the images, and unpack"):
        load_data(source(next(root.rglob("000.png"))))
    with pytest.raises(FileNotFoundError, match=r"has train, but no images for validation .*--val-split 0\.2"):
        load_data(source(root))
    with pytest.raises(FileNotFoundError, match=r"give --val-split 0\.2 .*; or give the folder above it"):
        load_data(source(root / "train"))
    (root / "train" / "emu").mkdir()
    (root / "train" / "emu" / "0.heic").write_bytes(b"x")
    with pytest.raises(FileNotFoundError, match=r"no training images of the class emu .*; train: left out .*\.heic 1"):
        load_data(source(root, val_split=0.2))
    shutil.rmtree(root / "train" / "emu")
    shutil.rmtree(root / "train" / "dog")
    with pytest.raises(ValueError, match="only one class, cat: a classifier needs at least two"):
        load_data(source(root, val_split=0.2))


def test_validation_images_of_fewer_classes_are_numbered_as_in_training(tmp_path: Path) -> None:
    root = folders(tmp_path, {"train": {"cat": 2, "dog": 2, "emu": 40}, "val": {"dog": 1, "emu": 2}})
    (root / "val" / "cat").mkdir()
    (root / "val" / "emu" / "000.png").write_bytes(b"")
    (root / "more" / "cat").mkdir(parents=True)
    for _ in range(2):
        data = load_data(source(root))
        assert targets_of(data.validation).tolist() == [1, 2]
        assert [note.split(": ")[0] for note in data.notes] == [
            f"not used in {root}",
            "left out 1 empty file (0 bytes)",
            "classes are uneven",
            "no validation images of 1 of 3 classes",
        ]
        shutil.rmtree(root / "val" / "cat", ignore_errors=True)


# --- Summary ---


def test_a_summary_notices_changes_of_the_files_and_not_of_their_place(tmp_path: Path) -> None:
    root = folders(tmp_path / "a", {"train": {"cat": 3, "dog": 3}, "val": {"cat": 1, "dog": 1}})
    (root / "train" / "cat" / "notes.txt").write_text("x")
    before: Any = summary(load_data(source(root)))
    assert before["classes"] == ["cat", "dog"]
    assert before["left_out"] == ["train: left out 1 file with other extensions than an image's: .txt 1"]
    train = before["train"]
    size = sum(path.stat().st_size for path in root.glob("train/*/*.png"))
    assert (train["images"], train["per_class"], train["bytes"]) == (6, [3, 3], size)
    shutil.copytree(root, tmp_path / "b")
    assert summary(load_data(source(tmp_path / "b"))) == before
    (root / "train" / "cat" / "000.png").rename(root / "train" / "cat" / "new.png")
    renamed: Any = summary(load_data(source(root)))
    assert renamed["train"]["digest"] != train["digest"]
    assert renamed["validation"] == before["validation"]
    synthetic = [summary(load_data(DataSource(data="synthetic", seed=seed))) for seed in (0, 0, 1)]
    assert synthetic[0] == synthetic[1] != synthetic[2]


# --- Balance ---


def test_balanced_sampling_shows_every_class_equally_often_and_can_be_taken_up_anywhere(tmp_path: Path) -> None:
    targets = np.repeat([0, 1, 2], [900, 90, 10])
    sampler = BalancedSampler(targets, seed=3)
    sampler.set_epoch(2)
    order = list(sampler)
    assert len(order) == len(sampler) == 1000
    assert np.bincount(targets[order]) == pytest.approx([333] * 3, abs=50)
    sampler.set_epoch(2, 700)
    assert list(sampler) == order[700:]
    sampler.set_epoch(3)
    assert list(sampler) != order
    root = folders(tmp_path, {"train": {"cat": 12, "dog": 2}, "val": {"cat": 1, "dog": 1}})
    data = load_data(source(root, balanced=True))
    batches = [
        [labels.tolist() for _, labels in training_loader(data.train, source(root, balanced=True), 4, n, False)]
        for n in (0, 2)
    ]
    assert batches[0] == batches[1]
    with pytest.raises(ValueError, match="either --balanced or --class-weights"):
        source(root, balanced=True, class_weights="balanced")


def test_class_weights_let_every_class_weigh_the_same(tmp_path: Path) -> None:
    root = folders(tmp_path, {"train": {"cat": 6, "dog": 2}, "val": {"cat": 1, "dog": 1}})
    weights = class_weights(load_data(source(root)).train, 3)
    assert weights.tolist() == pytest.approx([8 / 12, 2.0, 1.0])
    scores, labels = minigrad.randn(8, 3), minigrad.tensor([0] * 6 + [1] * 2)
    each = nn.functional.cross_entropy(scores, labels, reduction="none")
    expected = (each[:6].mean() + each[6:].mean()) / 2
    assert loss_computation(scores, labels, class_weights=weights).item() == pytest.approx(expected.item(), rel=1e-5)


# --- Mixing ---


def test_a_batch_is_mixed_by_one_of_the_kinds_that_are_on() -> None:
    images, labels = minigrad.rand(4, 3, 16, 16), minigrad.tensor([0, 1, 2, 1])
    batch = Batch(images, labels, labels)
    assert mix(batch, 3, 0.0, 0.0) is batch
    minigrad.manual_seed(0)
    kinds = set()
    for _ in range(20):
        mixed = mix(batch, 3, 0.5, 0.5)
        assert mixed.labels is labels
        assert mixed.targets.sum(1).tolist() == pytest.approx([1.0] * 4)
        pasted = mixed.images.numpy() == images.numpy()
        kinds.add("cutmix" if pasted.any() else "mixup")
        if "cutmix" in kinds and pasted.any():
            assert mixed.targets[0, 0].item() == pytest.approx(pasted[0, 0].mean(), abs=1e-6)
    assert kinds == {"cutmix", "mixup"}
