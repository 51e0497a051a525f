"""A generator's adversary: the losses of both, and a discriminator that is held back while it is ahead."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.training import distributed
from cryotools.training.step import update

HELD_BACK = 0.8  # accuracy from which a discriminator is not updated, as the cryo-GAN authors hold theirs back


def fooling_loss(logits: Tensor) -> Tensor:
    """The generator's loss, of a discriminator's logits of its maps: small where they pass for real."""
    return functional.softplus(-logits).mean()


def update_discriminator(
    discriminator: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, false: Tensor
) -> dict[str, float]:
    """Update a discriminator by its logits of real and of generated maps, unless its accuracy is 80 % or more.

    What the generator's step left in its gradients is dropped first.
    """
    loss = (functional.softplus(-real) + functional.softplus(false)).mean()
    right = float(((real > 0).float().mean() + (false < 0).float().mean()) / 2)
    accuracy = distributed.mean([right])[0]  # all processes update, or none
    if accuracy < HELD_BACK:
        update(discriminator, optimizer, loss, clip=None)
    return {"discriminator": float(loss.detach()), "accuracy": accuracy}
