"""Datasets, from small files in the true formats."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigrad.data.datasets import (
    CIFAR10,
    CIFAR100,
    MNIST,
    CorruptFileError,
    CorruptImageError,
    Digits,
    ImageFolder,
    TextFolder,
    TinyImageNet,
    Vocabulary,
    open_image,
    write_idx,
)
from minigrad.data.datasets.folder import LeftOutWarning
from minigrad.data.datasets.tiny_imagenet import reorganise


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, seed: int = 0, size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(size, size, 3, seed=seed)).save(path)


# --- MNIST, CIFAR ---


def test_mnist_is_read_from_where_torchvision_keeps_it(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    write_idx(raw / "t10k-images-idx3-ubyte.gz", pixels(3, 28, 28))
    write_idx(raw / "t10k-labels-idx1-ubyte", np.array([7, 2, 1], np.uint8))
    digits = MNIST(tmp_path, train=False)
    assert [label for _, label in (digits[i] for i in range(3))] == [7, 2, 1]
    with pytest.raises(FileNotFoundError, match=r"MNIST come from .*LeCun"):
        MNIST(tmp_path, train=True)


def write_cifar(folder: Path, kind: type[CIFAR10], binary: bool, count: int = 4) -> dict[str, tuple[Any, Any]]:
    """Write files as published, with few images each."""
    written = {}
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate((*kind.train_files, *kind.test_files)):
        data, labels = pixels(count, 3072, seed=number), [(number + i) % len(kind.classes) for i in range(count)]
        written[name] = data, labels
        if binary:
            coarse = [[0]] * count if kind is CIFAR100 else [[]] * count
            records = [bytes([*coarse[i], labels[i]]) + data[i].tobytes() for i in range(count)]
            (folder / f"{name}.bin").write_bytes(b"".join(records))
        else:
            content = {b"batch_label": b"x", b"data": data, kind.labels_key: labels, b"filenames": [b"a.png"] * count}
            (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    return written


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
@pytest.mark.parametrize("binary", [False, True])
def test_cifar_is_read_in_both_published_forms(tmp_path: Path, kind: type[CIFAR10], binary: bool) -> None:
    written = write_cifar(tmp_path / kind.folders[binary], kind, binary)
    for train, names in ((True, kind.train_files), (False, kind.test_files)):
        read = kind(tmp_path, train)
        assert len(read) == 4 * len(names)
        data, labels = written[names[-1]]
        image, label = read[len(read) - 1]
        assert label == labels[-1]
        assert np.array_equal(np.asarray(image), data[-1].reshape(3, 32, 32).transpose(1, 2, 0))


def test_a_pickle_that_would_run_a_program_is_refused(tmp_path: Path) -> None:
    write_cifar(tmp_path, CIFAR10, binary=False)

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Evil()}))
    with pytest.raises(CorruptFileError, match=r"data_batch_3: refused to load \w+\.system"):
        CIFAR10(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("binary", [False, True])
def test_damaged_cifar_files_are_named(tmp_path: Path, binary: bool) -> None:
    write_cifar(tmp_path, CIFAR10, binary)
    name = "data_batch_2" + (".bin" if binary else "")
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:-100])
    with pytest.raises(CorruptFileError, match=name):
        CIFAR10(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"no data_batch_2 .*cifar-10-python\.tar\.gz"):
        CIFAR10(tmp_path)


def test_a_cifar_label_out_of_range_is_named(tmp_path: Path) -> None:
    write_cifar(tmp_path, CIFAR10, binary=True)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes([10]) + bytes(3072))
    with pytest.raises(CorruptFileError, match="label 10 is out of range"):
        CIFAR10(tmp_path)


# --- Folders of images ---


def test_an_image_folder_has_its_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/b/2.JPEG", "cat/a.jpg", "cat/notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("no image")
        else:
            write_image(tmp_path / name)
    with pytest.warns(LeftOutWarning, match=r"left out 1 file .*: \.txt 1"):
        folder = ImageFolder(tmp_path, target_transform=lambda t: t + 10)
    assert folder.classes == ("cat", "dog")
    assert folder.class_to_idx == {"cat": 0, "dog": 1}
    assert [(Path(p).name, t) for p, t in folder.samples] == [("a.jpg", 0), ("2.JPEG", 0), ("1.png", 1)]
    assert folder[2][1] == 11
    assert folder[2][0].mode == "RGB"


def test_an_image_folder_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        ImageFolder(tmp_path)
    write_image(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes dog"):
        ImageFolder(tmp_path)
    assert len(ImageFolder(tmp_path, allow_empty=True)) == 1


def test_corrupt_images_are_named_and_left_out_only_if_asked_to(tmp_path: Path) -> None:
    for i in range(3):
        write_image(tmp_path / "cat" / f"{i}.jpg", size=64)
    whole = (tmp_path / "cat" / "1.jpg").read_bytes()
    (tmp_path / "cat" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "2.jpg").write_text("hello")
    folder = ImageFolder(tmp_path)
    folder[0]
    with pytest.raises(CorruptImageError, match=r"1\.jpg: .*truncated"):
        folder[1]
    with pytest.raises(CorruptImageError, match=r"2\.jpg: not an image"):
        folder[2]
    with pytest.warns(UserWarning, match=r"left out 2 images that cannot be read: .*1\.jpg.*2\.jpg"):
        assert len(ImageFolder(tmp_path, skip_corrupt=True)) == 1
    with pytest.raises(FileNotFoundError, match="no image at"):
        open_image(tmp_path / "none.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "palette with transparency"])
def test_images_of_every_mode_become_rgb(tmp_path: Path, mode: str) -> None:
    base = Image.fromarray(pixels(9, 7, 3))
    path = tmp_path / ("a.tif" if mode in ("CMYK", "I") else "a.png")
    if mode in ("I;16", "I"):
        grey = np.full((9, 7), 200 * 256, np.uint16 if mode == "I;16" else np.int32)
        Image.fromarray(grey).save(path)
    elif mode == "palette with transparency":
        base.convert("P").save(path, transparency=b"\x00\x80")
    else:
        base.convert(mode).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = open_image(path)
    assert (read.mode, read.size) == ("RGB", (7, 9))
    if mode in ("I;16", "I"):
        assert np.asarray(read).min() == np.asarray(read).max() == 200
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(np.asarray(read), np.asarray(base))


# --- Tiny ImageNet ---


def tiny_imagenet(root: Path) -> Path:
    """Write the data set as distributed, with two classes."""
    folder = root / "tiny-imagenet-200"
    for wnid in ("n02", "n01"):
        for i in range(2):
            write_image(folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", size=64)
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("")
    lines = []
    for i, wnid in enumerate(["n02", "n01", "n02"]):
        write_image(folder / "val" / "images" / f"val_{i}.JPEG", seed=i, size=64)
        lines.append(f"val_{i}.JPEG\t{wnid}\t0\t0\t62\t62")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (folder / "wnids.txt").write_text("n02\nn01\n")
    (folder / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn02\tbullfrog\nn99\tno class here\n")
    return folder


def test_tiny_imagenet_is_read_as_distributed_and_re_organised(tmp_path: Path) -> None:
    folder = tiny_imagenet(tmp_path)
    train, val = TinyImageNet(tmp_path), TinyImageNet(folder, "val")
    assert train.classes == ("goldfish", "bullfrog")
    assert train.targets == [0, 0, 1, 1]
    before = {Path(path).name: target for path, target in val.samples}
    assert before == {"val_0.JPEG": 1, "val_1.JPEG": 0, "val_2.JPEG": 1}
    half = folder / "val" / "n02" / "images"  # as if the command had been interrupted
    half.mkdir(parents=True)
    os.replace(folder / "val" / "images" / "val_0.JPEG", half / "val_0.JPEG")
    assert {Path(path).name: target for path, target in TinyImageNet(folder, "val").samples} == before
    assert [Path(path).is_file() for path, _ in TinyImageNet(folder, "val").samples] == [True] * 3
    assert reorganise(folder) == 2
    assert reorganise(folder) == 0
    after = TinyImageNet(folder, "val")
    assert {Path(path).name: target for path, target in after.samples} == before
    assert after[0][0].size == (64, 64)
    assert ImageFolder(folder / "val").classes == ("n01", "n02")


def test_the_re_organising_command_is_safe_to_run_twice(tmp_path: Path) -> None:
    folder = tiny_imagenet(tmp_path)
    call = [sys.executable, "-m", "minigrad.data.datasets.tiny_imagenet", str(folder)]
    first, second = (subprocess.run(call, capture_output=True, text=True) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, "moved 3 images\n"), first.stderr
    assert (second.returncode, second.stdout[:13]) == (0, "nothing to do"), second.stderr
    lost = subprocess.run([*call[:-1], str(tmp_path / "none")], capture_output=True, text=True)
    assert lost.returncode == 1
    assert "tiny-imagenet-200.zip" in lost.stderr


def test_bad_annotations_of_tiny_imagenet_are_named(tmp_path: Path) -> None:
    folder = tiny_imagenet(tmp_path)
    (folder / "val" / "val_annotations.txt").write_text("val_0.JPEG n02\n")
    with pytest.raises(CorruptFileError, match="line 1: expected a file and a class"):
        TinyImageNet(folder, "val")
    (folder / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn77\n")
    with pytest.raises(CorruptFileError, match=r"unknown classes.*n77"):
        TinyImageNet(folder, "val")
    with pytest.raises(ValueError, match="'train' or 'val'"):
        TinyImageNet(folder, "test")


# --- Digits, texts ---


def test_the_digits_are_split_without_overlap() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    train, test = Digits(), Digits(train=False)
    assert (len(train), len(test)) == (1437, 360)
    assert train[0][0].size == (8, 8)
    assert set(train.targets) == set(test.targets) == set(range(10))


def test_texts_are_read_from_the_folders_of_their_classes(tmp_path: Path) -> None:
    for name in ("train/pos/1_9.txt", "train/neg/2_1.txt", "train/unsup/3_0.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"It was <br /> {name[6:9]}!", encoding="utf-8")
    texts = TextFolder(tmp_path)
    assert texts.classes == ("neg", "pos")
    assert [texts[i] for i in range(2)] == [("It was <br /> neg!", 0), ("It was <br /> pos!", 1)]
    vocabulary = Vocabulary(text for text, _ in (texts[i] for i in range(2)))
    assert len(vocabulary) == 6
    batch = vocabulary.batch(["it was neither", "pos"], 4)
    assert batch.tolist() == [[2, 3, 1, 0], [vocabulary.index["pos"], 0, 0, 0]]
    with pytest.raises(FileNotFoundError, match="aclImdb"):
        TextFolder(tmp_path, "test")
