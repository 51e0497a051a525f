"""The decoders of cryoDRGN, rebuilt from its weights, and their volumes.

Their formulas are those of E. Zhong et al. (Nat. Methods 18, 176, 2021) with the encodings of `Encoding`; conventions
were found by comparing volumes with those of cryoDRGN 4.3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cryotools.core.errors import DataError
from cryotools.heterogeneity.encoding import GAUSSIAN, Encoding
from cryotools.heterogeneity.fourier import VOLUME, values_of_hartley
from cryotools.heterogeneity.imported.settings import FOURIER, PLAIN, CryodrgnSettings
from cryotools.heterogeneity.network import ResidualNetwork

# where the layers of the decoder are among the weights: of train_vae; of train_nn and train_dec; without an encoding
_PREFIXES = ("decoder.decoder.", "decoder.", "")
_AT_ONCE = 2**16  # frequencies


class _LeakyNetwork(ResidualNetwork):
    """With leaky rectified linear units."""

    def after_first(self, x: Tensor) -> Tensor:
        x = nn.functional.leaky_relu(x)
        for layer in self.inner:
            x = nn.functional.leaky_relu(x + layer(x))
        return self.last(x)


class CryodrgnDecoder(nn.Module):
    """Frequencies (m, 3), x, y, z, in units of the settings' extent, and a place (zdim,) → values (m, 2) or (m, 1)."""

    def __init__(self, settings: CryodrgnSettings, waves: int, zdim: int, layers: int, width: int) -> None:
        super().__init__()
        self.settings, self.zdim = settings, zdim
        plain = settings.encoding == PLAIN
        self.encoding = None if plain else Encoding(settings.encoding, settings.box, waves, settings.sigma)
        inputs = 3 if self.encoding is None else self.encoding.size
        kind = ResidualNetwork if settings.activation == "relu" else _LeakyNetwork
        outputs = 2 if settings.domain == FOURIER else 1
        self.layers = kind(inputs + zdim, outputs, layers, width)

    def forward(self, frequencies: Tensor, latent: Tensor) -> Tensor:
        features = frequencies if self.encoding is None else self.encoding(frequencies)
        first, count = self.layers.first, features.shape[-1]
        told = first.bias + first.weight[:, count:] @ latent  # the same at all frequencies
        return self.layers.after_first(nn.functional.linear(features, first.weight[:, :count], told))


def decoder_of(settings: CryodrgnSettings, weights: Mapping[str, Any]) -> CryodrgnDecoder:
    """The decoder with the weights of a state dictionary of cryoDRGN; those of its encoder are ignored.

    Raises
    ------
    DataError
        The weights have no decoder, or not the one that the settings describe.
    """
    prefix = next((each for each in _PREFIXES if f"{each}main.0.weight" in weights), None)
    if prefix is None:
        raise DataError("has no decoder of train_vae, train_nn or train_dec")
    found, layers = _layers(weights, f"{prefix}main.")
    waves = settings.count or settings.box // 2
    if settings.encoding == GAUSSIAN:
        random = weights.get(f"{prefix.removesuffix('decoder.')}rand_freqs")
        if random is None:
            raise DataError("lacks the frequencies of the Gaussian encoding (rand_freqs)")
        waves = len(random) // 3
        found["encoding.waves"] = random * (settings.box // 2)
    width, inputs = found["layers.first.weight"].shape
    zdim = inputs - (3 if settings.encoding == PLAIN else 6 * waves)
    if zdim != (settings.zdim or 0):
        raise DataError(
            f"has {inputs} inputs, not those of a {settings.encoding} encoding and of {settings.zdim or 0} dimensions "
            "of z, as its configuration says"
        )
    decoder = CryodrgnDecoder(settings, waves, zdim, layers, width)
    if settings.encoding not in (GAUSSIAN, PLAIN):
        found["layers.first.weight"] = _by_function(found["layers.first.weight"], waves)
    expected = decoder.state_dict()
    for name, tensor in found.items():
        if name not in expected or expected[name].shape != tensor.shape:
            raise DataError(f"has {name} of shape {tuple(tensor.shape)}, which its configuration does not describe")
        if not torch.isfinite(tensor).all():
            raise DataError(f"has weights that are not finite ({name}); the training failed, take an earlier one")
    decoder.load_state_dict(expected | found)
    return decoder.eval()


def _layers(weights: Mapping[str, Any], prefix: str) -> tuple[dict[str, Tensor], int]:
    """Weights by their names in `CryodrgnDecoder`, and the number of residual layers."""
    own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    numbers = sorted({int(name.partition(".")[0]) for name in own})
    first, *inner, last = (str(number) for number in numbers)
    names = {first: "layers.first", last: "layers.last"}
    names |= {f"{number}.linear": f"layers.inner.{at}" for at, number in enumerate(inner)}
    found = {}
    for name, tensor in own.items():
        layer, _, kind = name.rpartition(".")
        if layer not in names:
            raise DataError(f"has a layer {prefix}{layer}, which is none of a residual network")
        found[f"{names[layer]}.{kind}"] = tensor.float()
    return found, len(inner)


def _by_function(weight: Tensor, waves: int) -> Tensor:
    """Columns of the first layer in the order of `Encoding`, sines of x, y, z, then cosines, from cryoDRGN's for
    geometric encodings: sines and cosines of x, then of y, then of z.
    """
    encoded, rest = weight[:, : 6 * waves], weight[:, 6 * waves :]
    ordered = encoded.unflatten(1, (3, 2, waves)).transpose(1, 2).flatten(1)
    return torch.cat([ordered, rest], dim=1)


def decoded_volume(
    decoder: CryodrgnDecoder,
    latent: np.ndarray,
    norm: tuple[float, float],
    device: str | torch.device = "cpu",
    box: int | None = None,
) -> np.ndarray:
    """The volume float32 (D, D, D) at `latent` (zdim,), z, y, x.

    Parameters
    ----------
    norm : mean and standard deviation by which Hartley values of images were normalised
    box : D, even; None: the decoder's. In a smaller one, frequencies beyond D / 2 are left out.
    """
    settings = decoder.settings
    full, (mean, deviation) = settings.box, norm
    box = box or full
    axis = np.linspace(-settings.extent, settings.extent, full + 1, dtype=np.float32)
    axis = axis[(full - box) // 2 : (full + box) // 2 + 1]
    edge = np.float32((settings.extent * box / full) ** 2)
    told = torch.from_numpy(np.asarray(latent, dtype=np.float32)).to(device)
    if settings.domain == FOURIER:
        values = np.stack([_plane(decoder, axis, z, told, edge) for z in axis[: box // 2 + 1]])
        hartley = _hartley(values[..., 0] + 1j * values[..., 1])[:box]
    else:
        edge = np.float32(np.inf) if box == full else edge
        hartley = np.stack([_plane(decoder, axis, z, told, edge)[..., 0] for z in axis[:-1]])
    hartley = (hartley[:, :-1, :-1] * deviation + mean) * (box / full) ** VOLUME  # grey values stay as they are
    return values_of_hartley(hartley, VOLUME).astype(np.float32)


def _plane(decoder: CryodrgnDecoder, axis: np.ndarray, z: np.float32, told: Tensor, edge: np.float32) -> np.ndarray:
    """The decoder's values (n, n, outputs) at frequencies (x, y, z), x and y along `axis` (n,); 0 where their square is
    above `edge`, in float32 as in cryoDRGN, which so decides on those at the very edge.
    """
    y, x = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack([x, y, np.full_like(x, z)], axis=-1)
    there = np.square(points).sum(axis=-1) <= edge
    values = np.zeros((*x.shape, decoder.layers.last.out_features), dtype=np.float32)
    with torch.inference_mode():
        parts = torch.from_numpy(points[there]).to(told.device).split(_AT_ONCE)
        values[there] = torch.cat([decoder(part, told) for part in parts]).cpu().numpy()
    return values


def _hartley(lower: np.ndarray) -> np.ndarray:
    """Hartley values (2h + 1, n, n) from Fourier values (h + 1, n, n) for z <= 0. Where z is 0, those after the middle
    are replaced by the conjugates of those before.
    """
    middle = lower[-1].ravel()
    count = middle.size // 2
    middle[count + 1 :] = middle[:count][::-1].conj()
    whole = np.concatenate([lower, lower[:-1][::-1, ::-1, ::-1].conj()])
    return whole.real - whole.imag
