"""Modules whose parts are replaced, removed, shared, sliced, copied: the same calls in both libraries."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch

import minigrad
from minigrad.nn import averaging

LIBRARIES = (minigrad, torch)


class Pair(NamedTuple):
    """Two tensors."""

    first: Any
    second: Any


def outcome(call: Callable[[Any], Any], library: Any) -> Any:
    """Return the result of a call, or the type of its exception."""
    try:
        return call(library)
    except Exception as error:
        return AttributeError if isinstance(error, AttributeError) else type(error)


def layout(module: Any) -> dict[str, Any]:
    """Everything that has a name in a module, in order."""
    return {
        "parameters": [name for name, _ in module.named_parameters()],
        "buffers": [name for name, _ in module.named_buffers()],
        "children": [(name, type(child).__name__) for name, child in module.named_children()],
        "modules": [name for name, _ in module.named_modules()],
        "state": list(module.state_dict()),
    }


def a_norm(m: Any) -> Any:
    """A module with something of every kind: parameters, buffers, a plain attribute ``eps``, a submodule ``sub``."""
    module = m.nn.BatchNorm1d(2)
    module.sub = m.nn.Tanh()
    return module


#: What is assigned or registered, by kind.
VALUES: dict[str, Callable[[Any], Any]] = {
    "None": lambda m: None,
    "parameter": lambda m: m.nn.Parameter(m.zeros(2)),
    "module": lambda m: m.nn.ReLU(),
    "tensor": lambda m: m.zeros(2),
    "number": lambda m: 3,
}
NAMES = ("weight", "running_mean", "eps", "sub", "new", "forward", "", "a.b", 3)


@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_assigning_an_attribute_does_what_it_does_in_torch(name: str, value: Any) -> None:
    def call(m: Any) -> Any:
        module = a_norm(m)
        setattr(module, name, value(m))
        return layout(module), name in module.__dict__, hasattr(module, name)

    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    assert ours == theirs


@pytest.mark.parametrize("name", NAMES[:5])
def test_deleting_an_attribute_does_what_it_does_in_torch(name: str) -> None:
    def call(m: Any) -> Any:
        module = a_norm(m)
        delattr(module, name)
        return layout(module), hasattr(module, name)

    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    assert ours == theirs


@pytest.mark.parametrize("method", ["register_parameter", "register_buffer", "add_module", "register_module"])
@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_registering_does_what_it_does_in_torch(method: str, name: Any, value: Any) -> None:
    def call(m: Any) -> Any:
        module = a_norm(m)
        getattr(module, method)(name, value(m))
        return layout(module)

    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    assert ours == theirs


def _sequential(m: Any) -> Any:
    return m.nn.Sequential(m.nn.Linear(2, 2), m.nn.ReLU(), m.nn.Tanh(), m.nn.Sigmoid())


def _named(m: Any) -> Any:
    return m.nn.Sequential(OrderedDict(first=m.nn.Linear(2, 2), second=m.nn.ReLU(), third=m.nn.Tanh()))


def _list(m: Any) -> Any:
    return m.nn.ModuleList([m.nn.Linear(2, 2), m.nn.ReLU(), m.nn.Tanh()])


def _dict(m: Any) -> Any:
    return m.nn.ModuleDict({"a": m.nn.Linear(2, 2), "b": m.nn.ReLU()})


CONTAINERS = {"Sequential": _sequential, "named Sequential": _named, "ModuleList": _list}

CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "del c[1]": lambda c, m: c.__delitem__(1),
    "del c[-1]": lambda c, m: c.__delitem__(-1),
    "del c[0:2]": lambda c, m: c.__delitem__(slice(0, 2)),
    "del c[7]": lambda c, m: c.__delitem__(7),
    "pop(0)": lambda c, m: c.pop(0),
    "pop(-1)": lambda c, m: c.pop(-1),
    "pop(1:3)": lambda c, m: c.pop(slice(1, 3)),
    "append": lambda c, m: c.append(m.nn.Sigmoid()),
    "append number": lambda c, m: c.append(3),
    "extend": lambda c, m: c.extend([m.nn.Sigmoid(), m.nn.ReLU()]),
    "extend by nothing to iterate": lambda c, m: c.extend(3),
    "c + c": lambda c, m: c + _like(c, m),
    "c += c": lambda c, m: c.__iadd__(_like(c, m)),
    "c + 3": lambda c, m: c + 3,
    "c[1] = layer": lambda c, m: c.__setitem__(1, m.nn.Sigmoid()),
    "c[-1] = layer": lambda c, m: c.__setitem__(-1, m.nn.Sigmoid()),
    "c[9] = layer": lambda c, m: c.__setitem__(9, m.nn.Sigmoid()),
    "c[0] = None": lambda c, m: c.__setitem__(0, None),
    "c[0] = number": lambda c, m: c.__setitem__(0, 3),
    "c[1:]": lambda c, m: c[1:],
    "c[::-1]": lambda c, m: c[::-1],
    "c[-1]": lambda c, m: c[-1],
    "c[4]": lambda c, m: c[4],
    "c[tensor]": lambda c, m: c[m.tensor(1)],
    "c['0']": lambda c, m: c["0"],
    "dir(c)": lambda c, m: ["0" in dir(c), "first" in dir(c), "training" in dir(c), "append" in dir(c)],
    "str(c)": lambda c, m: str(c),
}


def _like(container: Any, m: Any) -> Any:
    """Return a new container of the same class."""
    return m.nn.Sequential(m.nn.ELU()) if isinstance(container, m.nn.Sequential) else [m.nn.ELU()]


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_containers_change_as_torchs_do(make: Any, change: Any) -> None:
    def call(m: Any) -> Any:
        container = make(m)
        result = change(container, m)
        shown = (type(result).__name__, layout(result)) if isinstance(result, m.nn.Module) else result
        return shown, result is container, layout(container)

    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    assert ours == theirs


def _clash(m: Any) -> Any:
    return m.nn.Sequential(OrderedDict(forward=m.nn.ReLU()))


def _repeated(m: Any) -> Any:
    return str(m.nn.ModuleList([m.nn.Linear(2, 2), m.nn.Linear(2, 2), m.nn.ReLU(), _list(m)]))


def _with_a_train_of_its_own(m: Any) -> Any:
    class Frozen(m.nn.BatchNorm1d):  # type: ignore[misc]
        def train(self, mode: bool = True) -> Any:
            return super().train(False)

    net = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.Sequential(Frozen(2), m.nn.Dropout()))
    modes = [[module.training for module in net.train(mode).modules()] for mode in (True, False, True)]
    return modes, net.train() is net, net.eval() is net, [module.training for module in net.modules()]


def _sharing(m: Any) -> Any:
    net = m.nn.Module()
    net.a = m.nn.Linear(1, 1)
    net.b = net.a
    net.c = m.nn.Sequential(net.a, m.nn.BatchNorm1d(1))
    net.d = net.c
    return net


def _names_of_shared_modules(m: Any) -> Any:
    net = _sharing(m)
    applied: list[str] = []
    net.apply(lambda module: applied.append(type(module).__name__))
    return [
        layout(net),
        [name for name, _ in net.named_parameters(remove_duplicate=False)],
        [name for name, _ in net.named_buffers(remove_duplicate=False)],
        [name for name, _ in net.named_modules(remove_duplicate=False)],
        [name for name, _ in net.named_modules(prefix="x")],
        [name for name, _ in net.named_parameters("x", recurse=False)],
        [name for name, _ in net.c.named_buffers(recurse=False)],
        [len(list(items)) for items in (net.children(), net.modules(), net.parameters(), net.buffers())],
        applied,
    ]


def _loading_shared_modules(m: Any) -> Any:
    one, two = _sharing(m), _sharing(m)
    two.load_state_dict(one.state_dict())
    state = dict(one.state_dict())
    del state["b.weight"]
    missing = one.load_state_dict(state, strict=False).missing_keys
    return two.a.weight.tolist() == one.a.weight.tolist(), missing


def _buffers_that_are_not_saved(m: Any) -> Any:
    module = m.nn.Module()
    module.register_buffer("b", m.zeros(1), persistent=False)
    states = [list(module.state_dict())]
    module.b = m.ones(1)  # stays one that is not saved
    states.append(list(module.state_dict()))
    module.b = m.nn.Parameter(m.ones(1))
    states.append(list(module.state_dict()))
    del module.b
    module.register_buffer("b", m.ones(1))
    states.append(list(module.state_dict()))
    module.register_buffer("b", m.ones(1), persistent=False)
    return [*states, list(module.state_dict())]


def _state_with_options(m: Any) -> Any:
    module, target = m.nn.Linear(2, 2), {"old": 1}
    kept, detached = module.state_dict(keep_vars=True), module.state_dict()
    flags = [tensor.requires_grad for state in (kept, detached) for tensor in state.values()]
    return (
        flags,
        kept["weight"] is module.weight,
        module.state_dict(destination=target, prefix="p.") is target,
        [*target],
    )


def _loading_by_assignment(m: Any) -> Any:
    module = m.nn.BatchNorm1d(2)
    module.bias.requires_grad_(False)
    given = {name: m.ones(2, dtype=m.float64) for name in ("weight", "running_mean", "running_var")}
    given |= {"bias": m.nn.Parameter(m.zeros(2)), "num_batches_tracked": m.tensor(4)}
    module.load_state_dict(given, assign=True)
    flags = [module.weight.requires_grad, module.bias.requires_grad, module.bias is given["bias"]]
    kinds = [type(module.weight).__name__, module.running_mean is given["running_mean"]]
    return flags, kinds, layout(module), module.weight.dtype == m.float64, module.num_batches_tracked.tolist()


def _loading_old_shapes(m: Any) -> Any:
    module = m.nn.BatchNorm1d(1)
    module.load_state_dict({**module.state_dict(), "num_batches_tracked": m.tensor([5])})
    return module.num_batches_tracked.tolist()


def _loading_keys_of_a_module_set_to_none(m: Any) -> Any:
    module = m.nn.Module()
    module.main, module.aux = m.nn.Linear(1, 1), m.nn.Linear(1, 1)
    state = module.state_dict()
    module.aux = None
    result = module.load_state_dict(state)
    return result.missing_keys, result.unexpected_keys, str(module)


def _with_a_property(m: Any) -> Any:
    class Doubling(m.nn.Module):  # type: ignore[misc]
        shared = 5

        @property
        def p(self) -> Any:
            return self._p

        @p.setter
        def p(self, value: Any) -> None:
            self._p = 2 * value

        @property
        def fixed(self) -> int:
            return 1

        @property
        def broken(self) -> Any:
            return self.nothing

    return Doubling()


def _a_setter(m: Any) -> Any:
    module = _with_a_property(m)
    module.p = 3
    return module.p, module.__dict__.get("p"), module.__dict__["_p"]


def _before_init(m: Any, value: Callable[[Any], Any]) -> Any:
    class Late(m.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.early = value(m)
            super().__init__()

    return layout(Late())


def _deep_copy(m: Any) -> Any:
    net = _sharing(m)
    net.a(m.ones(1, 1)).sum().backward()
    net.a.bias.requires_grad_(False)
    copied = copy.deepcopy(net)
    same = [copied.a is copied.b, copied.c[0] is copied.a, copied.c is copied.d, copied.a is net.a]
    flags = [copied.a.weight.grad is None, copied.a.weight.requires_grad, copied.a.bias.requires_grad]
    return same, flags, type(copied.a.weight).__name__, copied.a.weight.tolist() == net.a.weight.tolist()


def _deep_copy_of_a_tensor(m: Any) -> Any:
    x = m.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    copied = copy.deepcopy(x)
    return copied.grad.tolist(), copied.grad is x.grad, copied.requires_grad


def _pickled(m: Any) -> Any:
    net = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.BatchNorm1d(2)).eval()
    net[0].weight.requires_grad_(False)
    net(m.ones(1, 2)).sum().backward()
    again = pickle.loads(pickle.dumps(net))
    flags = [again[0].weight.requires_grad, again[0].bias.requires_grad, again[0].bias.grad is None, again[1].training]
    return flags, layout(again), type(again[0].weight).__name__


def _cleared_gradients(m: Any) -> Any:
    module = m.nn.Linear(2, 2)
    module(m.ones(1, 2)).sum().backward()
    gradient = module.weight.grad
    module.zero_grad(set_to_none=False)
    return module.weight.grad is gradient, gradient.tolist()


def _another_dtype(m: Any) -> Any:
    module = m.nn.BatchNorm1d(2)
    weight, mean = module.weight, module.running_mean
    module(m.ones(2, 2)).sum().backward()
    module.double()
    kept = [module.weight is weight, module.running_mean is mean, mean.dtype == m.float32]
    return kept, weight.grad.dtype == m.float64, module.num_batches_tracked.dtype == m.int64


def _parameter_of_a_tensor_that_is_written_to(m: Any) -> Any:
    x = m.ones(2)
    parameter = m.nn.Parameter(x)
    loss = (parameter * parameter).sum()
    x.add_(1)
    loss.backward()  # its saved values are no longer those of the forward pass


def _parameters_replaced_while_they_are_listed(m: Any) -> Any:
    net = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.Linear(2, 2))
    for name, parameter in net.named_parameters():
        layer, attribute = name.split(".")
        setattr(net[int(layer)], attribute, m.nn.Parameter(parameter.detach() * 0))
    return [parameter.tolist() for parameter in net.parameters()]


def _shown_over_several_lines(m: Any) -> Any:
    class Shown(m.nn.Module):  # type: ignore[misc]
        def extra_repr(self) -> str:
            return "a=1\nb=2"

    net = Shown()
    net.inner, net.nothing = m.nn.Sequential(Shown()), m.nn.ReLU()
    net.nothing = None
    return str(net), str(Shown())


def _hooks_removed_twice(m: Any) -> Any:
    module, x, seen = m.nn.ReLU(), m.ones(2, requires_grad=True), []
    for register in (module.register_forward_hook, x.register_hook):
        first = register(lambda *_: seen.append("first"))
        first.remove()
        register(lambda *_: seen.append("second"))
        first.remove()  # must not take off the second
    module(x).sum().backward()
    with module.register_forward_hook(lambda *_: seen.append("inside")):
        module(x)
    module(x)
    return seen


def _hooks_changed_while_they_run(m: Any) -> Any:
    module, seen, handles = m.nn.ReLU(), [], []

    def first(*_: Any) -> None:
        seen.append(1)
        handles[0].remove()
        handles[1].remove()
        module.register_forward_hook(lambda *_: seen.append(3))

    handles.append(module.register_forward_hook(first))
    handles.append(module.register_forward_hook(lambda *_: seen.append(2)))
    module(m.ones(1))
    module(m.ones(1))
    return seen


def _backward_hook_of_a_named_tuple(m: Any) -> Any:
    class Two(m.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return Pair(x * 2, x * 3)

    module, seen, x = Two(), [], m.ones(2, requires_grad=True)
    module.register_full_backward_hook(lambda _, given, taken: seen.append([g.tolist() for g in (*given, *taken)]))
    y = module(x)
    (y.first + y.second).sum().backward()
    return type(y).__name__, seen, x.grad.tolist()


def _pre_hook_with_keywords(m: Any, result: Any) -> Any:
    class Scaled(m.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, by: float = 2.0) -> Any:
            return x * by

    module = Scaled()
    module.register_forward_pre_hook(lambda _, args, kwargs: result(args, kwargs), with_kwargs=True)
    return module(m.ones(1)).tolist()


def _batch_norm(m: Any, change: Callable[[Any], Any], training: bool) -> Any:
    norm, x = m.nn.BatchNorm1d(2), m.tensor([[1.0, 2.0], [5.0, 6.0]])
    norm.running_mean.add_(3)
    change(norm)
    y = norm.train(training)(x)
    return [None if t is None else [round(v, 4) for v in t.flatten().tolist()] for t in (y, *norm.buffers())]


def _reset(m: Any, make: Callable[[Any], Any]) -> Any:
    module = make(m.nn)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.detach().fill_(7)
    module.reset_parameters()
    return [tensor.flatten().tolist() for tensor in (*module.parameters(), *module.buffers())]


def _averaged_buffers(m: Any) -> Any:
    swa = torch.optim.swa_utils if m is torch else averaging
    model = m.nn.BatchNorm1d(1)
    average = swa.AveragedModel(model, use_buffers=True)
    for step in range(4):
        model.running_mean.add_(step)
        model.num_batches_tracked.add_(step * step)
        average.update_parameters(model)
    return [buffer.tolist() for buffer in average.buffers()], list(average.state_dict())


def _leave_out_the_statistics(norm: Any) -> None:
    norm.running_mean = norm.running_var = None


def _stop_tracking(norm: Any) -> None:
    norm.track_running_stats = False


def _stop_counting(norm: Any) -> None:
    norm.num_batches_tracked = None


def _filled(m: Any, *shape: int, **options: Any) -> Any:
    return tuple(m.nn.init.kaiming_uniform_(m.zeros(*shape), **options).shape)


SITUATIONS: dict[str, Callable[[Any], Any]] = {
    "batch norm that stops tracking": lambda m: _batch_norm(m, _stop_tracking, True),
    "batch norm that stopped tracking, evaluated": lambda m: _batch_norm(m, _stop_tracking, False),
    "batch norm without statistics": lambda m: _batch_norm(m, _leave_out_the_statistics, True),
    "batch norm without statistics, evaluated": lambda m: _batch_norm(m, _leave_out_the_statistics, False),
    "batch norm without a count": lambda m: _batch_norm(m, _stop_counting, True),
    "batch norm with new statistics": lambda m: _batch_norm(m, lambda norm: norm.reset_running_stats(), False),
    "reset BatchNorm2d": lambda m: _reset(m, lambda nn: nn.BatchNorm2d(2)),
    "reset LayerNorm": lambda m: _reset(m, lambda nn: nn.LayerNorm(2)),
    "reset GroupNorm": lambda m: _reset(m, lambda nn: nn.GroupNorm(1, 2)),
    "reset InstanceNorm2d": lambda m: _reset(m, lambda nn: nn.InstanceNorm2d(2, affine=True)),
    "averaged buffers": _averaged_buffers,
    "embedding with every option": lambda m: str(m.nn.Embedding(3, 2, 1, 2.0, 1.0, True)),
    "gains": lambda m: [m.nn.init.calculate_gain(name) for name in ("selu", "conv1d", "conv_transpose2d", "tanh")],
    "gain of no number": lambda m: m.nn.init.calculate_gain("leaky_relu", "steep"),
    "initial values for nothing": lambda m: (_filled(m, 3, 0), _filled(m, 0, 3), _filled(m, 0)),
    "initial values for integers": lambda m: m.nn.init.normal_(m.zeros(2, dtype=m.int64)),
    "a negative deviation": lambda m: m.nn.init.normal_(m.zeros(2), 0.0, -1.0),
    "hooks removed twice": _hooks_removed_twice,
    "hooks changed while they run": _hooks_changed_while_they_run,
    "backward hook of a named tuple": _backward_hook_of_a_named_tuple,
    "pre-hook that gives keywords": lambda m: _pre_hook_with_keywords(m, lambda args, kwargs: (args, {"by": 5.0})),
    "pre-hook that gives arguments only": lambda m: _pre_hook_with_keywords(m, lambda args, kwargs: args),
    "pre-hook that gives a list": lambda m: _pre_hook_with_keywords(m, lambda args, kwargs: [args, kwargs]),
    "a layer called forward": _clash,
    "repeated layers are shown once": _repeated,
    "a module with a train of its own": _with_a_train_of_its_own,
    "train of no bool": lambda m: m.nn.ReLU().train(1),
    "names of shared modules": _names_of_shared_modules,
    "loading shared modules": _loading_shared_modules,
    "buffers that are not saved": _buffers_that_are_not_saved,
    "state_dict with options": _state_with_options,
    "loading by assignment": _loading_by_assignment,
    "loading old shapes": _loading_old_shapes,
    "loading no mapping": lambda m: m.nn.ReLU().load_state_dict([1]),
    "loading numbers": lambda m: m.nn.Linear(1, 1).load_state_dict({"weight": 1.0, "bias": m.zeros(1)}),
    "loading keys of a module set to None": _loading_keys_of_a_module_set_to_none,
    "a property's setter": _a_setter,
    "a property without setter": lambda m: setattr(_with_a_property(m), "fixed", 2),
    "a parameter for a property": lambda m: setattr(_with_a_property(m), "fixed", m.nn.Parameter(m.zeros(1))),
    "a parameter for a class attribute": lambda m: setattr(_with_a_property(m), "shared", m.nn.Parameter(m.zeros(1))),
    "a property that fails": lambda m: _with_a_property(m).broken,
    "hasattr of a property that fails": lambda m: hasattr(_with_a_property(m), "broken"),
    "a number before __init__": lambda m: _before_init(m, lambda m: 3),
    "a tensor before __init__": lambda m: _before_init(m, lambda m: m.zeros(1)),
    "a module before __init__": lambda m: _before_init(m, lambda m: m.nn.ReLU()),
    "a parameter before __init__": lambda m: _before_init(m, lambda m: m.nn.Parameter(m.zeros(1))),
    "deepcopy": _deep_copy,
    "deepcopy of a tensor": _deep_copy_of_a_tensor,
    "pickle": _pickled,
    "zero_grad in place": _cleared_gradients,
    "another dtype": _another_dtype,
    "a parameter of a tensor that is written to": _parameter_of_a_tensor_that_is_written_to,
    "parameters replaced while they are listed": _parameters_replaced_while_they_are_listed,
    "extra_repr of several lines": _shown_over_several_lines,
    "Parameter()": lambda m: tuple(m.nn.Parameter().shape),
    "half": lambda m: m.nn.Linear(1, 1).half().weight.dtype == m.float16,
    "ModuleDict assignment keeps the place": lambda m: (lambda d: (d.__setitem__("a", m.nn.Tanh()), layout(d)))(
        _dict(m)
    ),
    "ModuleDict.update": lambda m: (lambda d: (d.update([("c", m.nn.Tanh())]), d.update(_dict(m)), layout(d)))(
        _dict(m)
    ),
    "ModuleDict.pop": lambda m: (lambda d: (type(d.pop("a")).__name__, layout(d)))(_dict(m)),
    "ModuleDict.pop of nothing": lambda m: _dict(m).pop("z"),
    "ModuleDict.clear": lambda m: (lambda d: (d.clear(), layout(d)))(_dict(m)),
    "ModuleDict of a method's name": lambda m: m.nn.ModuleDict({"keys": m.nn.ReLU()}),
    "ModuleDict of a number": lambda m: m.nn.ModuleDict({"a": 3}),
    "ModuleDict.update by a number": lambda m: _dict(m).update(3),
    "Sequential * 2": lambda m: (layout(_sequential(m) * 2), layout(2 * _sequential(m))),
    "Sequential *= 3": lambda m: layout(_sequential(m).__imul__(3)),
    "Sequential * 0": lambda m: _sequential(m) * 0,
    "Sequential * 1.5": lambda m: _sequential(m) * 1.5,
    "Sequential.insert": lambda m: layout(_sequential(m).insert(1, m.nn.ELU())),
    "ModuleList.insert": lambda m: (lambda c: (c.insert(1, m.nn.ELU()), layout(c)))(_list(m)),
    "Sequential.insert at the end": lambda m: layout(_sequential(m).insert(4, m.nn.ELU())),
    "Sequential.insert beyond": lambda m: _sequential(m).insert(9, m.nn.ELU()),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("call", SITUATIONS.values(), ids=SITUATIONS)
def test_changed_modules_behave_as_torchs_do(call: Any) -> None:
    ours, theirs = (outcome(call, library) for library in LIBRARIES)
    assert ours == theirs
