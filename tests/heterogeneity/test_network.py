"""The networks' symmetries, and encodings against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from cryotools.core.errors import UsageError
from cryotools.heterogeneity.encoding import ENCODINGS, GAUSSIAN, Encoding, wave_numbers
from cryotools.heterogeneity.halfspace import half_circle
from cryotools.heterogeneity.network import (
    ReconstructionConfig,
    ReconstructionNetwork,
    VolumeDecoder,
)


def test_a_volume_is_real() -> None:
    decoder = VolumeDecoder(ReconstructionConfig(16, zdim=2, decoder_width=8))
    frequencies, latent = torch.rand(3, 20, 3) - 0.5, torch.randn(3, 2)
    values, others = decoder(frequencies, latent), decoder(-frequencies, latent)
    assert torch.allclose(others, values * torch.tensor([1.0, -1.0]), atol=1e-6)


def test_the_latent_vector_is_an_input_at_every_frequency() -> None:
    decoder = VolumeDecoder(ReconstructionConfig(16, zdim=3, decoder_width=8))
    frequencies, latent = -torch.rand(2, 5, 3) / 2, torch.randn(2, 3)
    joined = torch.cat([decoder.encoding(frequencies), latent[:, None].expand(-1, 5, -1)], dim=-1)
    assert torch.allclose(decoder(frequencies, latent), decoder.layers(joined), atol=1e-6)


def test_an_image_gives_a_mean_and_a_variance_and_one_volume_needs_no_encoder() -> None:
    config = ReconstructionConfig(16, zdim=2, encoder_width=8, decoder_width=8)
    network = ReconstructionNetwork(config)
    assert network.encoder is not None
    mean, log_variance = network.encoder(torch.randn(4, 2 * len(half_circle(16))))
    assert mean.shape == log_variance.shape == (4, 2)
    single = ReconstructionNetwork(ReconstructionConfig(16, zdim=0, decoder_width=8))
    assert single.encoder is None
    assert single.decoder(torch.zeros(1, 7, 3)).shape == (1, 7, 2)


def test_angles_keep_their_digits_in_low_precision() -> None:
    encoding, frequencies = Encoding(GAUSSIAN, 64), torch.rand(100, 3) - 0.5
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoding(frequencies), encoding(frequencies).float())
        low = encoding(frequencies)
    assert torch.allclose(low, encoding(frequencies), atol=1e-5)


@pytest.mark.parametrize("kind", ENCODINGS)
def test_encodings_are_sines_and_cosines_of_wave_numbers(kind: str) -> None:
    encoding = Encoding(kind, 16)
    frequencies = torch.rand(5, 3) - 0.5
    features = encoding(frequencies)
    assert features.shape == (5, encoding.size) == (5, 48)
    sine, cosine = features.chunk(2, dim=1)
    assert torch.allclose(sine**2 + cosine**2, torch.ones(5, 24), atol=1e-5)
    if kind != GAUSSIAN:
        assert torch.allclose(sine[:, 8], torch.sin(frequencies[:, 1] * encoding.waves[0]))


def test_wave_numbers_run_between_their_ends() -> None:
    assert wave_numbers("geom_ft", 16, 8)[[0, -1]].tolist() == pytest.approx([16 * math.pi, 2 * math.pi])
    assert wave_numbers("geom_full", 16, 8)[[0, -1]].tolist() == pytest.approx([16 * math.pi, 1])
    assert wave_numbers("geom_lowf", 16, 8)[[0, -1]].tolist() == pytest.approx([8, 1])
    assert wave_numbers("geom_nohighf", 16, 8)[[0, -1]].tolist() == pytest.approx([8, 2 * math.pi])
    assert wave_numbers("linear_lowf", 16, 8).tolist() == list(range(1, 9))
    with pytest.raises(UsageError, match="encoding"):
        Encoding("other", 16)
