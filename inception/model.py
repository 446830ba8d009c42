"""Inception V3, layer by layer as in torchvision, with the same names of weights.

Sources: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", table 1; torchvision's
``inception_v3``, which is what "Inception V3" means today. docs/inception.md lists where the two differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from inception.blocks import (
    BasicConv2d,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from inception.normalization import imagenet_to_half
from minigrad import Tensor, nn

SMALLEST_SIZE = 75  #: smallest height and width of an image
SMALLEST_AUX_SIZE = 299  #: … for the aux head, in training


class InceptionOutputs(NamedTuple):
    """The scores of the classifier and of the aux head, N x num_classes each."""

    logits: Tensor
    aux_logits: Tensor


#: In training with the aux head a pair, otherwise the scores alone.
Outputs: TypeAlias = Tensor | InceptionOutputs


def logits_of(outputs: Outputs) -> Tensor:
    """Return the scores of the classifier, with or without those of the aux head beside them."""
    return outputs.logits if isinstance(outputs, InceptionOutputs) else outputs


class InceptionV3(nn.Module):
    """Map images N x 3 x H x W to scores N x num_classes.

    Args:
        num_classes: number of classes.
        aux_logits: add the aux head; in training the result is then :class:`InceptionOutputs`.
        transform_input: expect images normalised by ImageNet's mean and standard deviation, and convert them to
            (x − 0.5) / 0.5, which the published weights were trained with.
        init_weights: draw the initial weights as the paper's authors did, instead of by the layers' defaults.
        dropout: probability of dropout before the classifier.

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

    def forward(self, x: Tensor) -> Outputs:
        _check_images(x)
        if self.transform_input:
            x = imagenet_to_half(x)
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
        aux = None
        if self.aux_logits and self.training:
            aux = self.AuxLogits(x)  #                       N x num_classes
        x = self.Mixed_7a(x)  #                              N x 1280 x   8 x   8  N x 1280 x  1 x  1
        x = self.Mixed_7b(x)  #                              N x 2048 x   8 x   8  N x 2048 x  1 x  1
        x = self.Mixed_7c(x)  #                              N x 2048 x   8 x   8  N x 2048 x  1 x  1
        x = self.avgpool(x)  #                               N x 2048 x   1 x   1
        x = self.dropout(x).flatten(1)  #                    N x 2048
        x = self.fc(x)  #                                    N x num_classes
        return x if aux is None else InceptionOutputs(x, aux)


def _check_images(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"expected images of shape (N, 3, height, width), got {list(x.shape)}")
    if min(x.shape[2:]) < SMALLEST_SIZE:
        raise ValueError(
            f"images of {x.shape[2]} x {x.shape[3]} are too small for Inception V3: "
            f"both sides must be at least {SMALLEST_SIZE}; resize them"
        )


def initialize(module: nn.Module) -> None:
    """Set a layer's weights to the authors' initial values: normal with std 0.1, cut at ±2 (absolute, so hardly ever).

    torchvision sets ``stddev = 0.01`` on the block ``conv1`` of the aux head, but its initialiser looks only at the
    convolution inside, which therefore gets 0.1 like all others. minigrad reproduces this.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, mean=0.0, std=0.1, a=-2, b=2)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def inception_v3(**options: Any) -> InceptionV3:
    """Return an Inception V3 with the options of :class:`InceptionV3` (torchvision's name)."""
    return InceptionV3(**options)
