"""DistributedDataParallel: a model that computes on every rank, with the gradients of all of them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from minigrad.distributed.buckets import BUCKET_BYTES
from minigrad.distributed.collectives import broadcast
from minigrad.distributed.gradients import ShardGradients
from minigrad.distributed.joining import default_group
from minigrad.distributed.synchronized import SyncBatchNorm
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class DistributedDataParallel(Module):
    """Wrap a model so that ``backward`` leaves the mean of the gradients of all ranks in ``grad``.

    Every rank has a copy of the model, starts with the weights of rank 0, and computes on data of its own. Afterwards
    all have the same gradients, take the same step, and remain equal, bit for bit. The gradients travel while backward
    still computes (gradients.py), and are added in an order that does not depend on the number of ranks (tree.py).

    In torch, 2 ranks and 4 ranks give different bits. Here ``shards`` sets in how many parts the batch is cut. If there
    are more shards than ranks, call forward and backward once for each shard of the rank; the last call leaves the
    mean over all shards in ``grad``. So 4 shards give the same bits on 1, 2 and 4 ranks.

    Buffers of floating type, which are the running statistics of batch norms, become the mean over the shards, where
    torch keeps those of rank 0. SyncBatchNorm normalises by the statistics of the whole batch.

    Args:
        module: the model. Clear its gradients before each step.
        broadcast_buffers: must be true.
        bucket_cap_mb: the largest size of a message in MiB; by default 25.
        find_unused_parameters: must be false: every parameter needs a gradient in every step.
        shards: in how many parts the batch is cut; by default as many as there are ranks.

    Raises:
        ValueError: without a process group; if the shards cannot be shared out among the ranks.
        RuntimeError: in forward, if a parameter has got no gradient since the last forward.
        NotImplementedError: for arguments of torch's that have no meaning here.

    >>> import minigrad
    >>> from minigrad import distributed, nn
    >>> distributed.init_process_group()
    >>> model = DistributedDataParallel(nn.Linear(2, 1))
    >>> model(minigrad.ones(3, 2)).mean().backward()
    >>> model.module.bias.grad
    tensor([1.])
    >>> distributed.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: None = None,
        output_device: None = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        process_group: None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        *,
        shards: int | None = None,
    ) -> None:
        super().__init__()
        if device_ids is not None or output_device is not None or dim != 0 or process_group is not None:
            raise NotImplementedError(
                "DistributedDataParallel: device_ids, output_device, dim and process_group are not supported: move the "
                "module to its device, and let every rank belong to the group"
            )
        if find_unused_parameters or not broadcast_buffers:
            raise NotImplementedError(
                "DistributedDataParallel: find_unused_parameters=True and broadcast_buffers=False are not supported: "
                "all ranks keep the same buffers, and every parameter needs a gradient"
            )
        group = default_group()
        if shards is not None and shards > group.size and any(isinstance(m, SyncBatchNorm) for m in module.modules()):
            raise ValueError(
                f"a SyncBatchNorm sees one shard of each rank at a time, and {shards} shards on {group.size} ranks are "
                "several: use as many shards as ranks"
            )
        self.module = module
        for tensor in module.state_dict().values():
            broadcast(tensor, 0)
        size = BUCKET_BYTES if bucket_cap_mb is None else int(bucket_cap_mb * 2**20)
        self._gradients = ShardGradients(module, group.size if shards is None else shards, group, size)
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(self._after_gradient)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return what the model returns."""
        if self.training and self._gradients.taking:
            missing = self._gradients.missing()
            if missing:
                names = [name for name, p in self.module.named_parameters() if any(p is each for each in missing)]
                raise RuntimeError(
                    "Expected to have finished reduction in the prior iteration before starting a new one. This error "
                    "indicates that your module has parameters that were not used in producing loss: freeze them with "
                    f"requires_grad_(False). They are: {', '.join(names)}"
                )
            self._gradients.begin_shard()
        return self.module(*inputs, **options)

    def _after_gradient(self, parameter: Tensor) -> None:
        if self._gradients.taking and self._gradients.complete:
            self._gradients.end_shard()
            if self._gradients.all_shards_done:
                self._gradients.finish()

    def no_sync(self) -> AbstractContextManager[None]:
        """Let gradients add up on this rank inside the block, as for several batches; the next backward exchanges them.

        As in torch, forward must be inside the block, too.
        """
        return self._gradients.no_sync()
