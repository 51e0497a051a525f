"""A patch discriminator: one logit per 8³ voxels, whatever the size of the volume."""

from __future__ import annotations

from torch import Tensor, nn

from cryotools.nn.unet import fold


class PatchDiscriminator(nn.Module):
    """(b, inputs, z, y, x) → logits (b, 1, z/8, y/8, x/8); spectral normalisation keeps it from getting ahead."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = []
        for before, after, stride in ((8 * inputs, w, 1), (w, 2 * w, 2), (2 * w, 4 * w, 2), (4 * w, 4 * w, 1)):
            convolution = nn.utils.parametrizations.spectral_norm(nn.Conv3d(before, after, 3, stride, padding=1))
            layers += [convolution, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv3d(4 * w, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(fold(x))
