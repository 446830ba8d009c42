"""The task with Accelerate: ``save_state`` every four steps, ``load_state`` and ``skip_first_batches``."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.nn import functional as F

from benchmarks.faults_elsewhere.task import BATCH, LR, MOMENTUM, SAVE_EVERY, STEPS, Fault
from benchmarks.faults_elsewhere.torch_task import EPOCHS, Noisy, network


def main() -> None:
    fault = Fault()
    set_seed(0)
    accelerator = Accelerator(cpu=True)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loader = torch.utils.data.DataLoader(Noisy(), BATCH, shuffle=True, num_workers=fault.workers)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    done = 0
    saved = sorted(fault.folder.glob("step_*"), key=lambda path: int(path.name.partition("_")[2]))
    if fault.resuming and saved:
        accelerator.load_state(str(saved[-1]))
        done = int(saved[-1].name.partition("_")[2])
    for epoch in range(done // STEPS, EPOCHS):
        skipped = done - epoch * STEPS if epoch == done // STEPS else 0
        batches = accelerator.skip_first_batches(loader, skipped) if skipped else loader
        for number, (points, labels) in enumerate(batches, skipped):
            step = epoch * STEPS + number + 1
            if fault.spoils(step):
                points[0, 0] = torch.nan
            optimizer.zero_grad()
            accelerator.backward(F.cross_entropy(model(points), labels))
            optimizer.step()
            fault.after(step)
            if step % SAVE_EVERY == 0:
                accelerator.save_state(str(fault.folder / f"step_{step}"))
    torch.save(accelerator.unwrap_model(model).state_dict(), fault.folder / "final.pt")


if __name__ == "__main__":
    main()
