"""A plain script for torch, as the tutorial "Saving and Loading a General Checkpoint" has it."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from benchmarks.faults_elsewhere.task import BATCH, LR, MOMENTUM, SAVE_EVERY, STEPS, Fault
from benchmarks.faults_elsewhere.torch_task import EPOCHS, Noisy, network


def main() -> None:
    fault = Fault()
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loader = torch.utils.data.DataLoader(Noisy(), BATCH, shuffle=True, num_workers=fault.workers)
    path, done = fault.folder / "checkpoint.pt", 0
    if fault.resuming and path.exists():
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        done = saved["step"]
    for epoch in range(done // STEPS, EPOCHS):
        for number, (points, labels) in enumerate(loader):
            step = epoch * STEPS + number + 1
            if step <= done:
                continue
            if fault.spoils(step):
                points[0, 0] = torch.nan
            optimizer.zero_grad()
            F.cross_entropy(model(points), labels).backward()
            optimizer.step()
            fault.after(step)
            if step % SAVE_EVERY == 0:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, path)
    torch.save(model.state_dict(), fault.folder / "final.pt")


if __name__ == "__main__":
    main()
