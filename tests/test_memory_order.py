"""Feature maps lie channels last from the first convolution to the last gradient: no kernel has to copy them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from inception.model import InceptionV3
from minigrad import kernels, nn
from minigrad.nn import functional as F
from minigrad.typing import Array

#: The kernels that take feature maps.
METHODS = (
    "add", "concatenate", "relu", "pass_where_positive", "conv2d", "conv2d_input", "conv2d_weight", "conv2d_backward",
    "max_pool2d", "max_pool2d_scatter", "avg_pool2d", "avg_pool2d_backward", "batch_norm", "batch_norm_backward",
    "normalize_channels",
)  # fmt: skip

Copies = Counter[tuple[str, tuple[int, ...]]]


def needs_no_copy(x: Array) -> bool:
    """Return whether channels are innermost, and pixels at a fixed distance; or whether x is one number a channel."""
    n, channels, height, width = x.shape
    image, channel, row, column = x.strides
    if row == column == 0:
        return True  # the gradient of a mean over all pixels
    step = column if width > 1 else row if height > 1 else image
    return (
        (channels == 1 or channel == x.itemsize)
        and (height == 1 or row == width * step)
        and (n == 1 or image == height * width * step)
    )


@pytest.fixture(params=["compiled", "numpy"])
def copies(request: Any, monkeypatch: pytest.MonkeyPatch) -> Copies:
    """Count the feature maps that a kernel is given, or returns, in another order, by kernel and shape."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    backend, counted = kernels.CHOICES[request.param], Counter[tuple[str, tuple[int, ...]]]()
    monkeypatch.setattr(kernels, "_for_numpy", backend)

    def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            results = method(self, *arguments, **options)
            maps = [*arguments, *(arguments[0] if name == "concatenate" else ())]
            maps += results if isinstance(results, tuple) else (results,)
            for x in maps:
                if isinstance(x, np.ndarray) and x.ndim == 4 and not needs_no_copy(x):
                    counted[name, x.shape] += 1
            return results

        return call

    for name in METHODS:
        monkeypatch.setattr(type(backend), name, watched(name, getattr(type(backend), name)))
    return counted


def train(model: nn.Module, size: int, copies: Copies) -> Copies:
    """Take two steps, and return what was copied, but for the images themselves."""
    minigrad.manual_seed(0)
    images = minigrad.randn(2, 3, size, size)
    optimizer = minigrad.optim.Adam(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        outputs = model(images)
        loss = sum(
            ((y * y).mean() for y in (outputs if isinstance(outputs, tuple) else (outputs,))), minigrad.zeros(())
        )
        loss.backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.ndim != 4 or needs_no_copy(parameter.grad.array), name
        assert parameter.grad.stride() == parameter.stride() or 1 in parameter.shape, name
    return Counter({key: count for key, count in copies.items() if key[1] != images.shape})


class Bottleneck(nn.Module):
    """A block of ResNet-50."""

    def __init__(self, channels: int, inner: int, stride: int = 1) -> None:
        super().__init__()
        out = 4 * inner
        self.layers = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        y = self.layers(x)
        y += self.shortcut(x)
        return F.relu(y, inplace=True)


class InvertedResidual(nn.Module):
    """A block of MobileNetV2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 6 * channels
        self.layers = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(inplace=True),
            nn.Conv2d(inner, inner, 3, 1, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(inplace=True),
            nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return x + self.layers(x)


class UNet(nn.Module):
    """Two resolutions, with transposed convolution or resampling on the way up."""

    def __init__(self, mode: str) -> None:
        super().__init__()

        def twice(channels: int, out: int) -> nn.Module:
            return nn.Sequential(
                nn.Conv2d(channels, out, 3, padding=1), nn.GroupNorm(2, out), nn.ReLU(inplace=True),
                nn.Conv2d(out, out, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(out), nn.LeakyReLU(0.1),
            )  # fmt: skip

        self.down, self.deep, self.up = twice(3, 8), twice(8, 16), twice(24, 8)
        self.enlarge: nn.Module = (
            nn.ConvTranspose2d(16, 16, 2, 2) if mode == "transposed" else nn.Upsample(scale_factor=2, mode=mode)
        )
        self.drop, self.last = nn.Dropout2d(0.2), nn.Conv2d(8, 2, 1)

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        shallow = self.down(x)
        deep = self.enlarge(self.drop(self.deep(F.max_pool2d(shallow, 2))))
        deep = F.pad(deep, (1, -1, 0, 0))
        return self.last(self.up(minigrad.cat([deep, shallow], 1)))


def test_inception_copies_no_feature_map(copies: Copies) -> None:
    assert train(InceptionV3(num_classes=10, aux_logits=False), 75, copies) == {}


def test_residual_blocks_copy_no_feature_map(copies: Copies) -> None:
    stem = nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
    head = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(64, 10))
    blocks = Bottleneck(16, 8), Bottleneck(32, 16, 2)
    assert train(nn.Sequential(stem, nn.MaxPool2d(3, 2, 1), *blocks, head), 64, copies) == {}


def test_depthwise_blocks_copy_no_feature_map(copies: Copies) -> None:
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(inplace=True))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 10))
    assert train(nn.Sequential(stem, InvertedResidual(16), InvertedResidual(16), head), 32, copies) == {}


@pytest.mark.parametrize("mode", ["transposed", "nearest", "bilinear"])
def test_a_u_net_copies_no_feature_map(copies: Copies, mode: str) -> None:
    assert train(UNet(mode), 32, copies) == {}


def test_vgg_copies_only_the_gradient_that_comes_back_through_flatten(copies: Copies) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2, 2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(True), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(32 * 64, 10),
    )  # fmt: skip
    assert train(model, 32, copies) == {("max_pool2d_scatter", (2, 32, 8, 8)): 2}


#: Functions of a feature map that return one, in its memory order.
KEEPING: dict[str, Callable[[minigrad.Tensor], minigrad.Tensor]] = {
    "pad": lambda x: F.pad(x, (1, 2, 0, 1)),
    "pad with a value": lambda x: F.pad(x, (1, 2, 0, 1), value=3.0),
    "reflect": lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect"),
    "circular": lambda x: F.pad(x, (1, 2, 0, 1), mode="circular"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, size=(7, 9), mode="bilinear"),
    "dropout": lambda x: F.dropout(x, 0.5),
    "dropout2d": lambda x: F.dropout2d(x, 0.5),
    "where": lambda x: minigrad.where(x > 0, x, x * 2),
    "where with a number": lambda x: minigrad.where(x > 0, x, 0.0),
    "clamp": lambda x: x.clamp(-1, 1),
    "gelu": F.gelu,
    "softmax": lambda x: x.softmax(1),
    "masked_fill": lambda x: x.masked_fill(x > 0, 1.0),
    "cat of channels": lambda x: minigrad.cat([x, x], 1),
    "cat of images": lambda x: minigrad.cat([x, x], 0),
    "cat of rows": lambda x: minigrad.cat([x, x], 2),
    "stack": lambda x: minigrad.stack([x, x]).sum(0),
    "slice": lambda x: x[1:] + 0,
    "positions": lambda x: x[[1, 0]],
    "index_select": lambda x: x.index_select(1, minigrad.tensor([2, 0, 1])),
    "flip": lambda x: x.flip(3),
    "roll": lambda x: x.roll(1, 2),
    "group norm": lambda x: F.group_norm(x, 2, minigrad.ones(4), minigrad.zeros(4)),
    "batch norm": lambda x: F.batch_norm(x, None, None, training=True),
    "normalize": lambda x: F.normalize(x),
    "max pooling": lambda x: F.max_pool2d(x, 2),
    "average pooling": lambda x: F.avg_pool2d(x, 2),
    "adaptive average pooling": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "scaling by image and channel": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "cumsum": lambda x: x.cumsum(2),
    "zeros_like": minigrad.zeros_like,
    "randn_like": minigrad.randn_like,
    "half and back": lambda x: x.half().float(),
    "clone": lambda x: x.clone(),
    "repeat of images": lambda x: minigrad.cat([x] * 3),
}


@pytest.mark.parametrize("name", KEEPING)
def test_functions_of_feature_maps_keep_their_memory_order(name: str) -> None:
    minigrad.manual_seed(0)
    x = minigrad.randn(3, 4, 5, 6).to(memory_format=minigrad.channels_last).requires_grad_()
    y = KEEPING[name](x)
    assert y.is_contiguous(memory_format=minigrad.channels_last)
    if y.requires_grad:
        y.backward(minigrad.randn_like(y.detach()))
        assert x.grad is not None
        assert x.grad.is_contiguous(memory_format=minigrad.channels_last)
