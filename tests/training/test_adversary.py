from __future__ import annotations

import pytest
import torch
from torch import nn

from cryotools.training.adversary import fooling_loss, update_discriminator


@pytest.fixture
def judge():
    torch.manual_seed(0)
    return nn.Linear(1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("real", "false", "accuracy", "moves"), [(1.0, -1.0, 1.0, False), (1.0, 1.0, 0.5, True)])
def test_a_discriminator_that_is_ahead_is_held_back(judge, real, false, accuracy, moves):
    before = judge.weight.clone()
    optimizer = torch.optim.SGD(judge.parameters(), lr=1.0)
    logits = judge(torch.ones(4, 1)).abs()
    losses = update_discriminator(judge, optimizer, real * logits, 0.5 * false * logits)
    assert losses["accuracy"] == accuracy
    assert torch.equal(judge.weight, before) != moves


def test_what_the_generator_s_step_left_is_dropped(judge):
    optimizer = torch.optim.SGD(judge.parameters(), lr=1.0)
    left = judge.weight.grad = torch.full_like(judge.weight, 1e6)
    logits = judge(torch.ones(4, 1))
    update_discriminator(judge, optimizer, -logits.abs(), logits.abs())
    assert judge.weight.abs().max() < 100
    assert left.max() == 1e6


def test_the_generator_s_loss_falls_as_its_maps_pass_for_real():
    losses = [float(fooling_loss(torch.full((2, 1), logit))) for logit in (-3.0, 0.0, 3.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[1] == pytest.approx(0.6931, abs=1e-4)
