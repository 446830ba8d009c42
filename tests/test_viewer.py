"""The viewer: what it shows are the numbers of the step, and every page is one file that needs nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from inception.commands import train
from inception.ending import OptionError
from inception.first_step import FirstStep, refuse_unless_explainable
from inception.recipes import Recipe
from minigrad import Tensor, nn, optim, viewer
from minigrad.engine.function import Function
from minigrad.engine.watchers import watchers
from minigrad.nn import functional as F
from minigrad.testing import register_stand_in_device
from minigrad.viewer.layout import arranged
from minigrad.viewer.samples import number
from minigrad.viewer.telling import told


class Small(nn.Module):
    """A network with an operation of every family, a residual diamond, and plumbing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.blocks = nn.Sequential(*[nn.Sequential(nn.Linear(12, 12), nn.Tanh()) for _ in range(3)])
        self.down = nn.Linear(64, 12)
        self.scale = nn.Parameter(minigrad.ones(1, 12))
        self.fc = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(self.pool(F.relu(self.bn(self.conv(x)))), 3, stride=1, padding=1).flatten(1)
        x = F.dropout(self.down(x), 0.25) * self.scale
        y = x + self.blocks(x)
        return self.fc(minigrad.cat([y.softmax(1), y - y.mean(1, keepdim=True)], 1))


Arrays = dict[Function, tuple[list[Any], list[Any]]]


class Witness:
    """Another watcher of the engine, which keeps whole copies of what the viewer shows parts of."""

    def __init__(self) -> None:
        self.forward: Arrays = {}
        self.backward: Arrays = {}
        self.inside = False

    def watch(self, node: Function, stage: str, inputs: Sequence[Any], compute: Callable[[], Any]) -> Any:
        if self.inside:
            return compute()
        before = [self.copy(x) for x in inputs]
        self.inside = stage != "forward"
        results = compute()
        self.inside = False
        several = list(results) if isinstance(results, tuple) else [results]
        (self.forward if stage == "forward" else self.backward)[node] = (before, [self.copy(y) for y in several])
        return results

    @staticmethod
    def copy(x: Any) -> Any:
        array = x.array if isinstance(x, Tensor) else x
        return np.array(array) if isinstance(array, np.ndarray | np.generic) else None


def recorded(model: nn.Module, file: Path, step: Callable[[], None]) -> tuple[viewer.record, dict[str, Any], Witness]:
    """Return the page of a step, its data as they stand in the HTML, and the witness of the step."""
    witness = Witness()
    with viewer.record(model, file) as page:
        watchers.append(witness.watch)
        try:
            step()
        finally:
            watchers.remove(witness.watch)
    return page, data_of(file.read_text(encoding="utf-8")), witness


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def small_step(model: nn.Module, optimizer: optim.Optimizer) -> None:
    x = minigrad.randn(4, 2, 8, 8)
    loss = F.cross_entropy(model(x), minigrad.tensor([0, 1, 2, 0]), label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[viewer.record, dict[str, Any], Witness]:
    minigrad.manual_seed(0)
    model = Small()
    optimizer = optim.Adam(model.parameters(), 0.01)
    file = tmp_path_factory.mktemp("viewer") / "step.html"
    return recorded(model, file, lambda: small_step(model, optimizer))


def shown(sample: dict[str, Any]) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the index and the text of every number in a table, as the page places them."""
    texts = sample.get("text", "").split()
    shape, (top, left) = sample.get("shape", []), sample["corner"]
    for k, text in enumerate(texts):
        row, column = divmod(k, len(texts) // sample["rows"])
        inner = (*sample.get("at", [])[:-2], top + row, left + column)
        yield inner[len(inner) - len(shape) :] if shape else (), text


def compared(page: viewer.record, data: dict[str, Any], witness: Witness) -> int:
    """Compare every number of operations and gradients with its tensor; return how many there are."""
    count = 0

    def compare(sample: dict[str, Any], array: np.ndarray) -> None:
        nonlocal count
        assert sample.get("shape", []) == list(array.shape)
        for index, text in shown(sample):
            assert text == number(array[index])
            count += 1

    operations = told(page.story).operations
    assert len(operations) == len(data["operations"])
    for operation, entry in zip(operations, data["operations"], strict=True):
        inputs, outputs = witness.forward[operation.node]
        arrays = [x for x in inputs if x is not None]
        for x, array in zip(entry.get("inputs", []), arrays, strict=True):
            compare(x["sample"], array)
        for y, array in zip(entry["outputs"], outputs, strict=True):
            compare(y, array)
    for step in data["backward"]:
        node = operations[step["operation"]].node
        arriving, results = witness.backward[node]
        for sample, array in zip(step["arriving"], arriving, strict=True):
            if sample is not None:
                compare(sample, array)
        kept = [g for g, edge in zip(results, node._edges, strict=True) if edge is not None and g is not None]
        for entry, array in zip(step["results"], kept, strict=True):
            shape = tuple(entry["sample"].get("shape", ()))
            if array.shape != shape:  # broadcasting is undone after the operation
                new = array.ndim - len(shape)
                stretched = [new + i for i, n in enumerate(shape) if n == 1 and array.shape[new + i] != 1]
                array = array.sum((*range(new), *stretched)).reshape(shape)
            compare(entry["sample"], array)
    return count


def test_every_number_on_the_page_is_that_of_its_tensor(small: tuple[Any, Any, Any]) -> None:
    assert compared(*small) > 1500


def test_the_parameters_are_those_before_and_after_the_step(tmp_path: Path) -> None:
    model = Small()
    optimizer = optim.Adam(model.parameters(), 0.01)
    before = {name: p.array.copy() for name, p in model.named_parameters()}
    _, data, _ = recorded(model, tmp_path / "step.html", lambda: small_step(model, optimizer))
    assert [entry["name"] for entry in data["parameters"]] == list(before)
    for entry, p in zip(data["parameters"], model.parameters(), strict=True):
        assert p.grad is not None
        state = optimizer.state[p]
        for key, array in {"before": before[entry["name"]], "gradient": p.grad.array, "after": p.array}.items():
            assert all(text == number(array[index]) for index, text in shown(entry[key]))
        for name in ("exp_avg", "exp_avg_sq"):
            assert all(text == number(state[name].array[index]) for index, text in shown(entry["state"][name]))
            assert all(text == "0" for _, text in shown(entry["state_before"][name]))
        assert entry["numbers"]["lr"] == "0.01"
    assert data["optimizer"].startswith("Adam(lr=0.01")
    assert "β₁" in data["rule"]["formula"]


def test_the_terms_of_every_worked_element_add_up_to_it(small: tuple[Any, Any, Any]) -> None:
    _, data, _ = small
    elements = [op["element"] for op in data["operations"]]
    elements += [r["element"] for step in data["backward"] for r in step["results"]]
    added = 0
    for element in elements:
        terms = [float(term["value"]) for term in element.get("terms", [])]
        if not terms or element["formula"].startswith(("max", "e^x", "yᵢ", "∂L/∂yᵢ")):
            continue  # the terms are elements to choose from, or those of a sum inside the formula
        total = sum(terms) + float(element.get("rest", [0, "0"])[1])
        scale = max(map(abs, terms))
        assert float(element["value"]) == pytest.approx(total, abs=2e-3 * scale), element
        added += 1
    assert added > 20


def test_every_operation_has_an_element_worked_out_in_numbers(small: tuple[Any, Any, Any]) -> None:
    _, data, _ = small
    for op in data["operations"]:
        assert op["element"].get("terms") or op["element"].get("known"), op["name"]
    for step in data["backward"]:
        for result in step["results"]:
            element = result["element"]
            assert element.get("terms") or element.get("known"), (step["operation"], result)


def test_a_convolution_is_worked_out_with_its_own_numbers(tmp_path: Path) -> None:
    model = nn.Conv2d(1, 1, 2, bias=False)
    model.weight.data = minigrad.tensor([[[[1.0, -1.0], [2.0, 3.0]]]])
    x = minigrad.tensor([[[[1.0, 2.0, 0.0], [3.0, 1.0, 1.0], [0.0, 2.0, 4.0]]]], requires_grad=True)
    g = minigrad.tensor([[[[1.0, 0.0], [0.0, 2.0]]]])
    _, data, _ = recorded(model, tmp_path / "step.html", lambda: (model(x) * g).sum().backward())
    element = data["operations"][0]["element"]
    assert element["name"] == "y[0, 0, 1, 1]"
    assert element["value"] == "16"
    assert [(t["symbols"], t["numbers"], t["value"]) for t in element["terms"]] == [
        ("w[0, 0, 0, 0] · x[0, 0, 1, 1]", "1 · 1", "1"),
        ("w[0, 0, 0, 1] · x[0, 0, 1, 2]", "-1 · 1", "-1"),
        ("w[0, 0, 1, 0] · x[0, 0, 2, 1]", "2 · 2", "4"),
        ("w[0, 0, 1, 1] · x[0, 0, 2, 2]", "3 · 4", "12"),
    ]
    assert element["marks"]["0"] == [[0, 0, 1, 1], [1, 1, 2, 2]]
    conv = data["backward"][-1]
    gradients = {r["label"]: r["sample"]["text"] for r in conv["results"]}
    assert gradients == {"x": "1 -1 0 2 5 -2 0 4 6", "w": "3 4 7 9"}


def test_the_marked_bias_is_the_one_that_was_added(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(24, 6))
    parameters = dict(model.named_parameters())
    for k, parameter in enumerate(parameters.values()):
        parameter.array[...] = np.random.default_rng(k).standard_normal(parameter.shape)
    x = minigrad.from_numpy(np.random.default_rng(9).standard_normal((2, 1, 4, 4)).astype(np.float32))
    _, data, _ = recorded(model, tmp_path / "step.html", lambda: model(x).sum().backward())
    compared = []
    for operation in data["operations"]:
        for entry in operation["inputs"]:
            if entry.get("name", "").endswith("bias"):
                element = operation["element"]
                added = [term["value"] for term in element.get("terms", []) if term["symbols"].startswith("b[")]
                added += [value for symbol, value in element.get("known", []) if symbol == "b"]
                (at,) = entry["sample"]["at"]
                assert added == [number(float(parameters[entry["name"]].array[at]))]
                compared.append(entry["name"])
    assert compared == ["0.bias", "1.bias", "3.bias"]


def test_sums_of_gradients_wait_until_every_gradient_has_arrived(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)

    def step() -> None:
        y = model(minigrad.ones(1, 2))
        (y.exp() * y.sin()).sum().backward()

    page, data, _ = recorded(model, tmp_path / "step.html", step)
    names = [data["operations"][each["operation"]]["name"] for each in data["backward"]]
    assert names == ["Sum", "Mul", "Sin", "Exp", "Linear"]
    waiting = [
        {data["operations"][w["maker"]]["name"]: (w["arrived"], w["expected"]) for w in each.get("waiting", [])}
        for each in data["backward"]
    ]
    assert waiting == [
        {"Mul": (1, 1)},
        {"Exp": (1, 1), "Sin": (1, 1)},
        {"Exp": (1, 1), "Linear": (1, 2)},
        {"Linear": (2, 2)},
        {},
    ]
    (parts,) = data["backward"][-1]["parts"]
    at = tuple(data["operations"][0]["outputs"][0]["at"])
    y = page.story.operations[0]
    assert len(parts) == 2
    value = float(data["operations"][0]["element"]["value"])
    expected = np.exp(value) * np.cos(value) + np.exp(value) * np.sin(value)
    assert sum(map(float, parts)) == pytest.approx(expected, rel=2e-3), (y.name, at)


def test_plumbing_is_folded_and_repeated_blocks_are_collapsed(small: tuple[Any, Any, Any]) -> None:
    _, data, _ = small
    assert not {"Reshape", "Expand", "Cast"} & {op["name"] for op in data["operations"]}
    linear = next(op for op in data["operations"] if op["name"] == "Linear")
    assert linear["inputs"][0]["through"] == ["Reshape"]
    assert "3 × Sequential" in json.dumps(data["tree"], ensure_ascii=False)


def test_an_operation_after_a_module_of_plumbing_alone_belongs_to_its_own_module(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    step = lambda: model(minigrad.ones(2, 1, 4, 4)).sum().backward()  # noqa: E731
    _, data, _ = recorded(model, tmp_path / "step.html", step)
    places = [data["calls"][op["call"]].get("kind") for op in data["operations"]]
    assert places == ["Conv2d", "Linear", None]  # the sum is outside of the model


def test_a_loss_that_is_divided_by_one_batch_is_shown_without_the_division(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    step = lambda: (model(minigrad.ones(1, 2)).sum() / 1).backward()  # noqa: E731
    _, data, _ = recorded(model, tmp_path / "step.html", step)
    assert [op["name"] for op in data["operations"]] == ["Linear", "Sum"]
    assert data["operations"][data["backward"][0]["operation"]]["name"] == "Sum"


def test_the_four_phases_follow_each_other(small: tuple[Any, Any, Any]) -> None:
    _, data, _ = small
    phases = [phase for phase, _ in data["steps"]]
    assert phases == sorted(phases)
    assert set(phases) == {0, 1, 2, 3}
    assert [data["operations"][k]["name"] for phase, k in data["steps"] if phase == 1] == ["CrossEntropy"]


def test_a_page_is_one_file_that_fetches_nothing(small: tuple[Any, Any, Any]) -> None:
    page, _, _ = small
    outside = [url for url in re.findall(r'(?:src|href)="([^"]*)"', page.html) if url not in ("data:,", "#step")]
    assert outside == []
    assert "default-src 'none'" in page.html
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", page.html.split('id="data"')[0])
    assert 'srcdoc="' in page._repr_html_()


def test_names_are_not_taken_for_markup(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module('</script><img src=x onerror="1">&', nn.Linear(2, 1))

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = next(iter(self.children()))(x)
            return result

    model, file = Odd(), tmp_path / "step.html"
    with viewer.record(model, file, title='<b>"&{{data}}</b>'):
        loss = model(minigrad.ones(1, 2)).sum()
        drawn = viewer.show(loss, model)
        loss.backward()
    html = file.read_text(encoding="utf-8")
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;&amp;{{data}}&lt;/b&gt;" in html
    assert data_of(html)["parameters"][0]["name"].startswith("</script><img")
    ElementTree.fromstring(drawn._repr_svg_())
    assert "<img" not in drawn._repr_html_()


def test_a_function_of_the_readers_own_is_worked_out_too(tmp_path: Path) -> None:
    class Square(Function):
        """y = x · x        ∂L/∂x = ∂L/∂y · 2 · x"""

        def forward(self, x: Any) -> Any:
            self.save_for_backward(x)
            return x * x

        def backward(self, grad: Any) -> Any:
            (x,) = self.saved_tensors
            return grad * 2 * x

    class Swap(Function):
        """Turn the elements around"""

        def forward(self, x: Any) -> Any:
            return x[::-1].copy()

        def backward(self, grad: Any) -> Any:
            return grad.flip(0)

    model = nn.Linear(1, 3, bias=False)
    model.weight.data = minigrad.tensor([[1.0], [3.0], [2.0]])
    _, data, _ = recorded(
        model,
        tmp_path / "step.html",
        lambda: Swap.apply(Square.apply(model(minigrad.ones(1, 1)).reshape(3))).sum().backward(),
    )
    by_name = {op["name"]: op["element"] for op in data["operations"]}
    assert by_name["Square"]["known"] == [["in numbers", "3 · 3"], ["x", "3"]]
    assert by_name["Swap"]["known"] == [["x[1]", "9"]]
    backward = {data["operations"][b["operation"]]["name"]: b["results"][0]["element"] for b in data["backward"]}
    assert backward["Square"]["known"][0] == ["in numbers", "1 · 2 · 3"]
    assert backward["Swap"]["terms"][0]["symbols"] == "∂L/∂y[2]"


def wrong(model: nn.Module, step: Callable[[], object], folder: Path) -> str:
    """Return the error of a step that cannot be told; nothing is written."""
    before = list(watchers)
    with pytest.raises(RuntimeError) as error, viewer.record(model, folder / "step.html"):
        step()
    assert not (folder / "step.html").exists()
    assert model(minigrad.ones(1, 2)).shape == (1, 2)  # the hooks are gone
    assert watchers == before
    return str(error.value)


def test_a_block_that_is_not_one_step_is_refused_in_words(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), 0.1)
    x = minigrad.ones(1, 2)

    def twice() -> None:
        for _ in range(2):
            model(x).sum().backward()

    def two_steps() -> None:
        model(x).sum().backward()
        optimizer.step()
        optimizer.step()

    def again() -> None:
        loss = model(x).sum()
        loss.backward(retain_graph=True)
        loss.backward()

    def nested() -> None:
        with viewer.record(model, tmp_path / "other.html"):
            pass

    assert "call the model itself, model(x)" in wrong(model, lambda: None, tmp_path)
    assert "call loss.backward() inside" in wrong(model, lambda: model(x), tmp_path)
    assert "a second backward pass" in wrong(model, twice, tmp_path)
    assert "a second backward pass" in wrong(model, again, tmp_path)
    assert "a second optimizer.step()" in wrong(model, two_steps, tmp_path)
    assert "another record() is going on" in wrong(model, nested, tmp_path)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(TypeError, match=r"got type; make one with Linear\(…\)"):
        viewer.record(nn.Linear)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        viewer.record(nn.ReLU())
    with pytest.raises(ValueError, match="none of the 2 parameters of Linear requires a gradient"):
        viewer.record(nn.Linear(2, 2).requires_grad_(False))


def test_a_step_without_an_optimizer_and_one_with_a_frozen_part_are_told(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3).requires_grad_(False), nn.ReLU(), nn.Linear(3, 1))
    _, data, _ = recorded(model, tmp_path / "step.html", lambda: model(minigrad.ones(1, 2)).sum().backward())
    assert [op["name"] for op in data["operations"]] == ["Linear", "Relu", "Linear", "Sum"]
    assert [entry["name"] for entry in data["parameters"]] == ["2.weight", "2.bias"]
    assert "after" not in data["parameters"][0]


def test_an_operation_that_writes_in_place_shows_what_it_read(tmp_path: Path) -> None:
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = minigrad.tensor([[-4.0], [2.0]])
    _, data, _ = recorded(
        model, tmp_path / "step.html", lambda: F.relu(model(minigrad.ones(1, 1)), inplace=True).sum().backward()
    )
    relu = next(op for op in data["operations"] if op["name"] == "ReluInPlace")
    assert relu["inputs"][0]["sample"]["text"] == "-4 2"
    assert relu["outputs"][0]["text"] == "0 2"


def test_a_write_into_a_view_does_not_hold_up_the_sums(tmp_path: Path) -> None:
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = minigrad.tensor([[1.0], [2.0]])

    def step() -> None:
        y = model(minigrad.ones(1, 1))
        y[:, 0].mul_(3.0)
        y.sum().backward()

    _, data, _ = recorded(model, tmp_path / "step.html", step)
    last = data["backward"][-1]
    assert data["operations"][last["operation"]]["name"] == "Linear"
    assert last["arriving"][0]["text"] == "3 1"
    assert not last.get("waiting")


def test_arrows_point_down_and_no_two_boxes_stand_in_one_place() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        count = int(generator.integers(2, 30))
        pairs = {tuple(sorted(generator.choice(count, 2, replace=False).tolist())) for _ in range(2 * count)}
        drawing = arranged(count, sorted(pairs))
        assert len(set(drawing.places)) == count
        for (start, end), points in zip(sorted(pairs), drawing.arrows, strict=True):
            assert points[0] == drawing.places[start]
            assert points[-1] == drawing.places[end]
            assert [row for row, _ in points] == list(range(points[0][0], points[-1][0] + 1))
            assert not set(points[1:-1]) & set(drawing.places)


def test_the_graph_of_a_loss_is_text_and_a_drawing() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Flatten(), nn.Linear(3, 1))
    drawn = viewer.show(model(minigrad.ones(1, 2)).sum(), model)
    assert str(drawn).splitlines() == [
        "Sum   scalar",
        "Linear   1 × 1   of 2.weight (1 × 3), 2.bias (1)",
        "Linear   1 × 3   of 0.weight (3 × 2), 0.bias (3)",
    ]
    svg = ElementTree.fromstring(drawn._repr_svg_())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(svg.findall(".//{http://www.w3.org/2000/svg}rect")) == 7
    with pytest.raises(ValueError, match="there is no graph behind this tensor"):
        viewer.show(minigrad.ones(2))
    with pytest.raises(TypeError, match="such as a loss, and got int"):
        viewer.show(3)  # type: ignore[arg-type]


def test_a_graph_deeper_than_pythons_stack_is_shown() -> None:
    x = minigrad.ones(1, requires_grad=True)
    y = x
    for _ in range(3_000):
        y = y + x
    assert len(str(viewer.show(y)).splitlines()) == 3_000


def test_the_first_step_of_a_run_is_recorded_and_none_after_it(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    around = FirstStep(model, tmp_path / "first-step.html")
    for _ in range(2):
        with around():
            model(minigrad.ones(1, 2)).sum().backward()
    assert len(data_of((tmp_path / "first-step.html").read_text(encoding="utf-8"))["operations"]) == 2


def test_a_run_without_a_step_of_one_batch_is_not_explained() -> None:
    refuse_unless_explainable(Recipe(), find_lr=False)
    with pytest.raises(OptionError, match="--accumulate 4 adds up the gradients of several"):
        refuse_unless_explainable(Recipe(accumulate=4), find_lr=False)
    with pytest.raises(OptionError, match="--find-lr trains nothing"):
        refuse_unless_explainable(Recipe(), find_lr=True)


@pytest.mark.slow
def test_the_train_command_explains_its_first_step(tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--data", "synthetic", "--limit", "16", "--batch-size", "4", "--epochs", "1", "--explain"]
    assert train.main([*options, "--output", str(run)]) == 0
    data = data_of((run / "first-step.html").read_text(encoding="utf-8"))
    assert len(data["steps"]) > 700
    assert data["operations"][data["backward"][0]["operation"]]["name"] == "CrossEntropy"


def test_a_step_on_another_device_is_told_with_the_same_numbers(tmp_path: Path) -> None:
    pages = []
    for device in ("cpu", register_stand_in_device()):
        minigrad.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        model.append(nn.Linear(18, 3))
        model.to(device)
        optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
        x, labels = minigrad.randn(2, 1, 8, 8).to(device), minigrad.tensor([0, 2]).to(device)
        with viewer.record(model, tmp_path / "step.html"):
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
        pages.append(data_of((tmp_path / "step.html").read_text(encoding="utf-8")))
    for operation, other in zip(pages[0]["operations"], pages[1]["operations"], strict=True):
        first, second = operation["outputs"][0]["text"].split(), other["outputs"][0]["text"].split()
        assert [float(a) for a in first] == pytest.approx([float(b) for b in second], rel=2e-3, abs=1e-6)
    elements = [r.get("element", {}) for each in pages[1]["backward"] for r in each["results"]]
    assert all(element.get("terms") or element.get("known") for element in elements)
