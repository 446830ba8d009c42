"""Run a program on torch that draws minigrad's random numbers: ``python -m minigrad.as_torch.one_stream script.py``.

Every call that draws numbers is answered by minigrad's function of the same name, whose result becomes torch's. So a
program whose only source of randomness is torch prints the same on both engines, but for rounding. What is passed on is
in :data:`FUNCTIONS`, :data:`METHODS` and :data:`DROPPING`, and the dropout inside attention and between recurrent
layers; other functions draw from torch's own generator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import minigrad
from minigrad.as_torch.beside import SEED
from minigrad.as_torch.script import run_file, run_module, seed_everything
from minigrad.data import transforms

#: Functions that make a tensor.
FUNCTIONS = [
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "multinomial",
    "bernoulli",
    "binomial",
    "poisson",
    "rand_like",
    "randn_like",
    "randint_like",
]
#: Methods that fill one.
METHODS = ["normal_", "uniform_", "bernoulli_", "exponential_", "log_normal_", "geometric_", "random_"]
#: Functions that set random elements to 0.
DROPPING = ["dropout", "dropout1d", "dropout2d"]
#: Transforms of images, with the attributes that are their arguments.
TRANSFORMS = {
    "RandomCrop": ["size", "padding", "pad_if_needed", "fill", "padding_mode"],
    "RandomHorizontalFlip": ["p"],
    "RandomResizedCrop": ["size", "scale", "ratio"],
}


def share_the_stream() -> None:
    """Let torch, in this process, draw what minigrad would draw."""
    import torch

    def to_torch(value: Any, dtype: Any = None) -> Any:
        return torch.from_numpy(np.array(value.numpy())).to(dtype)

    def to_minigrad(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return minigrad.tensor(value.detach().numpy())
        if isinstance(value, torch.dtype):
            return getattr(minigrad, str(value).removeprefix("torch."))
        if value is torch.default_generator:
            return minigrad.random.default_generator
        if isinstance(value, torch.Generator):
            return generators.setdefault(id(value), minigrad.Generator(value.initial_seed()))
        return value

    def without_elements(value: Any) -> bool:
        return isinstance(value, torch.Tensor) and bool(value.is_meta)

    generators: dict[int, minigrad.Generator] = {}

    def making(name: str, own: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: object, requires_grad: bool = False, **options: object) -> Any:
            where = options.get("device") or torch.get_default_device()
            if str(where) == "meta" or any(map(without_elements, args)):
                return own(*args, **options, **({"requires_grad": True} if requires_grad else {}))
            out: Any = options.pop("out", None)
            for unused in ("device", "layout", "pin_memory", "memory_format"):
                options.pop(unused, None)
            options = {key: to_minigrad(value) for key, value in options.items()}
            minigrad.set_default_dtype(to_minigrad(torch.get_default_dtype()))
            result = to_torch(getattr(minigrad, name)(*map(to_minigrad, args), **options))
            return result.requires_grad_(requires_grad) if out is None else out.copy_(result)

        return made

    def filling(name: str) -> Callable[..., Any]:
        own = getattr(torch.Tensor, name)

        def filled(self: Any, *args: object, **options: object) -> Any:
            if (name == "random_" and self.ndim == 0) or without_elements(self):  # the seed of a loader's workers
                return own(self, *args, **options)
            values = to_minigrad(self)
            getattr(values, name)(*map(to_minigrad, args), **{k: to_minigrad(v) for k, v in options.items()})
            with torch.no_grad():
                return self.copy_(to_torch(values))

        return filled

    def initialising(name: str) -> Callable[..., Any]:
        def initialised(tensor: Any, *args: object, **options: object) -> Any:
            if without_elements(tensor):
                return tensor
            values = to_minigrad(tensor)
            getattr(minigrad.nn.init, name)(values, *args, **options)
            with torch.no_grad():
                return tensor.copy_(to_torch(values))

        return initialised

    def dropping(name: str) -> Callable[..., Any]:
        def dropped(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
            kept = getattr(minigrad.nn.functional, name)(
                minigrad.ones(*input.shape, dtype=to_minigrad(input.dtype)), p, training
            )
            return input.mul_(to_torch(kept)) if inplace else input * to_torch(kept)

        return dropped

    for name in FUNCTIONS:
        if hasattr(minigrad, name):
            setattr(torch, name, making(name, getattr(torch, name)))
    for name in ("multinomial", "bernoulli"):
        setattr(torch.Tensor, name, making(name, getattr(torch.Tensor, name)))
    for name in METHODS:
        if hasattr(minigrad.Tensor, name):
            setattr(torch.Tensor, name, filling(name))
    for name in dir(minigrad.nn.init):
        if name.endswith("_") and not name.startswith("_") and hasattr(torch.nn.init, name):
            setattr(torch.nn.init, name, initialising(name))
    for name in DROPPING:
        if hasattr(minigrad.nn.functional, name):
            setattr(torch.nn.functional, name, dropping(name))
    torch.nn.functional.scaled_dot_product_attention = _attending(torch)
    layers: Any = torch.nn.modules.rnn
    for name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        setattr(layers._VF, name, _layer_by_layer(torch, getattr(layers._VF, name)))
    layers._rnn_impls.update(RNN_TANH=layers._VF.rnn_tanh, RNN_RELU=layers._VF.rnn_relu)

    vars(torch.utils.data.dataset)["randperm"] = torch.randperm
    for sampler in ("RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler"):
        getattr(torch.utils.data, sampler).__iter__ = _order_of(getattr(minigrad.data, sampler), to_minigrad)
    loader: Any = torch.utils.data.DataLoader
    loader.__init__ = _shuffling(loader.__init__, to_minigrad)

    _share_states(torch)
    _share_transforms()
    seed = torch.manual_seed
    vars(torch)["manual_seed"] = lambda seed_: (minigrad.manual_seed(seed_), seed(seed_))[1]


def _share_states(torch: Any) -> None:
    """Let ``get_rng_state`` and ``set_rng_state`` keep and restore the state of minigrad's stream, too."""
    get, restore, seed = torch.get_rng_state, torch.set_rng_state, torch.manual_seed
    kept: dict[bytes, Any] = {}

    def get_state() -> Any:
        seed(len(kept))  # torch's own state, from which nothing is drawn, is the name of minigrad's
        state = get()
        kept[state.numpy().tobytes()] = minigrad.get_rng_state()
        return state

    def set_state(new_state: Any) -> None:
        restore(new_state)
        if (name := new_state.numpy().tobytes()) in kept:
            minigrad.set_rng_state(kept[name])

    vars(torch).update(get_rng_state=get_state, set_rng_state=set_state)


def _share_transforms() -> None:
    """Let torchvision's random transforms of Pillow images be minigrad's of the same name."""
    try:
        theirs = import_module("torchvision.transforms")
    except (ImportError, RuntimeError):  # there is none, or none for this build of torch
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        return

    def transforming(ours: Any, options: list[str]) -> Callable[..., Any]:
        return lambda self, img: ours(*(getattr(self, name) for name in options))(img)

    for name, options in TRANSFORMS.items():
        getattr(theirs, name).forward = transforming(getattr(transforms, name), options)


def _attending(torch: Any) -> Callable[..., Any]:
    """Return torch's attention with the weights dropped by ``F.dropout``. With V = 1, its result is the weights."""
    own = torch.nn.functional.scaled_dot_product_attention

    def attend(
        query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, *args: Any, **options: Any
    ) -> Any:
        if not dropout_p:
            return own(query, key, value, attn_mask, dropout_p, *args, **options)
        count = value.shape[-2]
        ones = torch.eye(count, dtype=value.dtype).expand(*value.shape[:-1], count)
        weights = own(query, key, ones, attn_mask, 0.0, *args, **options)
        if options.get("enable_gqa"):
            value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
        return torch.nn.functional.dropout(weights, dropout_p) @ value

    return attend


def _layer_by_layer(torch: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of torch's recurrences, of an input or of packed data and its sizes, with ``F.dropout`` in between."""

    def recur(rows: Any, *given: Any) -> Any:
        packed = not isinstance(given[1], list)
        sizes, (states, weights, bias, layers, p, training, both, *first) = given[:packed], given[packed:]
        if layers == 1 or not (p and training):
            return own(rows, *given)
        ends, count = [], len(weights) // layers
        for k in range(layers):
            if k:
                rows = rows.transpose(0, 1) if first == [True] else rows
                rows = torch.nn.functional.dropout(rows, p)
                rows = rows.transpose(0, 1) if first == [True] else rows
            part = slice(k * (1 + both), (k + 1) * (1 + both))
            start = tuple(s[part] for s in states) if isinstance(states, tuple) else states[part]
            of_layer = weights[k * count : (k + 1) * count]
            rows, *end = own(rows, *sizes, start, of_layer, bias, 1, 0.0, training, both, *first)
            ends.append(end)
        return rows, *(torch.cat(each) for each in zip(*ends, strict=True))

    return recur


def _order_of(sampler: Any, to_minigrad: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the ``__iter__`` of one of torch's samplers that gives the order of minigrad's of its name."""

    def order(self: Any) -> Any:
        names = ("data_source", "indices", "weights", "replacement", "generator")
        known = {name: to_minigrad(vars(self)[name]) for name in names if name in vars(self)}
        count = vars(self).get("_num_samples", vars(self).get("num_samples"))
        return iter(sampler(**known, **({"num_samples": count} if sampler.__name__ != "SubsetRandomSampler" else {})))

    return order


def _shuffling(init: Callable[..., None], to_minigrad: Callable[[Any], Any]) -> Callable[..., None]:
    """Return the ``__init__`` of torch's loader that shuffles as minigrad's does."""

    class Order:
        def __init__(self, count: int, seed: int) -> None:
            self.sampler = minigrad.data.Sampler(count, True, seed)

        def __len__(self) -> int:
            return len(self.sampler)

        def __iter__(self) -> Any:
            order = iter(self.sampler)
            self.sampler.set_epoch(self.sampler.epoch + 1)
            return order

    def made(
        self: Any, dataset: Any, batch_size: Any = 1, shuffle: Any = None, *args: object, **options: object
    ) -> None:
        workers = options.get("num_workers", 0)
        if shuffle or workers:
            source = to_minigrad(options.get("generator")) or minigrad.random.default_generator
            seed = int(source.numpy.integers(2**31))
        if shuffle and options.get("sampler") is None:
            options["sampler"], shuffle = Order(len(dataset), seed), None
        init(self, dataset, batch_size, shuffle, *args, **options)

    return made


if __name__ == "__main__":
    share_the_stream()
    seed_everything(SEED)
    if sys.argv[1] == "-m":
        run_module(sys.argv[2], sys.argv[3:])
    else:
        run_file(sys.argv[1], sys.argv[2:])
