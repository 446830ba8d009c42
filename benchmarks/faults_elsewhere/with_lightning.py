"""The task with PyTorch Lightning: a ModelCheckpoint every four steps, and ``ckpt_path="last"``."""

from __future__ import annotations

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn import functional as F

from benchmarks.faults_elsewhere.task import BATCH, LR, MOMENTUM, SAVE_EVERY, Fault
from benchmarks.faults_elsewhere.torch_task import EPOCHS, Noisy, network

fault = Fault()


class Module(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        points, labels = batch
        if fault.spoils(self.global_step + 1):
            points[0, 0] = torch.nan
        return F.cross_entropy(self.model(points), labels)

    def on_train_batch_end(self, *arguments: object) -> None:
        fault.after(self.global_step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=LR, momentum=MOMENTUM)


def main() -> None:
    lightning.seed_everything(0)
    module = Module()
    keep = ModelCheckpoint(fault.folder, every_n_train_steps=SAVE_EVERY, save_top_k=-1, save_last=True)
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, callbacks=[keep], logger=False, enable_progress_bar=False, accelerator="cpu", devices=1
    )
    loader = torch.utils.data.DataLoader(Noisy(), BATCH, shuffle=True, num_workers=fault.workers)
    trainer.fit(module, loader, ckpt_path="last" if fault.resuming else None)
    torch.save(module.model.state_dict(), fault.folder / "final.pt")


if __name__ == "__main__":
    main()
