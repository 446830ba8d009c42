"""The networks of the milestones, each made of the operations that the exercises before it replace."""

from __future__ import annotations

from minigrad import nn
from minigrad.nn import init
from minigrad.tensor import Tensor


class Perceptron(nn.Module):
    """Two hidden layers; the first is written out, so that it uses products, broadcasting and tanh."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        first = nn.Linear(inputs, 64)
        self.w, self.b = nn.Parameter(first.weight.detach().T.clone()), nn.Parameter(first.bias.detach().clone())
        self.hidden, self.out = nn.Linear(64, 32), nn.Linear(32, 10)
        self.gain = nn.Parameter(Tensor([1.0] * 10))

    def forward(self, images: Tensor) -> Tensor:
        h = (images.flatten(1) @ self.w + self.b).tanh()
        h = self.hidden(h).relu()
        return self.out(h) * self.gain


def _start(model: nn.Module) -> None:
    """Draw the first weights of the convolutions."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, nonlinearity="relu")


class LeNet(nn.Module):
    """Convolutions of 5 x 5 with max pooling, as LeCun's of 1998; the last one has a stride."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),  # 20 -> 16 -> 8
            nn.Conv2d(6, 16, 5, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # 8 -> 6 -> 3
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),  # 3 -> 2
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
        _start(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).flatten(1))


class Block(nn.Module):
    """A residual block: x + F(x), then ReLU. Its graph is a diamond."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.norm1(self.conv1(x)).relu()
        return (x + self.norm2(self.conv2(branch))).relu()


class ResidualNet(nn.Module):
    """Three residual blocks between two convolutions of stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.blocks = nn.Sequential(
            Block(8), nn.Conv2d(8, 16, 3, stride=2, padding=1),  # 16 -> 8
            Block(16), nn.Conv2d(16, 32, 3, stride=2, padding=1),  # 8 -> 4
            Block(32),
        )  # fmt: skip
        self.dropout, self.out = nn.Dropout(0.1), nn.Linear(32, 10)
        _start(self)

    def forward(self, images: Tensor) -> Tensor:
        features = self.blocks(self.stem(images)).mean((2, 3))
        return self.out(self.dropout(features))
