"""Inception V3, layer by layer as in torchvision, whose weights fit by name.

Sources: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", table 1;
torchvision's ``inception_v3``, which is what "Inception V3" means today. docs/inception.md says where the
two differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import minigrad
from inception.blocks import (
    BasicConv2d,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from minigrad import Tensor, nn
from minigrad.nn import functional as F

SMALLEST_SIZE = 75  #: pictures must be at least this high and wide
SMALLEST_AUX_SIZE = 299  #: … and this, for the aux head in training


class InceptionOutputs(NamedTuple):
    """What the model returns in training with the aux head."""

    logits: Tensor
    aux_logits: Tensor | None


class InceptionV3(nn.Module):
    """Pictures N x 3 x H x W to scores N x num_classes.

    Args:
        num_classes: how many classes.
        aux_logits: add the aux head; in training the result is then :class:`InceptionOutputs`.
        transform_input: expect pictures normalised by ImageNet's mean and standard deviation, and convert
            them to (x − 0.5) / 0.5, which the published weights were trained with.
        init_weights: draw weights as the paper's authors did, rather than by the layers' defaults.
        dropout: probability before the classifier.

    Raises:
        ValueError: in the forward pass, for an input that is not N x 3 x H x W or is smaller than 75 x 75.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        if aux_logits:
            self.AuxLogits = InceptionAux(768, num_classes)
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            self.apply(initialize)
            if aux_logits:
                nn.init.trunc_normal_(self.AuxLogits.fc.weight, std=0.001)

    def forward(self, x: Tensor) -> Any:
        _check_pictures(x)
        if self.transform_input:
            x = from_imagenet_normalization(x)
        #                                                    at 299 x 299          at 75 x 75
        #                                                    N x    3 x 299 x 299  N x    3 x 75 x 75
        x = self.Conv2d_1a_3x3(x)  #                         N x   32 x 149 x 149  N x   32 x 37 x 37
        x = self.Conv2d_2a_3x3(x)  #                         N x   32 x 147 x 147  N x   32 x 35 x 35
        x = self.Conv2d_2b_3x3(x)  #                         N x   64 x 147 x 147  N x   64 x 35 x 35
        x = self.maxpool1(x)  #                              N x   64 x  73 x  73  N x   64 x 17 x 17
        x = self.Conv2d_3b_1x1(x)  #                         N x   80 x  73 x  73  N x   80 x 17 x 17
        x = self.Conv2d_4a_3x3(x)  #                         N x  192 x  71 x  71  N x  192 x 15 x 15
        x = self.maxpool2(x)  #                              N x  192 x  35 x  35  N x  192 x  7 x  7
        x = self.Mixed_5b(x)  #                              N x  256 x  35 x  35  N x  256 x  7 x  7
        x = self.Mixed_5c(x)  #                              N x  288 x  35 x  35  N x  288 x  7 x  7
        x = self.Mixed_5d(x)  #                              N x  288 x  35 x  35  N x  288 x  7 x  7
        x = self.Mixed_6a(x)  #                              N x  768 x  17 x  17  N x  768 x  3 x  3
        x = self.Mixed_6b(x)  #                              N x  768 x  17 x  17  N x  768 x  3 x  3
        x = self.Mixed_6c(x)  #                              N x  768 x  17 x  17  N x  768 x  3 x  3
        x = self.Mixed_6d(x)  #                              N x  768 x  17 x  17  N x  768 x  3 x  3
        x = self.Mixed_6e(x)  #                              N x  768 x  17 x  17  N x  768 x  3 x  3
        with_aux = self.aux_logits and self.training
        aux = self.AuxLogits(x) if with_aux else None  #     N x num_classes
        x = self.Mixed_7a(x)  #                              N x 1280 x   8 x   8  N x 1280 x  1 x  1
        x = self.Mixed_7b(x)  #                              N x 2048 x   8 x   8  N x 2048 x  1 x  1
        x = self.Mixed_7c(x)  #                              N x 2048 x   8 x   8  N x 2048 x  1 x  1
        x = self.avgpool(x)  #                               N x 2048 x   1 x   1
        x = self.dropout(x).flatten(1)  #                    N x 2048
        x = self.fc(x)  #                                    N x num_classes
        return InceptionOutputs(x, aux) if with_aux else x


def _check_pictures(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"expected pictures of shape (N, 3, height, width), got {list(x.shape)}")
    if min(x.shape[2:]) < SMALLEST_SIZE:
        raise ValueError(
            f"pictures of {x.shape[2]} x {x.shape[3]} are too small for Inception V3: "
            f"both sides must be at least {SMALLEST_SIZE}; resize them"
        )


def from_imagenet_normalization(x: Tensor) -> Tensor:
    """(p − mean) / std with ImageNet's mean and std, converted to (p − 0.5) / 0.5, channel by channel."""
    std = minigrad.tensor([0.229, 0.224, 0.225], dtype=x.dtype, device=x.device)
    mean = minigrad.tensor([0.485, 0.456, 0.406], dtype=x.dtype, device=x.device)
    return x * (std / 0.5).reshape(1, 3, 1, 1) + ((mean - 0.5) / 0.5).reshape(1, 3, 1, 1)


def initialize(module: nn.Module) -> None:
    """The authors' initial values: normal with std 0.1, cut at ±2 (absolute, so in effect not at all).

    torchvision sets ``stddev = 0.01`` on the aux head's ``conv1``, but on the block, where its own
    initialiser does not look: the convolution inside gets 0.1 like all others. So does ours, on purpose.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, mean=0.0, std=0.1, a=-2, b=2)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def inception_v3(**options: Any) -> InceptionV3:
    """An Inception V3; the options are those of :class:`InceptionV3`."""
    return InceptionV3(**options)


def loss_with_aux(outputs: Any, target: Tensor, aux_weight: float = 0.4, label_smoothing: float = 0.0) -> Tensor:
    """Cross entropy of the main classifier, plus ``aux_weight`` times that of the aux head if there is one."""
    if not isinstance(outputs, InceptionOutputs):
        return F.cross_entropy(outputs, target, label_smoothing=label_smoothing)
    loss = F.cross_entropy(outputs.logits, target, label_smoothing=label_smoothing)
    if outputs.aux_logits is None:
        return loss
    return loss + aux_weight * F.cross_entropy(outputs.aux_logits, target, label_smoothing=label_smoothing)
