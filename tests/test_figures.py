"""Figures can be read whatever the names, numbers and images are."""

from __future__ import annotations

import gc
import itertools
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from inception import figures
from inception.figures import fonts, page
from inception.figures.curves import in_epochs, running_mean, thinned
from inception.figures.fonts import fonts_for
from inception.figures.labels import Labels
from inception.image_sets import Originals
from minigrad.data.datasets import ImageFolder

pytestmark = pytest.mark.filterwarnings("error")  # a glyph that no font has, numbers that are none

MARKUP = ["$5_$10", "$$", "US$_vs_AU$", "_hidden", "back\\slash", "100%", "^{up}_{down}", "<b>html</b>", "#1"]
ODD = [
    *MARKUP,
    *("esc\x1b[31mred", "two\nlines", "caf\udce9", "tab\there", "\u202ereversed", "x" * 300, "W" * 300),
    *("crane", "crane", "猫", "ねこ", "🦓", "🐱 cat", "חתול", "قطة", "", "   "),
    *("a_very_long_class_name_that_ends_in_left", "a_very_long_class_name_that_ends_in_right"),
]

DRAWN = "drawn"  # the mark of a text that can be seen


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect the figures that are drawn, and keep what is on them."""
    kept: list[Figure] = []
    new_figure = page.new_figure

    def keep(*arguments: Any) -> Figure:
        figure = new_figure(*arguments)
        FigureCanvasAgg(figure)  # which can measure texts
        monkeypatch.setattr(figure, "clear", lambda: None)
        kept.append(figure)
        return figure

    def draw(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            text.set_gid(DRAWN)
        draw_text(text, renderer)

    draw_text = Text.draw
    monkeypatch.setattr(Text, "draw", draw)
    monkeypatch.setattr(page, "new_figure", keep)
    return kept


def texts(figure: Figure) -> list[Text]:
    """Return the texts that were drawn."""
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_gid() == DRAWN]


def assert_readable(figure: Figure) -> None:
    """Check that every text lies within the page and on no other text."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    assert boxes
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 > -1, text
        assert box.y0 > -1, text
        assert box.x1 < width + 1, text
        assert box.y1 < height + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide < 2 or high < 2, (one, other)


def image(width: int = 24, height: int = 24) -> Image.Image:
    return Image.new("RGB", (width, height), (90, 160, 200))


def draw_grid(names: Sequence[str], path: Path) -> None:
    labels = np.repeat(range(len(names)), 2)
    figures.draw_predictions([image()] * len(labels), labels, np.roll(labels, 1), names, path)


def draw_worst(names: Sequence[str], path: Path) -> None:
    labels, losses = np.arange(len(names)), np.linspace(0, 1e21, len(names))
    files = [f"folder/{name}" for name in names]
    figures.draw_worst([image()] * len(labels), labels, np.roll(labels, 1), losses, names, path, files)


def confusion(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (count, count)) + 9 * np.eye(count, dtype=int)


DRAWERS: dict[str, Callable[[Sequence[str], Path], None]] = {
    "answer": lambda names, path: figures.draw_answer(image(), [(name, 0.1) for name in names], path),
    "classes": lambda names, path: figures.draw_classes(confusion(len(names)), names, path),
    "confusion": lambda names, path: figures.draw_confusion(confusion(len(names)), names, path),
    "grid": draw_grid,
    "worst": draw_worst,
}


@pytest.mark.parametrize("drawer", DRAWERS)
def test_any_text_may_be_the_name_of_a_class(drawer: str, drawn: list[Figure], tmp_path: Path) -> None:
    DRAWERS[drawer](ODD, tmp_path / "figure.png")
    assert_readable(drawn[0])
    shown = [text.get_text() for text in texts(drawn[0])]
    for name in MARKUP:
        assert any(name in text for text in shown), name
    assert not any(text.get_parse_math() for text in texts(drawn[0]))
    assert any(r"esc\x1b[31mred" in text for text in shown)
    assert any(r"caf\xe9" in text for text in shown)


def test_classes_of_one_name_keep_their_own_bars(drawn: list[Figure], tmp_path: Path) -> None:
    answers = [("crane", 0.5), ("crane", 0.3), ("maillot", 0.2)]
    figures.draw_answer(image(), answers, tmp_path / "answer.png")
    axes = drawn[0].axes[1]
    assert [round(bar.get_width(), 3) for bar in axes.patches] == [0.5, 0.3, 0.2]  # type: ignore[attr-defined]
    assert len({bar.get_y() for bar in axes.patches}) == 3  # type: ignore[attr-defined]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["crane (answer 1)", "crane (answer 2)", "maillot"]


def test_labels_differ_and_fit_and_say_what_no_font_can_draw() -> None:
    labels = Labels(["crane", "crane", "\U0001f993", "\U000131cb", "x" * 99 + "1", "x" * 99 + "2"])
    fitting = labels.fitting(1.0, 8)
    assert fitting[:4] == ["crane (class 0)", "crane (class 1)", "zebra face", "class 3"]
    assert len(set(fitting)) == 6
    assert all(labels.width(label, 8) <= 1.0 for label in fitting)
    assert fonts_for("plain") == (page.FONT,)


def test_a_missing_font_is_named_once(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(fonts, "_warned", set())
    monkeypatch.setattr(fonts, "_installed", list)
    for _ in range(2):
        Labels(["plain", "猫 cat", "ねこ", "\U000131cb", "🦓"])
    assert capsys.readouterr().err.splitlines() == [
        "warning: no font for 猫 ね こ: figures show … or the number of the class. Install one, such as Noto Sans CJK",
        "warning: no font for \U000131cb: figures show … or the number of the class. Install one, such as Noto Sans "
        "Egyptian",
    ]


def test_a_grid_shows_all_classes_and_both_right_and_wrong_images() -> None:
    labels = np.repeat(range(3), 45)  # as in a folder: sorted by class
    predictions = np.where(np.arange(135) % 9 == 0, (labels + 1) % 3, labels)
    chosen = figures.evenly_chosen(labels, predictions, 40)
    assert len(set(chosen)) == 40
    assert set(np.bincount(labels[chosen])) <= {13, 14}
    wrong = labels[chosen] != predictions[chosen]
    assert wrong.sum() == 15  # all there are
    assert set(labels[chosen][wrong]) == {0, 1, 2}
    assert (np.diff(labels[chosen]) >= 0).all()
    assert chosen == figures.evenly_chosen(labels, predictions, 40)
    assert chosen != figures.evenly_chosen(labels, predictions, 40, seed=1)


def test_a_grid_with_fewer_places_than_classes_shows_each_class_once() -> None:
    labels = np.repeat(range(100), 3)
    predictions = np.where(np.arange(300) % 3 == 0, 0, labels)
    chosen = figures.evenly_chosen(labels, predictions, 40)
    assert len(set(labels[chosen])) == 40
    assert 15 <= (labels[chosen] != predictions[chosen]).sum() <= 25


def test_a_grid_says_the_accuracy_of_the_whole_set(drawn: list[Figure], tmp_path: Path) -> None:
    labels = np.repeat(range(2), 100)
    figures.draw_predictions([image()] * 200, labels, np.zeros(200, int), ["cat", "dog"], tmp_path / "grid.png")
    title = texts(drawn[0])[0].get_text()
    assert "100 of all 200 images are right (50.0%)" in title
    assert "shown: 40, of all classes alike, 20 right (blue), 20 wrong" in title


@pytest.mark.parametrize("size", [(800, 100), (300, 200), (100, 100), (100, 400)])
def test_images_of_any_shape_fill_the_grid(size: tuple[int, int], drawn: list[Figure], tmp_path: Path) -> None:
    labels = np.zeros(40, int)
    figures.draw_predictions([image(*size)] * 40, labels, labels, ["cat"], tmp_path / "grid.png")
    figure = drawn[0]
    area = sum(
        abs(i.get_extent()[1] - i.get_extent()[0]) * (i.get_extent()[2] - i.get_extent()[3]) for i in images(figure)
    )
    width, height = figure.get_size_inches()
    assert area > 0.4 * width * height
    assert_readable(figure)


def images(figure: Figure) -> list[Any]:
    return list(figure.axes[0].images)


def test_only_one_original_is_in_memory_at_a_time(tmp_path: Path) -> None:
    opened: list[weakref.ref[Image.Image]] = []
    most = 0

    class Source:
        def __getitem__(self, index: int) -> Image.Image:
            nonlocal most
            new = image(1500, 1200)
            opened.append(weakref.ref(new))
            most = max(most, sum(each() is not None for each in opened))
            return new

    labels = np.arange(48) % 3
    figures.draw_predictions(Source(), labels, labels, ["a", "b", "c"], tmp_path / "grid.png")
    assert most <= 2
    assert len(opened) == 40


DRAW_LARGE_IMAGES = """
import resource
import sys
from pathlib import Path
import numpy as np
from inception import figures
from inception.image_sets import Originals
from minigrad.data.datasets import ImageFolder

root = Path(sys.argv[1])
target = root.parent / "grid.png"
labels = np.arange(48) % 2
figures.draw_predictions([np.zeros((9, 9, 3), np.uint8)] * 48, labels, labels, ["a", "b"], target)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
figures.draw_predictions(Originals(ImageFolder(root), figures.IMAGE_SIDE), labels, labels, ["a", "b"], target)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss depends on the system")
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_48_images_of_12_megapixels_are_drawn_in_less_than_200_megabytes(kind: str, tmp_path: Path) -> None:
    small = image(500, 375)
    for name in "ab":
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(24):
            path = tmp_path / "images" / name / f"{number}.{kind}"
            if (name, number) == ("a", 0):
                small.resize((4000, 3000)).save(path)
            else:
                path.hardlink_to(tmp_path / "images" / "a" / f"0.{kind}")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", DRAW_LARGE_IMAGES, str(tmp_path / "images")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 200


def test_a_large_jpeg_is_read_smaller_for_a_figure(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    image(1600, 1200).save(tmp_path / "cat" / "0.jpg")
    folder = ImageFolder(tmp_path, transform=lambda _: None)
    assert Originals(folder)[0].size == (1600, 1200)
    small = Originals(folder, figures.IMAGE_SIDE)[0]
    assert small.size == (800, 600)


def test_the_worst_images_come_first_and_losses_that_are_not_a_number_before_them(
    drawn: list[Figure], tmp_path: Path
) -> None:
    read: list[int] = []

    class Source:
        def __getitem__(self, index: int) -> Image.Image:
            read.append(index)
            return image()

    losses = [0.1, 3.0, math.nan, 2.0]
    figures.draw_worst(Source(), [0] * 4, [1] * 4, losses, ["cat", "dog"], tmp_path / "worst.png", count=3)
    assert read == [2, 1, 3]
    shown = [text.get_text() for text in texts(drawn[0])]
    assert "loss 3.00" in shown
    assert "3 of 4" in shown[0]


def records(epochs: int, steps: int = 20) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for epoch, step in itertools.product(range(1, epochs + 1), range(1, steps + 1)):
        at = (epoch - 1) * steps + step
        record = {"kind": "step", "global_step": at, "cross_entropy": 2 / at + 0.1, "accuracy": 1 - 0.8 / at}
        found.append({**record, "loss": 5.0})
        if step == steps:
            record = {"kind": "epoch", "epoch": epoch, "global_step": at}
            found.append({**record, "validation_loss": 0.5 + 1 / epoch, "validation_accuracy": 0.5})
    return found


@pytest.mark.parametrize("epochs", [0, 1, 3, 15, 100])
def test_curves_of_any_number_of_epochs_are_readable(epochs: int, drawn: list[Figure], tmp_path: Path) -> None:
    figures.draw_curves(records(epochs), tmp_path / "curves.png", "training images were mixed")
    assert_readable(drawn[0])
    for axes in drawn[0].axes:
        assert len(axes.get_xticks()) <= 12
        assert axes.get_xlabel() == ("epoch" if epochs else "step")


def test_the_training_curve_is_the_quantity_of_validation(drawn: list[Figure], tmp_path: Path) -> None:
    some = records(2)
    figures.draw_curves(some, tmp_path / "curves.png")
    line = drawn[0].axes[0].lines[0]
    assert list(np.asarray(line.get_ydata())) == [r["cross_entropy"] for r in some if r["kind"] == "step"]
    assert list(np.asarray(line.get_xdata()))[19] == 1.0  # the end of the first epoch


def test_a_spike_flattens_no_curve_and_is_marked(drawn: list[Figure], tmp_path: Path) -> None:
    some = records(5)
    some[50]["cross_entropy"] = 1e21
    some[-1]["validation_loss"] = math.nan
    figures.draw_curves(some, tmp_path / "curves.png")
    axes = drawn[0].axes[0]
    assert axes.get_ylim()[1] < 4
    labels = [str(line.get_label()) for line in axes.lines]
    assert "beyond the axis: 1 of 105 values, up to 1e+21" in labels
    assert "not a number: 1 of 105 values" in labels
    assert any("last not a number" in label for label in labels)
    mean = next(line for line in axes.lines if "mean of" in str(line.get_label()))
    assert np.nanmax(np.asarray(mean.get_ydata(), float)) < 3
    assert_readable(drawn[0])


def test_the_curve_of_a_run_that_diverged_is_logarithmic(drawn: list[Figure], tmp_path: Path) -> None:
    some = records(5)
    for record in some[70:]:
        record["cross_entropy"] = record["validation_loss"] = 1e5
    figures.draw_curves(some, tmp_path / "curves.png")
    assert drawn[0].axes[0].get_yscale() == "symlog"
    assert_readable(drawn[0])


def test_the_running_mean_is_not_shifted() -> None:
    ramp = np.arange(20.0)
    mean = running_mean(ramp, 3)
    assert np.isnan(mean[:3]).all()
    assert np.isnan(mean[-3:]).all()
    assert np.allclose(mean[3:-3], ramp[3:-3])
    ramp[10] = math.nan
    assert np.isfinite(running_mean(ramp, 3)[3:-3]).all()


def test_steps_after_the_last_epoch_lie_on_the_same_axis() -> None:
    steps = [{"global_step": step} for step in (5, 10, 20, 25)]
    epochs = [{"epoch": 1, "global_step": 10}, {"epoch": 2, "global_step": 20}]
    assert in_epochs(steps, epochs).tolist() == [0.5, 1.0, 2.0, 2.5]
    assert in_epochs(steps, []).tolist() == [5, 10, 20, 25]


def test_a_line_of_many_points_keeps_its_extremes() -> None:
    y = np.zeros(100_000)
    y[12_345], y[67_890] = 7.0, -3.0
    x, short = thinned(np.arange(100_000.0), y)
    assert len(x) == len(short) <= 4000
    assert (short.max(), short.min()) == (7.0, -3.0)


@pytest.mark.parametrize("count", [1, 2, 40, 1000])
def test_a_confusion_matrix_of_any_size_is_readable(count: int, drawn: list[Figure], tmp_path: Path) -> None:
    matrix = np.eye(count, dtype=int) * 50
    matrix[0, count - 1] += 3
    figures.draw_confusion(matrix, [f"class {i}" for i in range(count)], tmp_path / "confusion.png")
    assert_readable(drawn[0])
    assert drawn[0].axes[0].bbox.width * page.DPI / drawn[0].dpi >= count - 1e-6  # a pixel for each class


def test_a_long_name_takes_nothing_from_a_confusion_matrix(drawn: list[Figure], tmp_path: Path) -> None:
    for name in ("cat", "n" * 200):
        figures.draw_confusion(np.eye(3, dtype=int), [name, "dog", "zebra"], tmp_path / "confusion.png")
        assert_readable(drawn[-1])
    short, long = (figure.axes[0].bbox.width for figure in drawn)
    assert short == pytest.approx(long)


def test_classes_without_images_are_said_to_be_so(drawn: list[Figure], tmp_path: Path) -> None:
    matrix = np.diag([5, 0, 5])
    figures.draw_confusion(matrix, ["cat", "dog", "zebra"], tmp_path / "confusion.png")
    figures.draw_classes(matrix, ["cat", "dog", "zebra"], tmp_path / "classes.png")
    assert "classes without images are grey" in drawn[0].axes[0].get_title(loc="left")
    assert np.ma.getmaskarray(drawn[0].axes[0].images[0].get_array())[1].all()
    assert "1 without images" in drawn[1].axes[0].get_title()
    many = np.zeros((1000, 1000), int)
    many[3, 7] = 1
    figures.draw_confusion(many, [str(i) for i in range(1000)], tmp_path / "confusion.png")
    assert [text.get_text() for text in drawn[2].axes[0].get_yticklabels()] == ["3", "7"]


def test_a_rate_that_breaks_the_model_does_not_flatten_the_others(drawn: list[Figure], tmp_path: Path) -> None:
    losses = [2.3, 2.0, 1.5, 40.0, 1e12, math.nan]
    figures.draw_rates(np.geomspace(1e-5, 1, 6).tolist(), losses, 1e-3, tmp_path / "rates.png")
    assert drawn[0].axes[0].get_ylim()[1] < 12
    assert_readable(drawn[0])


def test_a_figure_is_the_same_bytes_whatever_the_user_has_set(tmp_path: Path) -> None:
    figures.draw_curves(records(2), tmp_path / "a.png")
    with matplotlib.rc_context(
        {"text.usetex": True, "font.size": 30, "savefig.bbox": "tight", "axes.facecolor": "red"}
    ):
        figures.draw_curves(records(2), tmp_path / "b.png")
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert Image.open(tmp_path / "a.png").text == {}  # type: ignore[attr-defined]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_figure_is_freed_after_it_has_been_written(tmp_path: Path) -> None:
    for _ in range(3):
        figures.draw_confusion(np.eye(3, dtype=int), ["a", "b", "c"], tmp_path / "confusion.png")
    gc.collect()
    assert not [item for item in gc.get_objects() if issubclass(type(item), Figure)]


def test_figures_are_imported_without_matplotlib_and_pillow() -> None:
    program = "import sys, inception.figures; assert not {'matplotlib', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
