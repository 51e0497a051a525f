"""Training in several processes started by torchrun: their ranks, and what they share.

Tasks own several optimizers and backward passes in one step, so gradients are averaged by a call before each update
instead of by wrapping networks. In a single process every function leaves its arguments unchanged, bit for bit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from cryotools.core.errors import CryotoolsError, DataError
from cryotools.core.files.shards import Shard

Item = TypeVar("Item")

_PATIENCE = timedelta(hours=2)  # how long the others wait while the first process validates on whole maps


def local_device(name: str) -> str:
    """The device's name for this process: `auto` and `cuda` are this node's GPU number LOCAL_RANK under torchrun."""
    number = os.environ.get("LOCAL_RANK")
    if number is None or name not in ("auto", "cuda") or (name == "auto" and not torch.cuda.is_available()):
        return name
    return f"cuda:{number}"


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Within the context, this process belongs to the group started by torchrun; without torchrun nothing happens.

    Raises
    ------
    DataError
        The processes cannot connect to each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the processes cannot connect to each other ({reason}); start them with torchrun") from error
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """The number of this process; 0 is the one that validates, records and saves."""
    return distributed.get_rank() if _several() else 0


def count() -> int:
    """The number of processes."""
    return distributed.get_world_size() if _several() else 1


def is_first() -> bool:
    """True in the process that validates, records and saves."""
    return rank() == 0


@torch.no_grad()
def share_weights(network: nn.Module) -> None:
    """Give every process the first one's parameters and buffers."""
    if _several():
        for tensor in network.state_dict().values():
            values = tensor.contiguous()
            distributed.broadcast(values, src=0)
            tensor.copy_(values)


def average_gradients(network: nn.Module) -> None:
    """Replace gradients by their mean over the processes; a task calls this before it clips and updates."""
    if _several():
        _average([p.grad for p in network.parameters() if p.grad is not None])


@torch.no_grad()
def average_buffers(network: nn.Module) -> None:
    """Replace the statistics of BatchNorm by their mean over the processes, each of which has seen different cubes."""
    if _several():
        _average([buffer for buffer in network.buffers() if buffer.is_floating_point()])


def mean(values: Sequence[float]) -> list[float]:
    """The mean of each value over the processes; NaN in one is NaN in all."""
    if not _several():
        return list(values)
    total = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(total)
    return (total / distributed.get_world_size()).tolist()


def any_of(flag: bool) -> bool:
    """True in every process if it is true in one."""
    return mean([float(flag)])[0] > 0


def share(items: Sequence[Item]) -> list[Item]:
    """The part of `items` for this process; together the processes handle each item once."""
    return Shard(rank() + 1, count()).of(items)


def on_each(work: Callable[..., None], *arguments: object) -> None:
    """Run `work` in every process and wait for all; if it fails in one, the others exit too, without a message.

    Raises
    ------
    CryotoolsError
        The process's own failure.
    SystemExit
        1 in those that did not fail.
    """
    failure: CryotoolsError | None = None
    try:
        work(*arguments)
    except CryotoolsError as error:
        failure = error
    if any_of(failure is not None):
        raise failure or SystemExit(1)


def on_first(work: Callable[..., None], *arguments: object) -> None:
    """Run `work` in the first process while the others wait; if it fails, they exit too, as in `on_each`."""
    on_each(work if is_first() else _nothing, *arguments)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Within the context, SIGTERM and SIGUSR1 only request a stop; yields a function that tells whether any process
    got one, to be called equally often by all.
    """
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _: asked.append(n)) for number in (signal.SIGTERM, signal.SIGUSR1)
    }
    try:
        yield lambda: any_of(bool(asked))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(*_: object) -> None:
    pass


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _average(tensors: list[Tensor]) -> None:
    """Average all tensors in one message: many small ones would be mostly overhead."""
    if tensors:
        everything = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(everything)
        everything /= distributed.get_world_size()
        for tensor, part in zip(tensors, everything.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))
