"""The tables of convolutions: right for every window, soon made, and kept in bounded memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad
from minigrad.kernels import conv_table, plan_cache
from minigrad.kernels.blocked.conv import convolution
from minigrad.kernels.conv_table import Table, backward_table, forward_table, lists, tiles
from minigrad.kernels.geometry import Pair, Window
from minigrad.kernels.reference import Reference
from minigrad.nn import functional as F

reference = Reference()


@st.composite
def _windows(draw: Any) -> tuple[int, Pair, Window]:
    """A number of images, their size, and a window, which may reach far beyond them."""
    images = draw(st.sampled_from([1, 2, 3, 7, 40, 200]))
    size = draw(st.integers(1, 24)), draw(st.integers(1, 24) | st.just(150))
    kernel = tuple(draw(st.sampled_from([1, 2, 3, 3, 4, 5, 7, 17])) for _ in range(2))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1), (4, 5)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (3, 3)]))
    padding = []
    for n, k, d in zip(size, kernel, dilation, strict=True):
        least = max(0, d * (k - 1) + 1 - n)  # or the window would have no position
        before = draw(st.integers(0, d * (k - 1)) | st.just((k - 1) * d // 2))
        padding.append((before, max(least - before, draw(st.integers(0, d * (k - 1))))))
    window = Window((kernel[0], kernel[1]), stride, (padding[0], padding[1]), dilation)
    assume(images * math.prod(size) * math.prod(kernel) < 2e5)
    return images, size, window


def _dense(table: Table, positions: int) -> np.ndarray:
    """Return the pixel of the source of every position and tap of a batch, or −1."""
    dense = np.full((positions, table.kinds[0].shape[1]), -2)
    for kind, first, position in table.blocks:
        entries = table.kinds[kind]
        assert np.all(dense[position : position + len(entries)] == -2)  # each position once
        dense[position : position + len(entries)] = np.where(entries >= 0, entries + first, -1)
    return dense


def _expected(images: int, size: Pair, window: Window) -> np.ndarray:
    """Return the same from the numbers of the pixels, as the taps see them."""
    numbers = np.arange(images * math.prod(size)).reshape(images, *size)
    padded = window.pad(numbers, -1)
    return np.stack([padded[seen].reshape(-1) for _, _, seen in window.taps(*size)], axis=1)


@given(case=_windows(), block=st.sampled_from([1, 20, 96, 256]), tile=st.sampled_from([1, 6, 12]))
def test_a_table_has_the_pixel_that_each_tap_meets(case: tuple[int, Pair, Window], block: int, tile: int) -> None:
    images, size, window = case
    expected = _expected(images, size, window)
    assert np.array_equal(_dense(forward_table(images, size, window, block, tile), len(expected)), expected)
    back = np.full((images * math.prod(size), expected.shape[1]), -1)
    position, tap = np.nonzero(expected >= 0)
    back[expected[position, tap], tap] = position
    assert np.array_equal(_dense(backward_table(images, size, window, block, tile), len(back)), back)


@given(case=_windows(), height=st.sampled_from([4, 6, 12]), backward=st.booleans())
def test_tiles_and_lists_have_every_entry_of_a_table_once(
    case: tuple[int, Pair, Window], height: int, backward: bool
) -> None:
    table = (backward_table if backward else forward_table)(*case, 96, height)
    tiled, listed = tiles(table, height), lists(table)
    for kind, entries in enumerate(table.kinds):
        found = np.full(entries.shape, -1)
        done: list[int] = []
        for tile in range(tiled.first_tile[kind], tiled.first_tile[kind + 1]):
            places = tiled.places[tile]
            done += places.tolist()
            for entry in range(tiled.first_entry[tile], tiled.first_entry[tile + 1]):
                assert np.any(tiled.at[entry] >= 0)  # no tap that none of the positions has
                found[places, tiled.live[tiled.taps[entry]]] = tiled.at[entry]
        assert np.array_equal(found, entries)
        assert sorted(set(done)) == list(range(len(entries)))
        assert len(done) < len(entries) + height
        found[...] = -1
        for tap in range(entries.shape[1]):
            part = slice(*listed.first_entry[kind * entries.shape[1] + tap :][:2])
            found[listed.places[part], tap] = listed.at[part]
        assert np.array_equal(found, entries)


@given(case=_windows(), groups=st.sampled_from([1, 1, 2, 5]), channels=st.sampled_from([(1, 1), (3, 2), (2, 3)]))
def test_convolutions_in_numpy_by_a_table_equal_the_reference(
    case: tuple[int, Pair, Window], groups: int, channels: tuple[int, int]
) -> None:
    images, size, window = case
    random = np.random.default_rng(0)
    x = random.standard_normal((images, groups * channels[0], *size))
    w = random.standard_normal((groups * channels[1], channels[0], *window.kernel))
    y = reference.conv2d(x, w, window, groups)
    g = random.standard_normal(y.shape)
    pairs = (
        (convolution.conv2d(x, w, window, groups), y),
        (
            convolution.input_gradient(g, w, x.shape, window, groups),
            reference.conv2d_input(g, w, x.shape, window, groups),
        ),
        (
            convolution.weight_gradient(x, g, w.shape, window, groups),
            reference.conv2d_weight(x, g, w.shape, window, groups),
        ),
    )
    for ours, expected in pairs:
        assert ours.transpose(0, 2, 3, 1).flags.c_contiguous  # channels last
        assert np.allclose(ours, expected, rtol=0, atol=1e-11 * np.abs(expected).max(initial=1.0))


@pytest.mark.parametrize("make", [forward_table, backward_table])
@pytest.mark.parametrize("stride", [1, 2])
def test_tables_of_large_images_are_small(make: Any, stride: int) -> None:
    window = Window((3, 3), (stride, stride), ((1, 1), (1, 1)))
    for size in ((2048, 2048), (1, 2**20)):
        table = make(1, size, window, 96, 6)
        assert sum(kind.nbytes for kind in table.kinds) + sum(a.nbytes for a in tiles(table, 6)) < 2**21
        assert len(table.kinds) <= 12


def test_only_the_tables_that_are_used_are_made(monkeypatch: Any) -> None:
    if not minigrad.kernels.compiles():
        pytest.skip("the compiled kernels' tables")
    planned: list[str] = []
    for name in ("_meets", "_is_met"):
        whole = getattr(conv_table, name)

        def note(*arguments: Any, name: str = name, whole: Any = whole) -> Any:
            planned.append(name)
            return whole(*arguments)

        monkeypatch.setattr(conv_table, name, note)
    minigrad.manual_seed(0)
    image, weight = minigrad.randn(1, 16, 37, 41), minigrad.randn(8, 16, 3, 3)
    with minigrad.no_grad():
        F.conv2d(image, weight)
    assert set(planned) == {"_meets"}
    planned.clear()
    F.conv2d(image, weight.requires_grad_()).sum().backward()
    assert "_is_met" not in planned  # nobody needs the gradient of the image
    planned.clear()
    F.conv2d(image.requires_grad_(), weight).sum().backward()
    assert set(planned) == {"_is_met"}  # the others are remembered


def test_plans_of_images_of_many_sizes_stay_within_the_limit(monkeypatch: Any) -> None:
    monkeypatch.setattr(plan_cache, "LIMIT", 2**17)
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)))

    def plan(size: int) -> Table:
        return forward_table(1, (size, size), window, 96)

    for size in range(200, 230):
        plan(size)
        assert plan_cache.kept_bytes() <= 2**17
    assert plan(229) is plan(229)  # the last one is still there
    assert plan(1500) is plan(1500)  # larger than the limit: kept until the next one
    plan(200)
    assert plan_cache.kept_bytes() <= 2**17
