"""Data: datasets, the loader, and (imported by name, since they need Pillow) ``transforms`` and ``datasets``."""

from minigrad.data.dataset import Dataset, Subset, TensorDataset
from minigrad.data.loader import DataLoader, Sampler, default_collate
