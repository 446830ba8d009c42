"""A narrower Inception V3: trains, travels through files, and is refused where widths differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inception.__main__ import main
from inception.model import InceptionV3
from inception.recipes import Recipe
from inception.weights import load_pretrained, save_weights
from inception.width import make_narrow, width_of
from minigrad import checkpoint, zeros

SMALL = ["--data", "synthetic", "--limit", "4", "--batch-size", "2", "--classes", "3", "--epochs", "1"]


@pytest.mark.parametrize("width", [1 / 16, 0.25, 11 / 16])
def test_every_layer_keeps_its_share_of_the_channels(width: float) -> None:
    whole, narrow = InceptionV3(3, init_weights=False), InceptionV3(3, init_weights=False)
    make_narrow(narrow, width)
    expected = {name: value.shape for name, value in whole.state_dict().items()}
    for name, value in narrow.state_dict().items():
        share = tuple(size if size == 3 or at > 1 else size * width for at, size in enumerate(expected[name]))
        assert tuple(value.shape) == share, name
    assert width_of(narrow.state_dict()) == width
    assert tuple(narrow.eval()(zeros(1, 3, 75, 75)).shape) == (1, 3)


def test_a_narrow_model_trains_resumes_and_is_evaluated(tmp_path: Path, capsys: Any) -> None:
    run = tmp_path / "run"
    assert main(["train", *SMALL, "--width", "0.125", "--output", str(run)]) == 0
    first = checkpoint.load(run / "weights.safetensors")["Conv2d_1a_3x3.conv.weight"]
    assert first.shape == (4, 3, 3, 3)
    assert main(["train", "--resume", str(run), "--epochs", "2"]) == 0
    assert not np.array_equal(checkpoint.load(run / "weights.safetensors")["Conv2d_1a_3x3.conv.weight"], first)
    weights = ["--weights", str(run / "weights.safetensors")]
    assert main(["evaluate", *weights, "--data", "synthetic", "--limit", "4", "--output", str(tmp_path / "seen")]) == 0
    assert main(["train", *SMALL, *weights, "--output", str(tmp_path / "other")]) == 1
    assert "give --width 0.125" in capsys.readouterr().err


def test_weights_of_another_width_are_refused_by_name(tmp_path: Path) -> None:
    narrow = InceptionV3(3, False, init_weights=False)
    make_narrow(narrow, 0.0625)
    save_weights(narrow, tmp_path / "w.safetensors")
    with pytest.raises(
        checkpoint.CheckpointError, match=r"w.safetensors is of a model of width 0.0625, and this one has 1"
    ):
        load_pretrained(InceptionV3(3, False, init_weights=False), tmp_path / "w.safetensors")


@pytest.mark.parametrize("width", [0.3, 1.5, -0.25, 0.0])
def test_a_width_that_does_not_divide_the_channels_is_refused(width: float) -> None:
    with pytest.raises(ValueError, match="width"):
        Recipe(width=width)
