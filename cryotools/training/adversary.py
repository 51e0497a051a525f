"""Adversarial training: the losses, and a discriminator that is held back while it is ahead of the generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.training import distributed
from cryotools.training.step import update

HELD_BACK = 0.8  # accuracy from which a discriminator is not updated, as in cryo-GAN


def fooling_loss(logits: Tensor) -> Tensor:
    """The generator's loss, from the discriminator's logits for its maps: small if they pass for real."""
    return functional.softplus(-logits).mean()


def update_discriminator(
    discriminator: nn.Module, optimizer: torch.optim.Optimizer, real: Tensor, false: Tensor
) -> dict[str, float]:
    """Update a discriminator from its logits for real and generated maps, unless its accuracy is 80 % or more.

    Gradients left by the generator's step are discarded first.
    """
    loss = (functional.softplus(-real) + functional.softplus(false)).mean()
    right = float(((real > 0).float().mean() + (false < 0).float().mean()) / 2)
    accuracy = distributed.mean([right])[0]  # all processes update or none
    if accuracy < HELD_BACK:
        update(discriminator, optimizer, loss, clip=None)
    return {"discriminator": float(loss.detach()), "accuracy": accuracy}
