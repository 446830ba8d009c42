"""Datasets of real pictures. Nothing here downloads: a missing file's error says what to fetch."""

from minigrad.data.datasets.fashion_mnist import CLASSES as FASHION_CLASSES
from minigrad.data.datasets.fashion_mnist import FashionMNIST, embedded_clothing
from minigrad.data.datasets.idx import read_idx, write_idx
from minigrad.data.datasets.synthetic import SyntheticPictures
