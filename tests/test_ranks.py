"""Training on several ranks under MPI: the same bits for any number of them, and one that dies is named."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from minigrad.extras import installed

MPIEXEC = Path(sys.executable).parent / ("mpiexec.exe" if sys.platform == "win32" else "mpiexec")
pytestmark = pytest.mark.skipif(
    not (installed("mpi4py") and MPIEXEC.exists()),
    reason="needs MPI, which the extra 'mpi' installs (mpi4py and mpich): pip install 'minigrad[mpi]'",
)
ROOT = Path(__file__).parent.parent
RECIPE = ["--data", "synthetic", "--classes", "3", "--batch-size", "8", "--augment", "crop-flip", "--dropout", "0.3"]
RECIPE += ["--mixup", "0.2", "--ema", "0.9", "--optimizer", "sgd", "--lr", "0.01"]
RUN = ["--save-every", "1", "--log-gradients", "2"]
#: Measured times and memory, which differ from run to run. All else in the metrics is the same on any number of ranks.
MEASURED = {"images_per_second", "memory_mb", "waiting_seconds", "seconds", "phase_seconds"}

SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
NUMPY_ONLY = {"MINIGRAD_KERNELS": "numpy"}  # for small networks, which need no compiled kernels


def start(ranks: int, *command: str | Path) -> subprocess.Popen[str]:
    """Start Python with these arguments on each of some ranks; with 0, without mpiexec."""
    launcher = [MPIEXEC, "-n", str(ranks)] if ranks else []
    return subprocess.Popen(
        [*launcher, sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **SINGLE_THREADED, **({} if "-m" in command else NUMPY_ONLY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(ranks: int, *command: str | Path, seconds: float = 240) -> tuple[int, str, str]:
    """Run Python on each of some ranks; return the exit status, stdout and stderr."""
    process = start(ranks, *command)
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, output, errors


def train(ranks: int, folder: Path, *options: str, images: int = 40) -> subprocess.Popen[str]:
    """Start a run in a folder, or continue it."""
    begun = (folder / "checkpoint.safetensors").exists()
    which = ["--resume", str(folder)] if begun else [*RECIPE, "--limit", str(images), "--epochs", "1"]
    which += [] if begun else ["--output", str(folder), *([] if ranks else ["--shards", "4"])]
    return start(ranks, "-m", "inception", "train", *which, *RUN, *options)


def finished(process: subprocess.Popen[str], seconds: float = 240) -> None:
    """Wait for a run, and check that it went well."""
    _, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, errors


def result(folder: Path) -> tuple[str, str, list[dict[str, Any]]]:
    """Return the digests of weights and checkpoint, and the metrics without what was measured."""
    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("weights.safetensors", "checkpoint.safetensors")
    ]
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    kept = [{name: value for name, value in record.items() if name not in MEASURED} for record in records]
    return digests[0], digests[1], kept


def descendants(pid: int) -> list[int]:
    """Return the processes below one, that is the proxies of mpiexec and the ranks."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [*children, *(below for child in children for below in descendants(child))]


def kill_a_rank(process: subprocess.Popen[str], rank: int) -> float:
    """Kill a rank of a run, unless the run ends before; return when."""
    while process.poll() is None:
        for pid in descendants(process.pid):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if f"PMI_RANK={rank}".encode() in environment and b"watcher.py" not in arguments:
                os.kill(pid, signal.SIGKILL)
                return time.monotonic()
        time.sleep(0.01)  # mpiexec has not started it yet
    return time.monotonic()


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the ranks in Linux's /proc")

PARALLEL = """
import hashlib, sys
import numpy as np
import minigrad
from minigrad import distributed, nn, optim
from minigrad.nn import functional as F

distributed.init_process_group()
rank, ranks = distributed.get_rank(), distributed.get_world_size()
minigrad.manual_seed(rank)
model = nn.Sequential(nn.Linear(20, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Linear(50, 5))
parallel = distributed.DistributedDataParallel(model, shards=4, bucket_cap_mb=0.002)
optimizer = optim.SGD(parallel.parameters(), lr=0.1, momentum=0.9)
random = np.random.default_rng(0)
for step in range(10):
    images, labels = random.normal(size=(32, 20)).astype(np.float32), random.integers(0, 5, 32)
    optimizer.zero_grad()
    for shard in range(rank * 4 // ranks, (rank + 1) * 4 // ranks):
        part = slice(shard * 8, shard * 8 + 8)
        F.cross_entropy(parallel(minigrad.tensor(images[part])), minigrad.tensor(labels[part])).backward()
    optimizer.step()
digest = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())).hexdigest()
total = minigrad.tensor([float(rank + 1), -rank])
distributed.all_reduce(total)
work = distributed.all_reduce(highest := minigrad.tensor(rank), op=distributed.ReduceOp.MAX, async_op=True)
work.wait()
everything = [minigrad.zeros(1) for _ in range(ranks)]
distributed.all_gather(everything, minigrad.tensor([float(rank)]))
sys.stdout.write(f"{digest} {total.tolist()} {highest.item()} {[x.item() for x in everything]}\\n")
"""


def test_a_parallel_model_has_the_same_bits_on_every_rank_and_any_number_of_them() -> None:
    digests = set()
    for ranks in (1, 2):
        status, output, errors = run(ranks, "-c", PARALLEL, seconds=60)
        assert status == 0, errors
        (line,) = set(output.splitlines())
        digest, rest = line.split(" ", 1)
        digests.add(digest)
        total, last = ranks * (ranks + 1) / 2, ranks - 1
        assert rest == f"[{total}, {-last * ranks / 2}] {last} {[float(rank) for rank in range(ranks)]}"
    assert len(digests) == 1


FAILING = """
from minigrad import distributed
distributed.init_process_group()
if distributed.get_rank() == 1:
    raise ValueError("only here")
distributed.barrier()
"""


def test_an_error_on_one_rank_ends_the_others() -> None:
    status, _, errors = run(2, "-c", FAILING)
    assert status != 0
    assert "ValueError: only here" in errors
    assert "has died" not in errors


SMALL = """
import json, sys
from pathlib import Path
import minigrad
from inception.clock import PhaseClock
from inception.ranks import is_first, ranks
from inception.sharded_step import Settings, next_parts, shard_loader, sharded_step
from minigrad import checkpoint, distributed, nn, optim
from minigrad.data import DataLoader, transforms
from minigrad.data.datasets import SyntheticImages
from minigrad.distributed.gradients import ShardGradients

folder = Path(sys.argv[1])
distributed.init_process_group()
changed = transforms.Compose([transforms.RandomCrop(16), transforms.RandomHorizontalFlip(), transforms.ToTensor()])
loader = DataLoader(SyntheticImages(70, 24, 3, transform=changed), 16, shuffle=True, seed=0, drop_last=True)
minigrad.manual_seed(0)
head = nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * 14 * 14, 3)
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNormReLU2d(4), *head)
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
gradients = ShardGradients(model, 4, ranks(), bucket_bytes=2000)
shard_loader(loader, 16, 4, gradients.own)
settings = Settings(3, "cpu", "float32", 0.2, 0.0, 0.1, None, False)
state = {"step": 0, "losses": []}
if (folder / "checkpoint").exists():
    state = checkpoint.load(folder / "checkpoint")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
ranks().barrier()
for number in range(state["step"], int(sys.argv[2])):
    loader.set_epoch(number // 4, start_batch=number % 4)
    parts = next_parts(iter(loader), len(gradients.own), 1)
    result = sharded_step(model, gradients, parts, (0, number), settings, optimizer, None, PhaseClock())
    losses = [*state["losses"], result.losses]
    state = {"step": number + 1, "losses": losses, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    if is_first():
        checkpoint.save(folder / "checkpoint", state)
if is_first():
    print("done", flush=True)
distributed.destroy_process_group()
"""


@needs_proc
def test_fifty_steps_have_the_same_bits_on_one_rank_and_on_two_then_four_after_a_kill(tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    folder.mkdir()
    finished(start(1, "-c", SMALL, whole, "50"), seconds=60)
    process = start(2, "-c", SMALL, folder, "50")
    while not (folder / "checkpoint").exists() and process.poll() is None:
        time.sleep(0.01)
    killed_at = kill_a_rank(process, 1)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - killed_at < 2
    assert process.returncode != 0
    assert re.search(r"^error: rank 1 of 2 \(process \d+ on .+\) has died, so the job ends", errors, re.MULTILINE)
    assert errors.count("has died") == 1
    finished(start(4, "-c", SMALL, folder, "50"), seconds=60)
    assert (folder / "checkpoint").read_bytes() == (whole / "checkpoint").read_bytes()


#: In place of SSH: runs the command on this machine, whichever host is named.
IN_PLACE_OF_SSH = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
shift
exec sh -c "$*"
"""


@needs_proc
@pytest.mark.slow
def test_ranks_on_two_hosts_give_the_same_bits(tmp_path: Path) -> None:
    launcher, hosts = tmp_path / "ssh", tmp_path / "hosts"
    launcher.write_text(IN_PLACE_OF_SSH)
    launcher.chmod(0o755)
    hosts.write_text("localhost:1\n127.0.0.1:1\n")  # two names of one machine: the ranks speak TCP
    digests = []
    for options in [], ["-launcher", "ssh", "-launcher-exec", launcher, "-f", hosts, "-n", "2"]:
        folder = tmp_path / f"run {len(digests)}"
        folder.mkdir()
        process = subprocess.run(
            [*([MPIEXEC, *options] if options else []), sys.executable, "-c", SMALL, folder, "20"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **SINGLE_THREADED, **NUMPY_ONLY},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        digests.append(hashlib.sha256((folder / "checkpoint").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


@needs_proc
@pytest.mark.slow
def test_a_run_whose_rank_is_killed_goes_on_on_another_number_of_ranks_with_the_same_bits(tmp_path: Path) -> None:
    finished(train(1, tmp_path / "whole", images=32))
    folder = tmp_path / "killed"
    process = train(2, folder, images=32)
    while not (folder / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.02)
    killed_at = kill_a_rank(process, 1)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - killed_at < 2
    assert process.returncode != 0
    assert "error: rank 1 of 2" in errors
    finished(train(1, folder))
    assert result(folder) == result(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--sync-bn"], ["--accumulate", "2"]], ids=["", "sync-bn", "accumulate"])
def test_training_gives_the_same_bits_on_any_number_of_ranks(options: list[str], tmp_path: Path) -> None:
    images = 400 if not options else 48
    results = []
    for ranks in (0, 1, 2, 4):
        finished(train(ranks, tmp_path / str(ranks), *options, images=images), seconds=900)
        results.append(result(tmp_path / str(ranks)))
    steps = [record for record in results[0][2] if record["kind"] == "step"]
    assert len(steps) == (50 if not options else images // 8 // (2 if "--accumulate" in options else 1))
    assert results[1:] == results[:1] * 3


@needs_proc
@pytest.mark.slow
def test_killed_fifty_times_and_continued_on_other_ranks_a_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    finished(start(1, "-c", SMALL, whole, "300"), seconds=300)
    moments, killed, number = random.Random(0), 0, 0
    while killed < 50:
        number += 1
        folder = tmp_path / f"killed-{number}"
        folder.mkdir()
        ended = False
        while not ended:
            ranks = moments.choice([1, 2, 4])
            began_at = time.time()
            process = start(ranks, "-c", SMALL, folder, "300")
            time.sleep(moments.uniform(0.5, 4) if killed < 50 else 0)
            if killed < 50 and process.poll() is None:
                ended = not survives_a_kill(process, moments.randrange(ranks), ranks, folder / "checkpoint", began_at)
                killed += not ended
            else:
                finished(process, seconds=300)
                ended = True
        assert (folder / "checkpoint").read_bytes() == (whole / "checkpoint").read_bytes()


def survives_a_kill(process: subprocess.Popen[str], victim: int, ranks: int, checkpoint: Path, began_at: float) -> bool:
    """Kill a rank, and check that the job ends within two seconds and names it; return False if it was done before."""
    killed_at = kill_a_rank(process, victim)
    output, errors = process.communicate(timeout=60)
    if "done" in output:  # everything is saved
        return False
    assert time.monotonic() - killed_at < 2
    trained = checkpoint.exists() and checkpoint.stat().st_mtime > began_at
    assert not trained or f"error: rank {victim} of {ranks} " in errors, errors
    return True


@pytest.mark.slow
def test_ranks_with_other_recipes_or_counts_are_refused_before_the_first_step(tmp_path: Path) -> None:
    one = [*RECIPE, "--limit", "16", "--epochs", "1"]
    command = [sys.executable, "-m", "inception", "train", *one, "--output", str(tmp_path / "a")]
    other = [*command, "--seed", "5"]
    differing = subprocess.run(
        [MPIEXEC, "-n", "1", *command, ":", "-n", "1", *other], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert differing.returncode != 0
    assert "error: rank 1 differs from rank 0: recipe seed is 0 on rank 0, 5 on rank 1" in differing.stderr
    assert not (tmp_path / "a/metrics.jsonl").exists()
    status, _, errors = run(3, *command[1:])
    assert status != 0
    assert "error: 4 shards cannot be shared out among 3 ranks" in errors
    assert errors.count("error:") == 1


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_all_ranks_at_the_same_step(tmp_path: Path) -> None:
    process = train(2, tmp_path / "run", "--lr", "1e30")
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert re.search(r"error: the loss is (nan|inf) in shard \d .* at step \d of epoch 1", errors), errors
    assert errors.count("error:") == 1
