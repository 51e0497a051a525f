"""Methods to fill a grid with density, by the values of the parameter `method`.

A method is a function of a structure, a grid and a `MapOptions` that returns float32 data (nz, ny, nx).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cryotools.core.maps.volume import Grid
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density, pdb2mrc_density


def gan(structure: Structure, grid: Grid, options: MapOptions, progress: Progress | None = None) -> np.ndarray:
    """Density that resembles experimental maps, by the shipped generator; 1 is strong density.

    Weights and occupancies do not apply; B factors sharpen and blur atoms if `options.b_factors` is set;
    `options.sharpness` None leaves the sharpness to the network.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.simulate.learned.inputs import Condition
    from cryotools.simulate.learned.predict import generate

    condition = Condition(options.resolution, options.b_factors, options.sharpness)
    compute = Compute(options.device, options.precision)
    return generate(structure, grid, condition, compute, progress, options.network)


def vae_gan(structure: Structure, grid: Grid, options: MapOptions, progress: Progress | None = None) -> np.ndarray:
    """Density like that of `gan`, by the shipped VAE-GAN: the map of the latent mean, or sample `options.sample`.

    Weights, occupancies and B factors do not apply.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.simulate.learned.inputs import Condition
    from cryotools.simulate.learned.vae_predict import generate_vae

    condition = Condition(options.resolution, False, options.sharpness)
    compute = Compute(options.device, options.precision)
    return generate_vae(structure, grid, condition, options.sample, compute, progress, options.network)


Method = Callable[[Structure, Grid, MapOptions, Progress | None], np.ndarray]
METHODS: dict[str, Method] = {"molmap": molmap_density, "pdb2mrc": pdb2mrc_density, "gan": gan, "vae-gan": vae_gan}
CLASSICAL = ("molmap", "pdb2mrc")
DEFAULT_METHOD = "gan"
