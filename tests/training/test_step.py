from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cryotools.training.step import sqrt_shares, update


@pytest.mark.parametrize(("clip", "moved"), [(None, 8.0), (1.0, 1.0), (100.0, 8.0)])
def test_an_update_goes_down_the_gradient_no_farther_than_it_is_clipped(clip, moved):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 4.0)
    network.weight.grad = torch.full_like(network.weight, 1e6)  # what an earlier step left
    update(network, torch.optim.SGD(network.parameters(), lr=1.0), (network.weight**2).sum(), clip)
    assert float(network.weight.detach()) == pytest.approx(4.0 - moved, abs=1e-5)


def test_maps_are_drawn_as_often_as_the_roots_of_their_sizes_say():
    np.testing.assert_allclose(sqrt_shares([100, 400, 900]), [1 / 6, 2 / 6, 3 / 6])
    assert sqrt_shares([]).shape == (0,)
