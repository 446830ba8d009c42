"""Every sample and every error of torch's own database of modules (``ModuleInfo``), for the modules minigrad has."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import autograd, nn
from minigrad.nn import functional as F
from minigrad.testing.close import as_numpy
from minigrad.testing.parity import flat_outputs
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64
from parity_tests.torch_database import convert, rebuilt, sample_quickly, tensors_in


@functools.cache
def _database() -> dict[str, Any]:
    from torch.testing._internal.common_modules import module_db

    sample_quickly()
    return {info.name.removeprefix("nn."): info for info in module_db}


NAMES = sorted(name for name, item in vars(nn).items() if inspect.isclass(item) and name in _database())


class _Twins:
    """minigrad's tensor for each of torch's, the same one each time."""

    def __init__(self) -> None:
        self.known: dict[int, Any] = {}

    def of(self, tensor: torch.Tensor) -> Any:
        if id(tensor) not in self.known:
            copy = minigrad.as_tensor(as_numpy(tensor).copy()).requires_grad_(tensor.requires_grad)
            self.known[id(tensor)] = copy
        return self.known[id(tensor)]

    def other(self, value: Any) -> Any:
        """Return an argument that is no tensor, as minigrad takes it."""
        if isinstance(value, torch.nn.TransformerEncoderLayer):
            return _twin_of_layer(value)
        if inspect.isroutine(value):  # an activation
            return getattr(F, value.__name__)
        return convert(value)

    def arguments(self, given: Any) -> tuple[Any, Any]:
        """Return the positional and keyword arguments of a call."""
        tensors = iter([self.of(t) for t in tensors_in((given.args, given.kwargs))])
        return rebuilt(given.args, tensors, self.other), rebuilt(given.kwargs, tensors, self.other)


def _twin_of_layer(layer: torch.nn.TransformerEncoderLayer) -> nn.TransformerEncoderLayer:
    attention = layer.self_attn
    return nn.TransformerEncoderLayer(
        attention.embed_dim,
        attention.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        getattr(F, layer.activation.__name__),
        layer.norm1.eps,
        attention.batch_first,
        layer.norm_first,
        layer.linear1.bias is not None,
    )


def _samples(name: str, function: str, training: bool) -> Any:
    info = _database()[name]
    make = getattr(info, function)
    if make is None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grad = function == "module_inputs_func"
        with torch.device("cpu"):
            return make(info, device="cpu", dtype=torch.float64, requires_grad=grad, training=training)


@pytest.mark.device
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_every_sample_of_torchs_own_has_torchs_output_and_gradients(name: str, training: bool) -> None:
    for i, sample in enumerate(_samples(name, "module_inputs_func", training)):
        made, called = sample.constructor_input, sample.forward_input
        if called is None or made.kwargs.get("proj_size"):  # projections are refused by name
            continue
        theirs = _database()[name].module_cls(*made.args, **made.kwargs).double().train(training)
        where = torch.get_default_device()
        theirs.to(where)
        if isinstance(theirs, torch.nn.modules.lazy.LazyModuleMixin):
            theirs(*called.args, **called.kwargs)
        twins = _Twins()
        args, kwargs = twins.arguments(made)
        ours = getattr(nn, name)(*args, **kwargs).double().train(training)
        ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
        args, kwargs = twins.arguments(called)
        moved = iter([t.to(where) for t in tensors_in((called.args, called.kwargs))])
        their_args, their_kwargs = rebuilt(called.args, moved), rebuilt(called.kwargs, moved)
        outputs, expected = flat_outputs(ours(*args, **kwargs)), flat_outputs(theirs(*their_args, **their_kwargs))
        where = f"sample {i}: {made}, {sample.desc}"
        for a, b in zip(outputs, expected, strict=True):
            assert_close(a, b, FLOAT64, where)
        inputs = [t for t in tensors_in((called.args, called.kwargs)) if t.requires_grad]
        roots = [j for j, y in enumerate(expected) if y.requires_grad]
        wanted = [*inputs, *theirs.parameters()]
        if not roots or not wanted:
            continue
        cotangents = [np.random.default_rng(j).standard_normal(expected[j].shape) for j in roots]
        our_gradients = autograd.grad(
            [outputs[j] for j in roots],
            [*(twins.of(t) for t in inputs), *ours.parameters()],
            [minigrad.as_tensor(np.asarray(v)) for v in cotangents],
            allow_unused=True,
            materialize_grads=True,
        )
        their_gradients = torch.autograd.grad(
            [expected[j] for j in roots],
            wanted,
            [torch.as_tensor(np.asarray(v)) for v in cotangents],
            allow_unused=True,
            materialize_grads=True,
        )
        for a, b in zip(our_gradients, their_gradients, strict=True):
            assert_close(a, b, FLOAT64, f"gradient, {where}")


@pytest.mark.parametrize("name", NAMES)
def test_every_error_of_torchs_own_is_an_error_of_the_same_type(name: str) -> None:
    for case in _samples(name, "module_error_inputs_func", True):
        sample = case.module_error_input
        with pytest.raises(case.error_type) as ours:
            _make_and_call(getattr(nn, name), sample)
        assert type(ours.value) is case.error_type
        assert len(str(ours.value)) > 15, "the message must say what was wrong"


def _make_and_call(module: Any, sample: Any) -> None:
    twins = _Twins()
    args, kwargs = twins.arguments(sample.constructor_input)
    made = module(*args, **kwargs)
    if sample.forward_input is not None:
        args, kwargs = twins.arguments(sample.forward_input)
        made(*args, **kwargs)
