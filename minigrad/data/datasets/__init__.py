"""Datasets in their published formats. Nothing here downloads: the error for a missing file names its source."""

from minigrad.data.datasets.cifar import CIFAR10, CIFAR100
from minigrad.data.datasets.digits import Digits
from minigrad.data.datasets.folder import ImageFolder
from minigrad.data.datasets.idx import CorruptFileError, read_idx, write_idx
from minigrad.data.datasets.images import CorruptImageError, open_image
from minigrad.data.datasets.mnist import FASHION_CLASSES, MNIST, FashionMNIST, embedded_clothing
from minigrad.data.datasets.synthetic import SyntheticImages
from minigrad.data.datasets.text import TextFolder, Vocabulary
from minigrad.data.datasets.tiny_imagenet import TinyImageNet

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "FASHION_CLASSES",
    "MNIST",
    "CorruptFileError",
    "CorruptImageError",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "SyntheticImages",
    "TextFolder",
    "TinyImageNet",
    "Vocabulary",
    "embedded_clothing",
    "open_image",
    "read_idx",
    "write_idx",
]
