"""Batches of a training run, made in worker processes ahead of the steps that use them.

A batch depends on (seed, step, rank) alone, so a run is the same with any number of workers, and after a resume.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from cryotools.core.errors import CryotoolsError, DataError
from cryotools.training.task import Batch

Make = Callable[[np.random.Generator, int], Batch]
_AHEAD = 4  # batches that a worker makes ahead


def random_of(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """The random numbers of one step of one process."""
    return np.random.default_rng([seed, step, rank] if rank else [seed, step])


@dataclass(frozen=True)
class _Steps(Dataset[Batch | CryotoolsError]):
    make: Make
    seed: int
    rank: int

    def __getitem__(self, step: int) -> Batch | CryotoolsError:
        try:
            return self.make(random_of(self.seed, step, self.rank), step)
        except CryotoolsError as error:  # returned, not raised: a worker's traceback does not help a user
            return error


def batches(
    make: Make,
    steps: range,
    *,
    seed: int = 0,
    rank: int = 0,
    workers: int = 0,
    pinned: bool = False,
) -> Generator[Batch, None, None]:
    """The batch of each of `steps` in turn, drawn by `make` from that step's random numbers and its number.

    Closing the generator ends its workers.

    Parameters
    ----------
    workers : processes that make batches; 0 makes them in this one, on demand
    pinned : put batches in pinned memory, from which a GPU copies without waiting
    """
    source = _Steps(make, seed, rank)
    for batch in _ahead(source, steps, workers, pinned) if workers else map(source.__getitem__, steps):
        if isinstance(batch, CryotoolsError):
            raise batch
        yield tuple(batch)


@contextmanager
def watched() -> Iterator[None]:
    """Within the context, a worker that was killed, e.g. out of memory, raises a one-line DataError instead of torch's
    RuntimeError, which can come at any point.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker (pid"):
            raise
        raise DataError("a process that makes batches was killed, probably out of memory; use fewer workers") from error


def _ahead(source: _Steps, steps: range, workers: int, pinned: bool) -> Generator[Batch | CryotoolsError, None, None]:
    loader = DataLoader(
        source,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=_AHEAD,
        pin_memory=pinned,
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # leaves the run's own random numbers unchanged
        # a forked worker shares the examples; outside Linux it gets a copy
        multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
    )
    yield from loader


def _begin_worker(number: int) -> None:
    """Use one thread and ignore the signals that request a stop, which reach all processes of a batch job: the run
    itself ends its workers, by a second SIGTERM.
    """
    torch.set_num_threads(1)
    for asked in (signal.SIGUSR1, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
