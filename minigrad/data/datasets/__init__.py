"""Datasets in their published formats. Nothing here downloads: a missing file's error says what to fetch."""

from minigrad.data.datasets.cifar import CIFAR10, CIFAR100
from minigrad.data.datasets.digits import Digits
from minigrad.data.datasets.folder import ImageFolder
from minigrad.data.datasets.idx import CorruptFileError, read_idx, write_idx
from minigrad.data.datasets.mnist import FASHION_CLASSES, MNIST, FashionMNIST, embedded_clothing
from minigrad.data.datasets.pictures import CorruptPictureError, open_picture
from minigrad.data.datasets.synthetic import SyntheticPictures
from minigrad.data.datasets.text import TextFolder, Vocabulary
from minigrad.data.datasets.tiny_imagenet import TinyImageNet

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "FASHION_CLASSES",
    "MNIST",
    "CorruptFileError",
    "CorruptPictureError",
    "Digits",
    "FashionMNIST",
    "ImageFolder",
    "SyntheticPictures",
    "TextFolder",
    "TinyImageNet",
    "Vocabulary",
    "embedded_clothing",
    "open_picture",
    "read_idx",
    "write_idx",
]
