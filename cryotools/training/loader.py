"""Batches of a training run, made in worker processes ahead of the steps that use them.

A batch depends on (seed, step, rank) alone, so a run is the same with any number of workers, and after a resume.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Batch = tuple[Tensor, ...]
_AHEAD = 4  # batches that a worker makes ahead


def random_of(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """The random numbers of one step of one process."""
    return np.random.default_rng([seed, step, rank] if rank else [seed, step])


@dataclass(frozen=True)
class _Steps(Dataset[Batch]):
    make: Callable[[np.random.Generator], Batch]
    seed: int
    rank: int

    def __getitem__(self, step: int) -> Batch:
        return self.make(random_of(self.seed, step, self.rank))


def batches(
    make: Callable[[np.random.Generator], Batch],
    steps: range,
    *,
    seed: int = 0,
    rank: int = 0,
    workers: int = 0,
    pinned: bool = False,
) -> Iterator[Batch]:
    """The batch of each of `steps` in turn, which `make` draws from the random numbers of that step.

    Parameters
    ----------
    workers : processes that make batches; 0 makes them in this one, when they are asked for
    pinned : batches are put where a GPU copies them from without waiting
    """
    source = _Steps(make, seed, rank)
    if not workers:
        return (source[step] for step in steps)
    loader = DataLoader(
        source,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=_AHEAD,
        pin_memory=pinned,
        worker_init_fn=_begin_worker,
        # a forked worker shares the examples; elsewhere than on Linux it gets a copy
        multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
    )
    return iter(loader)


def _begin_worker(number: int) -> None:
    """One thread, and no part in the signals that ask the run to stop, which reach all processes of a batch job: the
    run itself ends its workers, by a second one.
    """
    torch.set_num_threads(1)
    for asked in (signal.SIGUSR1, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
