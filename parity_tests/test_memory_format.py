"""Memory formats: strides and ``is_contiguous`` are torch's; the layers' weights lie channels last."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import minigrad

SHAPES = [(2, 3, 4, 5), (1, 3, 4, 5), (2, 1, 4, 5), (2, 3, 1, 1), (2, 3, 4), (6,)]
FORMATS = ["contiguous_format", "channels_last", "preserve_format"]
LIKE = ["empty_like", "zeros_like", "ones_like", "rand_like", "randn_like"]


def outcome(m: Any, call: Callable[[Any, Any, Any], Any], x: Any, format: str) -> Any:
    """Return the strides of a tensor's dimensions of several elements, any other result itself, or an error's type."""
    try:
        result = call(m, x, getattr(m, format))
    except (RuntimeError, TypeError) as error:
        return type(error).__name__
    if not hasattr(result, "stride"):
        return result
    return list(result.shape), [step for step, n in zip(result.stride(), result.shape, strict=True) if n > 1]


def starts(m: Any, shape: tuple[int, ...]) -> list[Any]:
    """Return tensors of a shape in several memory orders."""
    x = m.zeros(shape)
    found = [x, m.zeros(shape[::-1]).permute(*range(len(shape) - 1, -1, -1))]
    if len(shape) == 4:
        n, c, h, w = shape
        found += [m.zeros(n, h, w, c).permute(0, 3, 1, 2), m.zeros(n, h, w, 2 * c).permute(0, 3, 1, 2)[:, ::2]]
    return found


def _call_like(name: str, m: Any, x: Any, format: Any) -> Any:
    return getattr(m, name)(x, memory_format=format)


CALLS: list[Callable[[Any, Any, Any], Any]] = [
    lambda m, x, f: x.is_contiguous(memory_format=f),
    lambda m, x, f: x.contiguous(memory_format=f),
    lambda m, x, f: x.clone(memory_format=f),
    lambda m, x, f: m.clone(x, memory_format=f),
    lambda m, x, f: x.to(m.float64, memory_format=f),
    lambda m, x, f: x.double(memory_format=f).is_contiguous(memory_format=f),
    lambda m, x, f: m.full_like(x, 2.0, memory_format=f),
    lambda m, x, f: m.empty(x.shape, memory_format=f),
    *[partial(_call_like, name) for name in LIKE],
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_strides_are_torchs(shape: tuple[int, ...], format: str, call: Callable[[Any, Any, Any], Any]) -> None:
    for ours, theirs in zip(starts(minigrad, shape), starts(torch, shape), strict=True):
        assert outcome(minigrad, call, ours, format) == outcome(torch, call, theirs, format)


def test_a_format_is_one_object_with_torchs_name() -> None:
    for name in [*FORMATS, "channels_last_3d"]:
        format = getattr(minigrad, name)
        assert copy.deepcopy(format) is format
        assert pickle.loads(pickle.dumps(format)) is format
        assert isinstance(format, minigrad.memory_format)
        assert repr(format).removeprefix("minigrad.") == repr(getattr(torch, name)).removeprefix("torch.")


@pytest.mark.parametrize("format", ["channels_last", None, 3])
def test_what_is_no_memory_format_is_refused(format: Any) -> None:
    for m in (minigrad, torch):
        with pytest.raises(TypeError, match="memory_format"):
            m.ones(1, 2, 2, 2).is_contiguous(memory_format=format)


def test_a_model_is_converted_to_a_format_in_both_libraries() -> None:
    for format in ("channels_last", "contiguous_format"):
        strides = []
        for m in (minigrad, torch):
            model = m.nn.Sequential(m.nn.Conv2d(3, 4, 3), m.nn.BatchNorm2d(4), m.nn.Flatten(), m.nn.Linear(4, 2))
            model(m.ones(2, 3, 3, 3)).sum().backward()
            assert model.to(memory_format=getattr(m, format)) is model
            strides.append([[p.stride(), p.grad.stride()] for p in model.parameters()])
        assert strides[0] == strides[1]


def kernels(channels: int = 5) -> list[Any]:
    return [
        minigrad.nn.Conv2d(3, channels, (3, 2)).weight,
        minigrad.nn.Conv1d(3, channels, 3).weight,
        minigrad.nn.ConvTranspose2d(3, channels, 3).weight,
    ]


def lies_channels_last(x: Any) -> bool:
    return bool(np.moveaxis(x.array, 1, -1).flags.c_contiguous) and not x.is_contiguous()


def test_weights_of_convolutions_keep_their_memory_order() -> None:
    for weight in kernels():
        optimizer = minigrad.optim.Adam([weight])
        (weight * weight).sum().backward()
        optimizer.step()
        weight.grad.zero_()
        state = optimizer.state[weight]
        optimizer.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
        restored = optimizer.state[weight]
        for x in (
            weight, weight.grad, state["exp_avg"], restored["exp_avg_sq"], weight.clone(), copy.deepcopy(weight),
            pickle.loads(pickle.dumps(weight)), weight.double(), weight.detach() * 2, minigrad.zeros_like(weight),
        ):  # fmt: skip
            assert lies_channels_last(x)
            assert x.shape == weight.shape


def test_initial_weights_are_the_same_numbers_in_any_memory_order() -> None:
    for fill in (minigrad.nn.init.kaiming_normal_, minigrad.nn.init.uniform_, minigrad.nn.init.trunc_normal_):
        for weight in kernels():
            plain = minigrad.empty(weight.shape)
            minigrad.manual_seed(1)
            fill(weight)
            minigrad.manual_seed(1)
            fill(plain)
            assert lies_channels_last(weight)
            assert np.array_equal(plain.array, weight.array)


def test_a_loaded_state_dict_keeps_the_order_and_a_saved_file_is_torchs(tmp_path: Any) -> None:
    from safetensors.torch import load_file

    ours, theirs = minigrad.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 4, 3)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    assert lies_channels_last(ours.weight)
    minigrad.checkpoint.save(tmp_path / "weights.safetensors", ours.state_dict())
    saved = load_file(tmp_path / "weights.safetensors")
    assert saved["weight"].is_contiguous()
    assert torch.equal(saved["weight"], theirs.weight)
    file = io.BytesIO()
    pickle.dump(ours, file)
    assert np.array_equal(pickle.loads(file.getvalue()).weight.array, ours.weight.array)


# --- view: torch's programs call it, because torch's tensors are row-major unless one asks otherwise ---


def feature_maps(*shape: int) -> Any:
    x = minigrad.arange(float(np.prod(shape))).reshape(shape)
    return x.to(memory_format=minigrad.channels_last)


def test_a_view_of_feature_maps_holds_the_elements_in_logical_order() -> None:
    x = feature_maps(2, 6, 2, 2)
    for y in (x, x[0], x[1:], x.sum(2), x.view(2, 3, 2, 2, 2)):
        assert y.view(-1).tolist() == y.reshape(-1).tolist()
    x.requires_grad_()
    (x.view(2, -1) ** 2).sum().backward()
    assert np.array_equal(x.grad.array, 2 * x.array)


def test_a_write_to_a_view_that_shares_no_memory_reaches_its_base() -> None:
    writes: list[Callable[[Any], Any]] = [
        lambda v: v.add_(1),
        lambda v: v.zero_(),
        lambda v: v[0].fill_(2),
        lambda v: v.view(-1).mul_(2),
        lambda v: v.relu_(),
    ]
    for write in writes:
        x = feature_maps(2, 3, 2, 2)
        theirs = torch.tensor(x.contiguous().numpy())
        write(x.view(2, -1))
        write(theirs.view(2, -1))
        assert x.tolist() == theirs.tolist()
    with pytest.raises(ValueError, match="read-only"):
        x.view(2, -1).numpy().fill(1)


def test_a_view_that_shares_no_memory_shows_what_is_written_to_its_base() -> None:
    writes: list[Callable[[Any], Any]] = [lambda x: x.zero_(), lambda x: x[0].add_(1), lambda x: x.detach().mul_(2)]
    for write in writes:
        x = feature_maps(2, 3, 2, 2)
        view = x.view(2, -1)
        part = view[0]
        write(x)
        expected = x.contiguous().view(2, -1).tolist()
        assert (view + 0).tolist() == view.numpy().tolist() == view.tolist() == expected
        assert (part + 0).tolist() == part.numpy().tolist() == part.tolist() == expected[0]


def test_views_are_refused_where_torchs_are_unless_channels_lie_last() -> None:
    for m in (minigrad, torch):
        for x in (m.ones(2, 3).t(), m.ones(2, 3, 4, 5).transpose(1, 2), m.ones(2, 3, 4).permute(2, 1, 0)):
            with pytest.raises(RuntimeError, match="view"):
                x.view(-1)
