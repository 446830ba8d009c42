"""The names of torch's that are not in minigrad, in three plain tables; ``absent.py`` looks names up in them.

``INSTEAD`` has what to write instead of a single name, ``REASONS`` what a group of names has in common, and ``METHODS``
the methods of tensors that are in neither by themselves.
"""

#: What to write instead. x, y and z are tensors; a name of several places may stand with its place.
INSTEAD = {
    # Elementwise
    "clamp_max": "x.clamp(max=...)",
    "clamp_min": "x.clamp(min=...)",
    "copysign": "x.abs() * y.sign()",
    "deg2rad": "x * (math.pi / 180)",
    "erfc": "1 - erf(x), with erf(x) as a Function of your own",
    "float_power": "x.double() ** y",
    "fmax": "minigrad.maximum(x, y)",
    "fmin": "minigrad.minimum(x, y)",
    "frac": "x - x.trunc()",
    "gcd": "minigrad.from_numpy(numpy.gcd(x.numpy(), y.numpy()))",
    "heaviside": "minigrad.where(x == 0, y, (x > 0).float())",
    "hypot": "(x * x + y * y).sqrt()",
    "isneginf": "x == -math.inf",
    "isposinf": "x == math.inf",
    "isreal": "minigrad.ones_like(x, dtype=minigrad.bool)",
    "lcm": "minigrad.from_numpy(numpy.lcm(x.numpy(), y.numpy()))",
    "ldexp": "x * 2.0**y",
    "logaddexp": "minigrad.stack([x, y]).logsumexp(0)",
    "logaddexp2": "minigrad.stack([x, y]).mul(math.log(2)).logsumexp(0) / math.log(2)",
    "logit": "(x / (1 - x)).log()",
    "positive": "+x",
    "rad2deg": "x * (180 / math.pi)",
    "rsub": "y - x",
    "sgn": "x.sign()",
    "signbit": "minigrad.from_numpy(numpy.signbit(x.numpy()))",
    "sinc": "minigrad.where(x == 0, 1.0, (math.pi * x).sin() / (math.pi * x))",
    "xlogy": "minigrad.where(x == 0, 0.0, x * y.log())",
    # Comparing, counting, choosing
    "aminmax": "x.amin(), x.amax()",
    "argwhere": "x.nonzero()",
    "bucketize": "(x[..., None] > boundaries).sum(-1)",
    "searchsorted": "(values[..., None] > sorted).sum(-1)",
    "count_nonzero": "(x != 0).sum()",
    "histc": "numpy.histogram(x.numpy(), bins)",
    "histogram": "numpy.histogram(x.numpy(), bins)",
    "is_complex": "nothing: there are no complex numbers, so it would be False",
    "minigrad.is_floating_point": "x.is_floating_point()",
    "is_nonzero": "bool(x)",
    "is_same_size": "x.shape == y.shape",
    "is_signed": "x.dtype.kind in 'fi'",
    "isin": "(x[..., None] == values.flatten()).any(-1)",
    "mode": "minigrad.nn.functional.one_hot(x).sum(0).argmax()",
    "msort": "x.sort(0).values",
    "nanmean": "x[~minigrad.isnan(x)].mean()",
    "nanmedian": "the median of x[~minigrad.isnan(x)]",
    "nansum": "minigrad.where(minigrad.isnan(x), 0.0, x).sum()",
    "numel": "x.numel()",
    "quantile": "minigrad.tensor(numpy.quantile(x.detach().numpy(), q))",
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
    "diagflat": "x.flatten()[:, None] * minigrad.eye(x.numel())",
    "dsplit": "x.split(sizes, dim=2)",
    "dstack": "minigrad.stack([x, y], dim=2)",
    "fliplr": "x.flip(1)",
    "flipud": "x.flip(0)",
    "hsplit": "x.split(sizes, dim=1)",
    "hstack": "minigrad.cat([x, y], dim=1) (dim=0 for vectors)",
    "narrow_copy": "x.narrow(dim, start, length).clone()",
    "rot90": "x.mT.flip(0)",
    "row_stack": "minigrad.cat([x, y], dim=0)",
    "split_with_sizes": "x.split(sizes, dim)",
    "tensor_split": "x.chunk(n, dim), or x.split(sizes, dim)",
    "tril_indices": "minigrad.ones(n, m).tril().nonzero().mT",
    "triu_indices": "minigrad.ones(n, m).triu().nonzero().mT",
    "nn.Unflatten": "x.reshape(...) in forward",
    "unravel_index": "numpy.unravel_index(...)",
    "vsplit": "x.split(sizes, dim=0)",
    "vstack": "minigrad.cat([x, y], dim=0)",
    "sum_to_size": "x.sum(dims, keepdim=True)",
    # Reading and writing by index
    "index_reduce": "x.index_put((index,), y, accumulate=True), for sums",
    "put": "x.flatten().index_put((index,), y).reshape(x.shape)",
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
    "renorm": "x * (maxnorm / x.norm(p, dim, keepdim=True)).clamp(max=1)",
    "vander": "x[:, None] ** minigrad.arange(n)",
    "vdot": "minigrad.dot(x, y)",
    "cdist": "(x[:, None] - y[None]).norm(p, -1)",
    "pdist": "the upper triangle of (x[:, None] - x[None]).norm(p, -1)",
    "pairwise_distance": "(x - y + eps).norm(p, -1)",
    "cov": "minigrad.from_numpy(numpy.cov(x.numpy()))",
    "corrcoef": "minigrad.from_numpy(numpy.corrcoef(x.numpy()))",
    "trapezoid": "((y[1:] + y[:-1]) / 2 * dx).sum()",
    "trapz": "((y[1:] + y[:-1]) / 2 * dx).sum()",
    # Making tensors
    "as_strided": "x[index], with slices and steps",
    "asarray": "minigrad.as_tensor(data)",
    "empty_strided": "minigrad.empty(shape)",
    "empty_permuted": "minigrad.empty(shape).permute(...)",
    "frombuffer": "minigrad.from_numpy(numpy.frombuffer(buffer, dtype))",
    "from_file": "minigrad.from_numpy(numpy.memmap(path, dtype))",
    "fill": "minigrad.full_like(x, value)",
    "logspace": "base ** minigrad.linspace(start, end, steps)",
    "randint_like": "minigrad.randint(low, high, x.shape)",
    "range": "minigrad.arange(start, end + 1, step)",
    "scalar_tensor": "minigrad.tensor(value)",
    "new_empty_strided": "minigrad.empty(shape, dtype=x.dtype, device=x.device)",
    "hann_window": "minigrad.from_numpy(numpy.hanning(n))",
    "hamming_window": "minigrad.from_numpy(numpy.hamming(n))",
    "blackman_window": "minigrad.from_numpy(numpy.blackman(n))",
    "bartlett_window": "minigrad.from_numpy(numpy.bartlett(n))",
    "kaiser_window": "minigrad.from_numpy(numpy.kaiser(n, beta))",
    # Constants, dtypes, information
    "dtype": "numpy.dtype: minigrad's dtypes are NumPy's",
    "result_type": "minigrad.promote_types(x.dtype, y.dtype)",
    "Size": "tuple: shapes are tuples",
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
    "eig": "minigrad.linalg.eigh(x), of a symmetric matrix: others have complex eigenvalues, which are not supported",
    "solve": "minigrad.linalg.solve(A, B)",
    "solve_triangular": "minigrad.linalg.solve(A, B)",
    "solve_ex": "minigrad.linalg.solve(A, B)",
    "inv_ex": "minigrad.linalg.inv(A)",
    "linalg.cholesky_ex": "minigrad.linalg.cholesky(A)",
    "linalg.cond": "minigrad.linalg.norm(A, 2) * minigrad.linalg.norm(A, -2)**-1",
    "linalg.matrix_rank": "(minigrad.linalg.svdvals(A) > 1e-6).sum(-1)",
    "eigvals": "minigrad.linalg.eigvalsh(x), of a symmetric matrix: others have complex ones, which are not supported",
    "multi_dot": "x @ y @ z",
    "vecdot": "(x * y).sum(-1)",
    "lstsq": "numpy.linalg.lstsq(x.detach().numpy(), y.detach().numpy())",
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
    "reinforce": "a loss of log-probabilities",
    "volatile": "minigrad.no_grad()",
    "register_module_forward_hook": "module.register_forward_hook(hook) for each of model.modules()",
    "register_module_forward_pre_hook": "module.register_forward_pre_hook(hook) for each of model.modules()",
    "register_module_full_backward_hook": "module.register_full_backward_hook(hook) for each of model.modules()",
    "nn.Buffer": "self.register_buffer(name, tensor)",
    "Buffer": "self.register_buffer(name, tensor)",
    "BufferDict": "self.register_buffer(name, tensor) for each",
    "minigrad.ParameterDict": "nn.ModuleDict",
    # Layers
    "Dropout1d": "nn.Dropout2d on x.unsqueeze(-1)",
    "dropout1d": "nn.functional.dropout2d(x.unsqueeze(-1)).squeeze(-1)",
    "LPPool2d": "nn.AvgPool2d on x ** p, times the area, to the power 1 / p",
    "UpsamplingBilinear2d": "nn.Upsample(mode='bilinear', align_corners=True)",
    "UpsamplingNearest2d": "nn.Upsample(mode='nearest')",
    "upsample": "nn.functional.interpolate(x, ...)",
    "upsample_bilinear": "nn.functional.interpolate(x, mode='bilinear', align_corners=True)",
    "upsample_nearest": "nn.functional.interpolate(x, mode='nearest')",
    "PairwiseDistance": "(x - y + eps).norm(p, -1)",
    "SyncBatchNorm": "minigrad.distributed.SyncBatchNorm",
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
    "nn.grad": "minigrad.autograd.grad",
    "DataParallel": "one process: x.to('gpu:1') moves a tensor or a module to another GPU",
    "nn.modules": "minigrad.nn, which has every layer",
    # Optimisers and schedules
    "Adafactor": "optim.AdamW",
    "Muon": "optim.AdamW",
    "SparseAdam": "optim.Adam: every gradient is dense",
    # Data
    "IterableDataset": "data.Dataset with __len__ and __getitem__, so that an interrupted epoch can continue",
    "ChainDataset": "data.ConcatDataset",
    "StackDataset": "data.TensorDataset",
    "DistributedSampler": "minigrad.distributed.DistributedSampler",
    "DistributedDataParallel": "minigrad.distributed.DistributedDataParallel",
    "default_convert": "minigrad.as_tensor(array)",
    "data.dataloader": "minigrad.data.DataLoader",
    "data.distributed": "minigrad.distributed",
    # Initial values and utilities
    "clip_grad_norm": "nn.utils.clip_grad_norm_",
    "weight_norm": "weight = g * v / v.norm() in forward",
    "spectral_norm": "weight / numpy.linalg.norm(weight.detach().numpy(), 2) in forward",
    "nn.utils.prune": "weight * mask in forward; programs for torch have it with python -m minigrad.as_torch",
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
        r"c?complex\w*|cdouble|cfloat|chalf|conj\w*|(is|resolve)_(conj|neg)|(view_as_)?(real|complex)(_copy)?|imag"
        r"|polar|angle|stft|istft|Complex\w*"
    ),
    "there are no Fourier transforms; use numpy.fft on x.detach().numpy()": r"fft|has_spectral",
    "every tensor is dense; use x itself, with zeros in it": (
        r"\w*sparse\w*|(c?col|crow|row)_indices(_copy)?|coalesce|is_coalesced|indices(_copy)?|values(_copy)?|to_dense"
        r"|to_mkldnn|\w*spmm|s?saddmm|smm|dsmm|hsmm|sspaddmm|dense_dim|to_padded_tensor|nested|is_nested|jagged|masked"
        r"|is_mkldnn|segment_reduce"
    ),
    "dtypes of fewer than 8 bits, bfloat16 and quantised numbers are not supported; use float16 or uint8": (
        r"q_\w+|q(u?int\d\w*|scheme)|quint\w+|qint32|qint8|quint8|(de)?quantize\w*|quantiz\w*|quantized\w*|fake_quantize\w*|int_repr"
        r"|per_(tensor|channel)\w*|fbgemm\w*|choose_qparams\w*|fused_moving\w+|is_quantized|Q\w+Storage|empty_quantized"
        r"|bfloat16|float[48]_\w+|u?int\d+|uint16|uint32|uint64|bit|bits\d\w*|(scaled_)?grouped_mm|scaled_mm|ao|qat|intrinsic|quantizable"
        r"|scaled_grouped_mm|ScalingType|SwizzleType|is_bf16_supported"
    ),
    "there are no three-dimensional layers; fold the depth into the batch or the channels": (
        r"\w*3d(_with_indices)?|convert_conv3d\w*"
    ),
    "this layer is not among the lazy ones; give it the number of input channels or features": r"Lazy\w+",
    "the formulas are in layers; use nn.LSTM, nn.GRU, nn.RNN, or their cells": (
        r"(lstm|gru|rnn_\w+)(_cell)?|rnn|miopen_rnn|mkldnn_rnn_layer"
    ),
    "there is one implementation of attention; use nn.functional.scaled_dot_product_attention": r"attention",
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
    "several processes: minigrad.distributed (docs/distributed.md); x.to('gpu:1') moves a tensor to another GPU": (
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
        r"|External\w+|device_of|nvml\w*|random|get_per_process_memory_fraction|PYTORCH_\w+|DEVICE_\w+|Deferred\w+|record_stream|is_pinned|windows"
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
        r"|frexp|special|signal|gradient|logcumsumexp|cumulative_trapezoid|histogramdd|nanquantile"
        r"|cholesky\w*|ldl_\w+|tensor(inv|solve)|householder_product|geqrf|orgqr|ormqr|lu\w*|matrix_exp|affine_grid_\w+|fractional_max_pool2d\w*|lp_pool[12]d"
        r"|FractionalMaxPool2d|LPPool1d|max_unpool[12]d|MaxUnpool[12]d"
        r"|Adaptive\w+|AlphaDropout|FeatureAlphaDropout|alpha_dropout|feature_\w+|MultiLabelMarginLoss"
        r"|multilabel_margin_loss|nonzero_static|range_\w+|cauchy_|geometric_|log_normal_|\w+_scatter|index_\w+"
    ),
}
#: torch's methods that have no entry of their own in INSTEAD.
METHODS = """
hardshrink prelu
angle as_strided_scatter bfloat16 cauchy_
ccol_indices cdouble cfloat chalf cholesky_inverse cholesky_solve coalesce col_indices conj conj_physical crow_indices
dense_dim dequantize diagonal_scatter digamma erfinv frexp geometric_ geqrf grad_dtype hash_tensor i0 igamma
igammac imag index indices int_repr ipu is_coalesced is_conj is_distributed is_inference is_ipu is_maia is_meta
is_mkldnn is_mps is_mtia is_neg is_nested is_pinned is_quantized is_sparse is_sparse_csr is_vulkan is_xla is_xpu istft
lgamma log_normal_ logcumsumexp logical_xor_ lu lu_solve matrix_exp module_load mtia mvlgamma name nanquantile
new_empty_strided nextafter nonzero_static orgqr ormqr output_nr polygamma q_per_channel_axis q_per_channel_scales
q_per_channel_zero_points q_scale q_zero_point qscheme real reciprocal_ record_stream resize_as_sparse_ resolve_conj
resolve_neg row_indices select_scatter slice_inverse slice_scatter smm sparse_dim sparse_mask sparse_resize_
sparse_resize_and_clear_ square_ squeeze_ sspaddmm swapaxes_ swapdims_
stft symeig t_ to_dense to_mkldnn to_padded_tensor to_sparse
to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr transpose_ triangular_solve unsafe_chunk
unsafe_split unsafe_split_with_sizes unsqueeze_ values xpu
"""
