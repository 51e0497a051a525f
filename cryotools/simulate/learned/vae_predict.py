"""Maps by the VAE-GAN: that of the latent mean, or samples from the latent distribution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_shipped
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.regions import Box
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import reach_of
from cryotools.core.maps.volume import Grid
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.nn.conditions import Conditioned
from cryotools.nn.folded import folded
from cryotools.simulate.learned.element_channels import ELEMENT_CHANNELS, ElementChannels
from cryotools.simulate.learned.inputs import Condition, simulator_conditions
from cryotools.simulate.learned.predict import needed, placed, unit_grid, warn_of_resolution
from cryotools.simulate.learned.vae_network import DEVIATION, MEAN, VAE_GENERATOR, Noised

_REACH = (3.0, 5.0)  # Å; beyond, the network was hardly trained


def generate_vae(
    structure: Structure,
    grid: Grid,
    condition: Condition,
    sample: int | None = None,
    compute: Compute | None = None,
    progress: Progress | None = None,
    weights: str | Path | None = None,
) -> np.ndarray:
    """The VAE-GAN's map of `structure` on `grid`, float32 (nz, ny, nx), on the scale of
    `simulate.learned.predict.generate`.

    Beyond 5 Å from every atom it is exactly 0. `sample` is the seed from which the latent is drawn, or None for the
    latent mean. B factors are not used. `weights` is a file made by train-gan, None the shipped one.

    Raises
    ------
    DataError
        The weights are missing or damaged, or the map does not fit into memory.
    """
    warn_of_resolution(condition.resolution)
    unit = unit_grid(structure)
    generator, config, _ = load_shipped("vae-map-generator", [VAE_GENERATOR], weights)
    elements = ElementChannels(structure, unit)
    noise = None
    if sample is not None:
        noise = np.random.default_rng(sample).standard_normal(unit.shape, dtype=np.float32)

    def part(box: Box) -> np.ndarray:
        channels = np.zeros((len(ELEMENT_CHANNELS) + 1, *box.shape), dtype=np.float32)
        channels[:-1] = elements.part(box)
        inside = box.inside(unit.shape)
        if noise is not None and min(inside.shape):
            channels[(-1, *inside.slices(of=box.start))] = noise[inside.slices()]
        return channels

    conditions = torch.from_numpy(simulator_conditions(Condition(condition.resolution, False, condition.sharpness)))
    network = folded(Conditioned(Noised(generator), conditions))
    where = needed(structure, unit, grid, reach_of(network).multiple, _REACH)
    inside = apply_network(network, part, where, compute=compute, progress=progress)[0]
    made = (inside - np.float32(MEAN)) * np.float32(config.deviation / DEVIATION) + np.float32(config.mean)
    return placed(made, unit, structure, grid, _REACH)
