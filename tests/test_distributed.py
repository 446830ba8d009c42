"""minigrad.distributed in one process: the tree, buckets, shards, samplers and agreement."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import distributed, nn
from minigrad.devices import to_host
from minigrad.distributed import agreement, nccl
from minigrad.distributed.buckets import in_buckets
from minigrad.distributed.carriers import Exchange, HostCarrier
from minigrad.distributed.gradients import ShardGradients
from minigrad.distributed.group import Group
from minigrad.distributed.launcher import Launched, launched
from minigrad.distributed.tree import Message, TreeSum, own_shards, refuse_uneven, tree_all_reduce
from minigrad.distributed.turns import in_turns, meet
from minigrad.nn import functional as F
from minigrad.testing import register_stand_in_device


@pytest.fixture
def group() -> Iterator[None]:
    distributed.init_process_group()
    yield
    distributed.destroy_process_group()


def carry_all(vectors: list[np.ndarray]) -> list[int]:
    """Carry the messages of all ranks until every vector is the sum; return how many elements each rank has sent."""
    ranks = len(vectors)
    running = [tree_all_reduce(vector, rank, ranks) for rank, vector in enumerate(vectors)]
    sent = [0] * ranks
    while messages := {rank: m for rank, each in enumerate(running) if (m := next(each, None)) is not None}:
        contents = {rank: message.sent.copy() for rank, message in messages.items()}
        for rank, message in messages.items():
            message.received[...] = contents[message.partner]
            sent[rank] += contents[rank].size
    return sent


@pytest.mark.parametrize("size", [0, 1, 3, 64, 1000])
def test_the_sum_over_shards_has_the_same_bits_on_any_number_of_ranks(size: int) -> None:
    shards = np.random.default_rng(0).normal(size=(8, size)).astype(np.float32)
    shards *= np.float32(10.0) ** np.arange(-4, 4)[:, None]  # so that the order of the additions shows
    a, b, c, d, e, f, g, h = shards
    expected = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for ranks in (1, 2, 4, 8):
        vectors = []
        for rank in range(ranks):
            tree: TreeSum[np.ndarray] = TreeSum(np.add)
            for shard in own_shards(8, rank, ranks):
                tree.add(shards[shard])
            vectors.append(tree.result().copy())
        sent = carry_all(vectors)
        assert all(vector.tobytes() == expected.tobytes() for vector in vectors)
        assert size < 64 or max(sent) <= 2 * (ranks - 1) / ranks * size + 6  # as little as a ring sends
    assert size < 64 or expected.tobytes() != shards.sum(0).tobytes()


def test_a_sum_keeps_one_branch_of_each_size() -> None:
    tree: TreeSum[str] = TreeSum(lambda left, right: f"({left}{right})")
    most = 0
    for term in "abcdefgh":
        tree.add(term)
        most = max(most, len(tree.branches))
    assert (tree.result(), most) == ("(((ab)(cd))((ef)(gh)))", 3)
    for term in "abc":
        tree.add(term)
    with pytest.raises(ValueError, match=r"a tree has 1, 2, 4, 8, … terms, got 3"):
        tree.result()


def test_shards_that_cannot_be_shared_out_are_refused_with_the_numbers_that_would_do() -> None:
    with pytest.raises(ValueError, match="full binary tree: 1, 2, 4, 8, …, not 6"):
        refuse_uneven(6, 1)
    with pytest.raises(ValueError, match=r"4 shards cannot be shared out among 3 ranks.* 1, 2 or 4 ranks"):
        refuse_uneven(4, 3)
    with pytest.raises(ValueError, match="4 shards cannot be shared out among 8 ranks"):
        refuse_uneven(4, 8)


def test_buckets_hold_the_last_parameters_first_in_their_order_in_memory() -> None:
    parameters = [minigrad.zeros(*shape) for shape in ((3, 4), (10,), (2, 3, 2, 2), (5,))]
    parameters[2].array = np.zeros((2, 2, 2, 3), np.float32).transpose(0, 3, 1, 2)  # channels last
    parameters.append(minigrad.zeros(2, dtype=minigrad.float64))
    buckets = in_buckets(parameters, most=30 * 4)
    assert [[p.array.shape for p in bucket.parameters] for bucket in buckets] == [
        [(2,)],
        [(5,), (2, 3, 2, 2)],
        [(10,), (3, 4)],
    ]
    view = buckets[1].view(buckets[1].vector(), parameters[2])
    assert (view.shape, view.strides) == ((2, 3, 2, 2), parameters[2].array.strides)


def test_a_hook_after_accumulation_runs_as_soon_as_its_leaf_is_complete() -> None:
    seen: list[Any] = []
    x, w = (minigrad.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(("x", leaf.grad.tolist())))
    handle = w.register_post_accumulate_grad_hook(lambda leaf: seen.append(("w", leaf.grad.tolist(), x.grad)))
    (x * x * w + x).sum().backward()
    assert seen == [("w", [4.0, 9.0], None), ("x", [9.0, 19.0])]
    handle.remove()
    (x * x * w + x).sum().backward()
    assert seen[2:] == [("x", [18.0, 38.0])]
    minigrad.autograd.grad((x * w).sum(), x)
    assert len(seen) == 3
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (x * w).register_post_accumulate_grad_hook(print)


def network() -> nn.Sequential:
    minigrad.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNormReLU2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(64, 5)).double()


def numbers(model: nn.Module) -> dict[str, np.ndarray]:
    found = {name: p.grad.cpu().numpy() for name, p in model.named_parameters()}
    return {**found, **{name: b.cpu().numpy() for name, b in model.named_buffers()}}


def step(together: bool, device: str = "cpu") -> dict[str, np.ndarray]:
    """Return gradients and statistics after a step of four shards."""
    minigrad.manual_seed(1)
    images, labels = minigrad.randn(16, 3, 8, 8, dtype=minigrad.float64), minigrad.randint(0, 5, (16,))
    images, labels, model = images.to(device), labels.to(device), network().to(device)
    if together:
        distributed.SyncBatchNorm.convert_sync_batchnorm(model)
    gradients = ShardGradients(model, 4, Group(), bucket_bytes=500)

    def compute(shard: int) -> None:
        part = slice(4 * shard, 4 * shard + 4)
        F.cross_entropy(model(images[part]), labels[part]).backward()

    gradients.compute(compute, together)
    gradients.finish()
    gradients.close()
    return numbers(model)


def test_shards_leave_the_mean_of_their_gradients_and_statistics() -> None:
    minigrad.manual_seed(1)
    images, labels = minigrad.randn(16, 3, 8, 8, dtype=minigrad.float64), minigrad.randint(0, 5, (16,))
    alone = []
    for shard in range(4):
        model = network()
        part = slice(4 * shard, 4 * shard + 4)
        F.cross_entropy(model(images[part]), labels[part]).backward()
        alone.append(numbers(model))
    for name, value in step(together=False).items():
        np.testing.assert_allclose(value, np.mean([each[name] for each in alone], 0), 1e-12, 1e-14, err_msg=name)


def test_with_synchronised_batch_norm_shards_give_what_the_whole_batch_gives() -> None:
    minigrad.manual_seed(1)
    images, labels = minigrad.randn(16, 3, 8, 8, dtype=minigrad.float64), minigrad.randint(0, 5, (16,))
    model = network()
    F.cross_entropy(model(images), labels).backward()
    found = step(together=True)
    for name, value in numbers(model).items():
        np.testing.assert_allclose(found[name], value, 1e-9, 1e-12, err_msg=name)
    assert found["1.num_batches_tracked"] == 1


@pytest.mark.parametrize("together", [False, True])
def test_shards_on_the_stand_in_device_give_what_they_give_on_the_cpu(together: bool) -> None:
    there = step(together, register_stand_in_device())
    for name, value in step(together).items():
        np.testing.assert_allclose(there[name], value, 1e-9, 1e-12, err_msg=name)


class Mailbox:
    """What MPI does for two ranks, in one process."""

    def __init__(self, rank: int, letters: dict[tuple[int, int], list[np.ndarray]]) -> None:
        self.rank, self.letters = rank, letters

    def Isend(self, content: np.ndarray, partner: int, tag: int) -> Sent:  # noqa: N802
        self.letters.setdefault((partner, tag), []).append(content.copy())
        return Sent()

    def Irecv(self, target: np.ndarray, partner: int, tag: int) -> Awaited:  # noqa: N802
        return Awaited(self.letters, (self.rank, tag), target)


class Sent:
    def Test(self) -> bool:  # noqa: N802
        return True


class Awaited:
    def __init__(
        self, letters: dict[tuple[int, int], list[np.ndarray]], key: tuple[int, int], target: np.ndarray
    ) -> None:
        self.letters, self.key, self.target = letters, key, target

    def Test(self) -> bool:  # noqa: N802
        if self.letters.get(self.key):
            self.target[...] = self.letters[self.key].pop(0)
            self.target = np.empty_like(self.target)
            return True
        return False


@pytest.mark.parametrize("device", ["cpu", "stand_in"])
def test_messages_of_a_gpu_go_through_the_memory_of_the_host(device: str) -> None:
    register_stand_in_device()
    letters: dict[tuple[int, int], list[np.ndarray]] = {}
    vectors = [minigrad.arange(5, dtype=minigrad.float32, device=device).mul(rank + 1).array for rank in range(2)]
    exchanges = [
        Exchange(tree_all_reduce(vector, rank, 2), HostCarrier(Mailbox(rank, letters)), tag=7)
        for rank, vector in enumerate(vectors)
    ]
    for _ in range(3):
        done = [exchange.advance() for exchange in exchanges]
    assert done == [True, True]
    assert [to_host(vector).tolist() for vector in vectors] == [[0.0, 3.0, 6.0, 9.0, 12.0]] * 2


def test_a_parallel_model_on_one_rank_has_the_gradients_of_the_model(group: None) -> None:
    model, same = nn.Linear(3, 2), nn.Linear(3, 2)
    same.load_state_dict(model.state_dict())
    parallel = distributed.DistributedDataParallel(model)
    x = minigrad.randn(4, 3)
    for _ in range(2):
        parallel.zero_grad()
        parallel(x).square().mean().backward()
    same(x).square().mean().backward()
    assert model.weight.grad.tolist() == same.weight.grad.tolist()
    with parallel.no_sync():
        parallel(x).square().mean().backward()
    parallel(x).square().mean().backward()
    np.testing.assert_allclose(model.bias.grad.numpy(), 3 * same.bias.grad.numpy(), 1e-5)


def test_a_parameter_without_a_gradient_is_named(group: None) -> None:
    model = nn.ModuleDict({"used": nn.Linear(2, 2), "idle": nn.Linear(2, 2)})
    model.forward = lambda x: model["used"](x)
    parallel = distributed.DistributedDataParallel(model)
    parallel(minigrad.ones(1, 2)).sum().backward()
    with pytest.raises(RuntimeError, match=r"not used in producing loss.*idle\.weight, idle\.bias"):
        parallel(minigrad.ones(1, 2))


@pytest.mark.parametrize(("drop_last", "counts"), [(False, (4, 4, 4)), (True, (3, 3, 3))])
def test_all_ranks_together_read_every_item(drop_last: bool, counts: tuple[int, ...]) -> None:
    samplers = [distributed.DistributedSampler(range(10), 3, rank, drop_last=drop_last) for rank in range(3)]
    for sampler in samplers:
        sampler.set_epoch(2)
    parts = [list(sampler) for sampler in samplers]
    assert tuple(map(len, parts)) == counts == tuple(map(len, samplers))
    read = [index for part in parts for index in part]
    assert len(set(read)) == (9 if drop_last else 10)
    samplers[0].set_epoch(3)
    assert list(samplers[0]) != parts[0]


def test_computations_take_turns_meet_and_have_random_numbers_of_their_own() -> None:
    order: list[str] = []

    def compute(name: str) -> tuple[list[Any], list[float]]:
        minigrad.manual_seed(ord(name))
        drawn = [minigrad.rand(1).item()]
        order.append(name)
        met = meet(name, lambda brought: brought)
        order.append(name)
        return met, [*drawn, minigrad.rand(1).item()]

    before = minigrad.get_rng_state()
    found = in_turns([lambda: compute("a"), lambda: compute("b"), lambda: compute("c")])
    assert minigrad.get_rng_state() == before
    assert order == list("abcabc")
    assert [met for met, _ in found] == [["a", "b", "c"]] * 3
    for name, (_, drawn) in zip("abc", found, strict=True):
        minigrad.manual_seed(ord(name))
        assert drawn == [minigrad.rand(1).item(), minigrad.rand(1).item()]


def test_an_error_in_one_turn_ends_all() -> None:
    def fail() -> None:
        raise ValueError("of the second")

    with pytest.raises(ValueError, match="of the second"):
        in_turns([lambda: meet(1, list), fail])


class SeveralRanks(Group):
    """Rank 0 of several, whose facts are given."""

    def __init__(self, *others: dict[str, Any]) -> None:
        super().__init__()
        self.others = others

    def gather(self, value: object) -> list[Any]:
        return [value, *self.others]


def test_a_rank_that_differs_is_refused_with_what_differs() -> None:
    own = {"recipe": {"lr": 0.1, "seed": 1}, "data": {"train": {"digest": "ab"}}}
    agreement.refuse_differences(own, SeveralRanks(own, own))
    other = {"recipe": {"lr": 0.2, "seed": 1}, "data": {"train": {"digest": "cd"}}}
    expected = (
        "rank 2 differs from rank 0: recipe lr is 0.1 on rank 0, 0.2 on rank 2; "
        "data train digest is 'ab' on rank 0, 'cd' on rank 2"
    )
    with pytest.raises(agreement.RanksDifferError, match=f"^{expected}$"):
        agreement.refuse_differences(own, SeveralRanks(own, other))


def test_the_place_of_a_process_is_known_from_every_launcher() -> None:
    assert launched({"PMI_RANK": "2", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1"}) == Launched(2, 4, 1)
    open_mpi = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "0"}
    assert launched(open_mpi) == Launched(3, 8, 0)
    assert launched({"PMIX_RANK": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}) == Launched(1, 2, 0)
    assert launched({"SLURM_NTASKS": "2"}) is None


def test_one_process_needs_no_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        distributed.get_rank()
    distributed.init_process_group()
    try:
        x = minigrad.tensor([1.0, 2.0])
        distributed.all_reduce(x)
        distributed.all_reduce(x, op=distributed.ReduceOp.AVG)
        gathered = [minigrad.zeros(2)]
        distributed.all_gather(gathered, x)
        distributed.broadcast(x)
        distributed.barrier()
        assert (gathered[0].tolist(), x.tolist(), distributed.get_world_size()) == ([1.0, 2.0], [1.0, 2.0], 1)
        with pytest.raises(ValueError, match="twice"):
            distributed.init_process_group()
    finally:
        distributed.destroy_process_group()
    with pytest.raises(NotImplementedError, match="'gloo' is not supported"):
        distributed.init_process_group("gloo")


class FakeNccl:
    """What NCCL and CuPy do for two GPUs, in one process: a message sent is the next one that the partner receives."""

    NCCL_UINT8 = 0

    def __init__(self) -> None:
        self.memory: dict[int, np.ndarray] = {}
        self.sent: dict[tuple[int, int], list[np.ndarray]] = {}
        self.grouped = 0

    def groupStart(self) -> None:  # noqa: N802
        self.grouped += 1

    def groupEnd(self) -> None:  # noqa: N802
        self.grouped -= 1

    def NcclCommunicator(self, ranks: int, identifier: object, rank: int) -> FakeCommunicator:  # noqa: N802
        return FakeCommunicator(self, rank)


class FakeCommunicator:
    def __init__(self, fake: FakeNccl, rank: int) -> None:
        self.fake, self.rank, self.awaited = fake, rank, []

    def send(self, pointer: int, size: int, kind: int, partner: int, stream: int) -> None:
        assert self.fake.grouped
        self.fake.sent.setdefault((self.rank, partner), []).append(self.fake.memory[pointer].copy())

    def recv(self, pointer: int, size: int, kind: int, partner: int, stream: int) -> None:
        assert self.fake.grouped
        self.awaited.append((self.fake.memory[pointer], partner))

    def deliver(self) -> None:
        for target, partner in self.awaited:
            content = self.fake.sent[partner, self.rank].pop(0)
            assert content.nbytes == target.nbytes
            target[...] = content
        self.awaited = []


class FakeCupy:
    """Streams and events that are always ready."""

    class cuda:  # noqa: N801
        class Event:
            done = True

            def __init__(self, disable_timing: bool) -> None:
                pass

            def record(self, stream: object = None) -> None:
                pass

        class Stream:
            ptr = 0

            def __init__(self, non_blocking: bool = True) -> None:
                pass

            def wait_event(self, event: object) -> None:
                pass

        @staticmethod
        def get_current_stream() -> FakeCupy.cuda.Stream:
            return FakeCupy.cuda.Stream()


class OnGpu(np.ndarray):
    """A host array that has a pointer to its memory, as CuPy's arrays have."""

    @property
    def data(self) -> Any:  # type: ignore[override]
        class Data:
            ptr = id(self)

        return Data


def test_nccl_carries_the_messages_of_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNccl()
    monkeypatch.setattr(nccl, "nccl", fake)
    monkeypatch.setattr(nccl, "cupy", FakeCupy)
    carriers = [nccl.NcclCarrier("id", rank, 2) for rank in range(2)]
    vectors = [np.arange(5, dtype=np.float32) * (rank + 1) for rank in range(2)]
    running = [tree_all_reduce(vector, rank, 2) for rank, vector in enumerate(vectors)]
    while messages := [m for each in running if (m := next(each, None)) is not None]:
        pending = []
        for rank, message in enumerate(messages):
            sent, received = message.sent.view(OnGpu), message.received.view(OnGpu)
            fake.memory |= {id(sent): sent, id(received): received}
            pending.append(carriers[rank].post(Message(message.partner, sent, received), 0))
        for carrier in carriers:
            carrier._communicator.deliver()
        assert all(each.arrived() for each in pending)
    assert [vector.tolist() for vector in vectors] == [[0.0, 3.0, 6.0, 9.0, 12.0]] * 2
