"""Programs written for torch print the same numbers on minigrad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.as_torch.beside import UNFINISHED, Run, compared, run
from parity_tests.programs.__main__ import programs, verdict

FOLDER = Path(__file__).parent / "programs"
NAMES = [path.stem for path in programs(FOLDER)]

# All programs in one process, because importing torch takes longer than most of them.
_RUN = """
import contextlib, io, json, runpy, sys, traceback
if sys.argv[1] == "minigrad":
    import minigrad.as_torch; minigrad.as_torch.install()
import torch
printed, files = {}, sys.argv[2:]
for file in files:
    torch.set_default_dtype(torch.float32)
    sys.argv[:] = [file]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try: runpy.run_path(file, run_name="__main__"); error = ""
        except Exception: error = traceback.format_exc()
    printed[file] = text.getvalue().splitlines(), error
print(json.dumps(printed))
"""


def printed() -> dict[str, dict[str, Run]]:
    """Return what each program prints, by engine and name."""
    files = [str(FOLDER / f"{name}.py") for name in NAMES]
    found = {}
    for engine in ("torch", "minigrad"):
        command = [sys.executable, "-c", _RUN, engine, *files]
        environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent.parent)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        found[engine] = {
            Path(file).stem: Run(lines, int(bool(error)), error)
            for file, (lines, error) in json.loads(done.stdout).items()
        }
    return found


def test_the_programs_are_those_of_the_folder() -> None:
    assert set(NAMES) >= {"gan", "gpt", "graph_convolution", "policy_gradient", "resnet", "siamese", "vae"}


def test_every_program_prints_the_same_on_both_engines() -> None:
    found, wrong = printed(), []
    for name in NAMES:
        report = compared(found["torch"][name], found["minigrad"][name], 1e-8)
        if not report.agree or report.numbers <= 15:
            wrong.append(f"{name}: {report}")
    assert not wrong, "\n".join(wrong)


def test_the_report_says_whether_a_program_agrees_runs_or_stops() -> None:
    def kind(theirs: Run, ours: Run) -> str:
        return verdict(compared(theirs, ours, 1e-6))[0]

    good, other = Run(["loss 1.0000000001"], 0, ""), Run(["loss 1.25"], 0, "")
    stopped = Run([], 1, '  File "a.py", line 3, in <module>\nAttributeError: torch.fft is not in minigrad')
    assert [kind(good, Run(["loss 1.0"], 0, "")), kind(good, other)] == ["agrees", "runs"]
    assert [kind(good, stopped), kind(stopped, good)] == ["stops", "torch stops"]
    assert verdict(compared(good, stopped, 1e-6))[1] == "AttributeError: torch.fft is not in minigrad at line 3"
    begun, slow = Run(["backward of 1.0", "backward of 0.5"], UNFINISHED, ""), Run([], UNFINISHED, "")
    longer = Run([*begun.lines, "backward of 0.25"], 0, "")
    assert [kind(longer, begun), kind(begun, Run(begun.lines[:1], 0, ""))] == ["agrees so far", "runs"]
    assert kind(longer, Run(begun.lines[:1], UNFINISHED, "")) == "too slow"
    assert [kind(begun, other), kind(good, slow), kind(begun, stopped)] == ["runs", "too slow", "stops"]


@pytest.mark.slow
def test_what_a_program_prints_until_its_limit_is_kept() -> None:
    begun = run([sys.executable, "-c", "print(1); print(2, end='', flush=True)\nwhile True: pass"], limit=1)
    assert (begun.status, begun.lines, begun.stopped) == (UNFINISHED, ["1"], False)


@pytest.mark.parametrize(
    ("theirs", "ours", "agree"),
    [
        ("loss 0.123456 after 12 s", "loss 0.123457 after 15 s", True),
        ("loss 0.1", "loss 0.2", False),
        ("a nan", "a nan", True),
        ("a nan", "a 1.0", False),
        ("1 2", "1 2 3", False),
        ("size 1e3", "size 1000", True),
        ("id(x): 140206347888960, size 3", "id(x): 139755028504720, size 3", True),
        ("Gigaflops: one 0.018, all 15.796", "Gigaflops: one 0.002, all 4.5", True),
    ],
)
def test_lines_are_compared_by_their_numbers(theirs: str, ours: str, agree: bool) -> None:
    assert compared(Run([theirs], 0, ""), Run([ours], 0, ""), 1e-4).agree == agree


def test_one_stream_gives_torch_the_numbers_that_minigrad_draws(tmp_path: Path) -> None:
    script = tmp_path / "draws.py"
    script.write_text(
        "import torch, torch.nn as nn, torch.nn.functional as F\n"
        "from torch.utils.data import DataLoader, TensorDataset, random_split\n"
        "torch.manual_seed(3)\n"
        "print(torch.rand(3).tolist(), torch.randperm(5).tolist(), nn.Linear(2, 2).weight.tolist())\n"
        "print(torch.randn(2).tolist(), nn.Embedding(2, 2).weight.tolist(), F.dropout(torch.ones(6)).tolist())\n"
        "loader = DataLoader(TensorDataset(torch.arange(6)), batch_size=3, shuffle=True)\n"
        "print([batch[0].tolist() for _ in range(2) for batch in loader])\n"
        "print([list(part) for part in random_split(range(5), [3, 2])], torch.empty(2).normal_().tolist())\n"
        "state = torch.get_rng_state()\n"
        "first = torch.rand(2)\n"
        "torch.set_rng_state(state)\n"
        "print(torch.rand(2).tolist(), torch.equal(first, torch.rand(2)))\n"
        "if 'minigrad' not in torch.__version__:  # a tensor without elements has no random ones\n"
        "    with torch.device('meta'): nn.init.normal_(nn.Linear(2, 2).weight), torch.rand_like(torch.randn(2))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "minigrad.as_torch", "--beside", "--one-stream", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent.parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers in 5 lines agree" in done.stdout


@pytest.mark.slow
def test_one_stream_gives_torchvisions_transforms_the_numbers_of_minigrads() -> None:
    pytest.importorskip("PIL")
    program = """
from minigrad.as_torch.script import seed_everything
seed_everything(0)
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
crops = [transforms.RandomResizedCrop(8), transforms.RandomHorizontalFlip(), transforms.RandomCrop(4)]
change = transforms.Compose([*crops, transforms.ToTensor()])
images = [Image.linear_gradient("L").rotate(30 * i) for i in range(3)]
for batch in DataLoader(images, collate_fn=lambda images: [change(x).sum().item() for x in images]):
    print(batch)
"""
    torch = (
        "import parity_tests.torchvision_models, minigrad.as_torch.one_stream as s; s.share_the_stream()",
        "import minigrad.as_torch; minigrad.as_torch.install()",
    )
    theirs, ours = (run([sys.executable, "-c", begin + program], folder=str(FOLDER.parent.parent)) for begin in torch)
    assert len(ours.lines) == 3, ours.errors
    assert compared(theirs, ours, 1e-6).agree


def test_an_exact_comparison_is_in_float64_and_of_every_loss(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import numpy, torch\n"
        "torch.manual_seed(1)\n"
        "model = torch.nn.Sequential(torch.nn.LSTM(3, 4, 2, dropout=0.5))\n"
        "heads = torch.nn.MultiheadAttention(4, 2, dropout=0.5)\n"
        "x = torch.from_numpy(numpy.ones((5, 2, 3), numpy.float32)).float()\n"
        "for _ in range(2):\n"
        "    h = model(x)[0]\n"
        "    loss = heads(h, h, h, need_weights=False)[0].square().mean()\n"
        "    loss.backward()\n"
        "print(x.type(), h.dtype, f'{loss.item():.2f}')\n"
    )
    program = [sys.executable, "-m", "minigrad.as_torch", "--beside", "--one-stream", "--exact"]
    done = subprocess.run(
        [*program, "--tolerance", "1e-12", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent.parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 8 numbers in" in done.stdout
