"""Names of torch's that are not in minigrad: what to write instead, or why there is nothing.

:func:`sentence` finds the answer, in this order:

1. in ``INSTEAD``, what to write for a single name;
2. among minigrad's own names, if torch has the same function at a second place;
3. in ``REASONS``, what a group of names has in common.

Anything else is taken for a slip of the pen, and answered with the names that look like it.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.abc
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from opcode import opmap
from types import MappingProxyType, ModuleType
from typing import TypeVar

C = TypeVar("C", bound=type)


class NotInMinigradError(AttributeError, NotImplementedError):
    """A name of torch's that minigrad does not have. It is an AttributeError, so ``hasattr`` and ``getattr`` work."""


class NoSuchNameError(AttributeError):
    """A name that neither minigrad nor torch has. The names that look like it are searched for when it is printed."""

    def __init__(self, kind: str, wanted: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(f"{kind} has no attribute '{wanted}'")
        self.wanted, self.known = wanted, known

    def __str__(self) -> str:
        by_small = {n.lower(): n for n in sorted(self.known(), reverse=True) if not n.startswith("_")}
        similar = difflib.get_close_matches(self.wanted.lower(), by_small, 3, 0.66)
        hint = f". Did you mean {' or '.join(repr(by_small[small]) for small in similar)}?" if similar else ""
        return super().__str__() + ("" if self.wanted.startswith("_") else hint)


#: What to write instead. x, y and z are tensors; a name of several places may stand with its place.
INSTEAD = {
    # Elementwise
    "absolute": "x.abs()",
    "acos": "math.pi / 2 - asin(x), with asin(x) as a Function of your own (docs/parity.md)",
    "addcdiv": "x + value * y / z",
    "addcmul": "x + value * y * z",
    "asinh": "(x + (x * x + 1).sqrt()).log()",
    "acosh": "(x + (x * x - 1).sqrt()).log()",
    "atanh": "((1 + x) / (1 - x)).log() / 2",
    "clamp_max": "x.clamp(max=...)",
    "clamp_min": "x.clamp(min=...)",
    "clip": "x.clamp(min, max)",
    "copysign": "x.abs() * y.sign()",
    "cosh": "(x.exp() + (-x).exp()) / 2",
    "deg2rad": "x * (math.pi / 180)",
    "divide": "x / y",
    "erfc": "1 - erf(x), with erf(x) as a Function of your own",
    "exp2": "2**x",
    "fix": "x.trunc()",
    "float_power": "x.double() ** y",
    "fmax": "minigrad.maximum(x, y)",
    "fmin": "minigrad.minimum(x, y)",
    "frac": "x - x.trunc()",
    "gcd": "minigrad.from_numpy(numpy.gcd(x.numpy(), y.numpy()))",
    "greater": "x > y",
    "greater_equal": "x >= y",
    "heaviside": "minigrad.where(x == 0, y, (x > 0).float())",
    "hypot": "(x * x + y * y).sqrt()",
    "isclose": "(x - y).abs() <= atol + rtol * y.abs()",
    "isneginf": "x == -math.inf",
    "isposinf": "x == math.inf",
    "isreal": "minigrad.ones_like(x, dtype=minigrad.bool)",
    "bitwise_not": "~x",
    "lcm": "minigrad.from_numpy(numpy.lcm(x.numpy(), y.numpy()))",
    "ldexp": "x * 2.0**y",
    "lerp": "x + weight * (y - x)",
    "less": "x < y",
    "less_equal": "x <= y",
    "log10": "x.log() / math.log(10)",
    "log2": "x.log() / math.log(2)",
    "logaddexp": "minigrad.stack([x, y]).logsumexp(0)",
    "logaddexp2": "minigrad.stack([x, y]).mul(math.log(2)).logsumexp(0) / math.log(2)",
    "logit": "(x / (1 - x)).log()",
    "multiply": "x * y",
    "nan_to_num": "minigrad.where(minigrad.isnan(x), 0.0, x)",
    "negative": "-x",
    "not_equal": "x != y",
    "positive": "+x",
    "rad2deg": "x * (180 / math.pi)",
    "rsub": "y - x",
    "sgn": "x.sign()",
    "signbit": "minigrad.from_numpy(numpy.signbit(x.numpy()))",
    "sinc": "minigrad.where(x == 0, 1.0, (math.pi * x).sin() / (math.pi * x))",
    "sinh": "(x.exp() - (-x).exp()) / 2",
    "subtract": "x - y",
    "tan": "x.sin() / x.cos()",
    "true_divide": "x / y",
    "xlogy": "minigrad.where(x == 0, 0.0, x * y.log())",
    "celu": "nn.functional.elu(x / alpha) * alpha",
    "glu": "a * b.sigmoid() where a, b = x.chunk(2, dim)",
    "gumbel_softmax": "((logits - (-minigrad.rand_like(logits).log()).log()) / tau).softmax(dim)",
    "hardshrink": "minigrad.where(x.abs() > lambd, x, 0.0)",
    "hardsigmoid": "nn.functional.relu6(x + 3) / 6",
    "hardtanh": "x.clamp(-1, 1)",
    "logsigmoid": "-nn.functional.softplus(-x)",
    "mish": "x * nn.functional.softplus(x).tanh()",
    "prelu": "minigrad.where(x > 0, x, weight * x)",
    "rrelu": "nn.functional.leaky_relu(x, slope)",
    "selu": "1.0507009873554805 * nn.functional.elu(x, 1.6732632423543772)",
    "softmin": "(-x).softmax(dim)",
    "softshrink": "x - x.clamp(-lambd, lambd)",
    "softsign": "x / (1 + x.abs())",
    "tanhshrink": "x - x.tanh()",
    "threshold": "minigrad.where(x > threshold, x, value)",
    # Comparing, counting, choosing
    "allclose": "minigrad.testing.assert_close(x, y), or ((x - y).abs() <= atol + rtol * y.abs()).all()",
    "aminmax": "x.amin(), x.amax()",
    "argwhere": "x.nonzero()",
    "bincount": "minigrad.nn.functional.one_hot(x).sum(0)",
    "bucketize": "(x[..., None] > boundaries).sum(-1)",
    "searchsorted": "(values[..., None] > sorted).sum(-1)",
    "count_nonzero": "(x != 0).sum()",
    "cummax": "minigrad.from_numpy(numpy.maximum.accumulate(x.numpy(), axis))",
    "cummin": "minigrad.from_numpy(numpy.minimum.accumulate(x.numpy(), axis))",
    "cumprod": "x.log().cumsum(dim).exp(), for positive x",
    "equal": "x.shape == y.shape and bool((x == y).all())",
    "histc": "numpy.histogram(x.numpy(), bins)",
    "histogram": "numpy.histogram(x.numpy(), bins)",
    "is_complex": "nothing: there are no complex numbers, so it would be False",
    "minigrad.is_floating_point": "x.is_floating_point()",
    "is_nonzero": "bool(x)",
    "is_same_size": "x.shape == y.shape",
    "is_signed": "x.dtype.kind in 'fi'",
    "is_tensor": "isinstance(x, minigrad.Tensor)",
    "isin": "(x[..., None] == values.flatten()).any(-1)",
    "kthvalue": "x.sort(dim).values.select(...), that is x.sort(dim)[0].narrow(dim, k - 1, 1)",
    "masked_select": "x[mask]",
    "median": "x.flatten().sort().values[(x.numel() - 1) // 2]",
    "mode": "minigrad.nn.functional.one_hot(x).sum(0).argmax()",
    "msort": "x.sort(0).values",
    "nanmean": "x[~minigrad.isnan(x)].mean()",
    "nanmedian": "the median of x[~minigrad.isnan(x)]",
    "nansum": "minigrad.where(minigrad.isnan(x), 0.0, x).sum()",
    "numel": "x.numel()",
    "nelement": "x.numel()",
    "quantile": "minigrad.tensor(numpy.quantile(x.detach().numpy(), q))",
    "std_mean": "x.std(dim), x.mean(dim)",
    "unique": "minigrad.from_numpy(numpy.unique(x.numpy()))",
    "unique_consecutive": "x[minigrad.cat([minigrad.tensor([True]), x[1:] != x[:-1]])]",
    # Shapes
    "adjoint": "x.mT",
    "H": "x.mT",
    "mH": "x.mT",
    "atleast_1d": "x.reshape(-1) if x.ndim == 0 else x",
    "atleast_2d": "x.reshape(1, -1) if x.ndim < 2 else x",
    "atleast_3d": "x.unsqueeze(-1) until x.ndim is 3",
    "block_diag": "minigrad.zeros(rows, columns), and a slice written for each block",
    "broadcast_shapes": "numpy.broadcast_shapes(...)",
    "broadcast_tensors": "x.broadcast_to(numpy.broadcast_shapes(x.shape, y.shape)) for each",
    "cartesian_prod": "minigrad.stack([x.repeat_interleave, ...]), or numpy.meshgrid and minigrad.from_numpy",
    "column_stack": "minigrad.stack([x, y], dim=1)",
    "combinations": "itertools.combinations(x.tolist(), r)",
    "concat": "minigrad.cat(tensors, dim)",
    "concatenate": "minigrad.cat(tensors, dim)",
    "diag": "x[i, i] with i = minigrad.arange(n); or x[:, None] * minigrad.eye(n) to make a matrix",
    "diag_embed": "x.unsqueeze(-1) * minigrad.eye(n)",
    "diagflat": "x.flatten()[:, None] * minigrad.eye(x.numel())",
    "diagonal": "x[i, i] with i = minigrad.arange(n)",
    "diff": "x[1:] - x[:-1]",
    "dsplit": "x.split(sizes, dim=2)",
    "dstack": "minigrad.stack([x, y], dim=2)",
    "fliplr": "x.flip(1)",
    "flipud": "x.flip(0)",
    "hsplit": "x.split(sizes, dim=1)",
    "hstack": "minigrad.cat([x, y], dim=1) (dim=0 for vectors)",
    "meshgrid": "x[:, None].expand(n, m), y[None, :].expand(n, m)",
    "moveaxis": "x.permute(...), with every dimension in its new order",
    "movedim": "x.permute(...), with every dimension in its new order",
    "narrow_copy": "x.narrow(dim, start, length).clone()",
    "ndimension": "x.ndim",
    "ravel": "x.flatten()",
    "repeat_interleave": "x.unsqueeze(1).expand(-1, n).flatten() for a vector",
    "rot90": "x.mT.flip(0)",
    "row_stack": "minigrad.cat([x, y], dim=0)",
    "select": "x[index], or x.narrow(dim, index, 1).squeeze(dim)",
    "split_with_sizes": "x.split(sizes, dim)",
    "swapaxes": "x.transpose(dim0, dim1)",
    "swapdims": "x.transpose(dim0, dim1)",
    "tensor_split": "x.chunk(n, dim), or x.split(sizes, dim)",
    "tile": "x.repeat(...)",
    "tril_indices": "minigrad.ones(n, m).tril().nonzero().mT",
    "triu_indices": "minigrad.ones(n, m).triu().nonzero().mT",
    "unflatten": "x.reshape(...)",
    "nn.Unflatten": "x.reshape(...) in forward",
    "unravel_index": "numpy.unravel_index(...)",
    "vsplit": "x.split(sizes, dim=0)",
    "vstack": "minigrad.cat([x, y], dim=0)",
    "sum_to_size": "x.sum(dims, keepdim=True)",
    "channel_shuffle": "x.reshape(n, g, c // g, h, w).transpose(1, 2).reshape(n, c, h, w)",
    "pixel_shuffle": "x.reshape(n, c, r, r, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c, h * r, w * r)",
    "pixel_unshuffle": "x.reshape(n, c, h, r, w, r).permute(0, 1, 3, 5, 2, 4).reshape(n, c * r * r, h, w)",
    "newaxis": "None, as in x[None]",
    # Reading and writing by index
    "index_add": "x.index_put((index,), y, accumulate=True)",
    "index_copy": "x.index_put((index,), y)",
    "index_fill": "x.index_put((index,), minigrad.tensor(value))",
    "index_reduce": "x.index_put((index,), y, accumulate=True), for sums",
    "masked_scatter": "x.index_put((mask,), source)",
    "put": "x.flatten().index_put((index,), y).reshape(x.shape)",
    "scatter": "x.scatter_add(dim, index, src), for sums; or x.index_put((rows, columns), src)",
    "scatter_reduce": "x.scatter_add(dim, index, src), for sums",
    "take": "x.flatten()[index]",
    "fill_diagonal_": "x[i, i] = value with i = minigrad.arange(n)",
    # Linear algebra
    "addbmm": "x + minigrad.bmm(y, z).sum(0)",
    "addmv": "x + y @ z",
    "addr": "x + minigrad.outer(y, z)",
    "baddbmm": "x + minigrad.bmm(y, z)",
    "chain_matmul": "x @ y @ z",
    "cross": "minigrad.stack of the three differences of products",
    "dist": "(x - y).norm(p)",
    "ger": "minigrad.outer(x, y)",
    "inner": "x @ y.mT",
    "kron": "minigrad.einsum('ij,kl->ikjl', x, y).reshape(...)",
    "matrix_power": "x @ x @ ...",
    "mv": "x @ y",
    "renorm": "x * (maxnorm / x.norm(p, dim, keepdim=True)).clamp(max=1)",
    "trace": "minigrad.einsum('ii->', x)",
    "vander": "x[:, None] ** minigrad.arange(n)",
    "vdot": "minigrad.dot(x, y)",
    "cdist": "(x[:, None] - y[None]).norm(p, -1)",
    "pdist": "the upper triangle of (x[:, None] - x[None]).norm(p, -1)",
    "pairwise_distance": "(x - y + eps).norm(p, -1)",
    "scaled_dot_product_attention": "(q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v",
    "rms_norm": "x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * weight",
    "cov": "minigrad.from_numpy(numpy.cov(x.numpy()))",
    "corrcoef": "minigrad.from_numpy(numpy.corrcoef(x.numpy()))",
    "trapezoid": "((y[1:] + y[:-1]) / 2 * dx).sum()",
    "trapz": "((y[1:] + y[:-1]) / 2 * dx).sum()",
    # Making tensors
    "as_strided": "x[index], with slices and steps",
    "asarray": "minigrad.as_tensor(data)",
    "bernoulli": "(minigrad.rand(shape) < p).float()",
    "binomial": "(minigrad.rand(n, *shape) < p).sum(0)",
    "empty_strided": "minigrad.empty(shape)",
    "empty_permuted": "minigrad.empty(shape).permute(...)",
    "frombuffer": "minigrad.from_numpy(numpy.frombuffer(buffer, dtype))",
    "from_file": "minigrad.from_numpy(numpy.memmap(path, dtype))",
    "fill": "minigrad.full_like(x, value)",
    "logspace": "base ** minigrad.linspace(start, end, steps)",
    "multinomial": "minigrad.from_numpy(numpy.random.default_rng(seed).choice(len(p), n, p=p.numpy()))",
    "normal": "mean + std * minigrad.randn(shape)",
    "poisson": "minigrad.from_numpy(numpy.random.default_rng(seed).poisson(x.numpy()))",
    "randint_like": "minigrad.randint(low, high, x.shape)",
    "random_": "x.copy_(minigrad.randint(low, high, x.shape))",
    "bernoulli_": "x.copy_((minigrad.rand(x.shape) < p).float())",
    "exponential_": "x.copy_(-minigrad.rand(x.shape).log() / rate)",
    "range": "minigrad.arange(start, end + 1, step)",
    "scalar_tensor": "minigrad.tensor(value)",
    "new_empty_strided": "minigrad.empty(shape, dtype=x.dtype, device=x.device)",
    "new": "minigrad.empty(shape, dtype=x.dtype, device=x.device)",
    "new_empty": "minigrad.empty(shape, dtype=x.dtype, device=x.device)",
    "new_full": "minigrad.full(shape, value, dtype=x.dtype, device=x.device)",
    "new_ones": "minigrad.ones(shape, dtype=x.dtype, device=x.device)",
    "new_tensor": "minigrad.tensor(data, dtype=x.dtype, device=x.device)",
    "new_zeros": "minigrad.zeros(shape, dtype=x.dtype, device=x.device)",
    "hann_window": "minigrad.from_numpy(numpy.hanning(n))",
    "hamming_window": "minigrad.from_numpy(numpy.hamming(n))",
    "blackman_window": "minigrad.from_numpy(numpy.blackman(n))",
    "bartlett_window": "minigrad.from_numpy(numpy.bartlett(n))",
    "kaiser_window": "minigrad.from_numpy(numpy.kaiser(n, beta))",
    # Constants, dtypes, information
    "e": "math.e",
    "inf": "math.inf",
    "nan": "math.nan",
    "pi": "math.pi",
    "dtype": "numpy.dtype: minigrad's dtypes are NumPy's",
    "finfo": "numpy.finfo(dtype)",
    "iinfo": "numpy.iinfo(dtype)",
    "result_type": "minigrad.promote_types(x.dtype, y.dtype)",
    "Size": "tuple: shapes are tuples",
    "type": "x.dtype, or x.to(dtype)",
    "nn.Module.type": "module.to(dtype)",
    "get_device": "x.device",
    "data_ptr": "x.array.ctypes.data",
    "const_data_ptr": "x.array.ctypes.data",
    "dim_order": "numpy.argsort of x.stride()",
    "itemsize": "x.element_size()",
    "nbytes": "x.numel() * x.element_size()",
    "is_cpu": "x.device.type == 'cpu'",
    "storage": "x.array, which is the NumPy array",
    "storage_offset": "x.array, which is the NumPy array",
    "storage_type": "x.array, which is the NumPy array",
    "untyped_storage": "x.array, which is the NumPy array",
    "set_": "x.data = y",
    "share_memory_": "minigrad.data's workers, which share arrays by themselves",
    "is_shared": "x.array.base",
    "is_set_to": "x.array is y.array",
    "apply_": "x.copy_ of a list comprehension over x.tolist()",
    "map_": "x.copy_ of a list comprehension over x.tolist()",
    "map2_": "x.copy_ of a list comprehension over x.tolist()",
    "as_subclass": "the constructor of the subclass",
    "resize": "x.reshape(shape)",
    "resize_": "x.reshape(shape)",
    "resize_as": "x.reshape(y.shape)",
    "resize_as_": "x.reshape(y.shape)",
    "layout": "nothing: every tensor is dense",
    "strided": "nothing: every tensor is dense",
    "set_default_tensor_type": "minigrad.set_default_dtype(dtype)",
    "default_generator": "minigrad.manual_seed(seed)",
    "seed": "minigrad.manual_seed(seed)",
    "typename": "type(x).__name__",
    "version": "minigrad.__version__",
    "torch_version": "minigrad.__version__",
    "to_dlpack": "x.__dlpack__(), or numpy.from_dlpack(x)",
    "utils": "minigrad.data for torch.utils.data, minigrad.recompute for torch.utils.checkpoint, --tensorboard "
    "for torch.utils.tensorboard",
    "utils.data": "minigrad.data",
    "utils.checkpoint": "minigrad.recompute",
    "utils.tensorboard": "tensorboardX, or --tensorboard of `python -m inception train`",
    "hub": "minigrad.load(path), for weights that were exported as safetensors (docs/training.md)",
    "serialization": "minigrad.save and minigrad.load",
    "multiprocessing": "multiprocessing, Python's own",
    "linalg": "numpy.linalg on x.detach().numpy(); the gradient of what you need as a Function of your own",
    "inverse": "numpy.linalg.inv(x.detach().numpy())",
    "det": "numpy.linalg.det(x.detach().numpy())",
    "logdet": "numpy.linalg.slogdet(x.detach().numpy())",
    "slogdet": "numpy.linalg.slogdet(x.detach().numpy())",
    "svd": "numpy.linalg.svd(x.detach().numpy())",
    "qr": "numpy.linalg.qr(x.detach().numpy())",
    "eig": "numpy.linalg.eig(x.detach().numpy())",
    "cholesky": "numpy.linalg.cholesky(x.detach().numpy())",
    "lstsq": "numpy.linalg.lstsq(x.detach().numpy(), y.detach().numpy())",
    "solve": "numpy.linalg.solve(x.detach().numpy(), y.detach().numpy())",
    "pinverse": "numpy.linalg.pinv(x.detach().numpy())",
    "use_deterministic_algorithms": "nothing: results do not depend on chance or on the number of threads",
    "set_flush_denormal": "nothing: subnormal numbers are kept",
    "set_float32_matmul_precision": "nothing: float32 is computed in float32",
    "vmap": "a batch dimension: write the function for tensors with one dimension more",
    "func": "minigrad.autograd.functional (jacobian, hessian, vjp, …)",
    "set_anomaly_enabled": "minigrad.autograd.detect_anomaly()",
    "autograd.set_detect_anomaly": "minigrad.autograd.detect_anomaly()",
    "autograd.gradcheck": "minigrad.testing.gradcheck",
    "autograd.gradgradcheck": "minigrad.testing.gradgradcheck",
    "autograd.Variable": "minigrad.tensor(data, requires_grad=True)",
    "autograd.graph": "tensor.grad_fn and its next_functions; tensor.register_hook(hook)",
    "autograd.profiler": "minigrad.profiler",
    "autograd.forward_ad": "minigrad.autograd.functional.jvp",
    "autograd.grad_mode": "minigrad.no_grad, enable_grad, set_grad_enabled, inference_mode",
    "autograd.anomaly_mode": "minigrad.autograd.detect_anomaly()",
    "grad_mode": "minigrad.no_grad, enable_grad, set_grad_enabled, inference_mode",
    "GradScaler": "minigrad.amp.GradScaler",
    "Event": "time.perf_counter(), or minigrad.profiler",
    "OutOfMemoryError": "MemoryError",
    "AcceleratorError": "RuntimeError",
    "register_post_accumulate_grad_hook": "x.register_hook(hook)",
    "reinforce": "a loss of log-probabilities",
    "volatile": "minigrad.no_grad()",
    "nn.Buffer": "self.register_buffer(name, tensor)",
    "Buffer": "self.register_buffer(name, tensor)",
    "BufferDict": "self.register_buffer(name, tensor) for each",
    "minigrad.ParameterDict": "nn.ModuleDict",
    # Layers
    "LSTM": "a Module of your own: four nn.Linear gates, sigmoid and tanh, called once for each step of the sequence",
    "GRU": "a Module of your own: three nn.Linear gates, sigmoid and tanh, called once for each step of the sequence",
    "RNN": "a Module of your own: h = (w(x) + u(h)).tanh(), with two nn.Linear, once for each step",
    "LSTMCell": "a Module of your own: four nn.Linear gates, sigmoid and tanh",
    "GRUCell": "a Module of your own: three nn.Linear gates, sigmoid and tanh",
    "RNNCell": "a Module of your own: h = (w(x) + u(h)).tanh(), with two nn.Linear",
    "MultiheadAttention": "nn.Linear for queries, keys and values, and (q @ k.mT / math.sqrt(d)).softmax(-1) @ v",
    "EmbeddingBag": "nn.Embedding, and a sum or mean over the words",
    "Dropout1d": "nn.Dropout2d on x.unsqueeze(-1)",
    "AvgPool1d": "nn.AvgPool2d((1, k)) on x.unsqueeze(-2)",
    "MaxPool1d": "nn.MaxPool2d((1, k)) on x.unsqueeze(-2)",
    "AdaptiveAvgPool1d": "nn.AdaptiveAvgPool2d((1, size)) on x.unsqueeze(-2)",
    "AdaptiveMaxPool1d": "nn.AdaptiveMaxPool2d((1, size)) on x.unsqueeze(-2)",
    "avg_pool1d": "nn.functional.avg_pool2d(x.unsqueeze(-2), (1, k))",
    "max_pool1d": "nn.functional.max_pool2d(x.unsqueeze(-2), (1, k))",
    "adaptive_avg_pool1d": "nn.functional.adaptive_avg_pool2d(x.unsqueeze(-2), (1, size))",
    "adaptive_max_pool1d": "nn.functional.adaptive_max_pool2d(x.unsqueeze(-2), (1, size))",
    "dropout1d": "nn.functional.dropout2d(x.unsqueeze(-1)).squeeze(-1)",
    "ConvTranspose1d": "nn.ConvTranspose2d on x.unsqueeze(-2)",
    "conv_transpose1d": "nn.functional.conv_transpose2d(x.unsqueeze(-2), weight.unsqueeze(-2))",
    "LPPool2d": "nn.AvgPool2d on x ** p, times the area, to the power 1 / p",
    "PReLU": "a Module of your own: minigrad.where(x > 0, x, self.weight * x)",
    "RReLU": "nn.LeakyReLU(slope)",
    "CELU": "nn.ELU, scaled",
    "SELU": "a Module of your own: 1.0507 * nn.functional.elu(x, 1.6733)",
    "GLU": "a Module of your own: a * b.sigmoid() where a, b = x.chunk(2, dim)",
    "Mish": "a Module of your own: x * nn.functional.softplus(x).tanh()",
    "Hardtanh": "a Module of your own: x.clamp(-1, 1)",
    "Hardsigmoid": "a Module of your own: nn.functional.relu6(x + 3) / 6",
    "Hardshrink": "a Module of your own: minigrad.where(x.abs() > 0.5, x, 0.0)",
    "Softshrink": "a Module of your own: x - x.clamp(-0.5, 0.5)",
    "Softsign": "a Module of your own: x / (1 + x.abs())",
    "Tanhshrink": "a Module of your own: x - x.tanh()",
    "Threshold": "a Module of your own: minigrad.where(x > threshold, x, value)",
    "LogSigmoid": "a Module of your own: -nn.functional.softplus(-x)",
    "Softmin": "a Module of your own: (-x).softmax(dim)",
    "Softmax2d": "nn.Softmax(dim=1)",
    "PixelShuffle": "x.reshape(n, c, r, r, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c, h * r, w * r)",
    "PixelUnshuffle": "x.reshape(n, c, h, r, w, r).permute(0, 1, 3, 5, 2, 4).reshape(n, c * r * r, h, w)",
    "ChannelShuffle": "x.reshape(n, g, c // g, h, w).transpose(1, 2).reshape(n, c, h, w)",
    "UpsamplingBilinear2d": "nn.Upsample(mode='bilinear', align_corners=True)",
    "UpsamplingNearest2d": "nn.Upsample(mode='nearest')",
    "upsample": "nn.functional.interpolate(x, ...)",
    "upsample_bilinear": "nn.functional.interpolate(x, mode='bilinear', align_corners=True)",
    "upsample_nearest": "nn.functional.interpolate(x, mode='nearest')",
    "PairwiseDistance": "(x - y + eps).norm(p, -1)",
    "ParameterDict": "nn.ModuleDict, or self.register_parameter(name, parameter)",
    "ParameterList": "nn.ModuleList, or self.register_parameter(name, parameter)",
    "RMSNorm": "a Module of your own: x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * self.weight",
    "SyncBatchNorm": "nn.BatchNorm2d",
    "CrossMapLRN2d": "nn.LocalResponseNorm",
    "NLLLoss2d": "nn.NLLLoss",
    "Container": "nn.Module",
    "GaussianNLLLoss": "0.5 * (variance.log() + (x - y).square() / variance)",
    "gaussian_nll_loss": "0.5 * (variance.log() + (x - y).square() / variance)",
    "PoissonNLLLoss": "x.exp() - y * x",
    "poisson_nll_loss": "x.exp() - y * x",
    "SoftMarginLoss": "nn.functional.softplus(-y * x).mean()",
    "soft_margin_loss": "nn.functional.softplus(-y * x).mean()",
    "MultiLabelSoftMarginLoss": "nn.BCEWithLogitsLoss",
    "multilabel_soft_margin_loss": "nn.functional.binary_cross_entropy_with_logits(x, y)",
    "MultiMarginLoss": "(margin - x.gather(1, y[:, None]) + x).clamp(min=0), without the right class",
    "multi_margin_loss": "(margin - x.gather(1, y[:, None]) + x).clamp(min=0), without the right class",
    "TripletMarginWithDistanceLoss": "(distance(a, p) - distance(a, n) + margin).clamp(min=0)",
    "triplet_margin_with_distance_loss": "(distance(a, p) - distance(a, n) + margin).clamp(min=0)",
    "linear_cross_entropy": "nn.functional.cross_entropy(nn.functional.linear(x, weight), y)",
    "LinearCrossEntropyLoss": "nn.Linear and nn.CrossEntropyLoss",
    "embedding_bag": "nn.functional.embedding(x, weight).sum(1)",
    "nn.grad": "minigrad.autograd.grad",
    "DataParallel": "one process: x.to('gpu:1') moves a tensor or a module to another GPU",
    "nn.modules": "minigrad.nn, which has every layer",
    # Optimisers and schedules
    "ASGD": "optim.SGD, and minigrad.nn.averaging for the average",
    "Adadelta": "optim.RMSprop or optim.Adagrad",
    "Adafactor": "optim.AdamW",
    "LBFGS": "optim.SGD with momentum, or scipy.optimize.minimize",
    "Muon": "optim.AdamW",
    "Rprop": "optim.RMSprop",
    "SparseAdam": "optim.Adam: every gradient is dense",
    "swa_utils": "minigrad.nn.averaging",
    "CyclicLR": "optim.lr_scheduler.OneCycleLR, or LambdaLR with a triangular function",
    # Data
    "IterableDataset": "data.Dataset with __len__ and __getitem__, so that an interrupted epoch can continue",
    "ChainDataset": "data.ConcatDataset",
    "StackDataset": "data.TensorDataset",
    "DistributedSampler": "data.RandomSampler: training runs in one process",
    "default_convert": "minigrad.as_tensor(array)",
    "data.dataloader": "minigrad.data.DataLoader",
    "data.distributed": "minigrad.data.RandomSampler: training runs in one process",
    # Initial values and utilities
    "dirac_": "zeros, and w[i, i, k // 2, k // 2] = 1",
    "eye_": "w.copy_(minigrad.eye(n, m))",
    "orthogonal_": "w.copy_(minigrad.from_numpy(numpy.linalg.qr(numpy.random.randn(n, n))[0]))",
    "sparse_": "nn.init.normal_(w), times (minigrad.rand(w.shape) > sparsity)",
    "clip_grad_norm": "nn.utils.clip_grad_norm_",
    "nn.utils.rnn": "padding by nn.functional.pad, and a mask",
    "weight_norm": "weight = g * v / v.norm() in forward",
    "spectral_norm": "weight / numpy.linalg.norm(weight.detach().numpy(), 2) in forward",
    "get_total_norm": "nn.utils.clip_grad_norm_(parameters, math.inf), which returns it",
    "clip_grads_with_norm_": "nn.utils.clip_grad_norm_(parameters, max_norm)",
    "nn.Module.get_parameter": "dict(module.named_parameters())[name]",
    "nn.Module.get_buffer": "dict(module.named_buffers())[name]",
    "nn.Module.get_submodule": "dict(module.named_modules())[name]",
    "nn.Module.set_submodule": "setattr(parent, name, module)",
    "nn.Module.register_backward_hook": "module.register_full_backward_hook(hook)",
    "nn.Module.to_empty": "module.to(device)",
    "nn.Module.compile": "module as it is: kernels are compiled when they are first needed",
    "nn.Module.share_memory": "minigrad.data's workers, which share arrays by themselves",
    "profiler.ProfilerActivity": "minigrad.profiler.profile(), which records every operation",
    "profiler.schedule": "minigrad.profiler.profile() around the steps that matter",
    "profiler.tensorboard_trace_handler": "prof.export_chrome_trace(path)",
    "cuda.manual_seed": "minigrad.manual_seed(seed)",
    "cuda.manual_seed_all": "minigrad.manual_seed(seed)",
    "cuda.seed": "minigrad.manual_seed(seed)",
    "cuda.seed_all": "minigrad.manual_seed(seed)",
    "cuda.amp": "minigrad.amp",
    "cuda.device": "minigrad.device('gpu', index), in a with block",
    "cuda.get_rng_state": "minigrad.get_rng_state()",
    "cuda.set_rng_state": "minigrad.set_rng_state(state)",
    "amp.custom_fwd": "minigrad.autocast(enabled=False) in forward",
    "amp.custom_bwd": "nothing: backward runs as forward did",
    "amp.autocast_mode": "minigrad.autocast",
    "amp.grad_scaler": "minigrad.amp.GradScaler",
    "autocast_mode": "minigrad.autocast",
}

#: What names have in common, for which there is no replacement. Each reason has a pattern that a whole name matches.
REASONS = {
    "there are no complex numbers; keep the real and the imaginary part in two tensors": (
        r"c?complex\w*|c(double|float|half)|chalf|conj\w*|(is|resolve)_(conj|neg)|(view_as_)?(real|complex)(_copy)?|imag"
        r"|polar|angle|stft|istft|Complex\w*"
    ),
    "there are no Fourier transforms; use numpy.fft on x.detach().numpy()": r"fft|has_spectral",
    "every tensor is dense; use x itself, with zeros in it": (
        r"\w*sparse\w*|(c?col|crow|row)_indices(_copy)?|coalesce|is_coalesced|indices(_copy)?|values(_copy)?|to_dense"
        r"|to_mkldnn|\w*spmm|s?saddmm|smm|dsmm|hsmm|sspaddmm|dense_dim|to_padded_tensor|nested|is_nested|jagged|masked"
        r"|is_mkldnn|segment_reduce"
    ),
    "dtypes of fewer than 8 bits, bfloat16 and quantised numbers are not supported; use float16 or uint8": (
        r"q_\w+|q(u?int\d\w*|scheme)|quint\w+|(de)?quantize\w*|quantiz\w*|quantized\w*|fake_quantize\w*|int_repr"
        r"|per_(tensor|channel)\w*|fbgemm\w*|choose_qparams\w*|fused_moving\w+|is_quantized|Q\w+Storage|empty_quantized"
        r"|bfloat16|float[48]_\w+|u?int\d+|bit|bits\d\w*|(scaled_)?grouped_mm|scaled_mm|ao|qat|intrinsic|quantizable"
        r"|scaled_grouped_mm|ScalingType|SwizzleType|is_bf16_supported"
    ),
    "there are no three-dimensional layers; fold the depth into the batch or the channels": (
        r"\w*3d(_with_indices)?|convert_conv3d\w*"
    ),
    "layers do not guess sizes; give the number of input channels or features": r"Lazy\w+|Uninitialized\w+",
    "there are no recurrent layers; write a Module that is called once for each step of the sequence": (
        r"(lstm|gru|rnn_\w+|RNN)(_cell|Base|CellBase)?|rnn|miopen_rnn|mkldnn_rnn_layer"
    ),
    "there are no transformer layers; make one of nn.Linear, nn.LayerNorm and softmax": (
        r"Transformer\w*|attention|multi_head_attention_forward"
    ),
    "Python runs the model, and nothing is traced; minigrad.onnx.export writes it for other runtimes": (
        r"jit|compile|compiler|export|fx|package|library|overrides|classes|ops|cond|while_loop|sym_\w+|Sym\w+|Script\w+"
        r"|torch\.jit|(?!Tensor|Module|Parameter)[A-Z]\w*(Type|Kind|Iterator|State|Graph|Block|Function|Method|Object\w*)"
        r"|AliasDb|Argument\w*|Await\w*|Block|CallStack|Capsule|Code|CompilationUnit|Concrete\w+|Dispatch\w+|ErrorReport"
        r"|ExecutionPlan|FileCheck|FunctionSchema|Gradient|Graph\w*|IODescriptor|JITException|Lite\w+|Logg\w+"
        r"|LockingLogger|NoopLogger|Node|OperatorInfo|PyTorchFile\w+|StaticModule|Tag|Use|Value|Object\w+|Type"
        r"|merge_type\w+|parse_\w+|import_ir\w+|unify_type_list|freeze|Deserialization\w+|Serialization\w+|Exclude\w+"
        r"|Disable\w+|DeepCopyMemoTable|Complete\w+|TensorType|return_types|torch_function|has_torch_function\w*|handle_torch_function"
        r"|is_tensor_like|boolean_dispatch|assert_int_or_pair|BroadcastingList\d|get_file_path|FatalError"
    ),
    "it belongs to torch's benchmarks; use minigrad.profiler, or timeit": (
        r"Benchmark\w+|ThroughputBenchmark|AggregationType|AVG|SUM|Kineto\w+|kineto\w*|Execution\w+|ProfilerConfig"
        r"|Profiler\w+|RecordScope|supported_activities|itt|nvtx|is_fbcode|profiler\w*|DeviceType|monitor|profile_hook_step"
        r"|register_optimizer_step_post_hook"
    ),
    "training runs in one process; x.to('gpu:1') moves a tensor to another GPU": (
        r"distributed\w*|parallel|is_distributed|futures|Future|wait|fork|nccl|\w*multithreading\w*|\w*interop_threads"
        r"|Sync\w+|init_num_threads|prepare_multiprocessing\w*|thread_safe_generator"
    ),
    "there are CPUs and GPUs only; devices are 'cpu' and 'gpu:0'": (
        r"mps|mtia|xpu|ipu|accelerator|cpu|is_(ipu|maia|mps|mtia|xla|xpu|vulkan\w*|meta)|cudnn\w*|miopen\w*|mkldnn\w*"
        r"|backends|get_device_module|is_vulkan_available|has_\w+|privateuse\w*"
    ),
    "CuPy manages the GPU; see docs/gpu.md, and cupy.cuda for what minigrad.cuda does not have": (
        r"Stream\w*|stream\w*|\w*_stream\w*|CUDA\w+|Cuda\w+|\w*memory\w*|\w*alloc\w*|graph\w*|Graph\w*|cuda\w*|gds|Mem\w+"
        r"|Green\w+|green_contexts|get_(arch|gencode|device|sync)\w*|set_sync\w*|ipc_collect|is_(current|init|tf32)\w*"
        r"|can_device\w*|check_error|clock_rate|current_\w+|default_generators|Device\w*|init|initial_seed|jiterator"
        r"|list_gpu_processes|make_graphed\w*|power_draw|temperature|utilization|tunable|use_mem_pool|\w*rng_state_all"
        r"|External\w+|device_of|nvml\w*|random|PYTORCH_\w+|DEVICE_\w+|Deferred\w+|record_stream|is_pinned|windows"
    ),
    "it is deprecated in torch, or private to it; there is nothing to replace": (
        r"\w+_copy|\w+(Storage|Tensor)|Storage\w*|StorageBase|UntypedStorage|TypedStorage|storage|\w*anomaly\w*enabled\w*"
        r"|native_\w+|batch_norm_\w+|unsafe_\w+|\w*autocast\w*|is_warn_\w+|set_warn_\w+|\w*deterministic\w*|\w+_dtype"
        r"|compiled_with\w+|cpp|classproperty|get_\w+|legacy\w*|PRIVATE_OPS|USE_\w+|hash_tensor|quasirandom|slice_inverse"
        r"|functional|functional_datapipe|\w*[dD]ata[pP]ipe\w*|DataChunk|graph_settings|runtime_validation\w*"
        r"|argument_validation|non_deterministic|storage_type|\w*symint\w*|conv_tbc|convolution|grid_sampler\w*"
        r"|constant_pad_nd|embedding_renorm_|frobenius_norm|nuclear_norm|matrix_rank|symeig|triangular_solve|\w+_dropout_?"
        r"|norm_except_dim|is_inference\w*|is_storage|is_neg|output_nr|name|grad_dtype|module_load|factory_kwargs"
        r"|common_types|LinearCrossEntropyOptions|\w+_notes|GRID_SAMPLE\w*|uniform|normal|constant|dirac|eye|orthogonal"
        r"|xavier_\w+|kaiming_\w+|clip_grad|convert_\w+|fusion|memory_format|parametriz\w+|stateless|skip_init|remove_\w+"
        r"|fuse_\w+|call_super_init|dump_patches|T_destination|\w+_extra_state|EPOCH_\w+|swap_in_\w+|Optimizer\w+Hook"
        r"|SavedTensor|NestedIOFunction|variable|enforce_\w+|is_view_replay\w*|profiler_\w+|function|sparse|lobpcg"
        r"|\w+_lowrank|put_|renorm_|addmv_|sym\w+|types|functools_\w+|is_autocast_available|torch"
    ),
    "hooks around state dicts and steps are not supported; write the code before or after the call": (
        r"register_\w+_hook"
    ),
    "there is no such function; write it in tensor operations, or as a Function with forward and backward": (
        r"index|(arc|a)?(sin|cos|tan)h?2?|arctan2|atan2|digamma|lgamma|mvlgamma|polygamma|i(0|gammac?)|erf(c|inv)?|nextafter"
        r"|frexp|special|signal|distributions|gradient|logcumsumexp|cumulative_trapezoid|histogramdd|nanquantile"
        r"|cholesky\w*|geqrf|orgqr|ormqr|lu\w*|matrix_exp|affine_grid\w*|grid_sample|fractional_max_pool2d\w*|lp_pool[12]d"
        r"|FractionalMaxPool2d|LPPool1d|max_unpool[12]d|MaxUnpool[12]d|max_pool1d_with_indices|adaptive_\w+_with_indices"
        r"|max_pool2d_with_indices|Adaptive\w+|AlphaDropout|FeatureAlphaDropout|alpha_dropout|feature_\w+|MultiLabelMarginLoss"
        r"|multilabel_margin_loss|nonzero_static|range_\w+|cauchy_|geometric_|log_normal_|\w+_scatter|index_\w+|unfold"
    ),
}
#: Where torch has names, by the place they have in minigrad. The order is that of the search for a second place.
_PLACES = ("", "nn.functional", "nn", "optim", "optim.lr_scheduler", "nn.utils", "nn.init", "autograd", "amp", "data")


def sentence(place: str, name: str) -> str | None:
    """Return what to write instead of ``name``, or why there is nothing; None for a name that is not torch's.

    Args:
        place: where torch has the name: ``""``, ``"nn"``, ``"Tensor"``, …

    >>> sentence("", "allclose").partition(",")[0]
    'minigrad.allclose is not in minigrad; use minigrad.testing.assert_close(x'
    """
    full = ".".join(part for part in ("minigrad", place, name) if part)
    instead = INSTEAD.get(full.removeprefix("minigrad.")) or INSTEAD.get(full) or INSTEAD.get(name) or _elsewhere(name)
    if instead is None and name.endswith("_"):
        plain = INSTEAD.get(name[:-1]) or _elsewhere(name[:-1])
        instead = plain and f"x.copy_(y), with the result y of {plain}"
    if instead is not None:
        needless = instead.startswith("nothing: ")
        return f"{full} is not in minigrad" + (instead.removeprefix("nothing") if needless else f"; use {instead}")
    for reason, pattern in REASONS.items():
        if re.fullmatch(f"({pattern})_?", name):
            return f"{full} is not in minigrad: {reason}"
    return None


def _elsewhere(name: str) -> str | None:
    """Return where else minigrad has a public function or class of this name."""
    for place in _PLACES:
        module = sys.modules.get(f"minigrad.{place}".rstrip("."))
        if name in getattr(module, "__all__", ()):
            return ".".join(part for part in ("minigrad", place, name) if part)
    tensor = getattr(sys.modules.get("minigrad.tensor"), "Tensor", None)
    found = vars(tensor).get(name) if tensor is not None else None
    if found is None or isinstance(found, Absent):
        return None
    return f"x.{name}(...)" if callable(found) else f"x.{name}"


def answer(place: str, name: str, known: Callable[[], Iterable[str]], kind: str = "") -> AttributeError:
    """Return the exception for a name that is not there: the sentence of the table, or names that look like it.

    Args:
        place: the module below minigrad, or the class.
        known: returns the names that are there.
        kind: how the message calls the place; by default ``module 'minigrad.place'``.
    """
    found = None if name.startswith("_") else sentence(place, name)
    if found is not None:
        return NotInMinigradError(found)
    kind = kind or f"module '{f'minigrad.{place}'.rstrip('.')}'"
    return NoSuchNameError(kind, name, known)


def module_getattr(module: str, later: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], object]:
    """Return the ``__getattr__`` of a module that answers for names that are not there, also in ``from … import``.

    Args:
        later: where to find what is imported when it is first used: ``module``, or ``module:name``.
    """
    place = module.removeprefix("minigrad").removeprefix(".")

    def missing(name: str) -> object:
        if name in later:
            path, _, inside = later[name].partition(":")
            found = importlib.import_module(path)
            return getattr(found, inside) if inside else found
        error = answer(place, name, lambda: dir(sys.modules[module]))
        frame = sys._getframe(1)
        if frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:  # which would hide the text of the error
            raise ImportError(f"cannot import name {name!r} from {module!r}: {error}", name=module)
        raise error

    return missing


class _AnswersForModules(importlib.abc.MetaPathFinder):
    """The last to be asked for a module: raises the sentence for one of torch's, ``import minigrad.utils.data``."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        package, _, name = fullname.rpartition(".")
        if fullname.startswith("minigrad.") and (text := sentence(package.removeprefix("minigrad").lstrip("."), name)):
            raise ModuleNotFoundError(text, name=fullname)


def answer_for_modules() -> None:
    """Let ``import`` of one of torch's modules, which is not in minigrad, say so."""
    if not any(isinstance(finder, _AnswersForModules) for finder in sys.meta_path):
        sys.meta_path.append(_AnswersForModules())


# --- Tensor has no __getattr__, which would slow down each access to an attribute, but entries for the absent names ---


class Absent:
    """An attribute that is not there: reading it raises the sentence."""

    def __init__(self, place: str, name: str) -> None:
        self.place, self.name = place, name

    def __get__(self, instance: object, owner: type) -> object:
        raise answer(self.place, self.name, lambda: dir(owner), f"type object '{owner.__name__}'")


class ListsWhatIsThere(type):
    """The type of classes with absent names, which ``dir`` and ``help`` leave out."""

    def __dir__(cls) -> list[str]:
        return present(super().__dir__(), cls)


def present(names: Iterable[str], cls: type) -> list[str]:
    """Return the names that are not absent."""
    items = {name: item for base in reversed(cls.__mro__) for name, item in vars(base).items()}
    return [name for name in names if not isinstance(items.get(name), Absent)]


def answer_for_absent_methods(cls: C) -> C:
    """Add, as a decorator of ``Tensor``, an entry for each of torch's attributes that the class lacks."""
    names = [name for name in INSTEAD if name.isidentifier()] + _METHODS.split()
    for name in [*names, *(f"{name}_" for name in names if name.islower() and name[-1] != "_")]:
        if not hasattr(cls, name) and not (name[0].isupper() and name != "H"):
            setattr(cls, name, Absent("Tensor", name))
    return cls


#: torch's methods that have no entry of their own in INSTEAD.
_METHODS = """
angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh as_strided_scatter asin atan atan2 bfloat16 cauchy_
ccol_indices cdouble cfloat chalf cholesky_inverse cholesky_solve coalesce col_indices conj conj_physical crow_indices
dense_dim dequantize diagonal_scatter digamma erf erfinv frexp geometric_ geqrf grad_dtype hash_tensor i0 igamma
igammac imag index indices int_repr ipu is_coalesced is_conj is_distributed is_inference is_ipu is_maia is_meta
is_mkldnn is_mps is_mtia is_neg is_nested is_pinned is_quantized is_sparse is_sparse_csr is_vulkan is_xla is_xpu istft
lgamma log_normal_ logcumsumexp logical_xor_ lu lu_solve matrix_exp module_load mtia mvlgamma name nanquantile
new_empty_strided nextafter nonzero_static orgqr ormqr output_nr polygamma q_per_channel_axis q_per_channel_scales
q_per_channel_zero_points q_scale q_zero_point qscheme real reciprocal_ record_stream resize_as_sparse_ resolve_conj
resolve_neg row_indices select_scatter slice_inverse slice_scatter smm sparse_dim sparse_mask sparse_resize_
sparse_resize_and_clear_ square_ squeeze_ sspaddmm stft symeig t_ to_dense to_mkldnn to_padded_tensor to_sparse
to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr transpose_ triangular_solve unfold unsafe_chunk
unsafe_split unsafe_split_with_sizes unsqueeze_ values xpu
"""
