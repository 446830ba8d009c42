"""Types: a checker knows what minigrad's functions return and finds a user's mistakes, and ``Any`` is an exception."""

from __future__ import annotations

import json
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Outside of as_torch, whose names take whatever programs for torch give them, and of distributed: MPI's and NCCL's
#: objects have no types.
MOST_ANY = 195

#: What a user writes. ``# is …`` is the type of the line's expression, ``# mistake`` a line that a checker must refuse.
PROGRAM = """
from collections.abc import Callable

import minigrad
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F
from minigrad.testing import gradcheck


class Square(minigrad.autograd.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x * x

    def backward(self, grad):
        (x,) = self.saved_tensors
        return 2 * grad * x


class Net(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(8, width)

    def forward(self, image: minigrad.Tensor) -> minigrad.Tensor:
        x = F.adaptive_avg_pool2d(F.max_pool2d(self.features(image), 2), 1).flatten(1)
        return self.classifier(F.dropout(x, 0.1, self.training))


class Heads(nn.Module):
    def forward(self, x: minigrad.Tensor, deep: bool = False) -> tuple[minigrad.Tensor, minigrad.Tensor]:
        return x, x.relu()


def apply(function: Callable[[minigrad.Tensor], minigrad.Tensor]) -> minigrad.Tensor:
    return function(minigrad.ones(2))


apply(nn.ReLU())  # is Tensor
minigrad.manual_seed(0)
x = minigrad.randn(5, 3, 8, 8, dtype=minigrad.float32)
labels = minigrad.randint(0, 4, (5,))
net = Net()
net(x)  # is Tensor
nn.Linear(2, 3)(minigrad.ones(1, 2))  # is Tensor
Heads()(x, deep=True)  # is tuple[Tensor, Tensor]
minigrad.randn(3)  # is Tensor
loss = F.cross_entropy(net(x), labels, label_smoothing=0.1)
loss  # is Tensor
loss.backward()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
optimizer.step()
optimizer.zero_grad()
1 + x * 2 - x / 3 ** x  # is Tensor
x @ x.mT  # is Tensor
(x > 0) & ~(x < 1)  # is Tensor
x[0, ..., None]  # is Tensor
x.shape[0]  # is int
x.exp().sum(dim=1, keepdim=True)  # is Tensor
x.add_(1).clamp_(min=0)  # is Tensor
x.max(1).indices  # is Tensor
x.max()  # is Tensor
x.reshape(-1, 2).permute(1, 0)  # is Tensor
minigrad.where(x > 0, x, 0.0)  # is Tensor
minigrad.cat([x, x], dim=1)  # is Tensor
net.classifier.weight.grad  # is Tensor | None
with minigrad.no_grad():
    accuracy = (net(x).argmax(1) == labels).float().mean().item()
accuracy  # is int | float
for images, targets in DataLoader(TensorDataset(x, labels), batch_size=2, shuffle=True):
    net(images)
gradcheck(Square.apply, (x.double(),))
net.load_state_dict(net.state_dict())
x.sofmax(0)  # mistake
x.reshape("a")  # mistake
nn.Linear("4", 2)  # mistake
nn.Conv2d(1, 2)  # mistake
F.relu([1, 2])  # mistake
net(3)  # mistake
Heads()(x, depth=True)  # mistake
optim.SGD(net, lr=0.1)  # mistake
optimizer.stepp()  # mistake
minigrad.randn(3, 4, dtpye=minigrad.float32)  # mistake
F.cross_entropy(x, labels, reduction="average")  # mistake
minigrad.no_such_name  # mistake
"""


def count_any(path: Path) -> int:
    """Return how often a file says ``Any`` in its code: in annotations, aliases and imports, not in docstrings."""
    with path.open("rb") as file:
        tokens = tokenize.tokenize(file.readline)
        return sum(token.type == tokenize.NAME and token.string == "Any" for token in tokens)


def test_any_is_an_exception() -> None:
    sources = [path for package in ("minigrad", "inception") for path in (ROOT / package).rglob("*.py")]
    sources = [path for path in sources if not {"as_torch", "distributed"} & set(path.parts)]
    counts = {str(path.relative_to(ROOT)): count_any(path) for path in sources}
    most_first = sorted(((count, path) for path, count in counts.items() if count), reverse=True)
    listed = "\n".join(f"{count:4} {path}" for count, path in most_first)
    assert sum(counts.values()) <= MOST_ANY, f"more than {MOST_ANY} Any; give a real type instead:\n{listed}"


def diagnostics(folder: Path, program: str) -> list[tuple[int, str, str]]:
    """Return the line, the severity and the text of all that pyright says of a program that uses this minigrad."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    settings = {"extraPaths": [str(ROOT)], "typeCheckingMode": "standard", "reportUnusedExpression": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "program.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=300)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(d["range"]["start"]["line"], d["severity"], d["message"]) for d in found]


@pytest.mark.slow
def test_a_type_checker_knows_every_type_and_finds_every_mistake_and_no_other(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    lines = PROGRAM.splitlines()
    expected = {n: line.split("# is ")[1] for n, line in enumerate(lines) if "# is " in line}
    mistakes = {n for n, line in enumerate(lines) if line.endswith("# mistake")}
    for n in expected:
        lines[n] = f"reveal_type({lines[n].split('  # is ')[0]})"
    said = diagnostics(tmp_path, "\n".join(lines) + "\n")
    errors = {n: text for n, severity, text in said if severity == "error"}
    assert {lines[n]: text for n, text in errors.items() if n not in mistakes} == {}
    assert [lines[n] for n in sorted(mistakes - set(errors))] == []
    assert len(mistakes) == 12
    revealed = {n: text.split('" is "')[-1].rstrip('"') for n, severity, text in said if severity == "information"}
    assert {lines[n]: text for n, text in revealed.items()} == {lines[n]: text for n, text in expected.items()}
