"""``Module.summary``: a table of layers with output shapes, parameters and multiply-adds."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad
from inception import inception_v3
from minigrad import Tensor, nn


def test_the_multiply_adds_are_the_products_of_the_layers() -> None:
    model = nn.Sequential(
        nn.Conv2d(4, 6, 3, groups=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(6, 2, 2), nn.Flatten(), nn.Linear(50, 3)
    )
    found = model.summary((2, 4, 4, 4))
    counts = [2 * 6 * 16 * (2 * 9), 0, 2 * 6 * 16 * (2 * 4), 0, 2 * 50 * 3]
    assert [layer.multiply_adds for layer in found.layers[1:]] == counts
    assert found.total_mult_adds == sum(counts)
    assert found.total_params == found.trainable_params == sum(p.numel() for p in model.parameters())
    assert [layer.shapes for layer in found.layers[1:]] == [
        [(2, 6, 4, 4)], [(2, 6, 4, 4)], [(2, 2, 5, 5)], [(2, 50)], [(2, 3)]
    ]  # fmt: skip


def test_inception_v3_has_the_published_number_of_multiply_adds() -> None:
    # torchvision's documentation gives 5.71 G for 299 x 299; the layers up to the first pooling say as much at 75.
    found = inception_v3(num_classes=1000, aux_logits=False).summary((1, 3, 75, 75), depth=1)
    assert found.total_params == 23_834_568
    first = [layer.multiply_adds for layer in found.layers if layer.depth == 1][:3]
    assert first == [37 * 37 * 32 * 27, 35 * 35 * 32 * 288, 35 * 35 * 64 * 288]
    assert found.total_mult_adds == sum(layer.multiply_adds for layer in found.layers if layer.depth == 1)


@pytest.mark.slow
def test_inception_v3_has_the_published_number_of_multiply_adds_at_full_size() -> None:
    found = inception_v3(num_classes=1000, aux_logits=False).summary((1, 3, 299, 299))
    assert round(found.total_mult_adds / 1e9, 2) == 5.71


def test_a_summary_prints_and_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model[2].eval()
    mean = model[1].running_mean.numpy().copy()
    text = str(model.summary((5, 3)))
    assert "Linear (0)" in text
    assert "Total params: 24" in text
    assert model.training
    assert not model[2].training
    assert np.array_equal(model[1].running_mean.numpy(), mean)
    assert "Mult-adds" in model.summary((5, 3))._repr_html_()


def test_layers_that_are_called_twice_or_never_are_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(7, 7)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(self.used(x))

    found = Net().summary((1, 2))
    assert [layer.is_repeated for layer in found.layers] == [False, False, True]
    assert found.uncalled == ["unused"]
    assert found.total_mult_adds == 8


def test_a_member_named_summary_takes_its_place_as_in_torch() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.summary = nn.Linear(2, 3)  # type: ignore[method-assign,assignment]

        def forward(self, x: Tensor) -> Tensor:
            return self.summary(x)  # type: ignore[arg-type,return-value]

    assert Head()(minigrad.ones(1, 2)).shape == (1, 3)
    named = nn.Sequential()
    named.add_module("summary", nn.ReLU())
    assert isinstance(named.summary, nn.ReLU)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((), "a shape with the batch in front"),
        ((None, 3), "give the batch a size"),
        ("x", "a shape with the batch in front"),
        (minigrad.ones(2), "pass the tensor of shape .2. as input_data"),
        (None, "either input_shape"),
    ],
)
def test_what_is_no_shape_is_refused(shape: object, error: str) -> None:
    with pytest.raises(TypeError, match=error):
        nn.Linear(3, 2).summary(shape)  # type: ignore[arg-type]
