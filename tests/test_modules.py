"""Modules: names, state, errors, modes."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest

import minigrad
from inception import inception_v3
from inception.model import InceptionOutputs
from minigrad import nn
from minigrad.nn import functional as F


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 3)

    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))


def test_importing_minigrad_needs_numpy_and_nothing_else() -> None:
    code = (
        "import sys, minigrad; print(sorted(m for m in ('torch', 'cupy', 'numba', 'PIL', 'matplotlib', 'safetensors', "
        "'tqdm') if m in sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_state_dict_shares_memory_and_loads_back() -> None:
    one, two = Net(), Net()
    state = one.state_dict()
    assert np.may_share_memory(state["conv.weight"].array, one.conv.weight.array)
    result = two.load_state_dict(state)
    assert repr(result) == "<All keys matched successfully>"
    assert two.fc.weight.tolist() == one.fc.weight.tolist()


def test_loading_another_architecture_names_the_keys_and_changes_nothing() -> None:
    net = Net()
    before = net.conv.weight.tolist()
    state = dict(Net().state_dict())
    del state["fc.bias"]
    state["head.weight"] = minigrad.zeros(1)
    state["fc.weight"] = minigrad.zeros(4, 2)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    text = str(error.value)
    for part in ('Missing key(s) in state_dict: "fc.bias"', 'Unexpected key(s) in state_dict: "head.weight"'):
        assert part in text
    assert "size mismatch for fc.weight: copying a param with shape [4, 2]" in text
    assert net.conv.weight.tolist() == before
    del state["fc.weight"]
    assert net.load_state_dict(state, strict=False).missing_keys == ["fc.weight", "fc.bias"]


def test_train_and_eval_reach_every_module() -> None:
    net = nn.Sequential(Net(), nn.Dropout(0.5))
    assert all(not module.training for module in net.eval().modules())
    assert all(module.training for module in net.train().modules())


def test_names_follow_the_tree_and_shared_parameters_count_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.Linear(2, 2)]))
    net[1][0].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.0.bias"]
    assert [name for name, _ in net.named_modules()] == ["", "0", "1", "1.0"]


def test_a_child_with_a_train_of_its_own_stays_frozen() -> None:
    class Frozen(nn.BatchNorm2d):
        def train(self, mode: bool = True) -> Frozen:
            return super().train(False)

    net = nn.Sequential(nn.Conv2d(1, 2, 1), Frozen(2)).train()
    assert [module.training for module in net.modules()] == [True, True, False]
    net(minigrad.randn(4, 1, 3, 3))
    assert net[1].running_mean.tolist() == [0, 0]


def test_what_is_replaced_keeps_its_place() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net[0].weight = nn.Parameter(minigrad.zeros(2, 2))
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    setattr(net, "0", nn.Identity())
    assert [type(layer).__name__ for layer in net] == ["Identity", "ReLU"]
    assert net(minigrad.tensor([-1.0])).tolist() == [0.0]


def test_a_shared_layer_is_in_the_state_under_each_of_its_names() -> None:
    def shared() -> nn.Module:
        net = nn.Module()
        net.encoder = nn.Linear(2, 2)
        net.decoder = net.encoder
        return net

    one, two = shared(), shared()
    assert list(one.state_dict()) == ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"]
    assert two.load_state_dict(one.state_dict()).missing_keys == []
    assert two.encoder.weight.tolist() == one.encoder.weight.tolist()
    assert len(list(one.children())) == 1


def test_the_setter_of_a_property_runs() -> None:
    class Scaled(nn.Module):
        @property
        def scale(self) -> float:
            return float(self._scale)

        @scale.setter
        def scale(self, value: float) -> None:
            self._scale = 2 * value

    module = Scaled()
    module.scale = 3
    assert module.scale == 6


def test_a_deep_copy_leaves_the_gradients_behind() -> None:
    net = nn.Linear(2, 1)
    net(minigrad.ones(1, 2)).sum().backward()
    copied = copy.deepcopy(net)
    assert copied.weight.grad is None
    assert copied.weight.tolist() == net.weight.tolist()
    assert copied.weight.requires_grad
    assert net.weight.grad.tolist() == [[1, 1]]


@pytest.mark.parametrize("layer", [nn.SiLU, nn.Hardswish, nn.ReLU, nn.ReLU6, nn.ELU, nn.LeakyReLU])
def test_an_activation_in_place_trains_as_one_out_of_place(layer: type[nn.Module]) -> None:
    gradients = []
    for in_place in (False, True):
        x = minigrad.tensor([[-4.0, -1.0, 0.5, 2.0, 7.0]], requires_grad=True)
        hidden = x * x * x
        y = layer(inplace=in_place)(hidden)  # type: ignore[call-arg]
        assert (y is hidden) == in_place
        (y * y).sum().backward()
        gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize(("layer", "shape"), [(nn.BatchNorm1d, (0, 2)), (nn.BatchNorm2d, (0, 2, 3, 3))])
def test_a_batch_of_nothing_leaves_the_running_statistics_alone(layer: type, shape: tuple[int, ...]) -> None:
    norm = layer(2)
    y = norm(minigrad.ones(*shape, requires_grad=True))
    y.sum().backward()
    assert y.shape == shape
    assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0, 0], [1, 1])
    assert norm.num_batches_tracked.item() == 1
    assert norm.weight.grad.tolist() == [0, 0]


def test_attributes_are_checked() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"nn\.Parameter or None expected"):
        net.fc.weight = minigrad.zeros(3, 2)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = net.nothing

    class NoInit(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__"):
        NoInit()


def test_to_changes_the_dtype_of_floating_state_only() -> None:
    net = Net().double()
    assert net.conv.weight.dtype == net.bn.running_mean.dtype == minigrad.float64
    assert net.bn.num_batches_tracked.dtype == minigrad.int64


def test_dropout_scales_what_it_keeps_and_follows_the_seed() -> None:
    x = minigrad.ones(10_000)
    minigrad.manual_seed(1)
    first = F.dropout(x, 0.25).numpy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert first.mean() == pytest.approx(1, abs=0.03)
    minigrad.manual_seed(1)
    assert np.array_equal(F.dropout(x, 0.25).numpy(), first)
    assert F.dropout(x, 0.25, training=False) is x


# --- Inception V3 ---


def test_initial_weights_are_the_papers() -> None:
    model = inception_v3().requires_grad_(False)
    weights = model.Mixed_6b.branch1x1.conv.weight.numpy()
    assert weights.std() == pytest.approx(0.1, rel=0.02)
    assert model.AuxLogits.conv1.conv.weight.numpy().std() == pytest.approx(0.1, rel=0.02)  # torchvision's quirk
    assert model.AuxLogits.fc.weight.numpy().std() == pytest.approx(0.001, rel=0.02)
    assert set(np.unique(model.Conv2d_1a_3x3.bn.weight.numpy())) == {1.0}


def test_outputs_are_a_named_pair_in_training_and_a_tensor_in_evaluation() -> None:
    model = inception_v3(num_classes=3)
    x = minigrad.randn(2, 3, 299, 299)
    with minigrad.no_grad():
        outputs = model(x)
        assert isinstance(outputs, InceptionOutputs)
        assert outputs.logits.shape == outputs.aux_logits.shape == (2, 3)
        assert model.eval()(x).shape == (2, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 74, 75), "74 x 75 are too small.*at least 75"),
        ((2, 1, 75, 75), r"expected images of shape \(N, 3, height, width\), got \[2, 1, 75, 75\]"),
        ((3, 75, 75), "expected images of shape"),
    ],
)
def test_unfit_images_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inception_v3(aux_logits=False, init_weights=False)(minigrad.zeros(*shape))


def test_aux_head_on_a_small_map_is_refused() -> None:
    with pytest.raises(RuntimeError, match="at least 17 x 17 and got 3 x 3"), minigrad.no_grad():
        inception_v3(init_weights=False)(minigrad.zeros(2, 3, 75, 75))


def test_integers_for_floats_and_mixed_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="should be the same"):
        nn.Conv2d(3, 4, 3)(minigrad.zeros(1, 3, 8, 8, dtype=minigrad.int64))
    with pytest.raises(RuntimeError, match="not available"):
        minigrad.zeros(2).to("gpu")


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_with_relu_is_the_relu_of_batch_norm(training: bool) -> None:
    fused, plain = nn.BatchNormReLU2d(3, momentum=0.3), nn.BatchNorm2d(3, momentum=0.3)
    plain.load_state_dict(fused.state_dict())
    outputs, inputs, seen = [], [], []
    fused.register_forward_hook(lambda module, args, output: seen.append(output))
    for module in (fused.train(training), plain.train(training)):
        inputs.append(x := minigrad.randn(4, 3, 5, 2, generator=minigrad.Generator().manual_seed(0)).requires_grad_())
        outputs.append(y := module(x) if module is fused else module(x).relu())
        (y * y).sum().backward()
    np.testing.assert_array_equal(outputs[0].detach(), outputs[1].detach())
    assert seen[0] is outputs[0], "a hook sees the result of the ReLU"
    np.testing.assert_allclose(inputs[0].grad.numpy(), inputs[1].grad.numpy(), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(fused.parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(fused.buffers(), plain.buffers(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
