"""Every lesson runs on a small task and shows the effect that it describes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the lessons draw")


def run(name: str, output: Path | None, *arguments: Any) -> Any:
    """Run the ``main`` of a lesson; its files go to ``output``."""
    lesson = importlib.import_module(f"examples.{name}")
    where = [] if output is None else ["--output", str(output)]
    return lesson.main([*map(str, arguments), *where])


def is_image(path: Path) -> bool:
    """Return whether a file is a PNG image with content."""
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 10_000


def test_digits_are_learned_by_a_feed_forward_network() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    assert run("digits_feedforward", None, "--epochs", 8) > 0.93


@pytest.mark.slow
def test_clothing_is_learned_by_a_convolutional_network(tmp_path: Path) -> None:
    assert run("clothing_cnn", tmp_path, "--epochs", 3, "--limit", 768) > 0.3
    assert is_image(tmp_path / "predictions.png")
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 3


def test_the_guides_network_runs_on_cifar_10(tmp_path: Path, capsys: Any) -> None:
    from minigrad.data.datasets import CIFAR10
    from tests.test_datasets import write_cifar

    write_cifar(tmp_path / "data", CIFAR10, binary=False, count=12)
    run("cifar10_cnn", tmp_path / "run", "--root", tmp_path / "data", "--epochs", 1)
    assert "airplane" in capsys.readouterr().out
    assert is_image(tmp_path / "run" / "predictions.png")


@pytest.mark.slow
def test_synthetic_images_are_classified_by_the_guides_network(tmp_path: Path) -> None:
    assert run("cifar10_cnn", tmp_path, "--epochs", 2, "--limit", 2500) > 0.15


@pytest.mark.slow
def test_points_are_found_by_regression(tmp_path: Path) -> None:
    assert run("regression_points", tmp_path, "--epochs", 4, "--images", 1500) < 4  # pixels, of 56
    assert is_image(tmp_path / "points.png")


@pytest.mark.slow
def test_sentiment_is_learned_from_synthetic_reviews_and_read_from_folders(tmp_path: Path) -> None:
    assert run("sentiment", tmp_path, "--epochs", 4) > 0.85
    assert is_image(tmp_path / "curves.png")
    for split in ("train", "test"):
        for name, text in (("neg", "awful film"), ("pos", "great film")):
            (tmp_path / "imdb" / split / name).mkdir(parents=True)
            for i in range(8):
                (tmp_path / "imdb" / split / name / f"{i}_1.txt").write_text(text)
    assert run("sentiment", tmp_path, "--root", tmp_path / "imdb", "--epochs", 30) == 1.0


@pytest.mark.slow
def test_a_new_head_on_frozen_features_learns_new_classes(tmp_path: Path) -> None:
    frozen, _ = run("transfer_learning", tmp_path, "--steps", 60)
    assert frozen > 0.6  # of three classes
    assert is_image(tmp_path / "curves.png")


def test_gradient_descent_walks_down_the_surface(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    before, after, deep_before, deep_after = run("loss_surface", tmp_path, "--steps", 20, "--resolution", 8)
    assert after < 0.1 * before
    assert deep_after < 0.6 * deep_before
    assert is_image(tmp_path / "surface.png")


@pytest.mark.slow
def test_every_optimizer_comes_nearer_to_the_lowest_point_and_learns(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    results = run("optimizers_compared", tmp_path, "--steps", 300, "--epochs", 4)
    assert list(results) == ["SGD", "momentum", "Adam", "NAdam", "Lion", "RMSprop"]
    assert all(distance < 2.3 for distance, _ in results.values())  # they start at a distance of 2.3
    assert results["momentum"][0] < results["SGD"][0]
    assert all(loss < 2.2 for _, loss in results.values())
    assert is_image(tmp_path / "optimizers.png")


def test_the_challenges_show_their_effects_and_their_cures(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    overfitting, vanishing, exploding = run("challenges", tmp_path, "--steps", 120)
    assert overfitting["no cure"][-1] > 1.3 * min(overfitting["no cure"])  # the validation loss rises again
    assert overfitting["dropout and weight decay"][-1] < overfitting["no cure"][-1]
    assert vanishing["sigmoid"][0] < 1e-6 * vanishing["sigmoid"][-1]
    assert vanishing["ReLU and batch norm"][0] > 1e-2 * vanishing["ReLU and batch norm"][-1]
    assert not np.isfinite(exploding["no cure"][-1])
    assert exploding["gradients clipped to norm 1"][-1] < exploding["gradients clipped to norm 1"][0]
    assert is_image(tmp_path / "challenges.png")


@pytest.mark.parametrize("name", ["cifar10_cnn", "clothing_cnn", "digits_feedforward", "sentiment"])
def test_a_wrong_folder_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: .*nowhere") as end:
        run(name, None, "--root", tmp_path / "nowhere")
    assert "\n" not in str(end.value)


def test_no_lesson_is_long() -> None:
    for path in (Path(__file__).parent.parent / "examples").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 140, path.name
