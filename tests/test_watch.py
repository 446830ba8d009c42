"""A run's warnings, each with advice that fits its situation, from made-up histories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inception.watch import Watch
from minigrad import checkpoint

NAN, INF = float("nan"), float("inf")


def settled(**settings: Any) -> Watch:
    """Return a watch that has seen gradients of norm 1."""
    watch = Watch()
    assert [watch.gradients(1.0, 10.0, **settings) for _ in range(6)] == [[]] * 6
    return watch


def test_each_warning_is_given_once_per_epoch() -> None:
    watch = settled()
    assert "gradients explode: their norm is 1e+03, usually 1." in watch.gradients(1000.0, 10.0)[0]
    assert watch.gradients(1000.0, 10.0) == []
    watch.validation(1.0)  # a new epoch
    assert len(watch.gradients(1000.0, 10.0)) == 1


def test_exploding_gradients_are_to_be_clipped_at_about_their_usual_norm_unless_they_are() -> None:
    assert "(--clip 2) or lower --lr" in settled().gradients(1000.0, 10.0)[0]
    text = settled().gradients(1000.0, 10.0, clip=5.0)[0]
    assert "They were clipped to 5" in text
    assert "--clip" not in text


def test_vanishing_gradients_are_no_reason_for_a_higher_rate_and_none_to_warn_where_all_is_right() -> None:
    text = Watch().gradients(1e-9, 10.0, accuracy=0.1)[0]
    assert "gradients vanish" in text
    assert "Raise" not in text
    assert Watch().gradients(0.0, 10.0, accuracy=1.0) == []  # a single class, or everything learned


def test_huge_weights_are_a_matter_of_the_rate_and_not_of_vanishing_gradients() -> None:
    (text,) = Watch().gradients(3e4, 1e30)
    assert "the norm of the trained weights is 1e+30" in text
    assert "lower --lr" in text


@pytest.mark.parametrize("norm", [NAN, INF])
def test_gradients_that_are_no_numbers_are_said_and_do_not_count_as_usual(norm: float) -> None:
    watch = settled()
    assert f"the norm of the gradients is {norm}" in watch.gradients(norm, 10.0)[0]
    assert "explode" in watch.gradients(1000.0, 10.0)[0]


def test_in_mixed_precision_only_repeated_overflows_are_said() -> None:
    watch = Watch()
    assert watch.gradients(INF, 10.0, amp=True) == watch.gradients(INF, 10.0, amp=True) == []
    assert "leave out --amp" in watch.gradients(NAN, 10.0, amp=True)[0]
    again = Watch()
    for norm in (INF, INF, 1.0, INF, INF, 1.0):
        assert again.gradients(norm, 10.0, amp=True) == []


def watched(*epochs: tuple[float, float, float], **settings: Any) -> list[str]:
    """Return the warnings after epochs with these validation losses, training losses and learning rates."""
    watch = Watch()
    return [watch.validation(*epoch, **settings) for epoch in epochs][-1]


def test_a_rising_validation_loss_has_the_advice_of_its_cause() -> None:
    (overfits,) = watched((1.0, 0.9, 0.1), (1.1, 0.5, 0.1), (1.3, 0.3, 0.05))
    assert "1.000 → 1.100 → 1.300" in overfits
    assert "overfits. Stop early (--patience), or use --augment or --weight-decay or --mixup" in overfits
    (diverges,) = watched((1.0, 0.9, 0.1), (1.1, 1.0, 0.1), (1.3, 1.4, 0.1))
    assert "Lower --lr" in diverges
    assert "overfits" not in diverges
    (warms_up,) = watched((1.0, 0.9, 0.1), (1.1, 0.8, 0.2), (1.3, 0.7, 0.3))
    assert "wait until it falls" in warms_up


def test_no_remedy_is_advised_that_the_run_uses_already() -> None:
    rising = ((1.0, 0.9, 0.1), (1.1, 0.5, 0.1), (1.3, 0.3, 0.05))
    assert watched(*rising, used=["--augment", "--patience"])[0].endswith("Use --weight-decay or --mixup")
    everything = ["--augment", "--patience", "--weight-decay", "--mixup"]
    assert watched(*rising, used=everything)[0].endswith("More images help most")


def test_a_loss_that_hardly_rises_or_falls_again_is_no_reason_to_warn() -> None:
    assert watched((1.0, 0.9, 0.1), (1.001, 0.8, 0.1), (1.002, 0.7, 0.1)) == []
    assert watched((1.0, 0.9, 0.1), (2.0, 0.8, 0.1), (1.9, 0.7, 0.1)) == []
    assert watched((1.0, 0.9, 0.1), (2.0, 0.8, 0.1)) == []


def test_dead_channels_have_the_advice_of_their_layers_and_epoch() -> None:
    shares = {"Conv2d_1a_3x3": 0.9, "Mixed_5b": 0.5}
    early, late = Watch().dead(shares, 1)[0], Watch().dead(shares, 5)[0]
    assert "most channels of 1 layer are 0 for every validation image (Conv2d_1a_3x3 90%)" in early
    assert "this often passes" in early
    assert "start again with a lower --lr" in late
    frozen = Watch().dead(shares, 5, frozen=["Conv2d_1a_3x3"])[0]
    assert "--normalize" in frozen
    assert "--lr" not in frozen
    assert Watch().dead({"Mixed_5b": 0.5}) == []


def test_a_resumed_run_remembers_what_has_been_seen(tmp_path: Path) -> None:
    watch = settled()
    watch.validation(1.0, 0.9, 0.1)
    watch.validation(1.1, 0.8, 0.1)
    watch.gradients(1000.0, 10.0)
    checkpoint.save(tmp_path / "c.safetensors", {"watch": watch.state_dict()})
    resumed = Watch()
    resumed.load_state_dict(checkpoint.load(tmp_path / "c.safetensors")["watch"])
    assert resumed.gradients(1000.0, 10.0) == []  # said in this epoch
    assert "overfits" in resumed.validation(1.3, 0.7, 0.1)[0]
    assert "explode" in resumed.gradients(1000.0, 10.0)[0]
