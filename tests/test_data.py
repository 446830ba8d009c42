"""Datasets, files, transforms and the loader."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import minigrad
from minigrad.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    transforms,
)
from minigrad.data.datasets import FashionMNIST, SyntheticImages, embedded_clothing, read_idx, write_idx
from minigrad.data.datasets.cut_fashion_mnist import balanced_cut
from minigrad.data.datasets.idx import CorruptFileError


class Numbers(Dataset):
    """Item i is i, and a random number that a transform would draw."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[int, float]:
        from minigrad.data.loader import item_generator

        return index, float(item_generator().numpy.random())


# --- IDX files ---


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
@given(shape=st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple))
def test_idx_files_are_read_as_written(tmp_path_factory: Any, name: str, shape: tuple[int, ...]) -> None:
    path = tmp_path_factory.mktemp("idx") / name
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_idx(path, array)
    assert np.array_equal(read_idx(path), array)


def _image_files(folder: Path, count: int = 4, labels: int | None = None, zipped: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    suffix = ".gz" if zipped else ""
    for prefix in ("train", "t10k"):
        write_idx(
            folder / f"{prefix}-images-idx3-ubyte{suffix}", random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        )
        write_idx(
            folder / f"{prefix}-labels-idx1-ubyte{suffix}",
            np.arange(count if labels is None else labels, dtype=np.uint8) % 10,
        )
    return folder


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_is_read_from_a_folder(tmp_path: Path, zipped: bool) -> None:
    items = FashionMNIST(_image_files(tmp_path, zipped=zipped))
    image, label = items[3]
    assert (len(items), image.size, label) == (4, (28, 28), 3)


def test_a_truncated_idx_file_is_named_with_both_byte_counts(tmp_path: Path) -> None:
    path = tmp_path / "x-idx"
    write_idx(path, np.zeros((2, 10), np.uint8))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptFileError, match=r"x-idx: expected 32 bytes for .*\[2, 10\], found 27 bytes"):
        read_idx(path)
    path.write_bytes(b"\0\0")
    with pytest.raises(CorruptFileError, match="at least 4 bytes, found 2"):
        read_idx(path)


def test_a_truncated_or_damaged_gzip_file_is_named_with_both_byte_counts(tmp_path: Path) -> None:
    path = tmp_path / "x-idx.gz"
    array = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    write_idx(path, array)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFileError, match=r"x-idx.gz: .* cut short: expected 15696 bytes .*found \d+ bytes"):
        read_idx(path)
    path.write_bytes(whole[:50] + bytes(50) + whole[100:])
    with pytest.raises(CorruptFileError, match=r"x-idx\.gz"):
        read_idx(path)
    path.write_bytes(gzip.compress(b"hello, this is text"))
    with pytest.raises(CorruptFileError, match="not an IDX file"):
        read_idx(path)


def test_labels_that_do_not_match_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"expected 4 labels .* found 3"):
        FashionMNIST(_image_files(tmp_path, labels=3))


def test_a_missing_data_set_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        FashionMNIST(tmp_path)


def test_the_embedded_images_are_balanced_and_licensed() -> None:
    for train, count in ((True, 500), (False, 100)):
        items = embedded_clothing(train)
        assert np.bincount(items.targets).tolist() == [count] * 10
        assert items.data.shape == (count * 10, 28, 28)
        assert items.data.std() > 50, "photographs, not blanks"
    licence = Path(minigrad.__file__).parent / "data/datasets/clothing/LICENSE"
    assert "Zalando" in licence.read_text()


def test_the_cut_takes_the_first_of_each_class() -> None:
    targets = np.arange(40) % 10
    assert balanced_cut(targets, 2).tolist() == list(range(20))
    with pytest.raises(ValueError, match="4 images, 5 are needed"):
        balanced_cut(targets, 5)


def test_synthetic_images_depend_on_seed_and_index_alone() -> None:
    one, two = SyntheticImages(10, seed=3), SyntheticImages(20, seed=3)
    assert np.array_equal(np.asarray(one[7][0]), np.asarray(two[7][0]))
    assert not np.array_equal(np.asarray(one[7][0]), np.asarray(one[8][0]))


# --- Loader ---


@given(length=st.integers(0, 20), batch=st.integers(1, 7), drop=st.booleans(), shuffle=st.booleans())
def test_the_loader_gives_every_item_once(length: int, batch: int, drop: bool, shuffle: bool) -> None:
    loader = DataLoader(Numbers(length), batch, shuffle=shuffle, drop_last=drop, seed=1)
    batches = [numbers.tolist() for numbers, _ in loader]
    assert len(batches) == len(loader)
    seen = [i for numbers in batches for i in numbers]
    assert len(seen) == len(set(seen)) == (length // batch * batch if drop else length)
    assert all(len(numbers) == batch for numbers in batches[:-1])


def test_a_pass_that_ends_early_counts_as_an_epoch() -> None:
    def loader() -> DataLoader:
        return DataLoader(minigrad.arange(64), batch_size=8, shuffle=True, seed=3)

    whole, early = loader(), loader()
    epochs = [[batch.tolist() for batch in whole] for _ in range(3)]
    assert [next(iter(early)).tolist() for _ in range(3)] == [epoch[0] for epoch in epochs]


def test_the_order_depends_on_seed_and_epoch_and_can_be_taken_up_anywhere() -> None:
    loader, again = DataLoader(Numbers(17), 3, shuffle=True, seed=5), DataLoader(Numbers(17), 3, shuffle=True, seed=5)
    epochs = [[(n.tolist(), r.tolist()) for n, r in loader] for _ in range(3)]
    assert epochs[0] != epochs[1]
    again.set_epoch(2, start_batch=2)
    assert [(n.tolist(), r.tolist()) for n, r in again] == epochs[2][2:]
    other = DataLoader(Numbers(17), 3, shuffle=True, seed=6)
    assert [n.tolist() for n, _ in other] != [n for n, _ in epochs[0]]


def test_collate_stacks_converts_and_recurses() -> None:
    items = [{"x": minigrad.ones(2) * i, "y": (i, 0.5), "name": str(i)} for i in range(3)]
    batch = next(iter(DataLoader(items, 3)))
    assert batch["x"].shape == (3, 2)
    assert batch["y"][0].dtype == minigrad.int64
    assert batch["y"][1].dtype == minigrad.float32
    assert batch["name"] == ["0", "1", "2"]
    with pytest.raises(RuntimeError, match=r"\[2\] at entry 0 and \[3\] at entry 1"):
        list(DataLoader([minigrad.ones(2), minigrad.ones(3)], 2))
    with pytest.raises(TypeError, match="found"):
        list(DataLoader([object()], 1))


def test_loader_and_datasets_refuse_bad_arguments() -> None:
    with pytest.raises(ValueError, match="batch_size=0"):
        DataLoader(Numbers(3), 0)
    with pytest.raises(ValueError, match="mutually exclusive"):
        DataLoader(Numbers(3), sampler=[0], shuffle=True)
    with pytest.raises(ValueError, match="non-negative"):
        DataLoader(Numbers(3), num_workers=-1)
    with pytest.raises(ValueError, match="need num_workers > 0"):
        DataLoader(Numbers(3), prefetch_factor=2)
    with pytest.raises(ValueError, match="batch_sampler option is mutually exclusive"):
        DataLoader(Numbers(3), 2, batch_sampler=[[0]])
    with pytest.raises(IndexError, match="index 3 is outside"):
        Subset(Numbers(3), [3])
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        TensorDataset(minigrad.zeros(2), minigrad.zeros(3))
    pairs = TensorDataset(minigrad.arange(4), minigrad.ones(4, 2))
    assert [a.tolist() for a, _ in DataLoader(Subset(pairs, [3, 1]), 2)] == [[3, 1]]


# --- Samplers ---


def test_random_samplers_begin_at_once_however_many_indices_are_wanted() -> None:
    for sampler in (
        RandomSampler(range(100), replacement=True, num_samples=10**12),
        RandomSampler(range(100), num_samples=10**12),
        WeightedRandomSampler([1.0, 0.0, 3.0], num_samples=10**12),
    ):
        assert len(sampler) == 10**12
        first = list(islice(sampler, 10_000))
        assert {type(index) for index in first} == {int}
        assert set(first) == (set(range(100)) if isinstance(sampler, RandomSampler) else {0, 2})


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_takes_from_a_sampler_that_does_not_end(num_workers: int) -> None:
    sampler = RandomSampler(range(5), replacement=True, num_samples=10**12)
    loader = DataLoader(TensorDataset(minigrad.arange(5)), 3, sampler=sampler, num_workers=num_workers)
    batches = [batch[0].tolist() for batch in islice(loader, 20)]
    assert {index for batch in batches for index in batch} == set(range(5))


def test_random_samplers_draw_every_item_as_often_as_they_say() -> None:
    assert sorted(RandomSampler(range(7))) == list(range(7))
    twice = list(RandomSampler(range(7), num_samples=17))
    assert sorted(twice[:7]) == sorted(twice[7:14]) == list(range(7))
    assert len(set(twice[14:])) == 3
    counts = np.bincount(list(RandomSampler(range(4), replacement=True, num_samples=10_000)))
    assert counts.sum() == 10_000
    assert np.all(abs(counts - 2500) < 300)
    shares = np.bincount(list(WeightedRandomSampler([1.0, 3.0], 10_000))) / 10_000
    assert shares == pytest.approx([0.25, 0.75], abs=0.03)
    assert sorted(WeightedRandomSampler([1.0, 3.0, 2.0], 3, replacement=False)) == [0, 1, 2]
    assert sorted(SubsetRandomSampler([3, 5, 8])) == [3, 5, 8]


def test_samplers_follow_the_seed_whatever_else_draws_meanwhile() -> None:
    orders = []
    for disturb in (False, True):
        minigrad.manual_seed(3)
        order = []
        for index in RandomSampler(range(10), num_samples=35):
            order.append(index)
            if disturb:
                minigrad.rand(5)
        orders.append(order)
    assert orders[0] == orders[1]
    given = [list(RandomSampler(range(9), generator=minigrad.Generator().manual_seed(1))) for _ in range(2)]
    assert given[0] == given[1]


def test_samplers_refuse_bad_arguments() -> None:
    for count in (0, -1, 1e10, True):
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            RandomSampler(range(3), num_samples=count)
        with pytest.raises(ValueError, match="num_samples should be a positive integer"):
            WeightedRandomSampler([1.0], count)
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        RandomSampler(range(3), replacement=1)
    with pytest.raises(ValueError, match="num_samples=4 is not possible with 3 weights"):
        WeightedRandomSampler([1.0, 1.0, 1.0], 4, replacement=False)
    with pytest.raises(ValueError, match="batch_size=True"):
        BatchSampler(range(3), True)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        BatchSampler(range(3), 2, 1)


# --- Transforms ---


def _image(height: int = 20, width: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_transforms_give_the_sizes_and_values_they_promise() -> None:
    image = _image()
    assert transforms.Resize((7, 9))(image).size == (9, 7)
    assert transforms.Resize(10)(image).size == (15, 10)
    assert np.array_equal(np.asarray(transforms.CenterCrop(10)(image)), np.asarray(image)[5:15, 10:20])
    assert transforms.CenterCrop((30, 40))(image).size == (40, 30)
    grey = np.asarray(transforms.Grayscale(3)(image))
    assert grey.shape == (20, 30, 3)
    assert np.array_equal(grey[..., 0], grey[..., 2])
    x = transforms.ToTensor()(image)
    assert (x.shape, x.dtype) == ((3, 20, 30), minigrad.float32)
    assert np.allclose(x.numpy() * 255, np.asarray(image).transpose(2, 0, 1))
    y = transforms.Normalize([0.5, 0.4, 0.3], [0.5, 0.25, 1.0])(x)
    assert np.allclose(y.numpy()[1], (x.numpy()[1] - 0.4) / 0.25)


def test_random_transforms_follow_the_seed() -> None:
    image = _image()
    crop, flip = transforms.RandomCrop(8, padding=2), transforms.RandomHorizontalFlip()
    minigrad.manual_seed(0)
    first = [(np.asarray(crop(image)), np.asarray(flip(image))) for _ in range(8)]
    minigrad.manual_seed(0)
    again = [(np.asarray(crop(image)), np.asarray(flip(image))) for _ in range(8)]
    assert all(np.array_equal(a, b) for pair in zip(first, again, strict=True) for a, b in zip(*pair, strict=True))
    assert len({flipped.tobytes() for _, flipped in first}) == 2
    assert len({cropped.tobytes() for cropped, _ in first}) > 4
    with pytest.raises(ValueError, match="larger than input image size"):
        transforms.RandomCrop(100)(image)


def test_normalize_refuses_a_zero_deviation_and_other_channel_counts() -> None:
    with pytest.raises(ValueError, match="division by zero"):
        transforms.Normalize([0.5], [0.0])
    with pytest.raises(ValueError, match="2 means for an image of 3 channels"):
        transforms.Normalize([0.5, 0.5], [1.0, 1.0])(minigrad.zeros(3, 4, 4))


def test_augmentations_follow_the_seed_whatever_the_number_of_workers() -> None:
    steps = [transforms.RandAugment(), transforms.TrivialAugmentWide(), transforms.ToTensor()]
    steps.append(transforms.RandomErasing(0.9, value="random"))
    items = SyntheticImages(8, 24, transform=transforms.Compose(steps))
    batches = [
        [x.numpy().tobytes() for x, _ in DataLoader(items, 4, seed=2, num_workers=workers)] for workers in (0, 2)
    ]
    assert batches[0] == batches[1]
    assert batches[0] != [x.numpy().tobytes() for x, _ in DataLoader(items, 4, seed=3)]


def test_random_erasing_overwrites_one_rectangle() -> None:
    image = minigrad.ones(3, 20, 30)
    erased = transforms.RandomErasing(1.0, value=(2.0, 3.0, 4.0))(image)
    hidden = erased.numpy() != 1
    assert hidden.any()
    assert hidden[0].sum() == hidden[0].any(0).sum() * hidden[0].any(1).sum()  # a rectangle
    assert [np.unique(erased.numpy()[c][hidden[c]]).tolist() for c in range(3)] == [[2], [3], [4]]
    assert (image.numpy() == 1).all()
    assert transforms.RandomErasing(0.0)(image) is image
    for bad in ({"p": 2}, {"scale": (0.5, 0.1)}, {"value": "white"}):
        with pytest.raises(ValueError, match="should be"):
            transforms.RandomErasing(**bad)
    with pytest.raises(ValueError, match="magnitude should be between 0 and 30"):
        transforms.RandAugment(magnitude=31)
    with pytest.raises(ValueError, match="num_classes must be passed"):
        transforms.CutMix()(minigrad.ones(2, 3, 4, 4), minigrad.tensor([0, 1]))
