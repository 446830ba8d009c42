"""Answer ``import torch``: find each of torch's modules, and each of its names, in minigrad.

A name of ``torch.nn`` is looked for in two places, one after the other:

1. ``minigrad/as_torch/torch/nn/``, the names that only programs for torch need;
2. ``minigrad.nn``, or where :data:`ELSEWHERE` says.

torchvision's models are ordinary Python. Where torchvision is installed, its own files are read for them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from opcode import opmap
from types import ModuleType
from typing import Any

from minigrad import absent
from minigrad.as_torch.out import taking_out

#: Where minigrad has the names of one of torch's modules, if not in the module of the same name.
ELSEWHERE = {
    "torch.autograd.function": "torch.autograd",
    "torch.autograd.gradcheck": "torch.autograd",
    "torch.autograd.profiler": "torch.profiler",
    "torch.autograd.variable": "torch.autograd",
    "torch.cuda.amp": "minigrad.amp",
    "torch.cuda.amp.autocast_mode": "minigrad.amp",
    "torch.cuda.amp.grad_scaler": "minigrad.amp",
    "torch.amp.autocast_mode": "minigrad.amp",
    "torch.amp.grad_scaler": "minigrad.amp",
    "torch.functional": "torch",
    "torch.jit.annotations": "typing",
    "torch.nn.modules": "torch.nn",
    "torch.nn.parallel": "torch.nn",
    "torch.nn.utils.clip_grad": "torch.nn.utils",
    "torch.nn.utils.convert_parameters": "torch.nn.utils",
    "torch.nn.parameter": "torch.nn",
    "torch.serialization": "torch",
    "torch.utils.checkpoint": "minigrad.recompute",
    "torch.utils.data": "minigrad.data",
    "torchvision.datasets": "minigrad.data.datasets",
    "torchvision.transforms": "minigrad.data.transforms",
    "torchvision.transforms.v2": "minigrad.data.transforms",
    "torchvision.transforms.functional": "torchvision.transforms",
    "torchvision.transforms.transforms": "torchvision.transforms",
}
#: The modules of torch's that lie in these, and have nothing that they do not have themselves.
DIVIDED = {
    "torch.backends": "cpu cuda cudnn mha mkl mkldnn mps nnpack openmp opt_einsum quantized xeon xnnpack",
    "torch.distributions": "exponential kl one_hot_categorical uniform utils",
    "torch.nn.modules": "activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold "
    "instancenorm lazy linear loss module normalization padding pixelshuffle pooling rnn sparse transformer upsampling "
    "utils",
    "torch.nn.parallel": "comm data_parallel distributed parallel_apply replicate scatter_gather",
    "torch.utils.data": "_utils dataloader datapipes dataset distributed sampler",
    "torch.optim": "adadelta adagrad adam adamax adamw asgd lbfgs nadam optimizer radam rmsprop rprop sgd",
    "torchvision.datasets": "cifar fakedata folder imagenet mnist svhn utils vision",
}
#: The folders of an installed torchvision whose files are read, and the files that define public names.
INSTALLED = {
    "torchvision.models": [
        "alexnet",
        "convnext",
        "densenet",
        "efficientnet",
        "googlenet",
        "inception",
        "maxvit",
        "mnasnet",
        "mobilenetv2",
        "mobilenetv3",
        "regnet",
        "resnet",
        "shufflenetv2",
        "squeezenet",
        "swin_transformer",
        "vgg",
        "vision_transformer",
        "_api",
    ],
    "torchvision.ops": ["misc", "stochastic_depth", "drop_block", "focal_loss"],
}


class TorchModule(ModuleType):
    """One of torch's modules. A name is that of the first of ``sources`` that has it."""

    def __init__(self, name: str, sources: Sequence[ModuleType]) -> None:
        super().__init__(name, f"minigrad, in the place of {name}.")
        self.__dict__["_sources"] = tuple(sources)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # of ``from torch.nn import *``
            return sorted({n for source in self._sources for n in _public(source)})
        if name.startswith("__") and name != "__version__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        for source in self._sources:
            try:
                found = getattr(source, name)
            except AttributeError:
                continue
            if not isinstance(found, ModuleType):
                is_operation = self.__name__ in ("torch", "torch.linalg") and inspect.isfunction(found)
                return taking_out(found) if is_operation else found
        inside = f"{self.__name__}.{name}"
        if sources_of(inside) or inside in INSTALLED:
            return importlib.import_module(inside)
        if self.__name__ in INSTALLED and _found_in_installed(self, name):
            return vars(self)[name]
        error = AttributeError(missing(self.__name__, name))
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:  # which would hide the text of the error
            raise ImportError(f"cannot import name {name!r} from {self.__name__!r}: {error}", name=self.__name__)
        raise error

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *(name for source in self._sources for name in dir(source))} - {"_sources"})


def _found_in_installed(package: TorchModule, name: str) -> bool:
    """Look for a name in the files of an installed torchvision, and add the names of those that are read."""
    place = package.__name__
    problem: Exception | None = None
    for file in sorted(INSTALLED[place], key=lambda file: not name.startswith(file)):
        if _installed(f"{place}.{file}") is None:
            continue
        try:
            module, own = _add_names_of(package, file)
        except (
            ImportError,
            AttributeError,
        ) as error:  # this file needs what is not here; another one may have the name
            problem = error
            continue
        if name in own:
            return True
        if name == file:
            vars(package)[name] = module
            return True
    if problem is not None and not name.startswith("_"):
        raise problem
    return False


def _add_names_of(package: ModuleType, file: str) -> tuple[ModuleType, list[str]]:
    """Read a file of an installed torchvision, and give its package the names that it defines."""
    module = importlib.import_module(f"{package.__name__}.{file}")
    own = {n: item for n, item in vars(module).items() if getattr(item, "__module__", "") == module.__name__}
    vars(package).update(own)
    return module, list(own)


def _public(module: ModuleType) -> list[str]:
    names: Any = getattr(module, "__all__", None)
    return list(names) if names is not None else [name for name in dir(module) if not name.startswith("_")]


def missing(place: str, name: str) -> str:
    """Return one sentence that says that ``place.name`` is not there, and the nearest thing that is.

    >>> missing("torch", "fft")[:51]
    'torch.fft is not in minigrad: there are no Fourier '
    """
    full = f"{place}.{name}"
    package, _, inner = place.partition(".")
    if package == "torch" and (text := absent.sentence(inner, name)):
        ours = ".".join(part for part in ("minigrad", inner, name) if part)
        return full + text.removeprefix(ours)
    error = absent.NoSuchNameError(f"{place}, for which minigrad stands,", name, lambda: dir(sys.modules[place]))
    return str(error) if place in sys.modules else f"{full} is not in minigrad"


def sources_of(name: str) -> list[str]:
    """Return the modules of minigrad that together answer for torch's module ``name``; none if there is no answer.

    >>> sources_of("torch.nn")
    ['minigrad.as_torch.torch.nn', 'minigrad.nn']
    """
    found = [f"minigrad.as_torch.{name}"] if _exists(f"minigrad.as_torch.{name}") else []
    other = ELSEWHERE.get(name, "")
    whole, _, part = name.rpartition(".")
    if part in DIVIDED.get(whole, "").split() and not (found or _exists(f"minigrad{name.removeprefix('torch')}")):
        other = other or whole
    if other.startswith("torch"):
        return found + sources_of(other)
    package, _, inner = name.partition(".")
    if not other and package == "torch":
        other = f"minigrad.{inner}".rstrip(".")
    return found + ([other] if other and _exists(other) else [])


def _exists(module: str) -> bool:
    """Return whether there is a module, without running it; its packages are there already or are run."""
    if module in sys.modules:
        return True
    package, _, _ = module.rpartition(".")
    try:
        path = importlib.import_module(package).__path__
    except (ImportError, AttributeError):
        return False
    return PathFinder.find_spec(module, path) is not None


def _installed(name: str) -> ModuleSpec | None:
    """Return where an installed torchvision has the module ``name``, if its files are read for it."""
    if name != "torchvision._utils" and not any(name.startswith(f"{folder}.") for folder in INSTALLED):
        return None
    package = PathFinder.find_spec("torchvision")
    if package is None or package.submodule_search_locations is None:
        return None
    *folders, _ = name.split(".")[1:]
    return PathFinder.find_spec(name, [f"{root}/{'/'.join(folders)}" for root in package.submodule_search_locations])


class Importer(MetaPathFinder, Loader):
    """The finder, and loader, of ``torch``, ``torchvision`` and all that is in them."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package = name.partition(".")[0]
        if package not in ("torch", "torchvision"):
            return None
        if sources_of(name) or name in INSTALLED:
            return ModuleSpec(name, self, is_package=True)
        if (installed := _installed(name)) is not None:
            return installed
        place, _, last = name.rpartition(".")
        raise ModuleNotFoundError(missing(place, last), name=name)

    def create_module(self, spec: ModuleSpec) -> TorchModule:
        return TorchModule(spec.name, [importlib.import_module(source) for source in sources_of(spec.name)])

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up when they are used, but programs look for models in ``models.__dict__``."""
        if module.__name__ in INSTALLED:
            sys.modules[module.__name__] = module
            for file in INSTALLED[module.__name__]:
                with suppress(ImportError, AttributeError):  # what it needs may be missing; others may be there
                    _add_names_of(module, file)


def torch_modules() -> Iterator[str]:
    """Yield the names of torch's and torchvision's modules that are imported at present."""
    return (name for name in list(sys.modules) if name.partition(".")[0] in ("torch", "torchvision"))
