"""Batches by worker processes: the same, in the same order, whoever makes them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from cryotools.training.loader import batches


def _batch(random: np.random.Generator, step: int) -> tuple[torch.Tensor, ...]:
    return torch.from_numpy(random.normal(size=(2, 3))), torch.tensor(os.getpid())


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_make_the_batches_of_one_process_in_its_order(workers: int) -> None:
    alone = [batch[0] for batch in batches(_batch, range(5, 20), seed=3)]
    ahead = [batch[0] for batch in batches(_batch, range(5, 20), seed=3, workers=workers)]
    assert len(ahead) == 15
    assert all(torch.equal(a, b) for a, b in zip(alone, ahead, strict=True))


def test_workers_are_other_processes() -> None:
    made_by = {int(batch[1]) for batch in batches(_batch, range(8), workers=2)}
    assert len(made_by) == 2
    assert os.getpid() not in made_by


def test_a_resumed_run_goes_on_with_the_batches_that_were_due() -> None:
    whole = [batch[0] for batch in batches(_batch, range(10))]
    rest = [batch[0] for batch in batches(_batch, range(6, 10), workers=1)]
    assert all(torch.equal(a, b) for a, b in zip(whole[6:], rest, strict=True))


def test_ranks_and_seeds_draw_other_batches() -> None:
    firsts = [next(batches(_batch, range(1), seed=seed, rank=rank))[0] for seed in (0, 1) for rank in (0, 1, 2)]
    assert len({tuple(first.flatten().tolist()) for first in firsts}) == 6


def test_what_goes_wrong_in_a_worker_reaches_the_run() -> None:
    def broken(random: np.random.Generator, step: int) -> tuple[torch.Tensor, ...]:
        raise ValueError("no such cube")

    with pytest.raises(ValueError, match="no such cube"):
        list(batches(broken, range(2), workers=1))
