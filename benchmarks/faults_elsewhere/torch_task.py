"""The data and the network of the task for torch."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.faults_elsewhere.task import BATCH, CLASSES, EPOCHS, FEATURES, STEPS

__all__ = ["EPOCHS", "Noisy", "network"]


class Noisy(torch.utils.data.Dataset):
    """Points with noise that is drawn anew whenever one is read, as random crops are."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.points = torch.randn(BATCH * STEPS, FEATURES, generator=generator)
        self.labels = torch.randint(0, CLASSES, (BATCH * STEPS,), generator=generator)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.points[index] + 0.1 * torch.randn(FEATURES), self.labels[index]


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, CLASSES)
    )
