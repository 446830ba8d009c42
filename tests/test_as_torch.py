"""A program written for torch runs on minigrad, as Python would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*arguments: object, module: str = "minigrad.as_torch") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def printed(tmp_path: Path, program: str, *arguments: object) -> list[str]:
    script = tmp_path / "program.py"
    script.write_text(program)
    done = run(script, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_script_sees_its_own_name_arguments_and_folder(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("import torch\nvalue = torch.ones(2).sum().item()\n")
    lines = printed(
        tmp_path,
        "import sys, os, neighbour\nprint(__name__, sys.argv[1:], os.path.basename(__file__), neighbour.value)\n"
        "print(sys.argv[0] == __file__, sys.modules['__main__'].__dict__ is globals())\n",
        "--epochs",
        3,
    )
    assert lines == ["__main__ ['--epochs', '3'] program.py 2.0", "True True"]


def test_an_error_shows_the_program_alone(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text("import torch\n\ntorch.fft.rfft(torch.ones(3))\n")
    done = run(script)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[:2] == ["Traceback (most recent call last):", f'  File "{script}", line 3, in <module>']
    assert lines[-1].startswith("AttributeError: torch.fft is not in minigrad: ")


def test_the_exit_status_is_the_programs_own(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text("import sys\nsys.exit(7)\n")
    assert run(script).returncode == 7
    assert "can't open file" in run(tmp_path / "absent.py").stderr


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("import torch.fft", "ModuleNotFoundError: torch.fft is not in minigrad: "),
        ("from torch.nn import Conv4d", "ImportError: cannot import name 'Conv4d' from 'torch.nn': "),
        ("import torch; torch.nn.Linaer(2, 2)", "Did you mean 'Linear'"),
        ("import torch; torch.optim.Muon(3)", "AttributeError: torch.optim.Muon is not in minigrad"),
        ("import torch; torch.utils.data.dataloder", "has no attribute 'dataloder'"),
        (
            "import torch; torch.zeros(2, dtype=torch.bfloat16)",
            "NotImplementedError: torch.bfloat16 is not in minigrad: ",
        ),
        ("import torch; torch.nn.Conv3d(1, 1, 1)", "NotImplementedError: torch.nn.Conv3d is not in minigrad: "),
        ("import torch; torch.hub.load_state_dict_from_url('https://x.org/y')", "minigrad downloads nothing: "),
        (
            "import torch; torch.distributed.init_process_group('gloo', world_size=2, rank=0)",
            "world_size=2, but MPI says 1; start with mpiexec -n 2",
        ),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(statement: str, sentence: str, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(statement)
    last = run(script).stderr.strip().splitlines()[-1]
    assert sentence in last


def test_harmless_names_are_there_and_change_nothing(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch, torch.fx, torch.nn as nn, torch.backends.cudnn as cudnn
from torch.utils.data.dataloader import DataLoader
from torch.utils.data.dataset import TensorDataset
from torch.utils.checkpoint import checkpoint
from torch.nn.modules.utils import _pair
from torch.nn.parameter import Parameter
from torch.nn.parallel import DistributedDataParallel
from torch.cuda.amp import GradScaler, autocast
from torch.optim.lr_scheduler import StepLR, LRScheduler, _LRScheduler
assert issubclass(StepLR, _LRScheduler) and _LRScheduler is LRScheduler and torch.optim.lr_scheduler.StepLR is StepLR
from torchvision import datasets, transforms
cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = True
torch.cuda.manual_seed_all(1)
torch.set_float32_matmul_precision("high")

@torch.jit.script
def double(x):
    return x * 2

@torch.compile(mode="default")
def triple(x):
    return x * 3

@torch.jit.unused
def four(): return 4
torch.fx.wrap("double")
model = torch.compile(nn.DataParallel(nn.Linear(2, 1)))
torch.optim.AdamW(model.parameters(), foreach=True, fused=True)
nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=False): pass
torch._assert(not torch.jit.is_scripting(), "message")
print(cudnn.benchmark, torch.cuda.is_available(), torch.accelerator.is_available(), torch.backends.mps.is_available())
print(double(torch.ones(1)).item(), triple(torch.ones(1)).item(), four(), list(model.state_dict()), _pair(3))
""",
    )
    assert lines == ["True False False False", "2.0 3.0 4 ['module.weight', 'module.bias'] (3, 3)"]


def test_dtypes_and_shapes_are_written_as_torch_writes_them(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch, pickle, copy
x = torch.zeros(2, 3)
print(x.dtype, x.shape, x.size(), x.shape[1:], x.shape.numel(), x.type(), x.long().type(), x.size(-1))
print(x.dtype is torch.float32, x.dtype == torch.float, {torch.float32: 1}[x.dtype], isinstance(x.dtype, torch.dtype))
print(torch.float64.is_floating_point, torch.int64.is_floating_point)
print(torch.finfo(torch.float32).eps, torch.iinfo(torch.int8).max)
print(isinstance(x, torch.FloatTensor), isinstance(x, torch.LongTensor), torch.is_tensor(x))
print(torch.LongTensor([1, 2]).tolist())
print(torch.Tensor(2, 3).shape, torch.Tensor([2, 3]).tolist())
print(x.type(torch.LongTensor).dtype, x.type("torch.DoubleTensor").dtype)
print(pickle.loads(pickle.dumps((x.dtype, x.shape))), copy.deepcopy(x.dtype) is x.dtype, x.to(x.dtype).dtype)
""",
    )
    assert lines == [
        "torch.float32 torch.Size([2, 3]) torch.Size([2, 3]) torch.Size([3]) 6 torch.FloatTensor torch.LongTensor 3",
        "True True 1 True",
        "True False",
        "1.1920928955078125e-07 127",
        "True False True",
        "[1, 2]",
        "torch.Size([2, 3]) [2.0, 3.0]",
        "torch.int64 torch.float64",
        "(torch.float32, torch.Size([2, 3])) True torch.float32",
    ]


def test_functions_with_static_methods_have_gradients_of_gradients(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
from torch.autograd import Function, Variable, gradcheck
class Cube(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x ** 3 * factor
    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * 3 * x ** 2 * ctx.factor, None
class Both(Function):
    @staticmethod
    def forward(x, y):
        return x + y, x * y
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
    @staticmethod
    def backward(ctx, a, b):
        x, y = ctx.saved_tensors
        return a + b * y, a + b * x
x = Variable(torch.tensor([2.0]), requires_grad=True)
g, = torch.autograd.grad(Cube.apply(x, 5).sum(), x, create_graph=True)
h, = torch.autograd.grad(g.sum(), x)
s, p = Both.apply(x, torch.tensor([7.0], requires_grad=True))
(s + p).sum().backward()
print(g.item(), h.item(), x.grad.item(), isinstance(x, Variable))
print(gradcheck(lambda t: Cube.apply(t, 2.0), (torch.ones(2).double().requires_grad_(),)))
""",
    )
    assert lines == ["60.0 60.0 8.0 True", "True"]


def test_a_model_is_saved_whole_for_the_same_run(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        f"""
import torch, io
model = torch.nn.Linear(2, 1)
torch.save(model, r"{tmp_path}/model.pt")
with open(r"{tmp_path}/state.pt", "wb") as f:
    torch.save(model.state_dict(), f)
again = torch.load(r"{tmp_path}/model.pt", map_location=lambda storage, loc: storage, weights_only=False)
state = torch.load(r"{tmp_path}/state.pt", map_location=torch.device("cpu"))
buffer = io.BytesIO()
torch.save({{"step": 3, "state": state}}, buffer)
buffer.seek(0)
print(torch.load(buffer)["step"], torch.equal(again.weight, state["weight"]) if hasattr(torch, "equal") else True)
""",
    )
    assert lines == ["3 True"]
    other = tmp_path / "other.py"
    other.write_text(f"import torch\ntorch.load(r'{tmp_path}/model.pt', weights_only=False)\n")
    assert "a whole Linear, which only the same run" in run(other).stderr


def test_images_are_laid_side_by_side_and_written(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        f"""
import torch
from torchvision.utils import make_grid, save_image
grid = make_grid(torch.ones(5, 1, 4, 6) * 0.5, nrow=3, padding=1)
save_image(grid, r"{tmp_path}/grid.png")
from PIL import Image
print(tuple(grid.shape), grid[0, 0, 0].item(), grid[0, 1, 1].item(), Image.open(r"{tmp_path}/grid.png").size)
""",
    )
    assert lines == ["(3, 11, 22) 0.0 0.5 (22, 11)"]


def test_installing_twice_or_after_torch_is_answered() -> None:
    code = """
import sys, types
from minigrad.as_torch import install, uninstall
import minigrad
install(); install()
import torch
assert torch.ones(1).dtype is torch.float32 and type(torch).__name__ == "TorchModule"
uninstall()
assert "torch" not in sys.modules and minigrad.ones(2).shape == (2,) and type(minigrad.ones(2).shape) is tuple
assert not hasattr(minigrad.Tensor, "is_xpu") and minigrad.ones(1).dtype is minigrad.float32
sys.modules["torch"] = types.ModuleType("torch")
try: install()
except RuntimeError as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("torch itself is imported already"), done.stderr


def test_a_dataset_without_positions_comes_in_batches_or_item_by_item(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data.dataloader import DataLoader as Same

class Numbers(IterableDataset):
    def __iter__(self):
        return iter(range(7))

    def __len__(self):
        return 7

loader = DataLoader(Numbers(), batch_size=3, drop_last=True)
print([batch.tolist() for batch in loader], len(loader), Same is DataLoader)
print(list(DataLoader(Numbers(), batch_size=None)), [x.item() for x in DataLoader(torch.arange(2), batch_size=None)])
""",
    )
    assert lines == ["[[0, 1, 2], [3, 4, 5]] 2 True", "[0, 1, 2, 3, 4, 5, 6] [0, 1]"]


def test_functions_are_made_of_functions(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vjp, vmap

cube = lambda x: (x**3).sum()
x = torch.tensor([1.0, 2.0])
print(grad(cube)(x).tolist(), vmap(grad(cube))(torch.stack([x, -x])).tolist(), hessian(cube)(x).tolist())
print(grad(lambda y: grad(cube)(y).sum())(x).tolist(), jacrev(torch.square)(x).tolist())
print([part.tolist() for part in jvp(torch.square, (x,), (x,))], vjp(torch.square, x)[1](x)[0].tolist())
layer = torch.nn.Linear(2, 1)
weights = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
print(functional_call(layer, weights, (x,)).tolist(), layer.weight.requires_grad)
print(grad(lambda w: functional_call(layer, w, (x,)).sum())(weights)["weight"].tolist())
print(vmap(lambda a, b: a + b, in_dims=(0, None))(torch.eye(2), x).tolist())
stacked, _ = stack_module_state([layer, layer])
print(stacked["weight"].shape)
value, pull = vjp(lambda w, x: functional_call(layer, w, (x,)), weights, x)
print(value.tolist(), [{k: g.tolist() for k, g in pull(torch.ones(1))[0].items()}, pull(torch.ones(1))[1].tolist()])
model = lambda w, x: functional_call(layer, w, (x,))
print(jacrev(model)(weights, x)["weight"].tolist(), jacrev(model, argnums=(0, 1))(weights, x)[1].tolist())
print(jvp(lambda w: functional_call(layer, w, (x,)), (weights,), (weights,))[1].tolist())
""",
    )
    assert lines == [
        "[3.0, 12.0] [[3.0, 12.0], [3.0, 12.0]] [[6.0, 0.0], [0.0, 12.0]]",
        "[6.0, 12.0] [[2.0, 0.0], [0.0, 4.0]]",
        "[[1.0, 4.0], [2.0, 8.0]] [2.0, 8.0]",
        "[3.0] True",
        "[[1.0, 2.0]]",
        "[[2.0, 2.0], [1.0, 3.0]]",
        "torch.Size([2, 1, 2])",
        "[3.0] [{'weight': [[1.0, 2.0]], 'bias': [1.0]}, [1.0, 1.0]]",
        "[[[1.0, 2.0]]] [[1.0, 1.0]]",
        "[3.0]",
    ]


def test_a_parameter_is_computed_of_another(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
from torch import nn
from torch.nn.utils import parametrize

class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x):
        return x.triu()

layer = nn.Linear(2, 2)
parametrize.register_parametrization(layer, "weight", Symmetric())
layer.weight = torch.tensor([[1.0, 2.0], [2.0, 3.0]])
print(layer.weight.tolist(), type(layer).__name__, list(layer.state_dict()), parametrize.is_parametrized(layer))
layer(torch.ones(1, 2)).sum().backward()
print(layer.parametrizations.weight.original.grad.tolist())
with parametrize.cached():
    print(layer.weight is layer.weight)
parametrize.remove_parametrizations(layer, "weight")
print(layer.weight.tolist(), type(layer).__name__, list(layer.state_dict()))

class Cut(nn.Module):
    def forward(self, x):
        return x[1:]

parametrize.register_parametrization(layer, "bias", Cut(), unsafe=True)
print(layer.bias.shape, layer.parametrizations.bias.original.shape)
for name in ("weight", "bias", "wait"):
    try:
        parametrize.register_parametrization(layer, name, Cut())
    except ValueError as error:
        print(error)
print(list(layer.state_dict()), len(layer.parametrizations.bias))
""",
    )
    assert lines == [
        "[[1.0, 2.0], [2.0, 3.0]] ParametrizedLinear ['bias', 'parametrizations.weight.original'] True",
        "[[1.0, 2.0], [0.0, 1.0]]",
        "True",
        "[[1.0, 2.0], [2.0, 3.0]] Linear ['bias', 'weight']",
        "torch.Size([1]) torch.Size([2])",
        "Registering a parametrization may not change the shape of the tensor, here from torch.Size([2, 2]) to "
        "torch.Size([1, 2]), unless the `unsafe` flag is enabled",
        "Registering a parametrization may not change the shape of the tensor, here from torch.Size([1]) to "
        "torch.Size([0]), unless the `unsafe` flag is enabled",
        "ParametrizedLinear has no parameter or buffer 'wait'; it has ['weight']",
        "['weight', 'parametrizations.bias.original'] 1",
    ]


def test_random_transforms_draw_from_the_one_stream_that_torchs_programs_have(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import RandomErasing

torch.manual_seed(0)
erase = RandomErasing(1.0)
alone = [erase(torch.ones(1, 8, 8)) for _ in range(3)]
torch.manual_seed(0)

class Items:
    def __len__(self): return 3
    def __getitem__(self, i): return erase(torch.ones(1, 8, 8))

print(torch.equal(torch.stack(alone), next(iter(DataLoader(Items(), batch_size=3)))))
""",
    )
    assert lines == ["True"]


def test_names_that_only_programs_need_are_there(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        """
import torch
import torch.nn.functional as F
from torch.nn.init import _calculate_fan_in_and_fan_out, kaiming_normal
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.jit.annotations import List
from torchvision import transforms
from torchvision.datasets import FakeData
from PIL import Image

class Block(torch.jit.ScriptModule):
    @torch.jit.script_method
    def forward(self, x):
        return F.relu_(x)

with torch.serialization.safe_globals([Block]), sdpa_kernel(SDPBackend.MATH):
    print(Block()(torch.tensor([-1.0, 1.0])).tolist(), torch.compiler.is_compiling())
x = torch.zeros(2)
torch.cos_(x)
print(x.tolist(), torch.vstack([x, x]).shape, x.logit(0.1).shape, _calculate_fan_in_and_fan_out(torch.ones(2, 3, 2)))
adjacency = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2))
print(torch.spmm(adjacency, torch.eye(2)).tolist(), torch.nn.Sequential(Block()).get_submodule("0"))
given = torch.sparse_coo_tensor([[1, 0, 1], [1, 0, 1]], [3.0, 0.0, 4.0], (2, 2))
print(given._indices().tolist(), given._values().tolist(), given.indices().tolist(), given.coalesce().values().tolist())
print(given.to_dense().to_sparse()._nnz(), given._nnz())
image = transforms.Pad(1)(Image.new("RGB", (4, 2), (1, 2, 3)))
print(image.size, transforms.RandomRotation(90)(image).size, transforms.RandomVerticalFlip(1.0)(image).getpixel((1, 1)))
from torch.optim import lr_scheduler
schedule = lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], 0.1), 1)
print(torch.nn.GRU(2, 3)._flat_weights_names, schedule.__module__ == lr_scheduler.__name__)
x = torch.zeros(2, 3).unsqueeze_(0).transpose_(1, 2).squeeze_()
print(x.shape, torch.Generator(device="cpu").manual_seed(3).initial_seed(), x.uniform_(torch.tensor(1.0), 1).sum())
try:
    (x.requires_grad_() * 2).t_()
except NotImplementedError as error:
    print(error)
torch.manual_seed(5)
drawn = transforms.ToPILImage()(torch.randn(3, 4, 2)), int(torch.randint(0, 7, (1,)))
print(FakeData(9, (3, 4, 2), 7, random_offset=2)[3] == drawn)
""",
    )
    assert lines == [
        "[0.0, 1.0] False",
        "[1.0, 1.0] torch.Size([2, 2]) torch.Size([2]) (6, 4)",
        "[[0.0, 1.0], [2.0, 0.0]] Block()",
        "[[1, 0, 1], [1, 0, 1]] [3.0, 0.0, 4.0] [[0, 1], [0, 1]] [0.0, 7.0]",
        "1 3",
        "(6, 4) (6, 4) (1, 2, 3)",
        "['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0'] True",
        "torch.Size([3, 2]) 3 tensor(6.)",
        "t_ of a tensor in a graph is not supported: write x = x.t(…)",
        "True",
    ]


def test_a_program_for_several_processes_runs_on_those_that_there_are(tmp_path: Path) -> None:
    program = """
import torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data.distributed import DistributedSampler
dist.init_process_group("gloo", init_method="tcp://127.0.0.1:1234")
torch.manual_seed(0)
model = DDP(torch.nn.Linear(3, 1), device_ids=[dist.get_rank()])
model(torch.ones(2, 3)).sum().backward()
total = torch.ones(2)
dist.all_reduce(total, op=dist.ReduceOp.SUM)
print(dist.get_world_size(), model.module.weight.grad.tolist(), total.tolist())
print(list(DistributedSampler(range(4), shuffle=False)))
dist.destroy_process_group()
"""
    assert printed(tmp_path, program) == ["1 [[2.0, 2.0, 2.0]] [1.0, 1.0]", "[0, 1, 2, 3]"]


def test_a_profile_takes_torchs_options_and_names_of_columns(tmp_path: Path) -> None:
    lines = printed(
        tmp_path,
        f"""
import os
import torch
from torch.distributions.uniform import Uniform
from torch.distributions.normal import Normal
from torch.profiler import ProfilerActivity, profile, record_function, schedule, tensorboard_trace_handler

x = Uniform(torch.zeros(4), torch.ones(4)).sample() + Normal(0.0, 1.0).sample()
steps = schedule(wait=1, warmup=1, active=2, repeat=1)
print([steps(i).name for i in range(5)])
with profile(
    activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], schedule=steps, record_shapes=True,
    on_trace_ready=tensorboard_trace_handler({str(tmp_path / "log")!r}),
) as prof:
    for _ in range(3):
        with record_function("my step"):
            x.exp()
        prof.step()
table = prof.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total", row_limit=1)
print(table.splitlines()[0].split()[:3], os.listdir({str(tmp_path / "log")!r}))
with torch.autograd.profiler.profile(use_cuda=torch.cuda.is_available()) as prof:
    x.cos()
print([event.name for event in prof.key_averages()])
with torch.autograd.profiler.profile(enabled=False) as prof:
    x.cos()
print(prof.key_averages(), prof.key_averages().table(sort_by="cuda_memory_usage").splitlines()[-1])
""",
    )
    assert lines == [
        "['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']",
        "['operation', 'phase', 'calls'] ['worker.3.pt.trace.json']",
        "['Cos']",
        "[] 0.0000 s in 0 operations",
    ]
