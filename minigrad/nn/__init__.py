"""Neural networks: modules, layers, their functions, and initial values."""

import sys as _sys

from minigrad.nn import functional, init, parameters
from minigrad.nn.activations import (
    ELU,
    GELU,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minigrad.nn.containers import ModuleDict, ModuleList, Sequential
from minigrad.nn.convolutions import Conv1d, Conv2d, ConvTranspose2d
from minigrad.nn.layers import (
    Bilinear,
    CosineSimilarity,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    Fold,
    Identity,
    Linear,
    Unfold,
    Upsample,
)
from minigrad.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    CTCLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
    TripletMarginLoss,
)
from minigrad.nn.module import Module, Parameter
from minigrad.nn.normalizations import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
)
from minigrad.nn.paddings import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from minigrad.nn.poolings import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d

utils = parameters  # torch's name; ``import minigrad.nn.utils`` finds it too
_sys.modules["minigrad.nn.utils"] = parameters
