"""Networks beside Inception, written with the names that minigrad and torch share: one source runs on both engines.

ResNet-50 (He et al. 2015), MobileNetV2 (Sandler et al. 2018) and VGG-11 (Simonyan & Zisserman 2014), layer by layer and
with the names of weights of torchvision; LeNet-5 (LeCun et al. 1998) with ReLU and max pooling; and a network of fully
connected layers. Dropout is left out, since its random numbers would differ between engines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CLASSES = 1000


def resnet50(engine: Any) -> Any:
    """Return ResNet-50: bottlenecks of 1×1, 3×3 and 1×1 convolutions, each added to its input."""
    nn = engine.nn

    class Bottleneck(nn.Module):  # type: ignore[misc]  # a class of whichever engine
        def __init__(self, inside: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * width)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inside != 4 * width:
                shortcut = nn.Conv2d(inside, 4 * width, 1, stride, bias=False)
                self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            y += x if self.downsample is None else self.downsample(x)
            return self.relu(y)

    class ResNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(3, 2, padding=1)
            inside = 64
            for number, (width, blocks, stride) in enumerate(((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)), 1):
                first = Bottleneck(inside, width, stride)
                inside = 4 * width
                layer = nn.Sequential(first, *(Bottleneck(inside, width, 1) for _ in range(blocks - 1)))
                setattr(self, f"layer{number}", layer)
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(inside, CLASSES)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(self.avgpool(x).flatten(1))

    return ResNet()


def mobilenet_v2(engine: Any) -> Any:
    """Return MobileNetV2: a depthwise 3×3 convolution between 1×1 convolutions, which widen and narrow again."""
    nn = engine.nn

    def layer(inside: int, out: int, size: int, stride: int = 1, groups: int = 1) -> Any:
        conv = nn.Conv2d(inside, out, size, stride, padding=size // 2, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU6(inplace=True))

    class InvertedResidual(nn.Module):  # type: ignore[misc]
        def __init__(self, inside: int, out: int, stride: int, widening: int) -> None:
            super().__init__()
            wide = inside * widening
            self.adds = stride == 1 and inside == out
            self.conv = nn.Sequential(
                *([layer(inside, wide, 1)] if widening != 1 else []),
                layer(wide, wide, 3, stride, groups=wide),
                nn.Conv2d(wide, out, 1, bias=False),
                nn.BatchNorm2d(out),
            )

        def forward(self, x: Any) -> Any:
            return x + self.conv(x) if self.adds else self.conv(x)

    class MobileNetV2(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            inside, features = 32, [layer(3, 32, 3, 2)]
            for widening, out, blocks, stride in (
                (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
            ):  # fmt: skip
                for number in range(blocks):
                    features.append(InvertedResidual(inside, out, 1 if number else stride, widening))
                    inside = out
            features.append(layer(inside, 1280, 1))
            self.features = nn.Sequential(*features)
            self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(1280, CLASSES))

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x).mean((2, 3)))

    return MobileNetV2()


def vgg11(engine: Any) -> Any:
    """Return VGG-11: 3×3 convolutions and max pooling, then three wide fully connected layers."""
    nn = engine.nn

    class Vgg(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            inside, features = 3, []
            for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
                if width:
                    features += [nn.Conv2d(inside, width, 3, padding=1), nn.ReLU(inplace=True)]
                    inside = width
                else:
                    features.append(nn.MaxPool2d(2, 2))
            self.features = nn.Sequential(*features)
            self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
            self.classifier = nn.Sequential(
                nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(0.0),
                nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(0.0),
                nn.Linear(4096, CLASSES),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.classifier(self.avgpool(self.features(x)).flatten(1))

    return Vgg()


def lenet(engine: Any) -> Any:
    """Return LeNet-5, for images of 1 × 28 × 28."""
    nn = engine.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp(engine: Any) -> Any:
    """Return a network with two hidden layers, for 784 numbers."""
    nn = engine.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


MODELS: dict[str, Callable[[Any], Any]] = {
    model.__name__: model for model in (resnet50, mobilenet_v2, vgg11, lenet, mlp)
}
