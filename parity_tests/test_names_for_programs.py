"""What only programs for torch need gives torch's values and gradients: composed operations, layers, weights."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad.as_torch import layers
from minigrad.as_torch.composed import FUNCTIONS
from minigrad.as_torch.modules import get_buffer, get_parameter, get_submodule
from minigrad.as_torch.torch import sparse
from minigrad.as_torch.torch.nn import utils
from minigrad.testing import assert_parity
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

OURS = SimpleNamespace(**{name: getattr(minigrad, name) for name in ("tensor", "float64", "long")}, **FUNCTIONS)
_random = np.random.default_rng(0)
A, B, C, V = (torch.from_numpy(_random.standard_normal(shape)) for shape in ((3, 4), (3, 4), (4, 3), (4,)))
CUBES = [torch.from_numpy(_random.standard_normal(shape)) for shape in ((2, 3, 4), (2, 4, 3))]
NAN = torch.tensor([[1.0, float("nan"), 2.0], [0.0, -1.0, float("nan")]], dtype=torch.float64)

CASES: dict[str, tuple[Any, ...]] = {
    "clamp_min": (lambda m, x: m.clamp_min(x, 0.2), A),
    "clamp_max": (lambda m, x: m.clamp_max(x, 0.2), A),
    "copysign": (lambda m, x, y: (m.copysign(x, y.detach()), m.copysign(x, -2.0)), A, B),
    "degrees": (lambda m, x: m.deg2rad(x) + m.rad2deg(x), A),
    "erfc": (lambda m, x: m.erfc(x), A),
    "erfinv": (lambda m, x: m.erfinv(x.tanh() * 0.99), A),
    "frac": (lambda m, x: m.frac(x), A),
    "hypot": (lambda m, x, y: m.hypot(x, y), A, B),
    "logaddexp": (lambda m, x, y: m.logaddexp(x, y), A, V),
    "logit": (lambda m, x: (m.logit(x.sigmoid()), m.logit(x, 0.1)), A),
    "xlogy": (lambda m, x, y: m.xlogy(x * (x > 0), y.abs() + 1), A, B),
    "sinc": (lambda m, x: m.sinc(x * (x > 0)), A),
    "float_power": (lambda m, x: m.float_power(x, 2), A),
    "heaviside": (lambda m, x: m.heaviside(x.detach() * (x > 0), m.tensor(0.5, dtype=m.float64)), A),
    "aminmax": (lambda m, x: (*m.aminmax(x), *m.aminmax(x, dim=1)), A),
    "argwhere": (lambda m, x: m.argwhere(x > 0), A),
    "bucketize": (lambda m, x, v: (m.bucketize(x, v.sort()[0]), m.bucketize(v, v.sort()[0], right=True)), A, V),
    "searchsorted": (lambda m, x, y: m.searchsorted(x.sort(-1)[0], y, right=True), A, B),
    "count_nonzero": (lambda m, x: (m.count_nonzero(x > 0), m.count_nonzero(x > 0, 1)), A),
    "histc": (lambda m, x: (m.histc(x.detach(), 5), m.histc(x.detach(), 4, -1, 1)), A),
    "histogram": (lambda m, x: (*m.histogram(x.detach(), 5), *m.histogram(x.detach(), 4, range=(-1.0, 1.0))), A),
    "isin": (lambda m, x: m.isin(m.tensor([1, 2, 3]), m.tensor([3, 1])), A),
    "nansum": (lambda m, x: (m.nansum(x), m.nansum(x, 1), m.nanmean(x, 0)), NAN),
    "quantile": (lambda m, x: (m.quantile(x, 0.3), m.quantile(x, m.tensor([0.1, 0.9], dtype=m.float64), 1, True)), A),
    "atleast": (lambda m, x: (m.atleast_1d(x.sum()), m.atleast_2d(x[0]), *m.atleast_3d(x, x[0])), A),
    "stacks": (
        lambda m, x, y, v: (
            m.vstack([x, v]),
            m.hstack([x, y]),
            m.hstack([v, v]),
            m.dstack([x, y]),
            m.row_stack([v, v]),
        ),
        A,
        B,
        V,
    ),
    "column_stack": (lambda m, v, y: m.column_stack([v, y]), V, C),
    "block_diag": (lambda m, x, v: m.block_diag(x, v), A, V),
    "broadcast_tensors": (lambda m, x, v: m.broadcast_tensors(x, v), A, V),
    "cartesian_prod": (lambda m, x, v: m.cartesian_prod(x[0], v), A, V),
    "combinations": (lambda m, v: (m.combinations(v), m.combinations(v, 3, True)), V),
    "turns": (
        lambda m, x: (m.fliplr(x), m.flipud(x), *(m.rot90(x, k) for k in (-1, 2, 5)), m.rot90(x, 1, (1, 0))),
        A,
    ),
    "tensor_split": (lambda m, x: (*m.tensor_split(x, 3, 1), *m.tensor_split(x, [1, 3], -1)), A),
    "triangles": (lambda m, x: (m.tril_indices(3, 4, 1), m.triu_indices(4, 3, -1)), A),
    "take": (lambda m, x: m.take(x, m.tensor([[0, 5], [-1, 5]])), A),
    "addmv": (lambda m, x, v: m.addmv(x[:, 0], x, v, beta=0.5, alpha=2), A, V),
    "addr": (lambda m, x, v: m.addr(x, x[:, 0], v, alpha=2), A, V),
    "baddbmm": (lambda m, x, y, z: (m.baddbmm(x[:, :, :3], x, y, alpha=2), m.addbmm(z[:, :3], x, y)), *CUBES, A),
    "chain_matmul": (lambda m, x, y: m.chain_matmul(x, y, x), A, C),
    "cross": (lambda m, x, y: (m.cross(x, y, dim=0), m.cross(x.T, y.T, dim=-1)), A, B),
    "dist": (lambda m, x, y: (m.dist(x, y), m.dist(x, y, 1)), A, B),
    "cdist": (lambda m, x, y: (m.cdist(x, y[:2]), m.cdist(x, y, p=1.0)), A, B),
    "matrix_exp": (lambda m, x, y: (m.matrix_exp(9 * x @ y), m.matrix_exp((x @ y).expand(2, -1, -1))), A, C),
    "inner": (lambda m, x, y, v: (m.inner(x, y), m.inner(v, v), m.inner(x, v)), A, B, V),
    "kron": (lambda m, x, y, v: (m.kron(x, y), m.kron(v, x)), A, C, V),
    "matrix_power": (lambda m, x: (m.matrix_power(x[:, :3], 3), m.matrix_power(x[:, :3].detach(), 0)), A),
    "trapezoid": (lambda m, x, v: (m.trapezoid(x), m.trapz(x, dx=0.5, dim=0), m.trapezoid(x, v)), A, V),
    "logspace": (lambda m, x: m.logspace(0, 2, 5, dtype=m.float64), A),
}


@pytest.mark.parametrize("name", CASES)
def test_a_composed_operation_has_torchs_values_and_gradients(name: str) -> None:
    call, *tensors = CASES[name]

    def flat(m: Any, *given: Any) -> Any:
        result = call(m, *given)
        return tuple(result) if isinstance(result, list | tuple) else result

    grad = [t.clone().requires_grad_(True) for t in tensors]
    assert_parity(lambda *x: flat(OURS, *x), lambda *x: flat(torch, *x), *grad, second_gradient=False)


LAYERS: dict[str, tuple[Any, ...]] = {
    "Unflatten": (lambda n, x, y: n.Unflatten(1, (2, 2))(x), A, B),
    "UpsamplingNearest2d": (lambda n, x, y: n.UpsamplingNearest2d(scale_factor=2)(x[None, None]), A, B),
    "UpsamplingBilinear2d": (lambda n, x, y: n.UpsamplingBilinear2d((5, 7))(x[None, None]), A, B),
    "PairwiseDistance": (lambda n, x, y: (n.PairwiseDistance()(x, y), n.PairwiseDistance(1, keepdim=True)(x, y)), A, B),
    "SoftMarginLoss": (
        lambda n, x, y: (n.SoftMarginLoss()(x, y.detach()), n.SoftMarginLoss(reduction="sum")(x, y.detach())),
        A,
        B,
    ),
    "GaussianNLLLoss": (
        lambda n, x, y: (n.GaussianNLLLoss()(x, y, y.exp()), n.GaussianNLLLoss(full=True, eps=0.5)(x, y, y.exp())),
        A,
        B,
    ),
    "PoissonNLLLoss": (
        lambda n, x, y: (n.PoissonNLLLoss()(x, y), n.PoissonNLLLoss(False, full=True)(x.exp(), 2 * y.exp())),
        A,
        B.detach(),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_composed_layer_has_torchs_values_and_gradients(name: str) -> None:
    call, x, y = LAYERS[name]
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_(name != "PoissonNLLLoss")
    assert_parity(lambda *t: call(layers, *t), lambda *t: call(torch.nn, *t), x, y, second_gradient=False)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_a_weight_computed_before_each_pass_follows_torchs(kind: str) -> None:
    theirs, ours = torch.nn.Conv2d(2, 3, 2).double(), minigrad.nn.Conv2d(2, 3, 2).double()
    x = _random.standard_normal((1, 2, 4, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both are deprecated
        getattr(torch.nn.utils, kind)(theirs)
    getattr(utils, kind)(ours)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict({k: minigrad.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    for _ in range(3):
        for model, engine in ((theirs, torch), (ours, minigrad)):
            model.zero_grad()
            model(engine.from_numpy(x)).square().sum().backward()
    for name, value in theirs.named_parameters():
        assert_close(get_parameter(ours, name).grad.numpy(), value.grad.numpy(), FLOAT64, name)
    for name, value in theirs.named_buffers():
        assert_close(get_buffer(ours, name).numpy(), value.numpy(), FLOAT64, name)
    again = getattr(utils, kind)(minigrad.nn.Linear(2, 2))
    before = {name: value.clone() for name, value in again.state_dict().items()}
    assert again.weight.allclose(before.get("weight_orig", before.get("weight_v")))  # until the first pass
    again.eval()(minigrad.ones(1, 2))
    assert all(value.equal(before[name]) for name, value in again.state_dict().items())
    removed = getattr(utils, f"remove_{kind}")(ours)
    assert sorted(removed.state_dict()) == ["bias", "weight"]
    assert isinstance(removed.weight, minigrad.nn.Parameter)


def test_the_vectors_of_a_spectral_norm_start_at_random() -> None:
    layer = minigrad.nn.Linear(2, 3)
    minigrad.manual_seed(0)
    u = minigrad.nn.functional.normalize(minigrad.empty(3).normal_(), dim=0)
    minigrad.manual_seed(0)
    assert utils.spectral_norm(layer).weight_u.allclose(u)


def test_a_sparse_matrix_is_a_dense_one() -> None:
    index, values = [[0, 1, 1], [2, 0, 0]], [1.0, 2.0, 3.0]
    theirs = torch.sparse_coo_tensor(index, values, (2, 3)).to_dense().numpy()
    x = minigrad.tensor(values, requires_grad=True)
    ours = sparse.sparse_coo_tensor(index, x, (2, 3))
    assert ours.tolist() == theirs.tolist() == sparse.FloatTensor(index, x).tolist()
    sparse.mm(ours, minigrad.ones(3, 1)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_a_path_of_names_leads_to_a_module_a_parameter_or_nothing() -> None:
    model = minigrad.nn.Sequential(minigrad.nn.Sequential(minigrad.nn.Linear(2, 1)))
    assert get_submodule(model, "0.0") is model[0][0]
    assert get_submodule(model, "") is model
    assert get_parameter(model, "0.0.bias") is model[0][0].bias
    with pytest.raises(AttributeError, match="Sequential has no module '1'; it has 0"):
        get_submodule(model, "0.1")
    with pytest.raises(AttributeError, match=r"has no buffer '0\.0\.mean'"):
        get_buffer(model, "0.0.mean")
