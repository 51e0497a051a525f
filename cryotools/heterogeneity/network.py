"""The variational autoencoder: an image gives a latent vector, a vector and spatial frequencies give Fourier values.

Volumes are real, so F(-k) is the complex conjugate of F(k): images and volumes are handled as complex values on half of
their frequencies, `half_circle`, as real and imaginary parts. A squared error on these equals one on Hartley values of
the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import Architecture
from cryotools.heterogeneity.encoding import GAUSSIAN, Encoding
from cryotools.heterogeneity.halfspace import half_circle


@dataclass(frozen=True)
class ReconstructionConfig:
    """A network for images of `box` pixels and a latent space of `zdim` dimensions; with 0, one volume and no encoder.

    `layers` and `width` are those of the residual networks; `encoding` and `sigma` are explained in `Encoding`. With
    `features`, the encoder sees so many numbers that describe an image, instead of its Fourier values.
    """

    box: int
    zdim: int = 8
    encoder_layers: int = 3
    encoder_width: int = 256
    decoder_layers: int = 3
    decoder_width: int = 256
    encoding: str = GAUSSIAN
    sigma: float = 0.5
    features: int = 0


class ResidualNetwork(nn.Module):
    """A linear layer, `layers` residual ones of the same width, and a linear one: (…, inputs) → (…, outputs)."""

    def __init__(self, inputs: int, outputs: int, layers: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.after_first(self.first(x))

    def after_first(self, x: Tensor) -> Tensor:
        """The rest of the network, from the values (…, width) of the first layer."""
        x = torch.relu(x)
        for layer in self.inner:
            x = layer(x).add_(x).relu_()  # in place: memory traffic is a tenth of the time of narrow networks
        return self.last(x)


class ImageEncoder(nn.Module):
    """What is seen of images (b, inputs) → mean and log-variance of z (b, zdim) each.

    It is either `features` that describe an image, or real and imaginary parts of phase-flipped Fourier values on
    `half_circle`, and is divided by `amplitude` (inputs,), 1 unless set.
    """

    amplitude: Tensor

    def __init__(self, config: ReconstructionConfig) -> None:
        super().__init__()
        inputs = config.features or 2 * len(half_circle(config.box))
        self.register_buffer("amplitude", torch.ones(inputs))
        self.layers = ResidualNetwork(inputs, 2 * config.zdim, config.encoder_layers, config.encoder_width)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(seen / self.amplitude).float().chunk(2, dim=1)
        return mean, log_variance

    def set_amplitude(self, amplitude: Tensor) -> None:
        """Expect values of this root-mean-square (inputs,), so that what the network itself sees is of order 1."""
        self.amplitude.copy_(amplitude)


class VolumeDecoder(nn.Module):
    """Frequencies (b, m, 3), cycles per voxel in the volume's frame, x, y, z, and z (b, zdim) → Fourier values
    (b, m, 2), real and imaginary parts.

    Values are predicted for the half space z <= 0; those of the other half are their complex conjugates. The network's
    output is multiplied by `amplitude`, at distances of 0 to D / 2 voxels from the origin, 1 unless set.
    """

    amplitude: Tensor

    def __init__(self, config: ReconstructionConfig) -> None:
        super().__init__()
        self.register_buffer("amplitude", torch.ones(config.box // 2 + 1))
        self.encoding = Encoding(config.encoding, config.box, sigma=config.sigma)
        inputs = self.encoding.size + config.zdim
        self.layers = ResidualNetwork(inputs, 2, config.decoder_layers, config.decoder_width)

    def forward(self, frequencies: Tensor, latent: Tensor | None = None) -> Tensor:
        mirrored = frequencies[..., 2:] > 0
        features = self.encoding(torch.where(mirrored, -frequencies, frequencies))
        weight, first = self.layers.first.weight, features.shape[-1]
        x = nn.functional.linear(features, weight[:, :first], self.layers.first.bias)
        if latent is not None:  # the same at all frequencies of an image: multiplied once
            x = x + nn.functional.linear(latent, weight[:, first:])[:, None]
        found = self.layers.after_first(x).float()
        found = torch.cat([found[..., :1], torch.where(mirrored, -found[..., 1:], found[..., 1:])], dim=-1)
        return found * self._amplitude(frequencies)

    def set_amplitude(self, amplitude: Tensor) -> None:
        """Expect values of this amplitude (D / 2 + 1,) at distances of 0, 1, … voxels from the origin, so that what the
        network itself gives is of order 1 everywhere.
        """
        self.amplitude.copy_(amplitude)

    def _amplitude(self, frequencies: Tensor) -> Tensor:
        last = len(self.amplitude) - 1
        at = (frequencies.norm(dim=-1, keepdim=True) * 2 * last).clamp(max=last)
        low = at.floor().long().clamp(max=last - 1)
        return torch.lerp(self.amplitude[low], self.amplitude[low + 1], at - low)


class ReconstructionNetwork(nn.Module):
    """The encoder, None for a single volume, and the decoder."""

    def __init__(self, config: ReconstructionConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ImageEncoder(config) if config.zdim else None
        self.decoder = VolumeDecoder(config)


RECONSTRUCTION = Architecture("reconstruction-vae", ReconstructionConfig, ReconstructionNetwork)
