"""Layers against torch's: output, gradients, buffers over several steps, state dict both ways, repr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn
from minigrad.testing.close import as_numpy
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

pytestmark = pytest.mark.device

#: One line makes the layer in both libraries; beside it the shape of its input.
MODULES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "Linear": (lambda m: m.Linear(5, 3), (4, 5)),
    "Linear without bias": (lambda m: m.Linear(5, 3, bias=False), (2, 4, 5)),
    "Conv2d": (lambda m: m.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 7, 7)),
    "Conv2d same": (lambda m: m.Conv2d(4, 6, (2, 3), padding="same", dilation=2, bias=False), (2, 4, 7, 7)),
    "BatchNorm1d": (lambda m: m.BatchNorm1d(3), (5, 3)),
    "BatchNorm2d": (lambda m: m.BatchNorm2d(3, eps=0.1, momentum=0.3), (4, 3, 5, 5)),
    "BatchNorm2d cumulative": (lambda m: m.BatchNorm2d(3, momentum=None), (4, 3, 5, 5)),
    "BatchNorm2d without bias": (lambda m: m.BatchNorm2d(3, bias=False), (4, 3, 5, 5)),
    "BatchNorm2d plain": (lambda m: m.BatchNorm2d(3, affine=False, track_running_stats=False), (4, 3, 5, 5)),
    "MaxPool2d": (lambda m: m.MaxPool2d(3, 2, padding=1), (2, 3, 8, 8)),
    "AvgPool2d": (lambda m: m.AvgPool2d(3, 2, padding=1, count_include_pad=False), (2, 3, 8, 8)),
    "AdaptiveAvgPool2d": (lambda m: m.AdaptiveAvgPool2d((2, 3)), (2, 3, 8, 8)),
    "ReLU": (lambda m: m.ReLU(), (3, 4)),
    "Sigmoid": (lambda m: m.Sigmoid(), (3, 4)),
    "Tanh": (lambda m: m.Tanh(), (3, 4)),
    "Softmax": (lambda m: m.Softmax(dim=1), (3, 4)),
    "LogSoftmax": (lambda m: m.LogSoftmax(dim=-1), (3, 4)),
    "Dropout(0)": (lambda m: m.Dropout(0.0), (3, 4)),
    "Flatten": (lambda m: m.Flatten(), (3, 4, 2)),
    "Identity": (lambda m: m.Identity(), (3, 4)),
    "ReLU6": (lambda m: m.ReLU6(), (3, 4)),
    "SiLU": (lambda m: m.SiLU(), (3, 4)),
    "Hardswish": (lambda m: m.Hardswish(), (3, 4)),
    "LeakyReLU": (lambda m: m.LeakyReLU(0.3), (3, 4)),
    "ELU": (lambda m: m.ELU(0.5), (3, 4)),
    "GELU": (lambda m: m.GELU(), (3, 4)),
    "Softplus": (lambda m: m.Softplus(2.0), (3, 4)),
    "LayerNorm": (lambda m: m.LayerNorm((3, 4), eps=0.1), (2, 3, 4)),
    "LayerNorm without bias": (lambda m: m.LayerNorm(4, bias=False), (2, 3, 4)),
    "GroupNorm": (lambda m: m.GroupNorm(2, 4), (2, 4, 3, 3)),
    "InstanceNorm2d": (lambda m: m.InstanceNorm2d(3, affine=True), (2, 3, 4, 4)),
    "InstanceNorm2d tracking": (lambda m: m.InstanceNorm2d(3, track_running_stats=True, eps=0.1), (2, 3, 4, 4)),
    "InstanceNorm2d of one image": (lambda m: m.InstanceNorm2d(3, track_running_stats=True), (3, 4, 4)),
    "GroupNorm without bias": (lambda m: m.GroupNorm(2, 4, bias=False), (2, 4, 3, 3)),
    "InstanceNorm1d": (lambda m: m.InstanceNorm1d(3, affine=True, track_running_stats=True), (2, 3, 4)),
    "LocalResponseNorm": (lambda m: m.LocalResponseNorm(3, alpha=1.0, k=2.0), (2, 5, 4, 4)),
    "Conv1d": (lambda m: m.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 9)),
    "Conv1d same": (lambda m: m.Conv1d(2, 3, 4, padding="same", padding_mode="replicate"), (2, 2, 9)),
    "Conv2d reflect": (lambda m: m.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="reflect"), (2, 2, 6, 6)),
    "Conv2d circular same": (
        lambda m: m.Conv2d(2, 3, (2, 3), padding="same", dilation=2, padding_mode="circular"),
        (2, 2, 6, 6),
    ),
    "ConvTranspose2d": (
        lambda m: m.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        (2, 4, 5, 5),
    ),
    "ConvTranspose2d dilated": (lambda m: m.ConvTranspose2d(2, 3, (2, 3), dilation=2, bias=False), (2, 2, 4, 4)),
    "AdaptiveMaxPool2d": (lambda m: m.AdaptiveMaxPool2d((2, 3)), (2, 3, 8, 8)),
    "Dropout2d(0)": (lambda m: m.Dropout2d(0.0), (2, 3, 4, 4)),
    "Unfold": (lambda m: m.Unfold((2, 3), dilation=1, padding=1, stride=2), (2, 3, 6, 6)),
    "Fold": (lambda m: m.Fold((4, 5), 2), (2, 8, 12)),
    "Upsample nearest": (lambda m: m.Upsample(scale_factor=2), (2, 3, 4, 4)),
    "Upsample bilinear": (lambda m: m.Upsample(size=(5, 7), mode="bilinear", align_corners=True), (2, 3, 4, 4)),
    "ReflectionPad2d": (lambda m: m.ReflectionPad2d((1, 2, 0, 1)), (2, 3, 4, 4)),
    "ReflectionPad1d": (lambda m: m.ReflectionPad1d(2), (2, 3, 4)),
    "ReplicationPad2d": (lambda m: m.ReplicationPad2d(2), (2, 3, 4, 4)),
    "ReplicationPad1d": (lambda m: m.ReplicationPad1d((0, 2)), (2, 3, 4)),
    "CircularPad2d": (lambda m: m.CircularPad2d(1), (2, 3, 4, 4)),
    "CircularPad1d": (lambda m: m.CircularPad1d((1, 2)), (2, 3, 4)),
    "ZeroPad2d": (lambda m: m.ZeroPad2d((1, -1, 0, 2)), (2, 3, 4, 4)),
    "ZeroPad1d": (lambda m: m.ZeroPad1d(1), (2, 3, 4)),
    "ConstantPad2d": (lambda m: m.ConstantPad2d(1, 3.5), (2, 3, 4, 4)),
    "ConstantPad1d": (lambda m: m.ConstantPad1d((1, 0), -1.0), (2, 3, 4)),
    "BatchNorm3d": (lambda m: m.BatchNorm3d(3), (4, 3, 2, 4, 3)),
    "ConvTranspose1d": (lambda m: m.ConvTranspose1d(4, 6, 3, stride=2, padding=1, groups=2, dilation=2), (2, 4, 7)),
    "MaxPool1d": (lambda m: m.MaxPool1d(3, 2, padding=1), (2, 3, 8)),
    "AvgPool1d": (lambda m: m.AvgPool1d(3, 2, padding=1, count_include_pad=False), (2, 3, 8)),
    "AdaptiveAvgPool1d": (lambda m: m.AdaptiveAvgPool1d(3), (2, 3, 8)),
    "AdaptiveMaxPool1d": (lambda m: m.AdaptiveMaxPool1d(3), (2, 3, 8)),
    "PixelShuffle": (lambda m: m.Sequential(m.PixelShuffle(2), m.PixelUnshuffle(4)), (2, 8, 6, 4)),
    "ChannelShuffle": (lambda m: m.ChannelShuffle(2), (2, 8, 6, 4)),
    "PReLU": (lambda m: m.Sequential(m.PReLU(), m.PReLU(4, init=0.1)), (3, 4)),
    "Hardtanh": (lambda m: m.Hardtanh(-0.5, 0.3), (3, 4)),
    "Hardshrink": (lambda m: m.Hardshrink(0.3), (3, 4)),
    "Softshrink": (lambda m: m.Softshrink(0.3), (3, 4)),
    "Threshold": (lambda m: m.Threshold(0.1, 2.0), (3, 4)),
    "Mish": (lambda m: m.Mish(), (3, 4)),
    "SELU": (lambda m: m.SELU(), (3, 4)),
    "CELU": (lambda m: m.CELU(0.5), (3, 4)),
    "LogSigmoid": (lambda m: m.LogSigmoid(), (3, 4)),
    "Softsign": (lambda m: m.Softsign(), (3, 4)),
    "Tanhshrink": (lambda m: m.Tanhshrink(), (3, 4)),
    "Softmin": (lambda m: m.Softmin(dim=1), (3, 4)),
    "Softmax2d": (lambda m: m.Softmax2d(), (2, 3, 4, 2)),
    "GLU": (lambda m: m.GLU(1), (3, 4)),
    "activations in place": (
        lambda m: m.Sequential(
            m.Linear(3, 4),
            m.SiLU(inplace=True),
            m.Linear(4, 4),
            m.Hardswish(inplace=True),
            m.Linear(4, 4),
            m.Mish(inplace=True),
            m.Linear(4, 4),
            m.CELU(inplace=True),
            m.Linear(4, 4),
            m.SELU(inplace=True),
        ),
        (3, 3),
    ),
    "CNN": (
        lambda m: m.Sequential(
            m.Conv2d(3, 6, 5), m.ReLU(inplace=True), m.MaxPool2d(2), m.Flatten(), m.Linear(6 * 4 * 4, 10)
        ),
        (2, 3, 12, 12),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_equals_torchs_over_several_steps(name: str) -> None:
    make, shape = MODULES[name]
    theirs = make(torch.nn).double()
    ours = make(nn).double()
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    random = np.random.default_rng(0)
    for step in range(4):
        if step == 3:
            ours.eval()
            theirs.eval()
        x = random.standard_normal(shape)
        our_x, their_x = minigrad.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        our_y, their_y = ours(our_x), theirs(their_x)
        assert_close(our_y, their_y, FLOAT64, f"output at step {step}")
        v = random.standard_normal(their_y.shape)
        ours.zero_grad()
        theirs.zero_grad()
        our_y.backward(minigrad.as_tensor(v))
        their_y.backward(torch.as_tensor(v))
        assert_close(our_x.grad, their_x.grad, FLOAT64, "gradient of the input")
        for (key, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert_close(a.grad, b.grad, FLOAT64, f"gradient of {key}")
        for (key, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
            assert_close(a, b, FLOAT64, f"{key} after step {step}")
    theirs.load_state_dict(
        {key: torch.as_tensor(np.array(as_numpy(value))) for key, value in ours.state_dict().items()}
    )


@pytest.mark.parametrize("name", [name for name in MODULES if name != "Identity"])
def test_module_prints_as_torchs_does(name: str) -> None:
    make, _ = MODULES[name]
    ours, theirs = repr(make(nn)), repr(make(torch.nn))
    # torch is not consistent about trailing options; what ours says must be the beginning of what torch says.
    assert ours.split("(")[0] == theirs.split("(")[0]
    for ours_line, their_line in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        assert their_line.replace(")", "").startswith(ours_line.replace(")", "")), (ours_line, their_line)


#: A loss module, and what it takes: scores and classes, two tensors, two and a sign, three tensors.
LOSSES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "CrossEntropyLoss": (lambda m: m.CrossEntropyLoss(label_smoothing=0.1, ignore_index=2), "classes"),
    "NLLLoss": (lambda m: m.NLLLoss(reduction="sum"), "classes"),
    "MSELoss": (lambda m: m.MSELoss(), "two"),
    "L1Loss": (lambda m: m.L1Loss(reduction="none"), "two"),
    "SmoothL1Loss": (lambda m: m.SmoothL1Loss(beta=0.5), "two"),
    "HuberLoss": (lambda m: m.HuberLoss("sum", 0.7), "two"),
    "BCELoss": (lambda m: m.Sequential(m.Sigmoid()), "one"),
    "BCEWithLogitsLoss": (lambda m: m.BCEWithLogitsLoss(), "two"),
    "KLDivLoss": (lambda m: m.KLDivLoss(reduction="batchmean", log_target=True), "two"),
    "HingeEmbeddingLoss": (lambda m: m.HingeEmbeddingLoss(0.4), "sign"),
    "MarginRankingLoss": (lambda m: m.MarginRankingLoss(0.4), "two and sign"),
    "CosineEmbeddingLoss": (lambda m: m.CosineEmbeddingLoss(0.1), "two and row sign"),
    "TripletMarginLoss": (lambda m: m.TripletMarginLoss(swap=True), "three"),
}


def test_embedding_equals_torchs() -> None:
    for options in ({}, {"padding_idx": -1}, {"max_norm": 1.5, "norm_type": 1.0}, {"scale_grad_by_freq": True}):
        theirs = torch.nn.Embedding(6, 3, dtype=torch.float64, **options)
        ours = nn.Embedding(6, 3, dtype=minigrad.float64, **options)
        if "padding_idx" in options:
            assert not as_numpy(ours.weight[5]).any(), "the padding row starts as zeros"
        ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
        index = np.array([[0, 5, 1], [5, 5, 2]])
        our_y, their_y = ours(minigrad.as_tensor(index)), theirs(torch.as_tensor(index))
        assert_close(our_y, their_y, FLOAT64, "output")
        (our_y * our_y).sum().backward()
        (their_y * their_y).sum().backward()
        assert_close(ours.weight.grad, theirs.weight.grad, FLOAT64, "gradient")
        assert_close(ours.weight, theirs.weight, FLOAT64, "table")
        assert repr(theirs).startswith(repr(ours).rstrip(")"))
    table = np.arange(6.0).reshape(3, 2)
    frozen = nn.Embedding.from_pretrained(minigrad.as_tensor(table))
    assert not frozen.weight.requires_grad
    assert frozen(minigrad.tensor([2])).tolist() == [[4.0, 5.0]]


def test_bilinear_and_cosine_similarity_equal_torchs() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 4, 3))
    theirs = torch.nn.Bilinear(3, 3, 5, dtype=torch.float64)
    ours = nn.Bilinear(3, 3, 5, dtype=minigrad.float64)
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    our_inputs, their_inputs = [minigrad.as_tensor(a) for a in (x, y)], [torch.as_tensor(a) for a in (x, y)]
    assert_close(ours(*our_inputs), theirs(*their_inputs), FLOAT64, "bilinear")
    assert repr(ours) == repr(theirs)
    similar = nn.CosineSimilarity(dim=1)(*our_inputs)
    assert_close(similar, torch.nn.CosineSimilarity(dim=1)(*their_inputs), FLOAT64, "cosine")


def test_transposed_convolution_takes_an_output_size() -> None:
    theirs, ours = torch.nn.ConvTranspose2d(2, 3, 3, stride=3), nn.ConvTranspose2d(2, 3, 3, stride=3)
    for size in ((12, 14), (13, 12)):
        y = ours(minigrad.zeros(1, 2, 4, 4), output_size=size)
        assert y.shape == tuple(theirs(torch.zeros(1, 2, 4, 4), output_size=size).shape)
    with pytest.raises(ValueError, match="valid sizes range"):
        ours(minigrad.zeros(1, 2, 4, 4), output_size=(30, 12))


def test_ctc_loss_module_equals_torchs() -> None:
    x = np.random.default_rng(0).standard_normal((6, 2, 4))
    targets, lengths = np.array([[1, 2], [3, 3]]), ((6, 5), (2, 1))
    ours, theirs = nn.CTCLoss(reduction="sum"), torch.nn.CTCLoss(reduction="sum")
    our_loss = ours(minigrad.as_tensor(x).log_softmax(2), minigrad.as_tensor(targets), *lengths)
    their_loss = theirs(torch.as_tensor(x).log_softmax(2), torch.as_tensor(targets), *lengths)
    assert_close(our_loss, their_loss, FLOAT64, "loss")


MODULE_ERRORS: dict[str, Callable[[Any], Any]] = {
    "groups": lambda m: m.Conv2d(3, 4, 1, groups=2),
    "padding mode": lambda m: m.Conv2d(3, 4, 1, padding_mode="mirror"),
    "padding string": lambda m: m.Conv2d(3, 4, 1, padding="full"),
    "same with stride": lambda m: m.Conv2d(3, 4, 1, padding="same", stride=2),
    "transposed padding mode": lambda m: m.ConvTranspose2d(3, 4, 1, padding_mode="reflect"),
    "padding row": lambda m: m.Embedding(3, 4, padding_idx=3),
    "table": lambda m: m.Embedding(3, 4, _weight=m.Linear(2, 2).weight),
    "dropout": lambda m: m.Dropout2d(1.5),
    "circular padding of a vector": lambda m: m.CircularPad2d(1)(m.Linear(2, 2).weight[0]),
    "eps of 0": lambda m: m.BatchNorm1d(2, eps=0.0)(m.Linear(2, 3).weight),
    "bilinear of nothing": lambda m: m.Bilinear(0, 2, 3),
}


@pytest.mark.parametrize("make", MODULE_ERRORS.values(), ids=MODULE_ERRORS)
def test_bad_module_options_raise_torchs_type_of_error(make: Any) -> None:
    with pytest.raises(Exception) as theirs:
        make(torch.nn)
    with pytest.raises(type(theirs.value)) as ours:
        make(nn)
    assert type(ours.value) is type(theirs.value)


def test_dropout2d_drops_whole_channels_and_keeps_the_mean() -> None:
    minigrad.manual_seed(0)
    y = as_numpy(nn.Dropout2d(0.25)(minigrad.ones(50, 40, 3, 3)))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y == y[:, :, :1, :1]).all()
    assert y.mean() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_modules_equal_torchs(name: str) -> None:
    make, kind = LOSSES[name]
    x, y, z = np.random.default_rng(0).standard_normal((3, 5, 4))
    arrays = {
        "classes": [x, np.array([0, 1, 2, 3, 1])],
        "one": [x],
        "two": [x, y],
        "sign": [x, np.sign(y)],
        "two and sign": [x, y, np.sign(z)],
        "two and row sign": [x, y, np.sign(z[:, 0])],
        "three": [x, y, z],
    }[kind]
    ours, theirs = make(nn), make(torch.nn)
    assert_close(ours(*map(minigrad.from_numpy, arrays)), theirs(*map(torch.from_numpy, arrays)), FLOAT64, name)
    if name == "BCELoss":
        p, t = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y))
        loss = nn.BCELoss(reduction="sum")(minigrad.as_tensor(p), minigrad.as_tensor(t))
        assert_close(loss, torch.nn.BCELoss(reduction="sum")(torch.as_tensor(p), torch.as_tensor(t)), FLOAT64, name)


@pytest.mark.parametrize("bound", [(-2, 2), (-0.1, 0.3), (3, 4), (-0.05, 0.0)], ids=str)
def test_trunc_normal_has_torchs_distribution_and_bounds(bound: tuple[float, float]) -> None:
    minigrad.manual_seed(0)
    torch.manual_seed(0)
    ours = as_numpy(nn.init.trunc_normal_(minigrad.empty(40_000, dtype=minigrad.float64), 0.0, 1.0, *bound))
    theirs = as_numpy(torch.nn.init.trunc_normal_(torch.empty(40_000, dtype=torch.float64), 0.0, 1.0, *bound))
    assert bound[0] <= ours.min()
    assert ours.max() <= bound[1]
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.02 * (bound[1] - bound[0]))


INITIALIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "kaiming_uniform_": lambda init, w: init.kaiming_uniform_(w, nonlinearity="relu"),
    "kaiming_normal_": lambda init, w: init.kaiming_normal_(w, mode="fan_out"),
    "xavier_uniform_": lambda init, w: init.xavier_uniform_(w, gain=2.0),
    "xavier_normal_": lambda init, w: init.xavier_normal_(w),
    "uniform_": lambda init, w: init.uniform_(w, -1, 3),
    "normal_": lambda init, w: init.normal_(w, 1, 2),
    "constant_": lambda init, w: init.constant_(w, 3.0),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_have_torchs_mean_spread_and_bounds(name: str) -> None:
    minigrad.manual_seed(0)
    torch.manual_seed(0)
    ours = as_numpy(INITIALIZERS[name](nn.init, minigrad.empty(64, 32, 3, 3)))
    theirs = as_numpy(INITIALIZERS[name](torch.nn.init, torch.empty(64, 32, 3, 3)))
    for measure in (np.mean, np.std, lambda a: np.quantile(a, 0.999)):
        assert measure(ours) == pytest.approx(measure(theirs), abs=0.15 * max(float(theirs.std()), 1e-6))


#: (library, tensor) to the tensor after an activation in its own memory.
IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda m, x: m.nn.functional.relu(x, inplace=True),
    "relu6": lambda m, x: m.nn.functional.relu6(x, inplace=True),
    "leaky_relu": lambda m, x: m.nn.functional.leaky_relu(x, 0.2, inplace=True),
    "elu": lambda m, x: m.nn.functional.elu(x, 0.7, inplace=True),
    "silu": lambda m, x: m.nn.functional.silu(x, inplace=True),
    "hardswish": lambda m, x: m.nn.functional.hardswish(x, inplace=True),
    "dropout of nothing": lambda m, x: m.nn.functional.dropout(x, 1e-12, True, inplace=True),
    "dropout of everything": lambda m, x: m.nn.functional.dropout(x, 1.0, True, inplace=True),
    "nn.SiLU": lambda m, x: m.nn.SiLU(inplace=True)(x),
    "nn.Hardswish": lambda m, x: m.nn.Hardswish(inplace=True)(x),
}

#: What made the tensor, and what uses it: of some of these the derivative needs the old or the new values.
BEFORE: dict[str, Callable[[Any], Any]] = {
    "w * 2": lambda w: w * 2,
    "exp": lambda w: w.exp(),  # needs its output, which is overwritten
    "w * w": lambda w: w * w,
    "matmul": lambda w: w.reshape(1, -1) @ w.reshape(-1, 1) * w,
}
AFTER: dict[str, Callable[[Any], Any]] = {
    "sum": lambda y: y.sum(),
    "square": lambda y: (y * y).sum(),
    "written to again": lambda y: (y.add_(1) * 2).sum(),
    "add": lambda y: (y + y.detach() * 3).exp().sum(),
}


@pytest.mark.parametrize("after", AFTER.values(), ids=AFTER)
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place_have_torchs_values_and_gradients(name: str, before: Any, after: Any) -> None:
    values = [-2.0, -1.5, -0.7, 0.0, 0.3, 1.5, 3.0, 3.5]  # times 2: at the kinks too

    def run(m: Any, guarded: bool) -> tuple[Any, ...]:
        w = m.tensor(values, dtype=m.float64, requires_grad=True)
        x = before(w).clone() if guarded else before(w)
        y = IN_PLACE[name](m, x)
        kept = y.detach().clone().flatten().tolist()
        after(y.clone() if guarded else y).backward()
        return y is x, kept, w.grad.tolist()

    expected = run(torch, guarded=True)  # clones, so that nothing is overwritten that a derivative needs
    try:
        found = run(minigrad, guarded=False)
    except RuntimeError:
        for m in (minigrad, torch):
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                run(m, guarded=False)
        return
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-12, abs=1e-14)
    assert found[2] == pytest.approx(expected[2], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "silu", "hardswish", "nn.SiLU", "nn.Hardswish"])
def test_integers_are_not_overwritten_with_what_is_left_of_a_fraction(name: str) -> None:
    for m in (minigrad, torch):
        with pytest.raises(NotImplementedError):
            IN_PLACE[name](m, m.tensor([1, 2, -3]))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_dropout_of_integers_is_refused_where_torch_refuses_it(p: float) -> None:
    def call(m: Any) -> Any:
        try:
            return m.nn.functional.dropout(m.tensor([1, 2, -3]), p).tolist()
        except RuntimeError:
            return "refused"

    assert call(minigrad) == call(torch)


NORMS = {
    "BatchNorm1d": (lambda m: m.nn.BatchNorm1d(3), [(0, 3), (0, 3, 4), (2, 3, 0)]),
    "BatchNorm1d cumulative": (lambda m: m.nn.BatchNorm1d(3, momentum=None), [(0, 3)]),
    "BatchNorm1d plain": (lambda m: m.nn.BatchNorm1d(3, affine=False, track_running_stats=False), [(0, 3)]),
    "BatchNorm2d": (lambda m: m.nn.BatchNorm2d(3), [(0, 3, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0)]),
    "InstanceNorm1d": (lambda m: m.nn.InstanceNorm1d(3), [(0, 3, 4), (2, 3, 0), (0, 3, 0)]),
    "InstanceNorm1d tracking": (
        lambda m: m.nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
        [(2, 3, 0)],
    ),
    "InstanceNorm2d": (lambda m: m.nn.InstanceNorm2d(3), [(0, 3, 4, 4), (2, 3, 0, 4)]),
    "GroupNorm": (lambda m: m.nn.GroupNorm(3, 6), [(0, 6), (0, 6, 2, 2)]),
    "LayerNorm": (lambda m: m.nn.LayerNorm(4), [(0, 4), (2, 0, 4)]),
}

#: Layers, and shapes with a dimension of size 0.
EMPTY: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = NORMS | {
    "Linear": (lambda m: m.nn.Linear(4, 3), [(0, 4), (2, 0, 4), (0,)]),
    "Linear of nothing": (lambda m: m.nn.Linear(0, 3), [(2, 0), (0, 0)]),
    "Linear to nothing": (lambda m: m.nn.Linear(3, 0), [(2, 3)]),
    "Conv1d": (lambda m: m.nn.Conv1d(4, 2, 3, padding=1), [(0, 4, 7), (2, 4, 0)]),
    "Conv2d": (lambda m: m.nn.Conv2d(4, 2, 3, stride=2, groups=2), [(0, 4, 7, 7), (2, 4, 0, 7), (4, 0, 7)]),
    "Conv2d circular": (lambda m: m.nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"), [(0, 4, 7, 7)]),
    "ConvTranspose2d": (lambda m: m.nn.ConvTranspose2d(4, 2, 3, 2), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "MaxPool2d": (lambda m: m.nn.MaxPool2d(3, 2, 1), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "AvgPool2d": (lambda m: m.nn.AvgPool2d(3, 2, 1), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "AdaptiveAvgPool2d": (lambda m: m.nn.AdaptiveAvgPool2d(3), [(0, 4, 7, 7), (0, 7, 7), (2, 4, 0, 7)]),
    "AdaptiveAvgPool2d to one": (lambda m: m.nn.AdaptiveAvgPool2d(1), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "AdaptiveMaxPool2d": (lambda m: m.nn.AdaptiveMaxPool2d(3), [(0, 4, 7, 7), (0, 7, 7), (2, 4, 0, 7)]),
    "Upsample": (lambda m: m.nn.Upsample(scale_factor=2, mode="bilinear"), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "Unfold": (lambda m: m.nn.Unfold(2), [(0, 4, 7, 7), (2, 4, 0, 7)]),
    "Flatten": (lambda m: m.nn.Flatten(), [(0, 4, 7), (2, 0, 7)]),
    "Softmax": (lambda m: m.nn.Softmax(1), [(0, 3), (2, 0)]),
    "LogSoftmax": (lambda m: m.nn.LogSoftmax(0), [(0, 3), (2, 0)]),
    "SiLU": (lambda m: m.nn.SiLU(), [(0, 3)]),
    "MSELoss": (lambda m: lambda x: m.nn.MSELoss()(x, x * 2), [(0, 3)]),
    "BCEWithLogitsLoss": (lambda m: lambda x: m.nn.BCEWithLogitsLoss()(x, x * 2), [(0, 3)]),
    "CrossEntropyLoss": (lambda m: lambda x: m.nn.CrossEntropyLoss()(x, m.zeros(0, dtype=m.int64)), [(0, 3)]),
    "CrossEntropyLoss of shares": (lambda m: lambda x: m.nn.CrossEntropyLoss()(x, m.zeros(0, 3)), [(0, 3)]),
    "CrossEntropyLoss summed": (
        lambda m: lambda x: m.nn.CrossEntropyLoss(reduction="sum")(x, m.zeros(0, dtype=m.int64)),
        [(0, 3)],
    ),
    "Embedding": (lambda m: lambda x: m.nn.Embedding(5, 3)(m.zeros(*x.shape, dtype=m.int64)) * x.sum(), [(0,), (0, 3)]),
}


@pytest.mark.filterwarnings("ignore")  # of initial values for no elements
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", EMPTY)
def test_layers_of_nothing_give_torchs_shapes_gradients_and_statistics(name: str, training: bool) -> None:
    make, shapes = EMPTY[name]

    def run(m: Any, shape: tuple[int, ...]) -> Any:
        layer = make(m)
        own = isinstance(layer, m.nn.Module)
        parameters, buffers = ([*layer.train(training).parameters()], [*layer.buffers()]) if own else ([], [])
        x = m.zeros(*shape, requires_grad=True)
        try:
            y = layer(x)
        except (RuntimeError, ValueError) as error:
            return type(error)
        y.sum().backward()
        # The values of parameters are random; a bias is seen in no output without elements.
        shown = [y if 0 in y.shape or y.ndim == 0 else None, x.grad, *(p.grad for p in parameters), *buffers]
        return [None if t is None else (tuple(t.shape), str(t.detach().flatten().tolist())) for t in shown]

    for shape in shapes:
        assert run(minigrad, shape) == run(torch, shape), shape


@pytest.mark.parametrize("dims", [1, 2])
def test_instance_norm_of_no_images_leaves_its_statistics_alone(dims: int) -> None:
    layer = (nn.InstanceNorm1d, nn.InstanceNorm2d)[dims - 1](3, affine=True, track_running_stats=True)
    x = minigrad.zeros(0, 3, *(4,) * dims, requires_grad=True)
    y = layer(x)  # torch 2.13 raises an IndexError
    y.sum().backward()
    assert y.shape == x.grad.shape == x.shape
    assert (layer.running_mean.tolist(), layer.running_var.tolist()) == ([0, 0, 0], [1, 1, 1])
    assert layer.weight.grad.tolist() == layer.bias.grad.tolist() == [0, 0, 0]


def test_exact_initial_values_equal_torchs() -> None:
    for shape, fill in (
        ((3, 4), lambda m, x: m.nn.init.eye_(x)),
        ((6, 2, 3), lambda m, x: m.nn.init.dirac_(x, 2)),
        ((4, 5, 3, 2), lambda m, x: m.nn.init.dirac_(x)),
    ):
        assert_close(fill(minigrad, minigrad.ones(shape)), fill(torch, torch.ones(shape)), FLOAT64, str(shape))
    for fill in (
        lambda m: m.nn.init.eye_(m.zeros(2)),
        lambda m: m.nn.init.dirac_(m.zeros(2, 2)),
        lambda m: m.nn.init.dirac_(m.zeros(3, 2, 2), 2),
        lambda m: m.nn.init.orthogonal_(m.zeros(2)),
        lambda m: m.nn.init.sparse_(m.zeros(2), 0.5),
    ):
        with pytest.raises(ValueError, match="dim"):
            fill(torch)
        with pytest.raises(ValueError, match="dim"):
            fill(minigrad)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3), (4, 4)])
def test_orthogonal_initial_values_have_rows_or_columns_of_one_length_at_right_angles(shape: tuple[int, ...]) -> None:
    filled = as_numpy(nn.init.orthogonal_(minigrad.empty(*shape, dtype=minigrad.float64), gain=3)).reshape(shape[0], -1)
    short = filled if filled.shape[0] <= filled.shape[1] else filled.T
    np.testing.assert_allclose(short @ short.T, 9 * np.eye(len(short)), atol=1e-12)


def test_sparse_initial_values_have_as_many_zeros_in_each_column_as_torchs() -> None:
    filled, theirs = nn.init.sparse_(minigrad.ones(7, 4), 0.3), torch.nn.init.sparse_(torch.ones(7, 4), 0.3)
    assert (as_numpy(filled) == 0).sum(0).tolist() == (theirs.numpy() == 0).sum(0).tolist() == [3] * 4


def test_parameter_lists_and_dicts_behave_as_torchs() -> None:
    found = []
    for m in (minigrad, torch):
        listed = m.nn.ParameterList([m.ones(2), m.nn.Parameter(m.zeros(3))])
        listed.append(m.zeros(1))
        listed += [m.zeros(4)]
        listed[1] = m.nn.Parameter(m.ones(5))
        named = m.nn.ParameterDict({"a": m.ones(2), "b": m.nn.Parameter(m.ones(3))})
        with pytest.raises(KeyError, match="already exists"):
            m.nn.ParameterDict({"keys": m.ones(1)})  # the name of a method
        named.update([("c", m.ones(2))])
        popped = named.pop("a")
        both = m.nn.ModuleDict({"list": listed, "dict": named})
        found.append(
            [
                len(listed),
                [tuple(p.shape) for p in listed],
                [tuple(p.shape) for p in listed[1:]],
                list(named),
                list(named.keys()),
                "b" in named,
                len(named),
                tuple(popped.shape),
                [(name, tuple(p.shape)) for name, p in both.named_parameters()],
                [type(p).__name__ for p in listed],
                named.get("z"),
                len(named | named),
            ]
        )
        with pytest.raises(IndexError):
            listed[9]
        with pytest.raises(AttributeError):
            named["z"]
        with pytest.raises(TypeError):
            listed.extend(3)
        with pytest.raises(RuntimeError):
            listed(1)
    assert found[0] == found[1]
