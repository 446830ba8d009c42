"""minigrad imports and trains on every system: without Linux's own calls, Numba, other packages, or a second core."""

from __future__ import annotations

import ast
import json
import os
import select
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from minigrad import system
from minigrad.system import cpu_quota
from tests.foreign_system import NOT_ON_MACOS, NOT_ON_WINDOWS, OPTIONAL, ROOT, run_as_on
from tests.tiny_runs import tiny

SOURCES = [path for name in ("minigrad", "inception", "examples", "benchmarks") for path in (ROOT / name).rglob("*.py")]
SOURCES = [path for path in SOURCES if path.parent.name != "faults_elsewhere"]  # needs the signals of POSIX
TRAIN = """
import os, sys
import numpy as np
import minigrad
from minigrad import nn, optim, system
from minigrad.data import DataLoader, Dataset

class Points(Dataset):
    "Which of two clouds does a point belong to?"
    def __len__(self):
        return 64
    def __getitem__(self, index):
        assert os.environ["FOREIGN_SYSTEM"] and (system.FILES_ARE_INHERITED or not hasattr(os, "fork"))
        image = np.random.default_rng(index).normal(index % 2, 0.3, (1, 8, 8)).astype(np.float32)
        return image, index % 2

if __name__ == "__main__":
    minigrad.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    )
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for images, labels in DataLoader(Points(), 8, shuffle=True, seed=0, num_workers=2):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0], losses
    print(system.START_METHOD, system.FILES_ARE_INHERITED, minigrad.get_num_threads(), len(losses))
"""


@pytest.mark.parametrize(
    ("platform", "expected"), [("win32", "spawn False 1 8"), ("darwin", "spawn True 1 8"), ("linux", "fork True 1 8")]
)
def test_with_numpy_alone_and_one_core_a_network_trains_with_workers(
    platform: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    cores = "" if platform != "linux" else "1"  # there the affinity says how many, if nobody else does
    done = run_as_on(platform, ["train.py"], tmp_path, cores=1, **({"OMP_NUM_THREADS": cores} if cores else {}))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_inception_trains_and_goes_on_elsewhere_too(platform: str, tmp_path: Path) -> None:
    recipe = tiny(epochs=1, width=1)
    recipe += ["--schedule", "constant", "--optimizer", "sgd", "--output", "run", "--workers", "1"]
    blocked = ("numba", "llvmlite", "threadpoolctl", "tensorboardX", "onnx", "sklearn", "cupy", "torch", "hypothesis")
    train = ["-m", "inception", "train"]
    done = run_as_on(platform, [*train, *recipe], tmp_path, blocked, cores=1, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "weights.safetensors").stat().st_size > 80_000_000
    assert (tmp_path / "run" / "curves.png").exists()
    again = run_as_on(platform, [*train, "--resume", "run", "--epochs", "2"], tmp_path, blocked, cores=1)
    assert again.returncode == 0, again.stderr
    assert "resumed run" in again.stdout


NEEDS = {
    "-m inception train": "Pillow, safetensors, tqdm and Matplotlib, which are not installed: pip install "
    "'minigrad[train]'",
    "-m inception train --tensorboard": "tensorboardX, which are not installed: pip install 'minigrad[train]' "
    "'minigrad[board]'",
    "-m inception predict --weights w.safetensors x.png": "Pillow and safetensors",
    "-m inception predict --weights w.pth x.png": "Pillow and safetensors",
    "-m inception evaluate --weights w.safetensors": "Pillow, Matplotlib, tqdm and safetensors",
    "-m inception export --weights w.safetensors x.onnx": "onnx and safetensors",
    "-m minigrad.testing report": "PyTorch and Hypothesis",
    **{
        str(path): {
            "train_inception.py": "Pillow, safetensors",
            "digits_feedforward.py": "Pillow and scikit-learn",
        }.get(path.name, "Matplotlib")
        for path in sorted((ROOT / "examples").glob("*.py"))
        if path.name != "parity_of_your_own_op.py"  # it leaves steps out
    },
}  # fmt: skip
ONE_PROCESS = """
import contextlib, io, json, runpy, sys
found = {}
for command in json.loads(sys.argv[1]):
    first, *rest = command
    output = io.StringIO(), io.StringIO()
    sys.argv = [first, *rest] if first.endswith(".py") else ["x/__main__.py", *rest]
    try:
        with contextlib.redirect_stdout(output[0]), contextlib.redirect_stderr(output[1]):
            if first.endswith(".py"):
                runpy.run_path(first, run_name="__main__")
            else:
                runpy.run_module(first, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code
    found[" ".join(command)] = code, output[0].getvalue(), output[1].getvalue()
print(json.dumps(found))
"""


def run_all(commands: list[str], folder: Path) -> dict[str, list]:
    """Exit status, output and errors of each command with NumPy alone; in one process, since each begins alike."""
    split = [command.removeprefix("-m ").split() for command in commands]
    done = run_as_on(sys.platform, ["-c", ONE_PROCESS, json.dumps(split)], folder)
    assert done.returncode == 0, done.stderr
    return dict(zip(commands, json.loads(done.stdout).values(), strict=True))


def test_with_numpy_alone_a_command_says_in_one_line_what_it_needs(tmp_path: Path) -> None:
    for command, (code, output, errors) in run_all(list(NEEDS), tmp_path).items():
        said = code if isinstance(code, str) else errors  # SystemExit with a sentence prints it and ends with status 1
        assert code == 1 or isinstance(code, str), (command, code, output, errors)
        assert NEEDS[command] in said, (command, said)
        assert "pip install" in said, (command, said)
        assert len(said.strip().splitlines()) == 1, (command, said)


def test_with_numpy_alone_the_lesson_on_an_operation_of_your_own_runs(tmp_path: Path) -> None:
    ((code, output, errors),) = run_all([str(ROOT / "examples/parity_of_your_own_op.py")], tmp_path).values()
    assert (code, errors) == (0, "")
    assert "gradcheck: True  gradgradcheck: True" in output
    assert "the wrong one: Jacobian mismatch" in output
    assert "torch is not installed, so one step is skipped" in output


def test_with_numpy_alone_every_command_explains_itself(tmp_path: Path) -> None:
    commands = [*(f"-m inception {name} --help" for name in ("", "train", "evaluate", "predict", "export"))]
    commands += [*(f"-m minigrad {name} --help" for name in ("", "info", "compile")), "-m minigrad info"]
    commands += [*(f"-m minigrad.testing {name} --help" for name in ("", "report"))]
    commands += [f"{path} --help" for path in sorted((ROOT / "examples").glob("*.py"))]
    commands = [" ".join(command.split()) for command in commands]
    for command, (code, output, errors) in run_all(commands, tmp_path).items():
        assert code == 0, (command, errors)
        assert "usage:" in output or command.endswith("info"), (command, output)
        assert not errors, (command, errors)


def test_transforms_and_datasets_can_be_imported_without_pillow_and_say_so_when_they_need_it(tmp_path: Path) -> None:
    program = """
from minigrad.data import transforms
from minigrad.data.datasets import embedded_clothing
clothing = embedded_clothing(transform=transforms.Compose([transforms.Resize(32), transforms.ToTensor()]))
assert clothing.data.shape == (5000, 28, 28)
try:
    clothing[0]
except ImportError as error:
    print(error)
"""
    done = run_as_on(sys.platform, ["-c", program], tmp_path)
    assert done.stdout.strip() == "an image needs Pillow, which is not installed: pip install 'minigrad[train]'", done


# --- What the code may call ---


def _tried_imports(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements that try an import and go on without it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(ast.unparse(h.type or node) == "ImportError" for h in node.handlers):
            yield from node.body


def test_what_only_some_systems_have_is_called_where_it_was_asked_for_first() -> None:
    lacking = {(module, name) for table in (NOT_ON_MACOS, NOT_ON_WINDOWS) for module in table for name in table[module]}
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        tried = set(_tried_imports(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = node.value.id, node.attr
                asked = f'hasattr({module}, "{name}")' in text
                assert (module, name) not in lacking or asked, f"{path}:{node.lineno}: not every system has {name}"
            if isinstance(node, ast.Import) and "benchmarks" not in path.parts and node not in tried:
                names = {alias.name for alias in node.names}
                assert not names & {"fcntl", "resource", "termios", "pwd", "grp"}, f"{path}:{node.lineno}"


def test_text_files_are_opened_with_their_encoding() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            text = name in ("read_text", "write_text")
            if isinstance(node.func, ast.Name) and name == "open":
                mode = [a.value for a in node.args[1:] if isinstance(a, ast.Constant)] or ["r"]
                text = "b" not in mode[0]
            said = any(keyword.arg == "encoding" for keyword in node.keywords)
            assert said or not text, f"{path}:{node.lineno}: Windows would take its own encoding"


# --- Cores ---


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "30000 100000\n"}, 0.3),
        (  # the smallest limit of the groups above counts
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/cpu.max": "600000 100000\n",
            },
            4.0,
        ),
        (  # inside a container the path is the one outside, and the container's group is at the top
            {"proc/self/cgroup": "0::/../docker/1234\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"},
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/docker/12\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/12/cpu.cfs_quota_us": "150000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/12/cpu.cfs_period_us": "100000\n",
            },
            1.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/cpu.max": "what\n"}, None),
    ],
)
def test_the_share_of_processor_time_of_a_container_is_read(
    files: dict[str, str], expected: float | None, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert cpu_quota(tmp_path) == expected


@pytest.mark.parametrize(
    ("quota", "wanted", "expected"),
    [(None, "", 6), (2.5, "", 2), (0.3, "", 1), (64.0, "", 6), (None, "3", 3), (None, "20000", 6), (2.0, "4,2", 2),
     (None, "0", 6), (None, "many", 6), (None, " 2 ", 2)],
)  # fmt: skip
def test_threads_are_never_more_than_the_cores_at_hand(
    quota: float | None, wanted: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minigrad import system
    from minigrad.kernels import threads

    monkeypatch.setattr(system.os, "process_cpu_count", lambda: 6, raising=False)
    monkeypatch.setattr(system, "cpu_quota", lambda: quota)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert threads._default_count() == expected


@pytest.mark.parametrize(
    ("allowed", "kernels"), [(0, "numpy"), (1, "numpy"), (5, "numpy"), (0, "compiled"), (1, "compiled")]
)
def test_where_no_more_threads_can_be_started_those_there_are_do_the_work(
    allowed: int, kernels: str, tmp_path: Path
) -> None:
    if kernels == "compiled":
        pytest.importorskip("numba", reason="compiled kernels need Numba")
    program = f"""
import threading
import numpy as np
import minigrad
from minigrad import nn

def convolve():
    minigrad.manual_seed(0)
    x = minigrad.randn(32, 16, 24, 24, requires_grad=True)
    y = nn.functional.max_pool2d(nn.functional.conv2d(x, minigrad.randn(16, 16, 3, 3), padding=1), 2)
    y.sum().backward()
    return y.detach().numpy(), x.grad.numpy()

minigrad.set_num_threads(1)
expected = convolve()
started, start = [], threading.Thread.start

def limited(thread):
    if len(started) >= {allowed}:
        raise RuntimeError("can't start new thread")
    started.append(thread)
    start(thread)

threading.Thread.start = limited
if {kernels!r} == "compiled":
    from minigrad.kernels.compiled import team

    begin = team.start_new_thread

    def begin_limited(run, arguments):
        if len(started) >= {allowed}:
            raise RuntimeError("can't start new thread")
        started.append(run)
        begin(run, arguments)

    team.start_new_thread = begin_limited
minigrad.set_num_threads(4)
for _ in range(3):
    for one, other in zip(convolve(), expected):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-4)
print(len(started))
"""
    done = run_as_on(sys.platform, ["-c", program], tmp_path, blocked=(), MINIGRAD_KERNELS=kernels)
    assert done.returncode == 0, done.stderr
    assert min(allowed, 1) <= int(done.stdout) <= allowed


def test_the_list_of_optional_packages_is_complete() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {"pillow": "PIL", "scikit-learn": "sklearn"}
    wanted = [line for extra in ("fast", "train", "board", "export") for line in extras[extra]]
    packages = {line.split(">")[0].split("=")[0] for line in wanted if not line.startswith("minigrad")}
    assert {names.get(package, package) for package in packages} <= set(OPTIONAL)


@pytest.mark.skipif(system.fcntl is None, reason="the number of unread bytes of a pipe is known where there is fcntl")
def test_a_program_that_ends_suddenly_waits_until_its_last_words_are_read() -> None:
    source, target = os.pipe()
    with os.fdopen(source, "rb") as reader, os.fdopen(target, "w") as writer:
        writer.write("last words")
        thread = threading.Timer(0.05, reader.read, [10])
        thread.start()
        system.wait_until_read(writer, 60)
        assert not select.select([reader], [], [], 0)[0]
        thread.join()
