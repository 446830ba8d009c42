"""Transforms of images, pixel by pixel as torchvision's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

import minigrad
from minigrad.data import transforms as ours
from minigrad.data.transforms import automatic, mixing
from parity_tests import torchvision_models  # noqa: F401 - makes torchvision importable

theirs: Any = pytest.importorskip("torchvision.transforms")
sizes = st.integers(5, 40)
images = st.builds(
    lambda h, w, mode, seed: Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    ).convert(mode),
    sizes,
    sizes,
    st.sampled_from(["RGB", "L"]),
    st.integers(0, 99),
)


def assert_same_image(ours: Any, theirs: Any) -> None:
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


@given(images, st.one_of(sizes, st.tuples(sizes, sizes)), st.sampled_from(["BILINEAR", "BICUBIC", "NEAREST"]))
def test_resize(image: Any, size: Any, how: str) -> None:
    mode = getattr(theirs.InterpolationMode, how)
    expected = theirs.Resize(size, mode)(image)
    assert_same_image(ours.Resize(size, Image.Resampling[how])(image), expected)


@given(images, sizes, st.integers(1, 30))
def test_resize_with_a_longest_side(image: Any, size: int, more: int) -> None:
    assume((size + more) * min(image.size) >= max(image.size))  # else torchvision asks for a side of 0
    expected = theirs.Resize(size, max_size=size + more)(image)
    assert_same_image(ours.Resize(size, max_size=size + more)(image), expected)


@given(images, st.one_of(sizes, st.tuples(sizes, sizes)))
def test_center_crop(image: Any, size: Any) -> None:
    assert_same_image(ours.CenterCrop(size)(image), theirs.CenterCrop(size)(image))


@given(
    images,
    st.one_of(st.integers(0, 4), st.tuples(*[st.integers(0, 4)] * 2), st.tuples(*[st.integers(0, 4)] * 4)),
    st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
)
def test_pad(image: Any, padding: Any, mode: str) -> None:
    expected = theirs.functional.pad(image, padding, 7, mode)
    assert_same_image(ours.pad(image, padding, 7, mode), expected)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
@given(image=images, value=st.floats(0, 2))
def test_adjustments_of_colour(name: str, image: Any, value: float) -> None:
    if name == "hue":
        value = value / 2 - 0.5
    expected = getattr(theirs.functional, f"adjust_{name}")(image, value)
    assert_same_image(getattr(ours, f"adjust_{name}")(image, value), expected)


@given(images)
def test_to_tensor_and_normalize(image: Any) -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    if image.mode == "L":
        mean, std = mean[:1], std[:1]
    expected = theirs.Normalize(mean, std)(theirs.ToTensor()(image)).numpy()
    found = ours.Normalize(mean, std)(ours.ToTensor()(image)).numpy()
    assert np.array_equal(found, expected)


@given(images, sizes)
def test_random_resized_crop_takes_parts_of_the_promised_sizes(image: Any, size: int) -> None:
    crop = ours.RandomResizedCrop(size, scale=(0.2, 0.9), ratio=(0.5, 2.0))
    left, top, right, bottom = crop.part(*image.size)
    assert 0 <= left < right <= image.width
    assert 0 <= top < bottom <= image.height
    assert crop(image).size == (size, size)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        ("ColorJitter", {"brightness": -1}),
        ("ColorJitter", {"hue": 0.6}),
        ("ColorJitter", {"contrast": (2, 1)}),
        ("Resize", {"size": 10, "max_size": 5}),
        ("Normalize", {"mean": [0.0], "std": [0.0]}),
    ],
)
def test_bad_arguments_are_refused_as_by_torchvision(make: str, arguments: dict[str, Any]) -> None:
    def use(library: Any) -> None:
        image = Image.new("L", (8, 8))
        transform = getattr(library, make)(**arguments)
        transform(library.ToTensor()(image) if make == "Normalize" else image)

    with pytest.raises(ValueError):
        use(theirs)
    with pytest.raises(ValueError):
        use(ours)


# --- Augmentation ---

OPERATIONS = [
    "Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast",
    "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize",
]  # fmt: skip


@pytest.mark.parametrize("make", ["RandAugment", "TrivialAugmentWide"])
@pytest.mark.parametrize("name", OPERATIONS)
@given(image=images, bin_=st.integers(0, 30), sign=st.sampled_from([-1, 1]), fill=st.sampled_from([None, 7]))
def test_every_operation_of_every_strength(make: str, name: str, image: Any, bin_: int, sign: int, fill: Any) -> None:
    wide = make == "TrivialAugmentWide"
    size = (image.height, image.width)
    space = getattr(theirs, make)()._augmentation_space(31, *([] if wide else [size]))
    strengths, signed = space[name]
    assert list(space) == OPERATIONS == list(automatic._NAMES)
    assert signed == (name in automatic._SIGNED)
    found = automatic._strengths(31, image.size, wide)[name]
    strength = float(strengths[bin_]) if strengths.ndim else 0.0
    assert (0.0 if found is None else found[bin_]) == pytest.approx(strength, rel=1e-6, abs=1e-5)
    strength *= sign if signed else 1
    expected = theirs.autoaugment._apply_op(image, name, strength, theirs.InterpolationMode.NEAREST, fill)
    assert_same_image(automatic.apply_operation(image, name, strength, fill=fill), expected)


@given(st.integers(0, 99), st.floats(0.1, 3))
def test_mixup_and_cutmix_of_the_same_draw(seed: int, alpha: float) -> None:
    v2, torch = pytest.importorskip("torchvision.transforms.v2"), pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    x, labels = rng.random((4, 3, 9, 7), np.float32), rng.integers(0, 5, 4)
    share = float(np.random.default_rng(1).beta(alpha, alpha))
    for name in ("MixUp", "CutMix"):
        mine, reference = getattr(ours, name)(alpha=alpha, num_classes=5), getattr(v2, name)(alpha=alpha, num_classes=5)
        left, top, right, bottom = 1, 2, 6, 8
        adjusted = 1 - (right - left) * (bottom - top) / (9 * 7)
        mine.part = lambda width, height: (1, 2, 6, 8)
        params = {"lam": share, "box": (left, top, right, bottom), "lam_adjusted": adjusted}
        reference.make_params = lambda inputs, params=params: params
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mixing, "item_generator", lambda: SimpleNamespace(numpy=np.random.default_rng(1)))
            found = mine(minigrad.tensor(x), minigrad.tensor(labels))
        expected = reference(torch.tensor(x), torch.tensor(labels))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)


def test_parts_are_as_often_of_every_size_as_torchvisions() -> None:
    v2, torch = pytest.importorskip("torchvision.transforms.v2"), pytest.importorskip("torch")
    minigrad.manual_seed(0)
    torch.manual_seed(0)
    mine, reference = ours.CutMix(alpha=1.0, num_classes=2), v2.CutMix(alpha=1.0, num_classes=2)
    boxes = [mine.part(30, 20) for _ in range(4000)]
    others = [reference.make_params([torch.zeros(1, 3, 20, 30)])["box"] for _ in range(4000)]
    assert np.mean(boxes, 0) == pytest.approx(np.mean(others, 0), abs=0.6)
    erasing, other = ours.RandomErasing(), theirs.RandomErasing()
    parts = [erasing.part(20, 30) for _ in range(4000)]
    others = [other.get_params(torch.zeros(3, 20, 30), other.scale, other.ratio, [0.0])[:4] for _ in range(4000)]
    assert np.mean([p or (0, 0, 20, 30) for p in parts], 0) == pytest.approx(np.mean(others, 0), abs=0.4)
