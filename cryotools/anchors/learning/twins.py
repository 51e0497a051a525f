"""Experimental maps with twins: the same molecule, simulated on the same voxels, for adaptation by pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.anchors.learning.examples import ResidueExample, experimental_residues
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.simulate.boxes import without_solvent
from cryotools.simulate.mobility import mobile_density
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for


@dataclass(frozen=True)
class TwinnedExample(ResidueExample):
    """A map whose molecule was also simulated: each of its residues is at the same place in both.

    Attributes
    ----------
    twin : float16 (nz, ny, nx), the simulated map, prepared
    """

    twin: np.ndarray


def twinned_residues(pair: Pair, versions: int, seed: int = 0) -> Iterator[TwinnedExample]:
    """The examples of `experimental_residues`, each with a twin of its resolution and of random mobility.

    Raises
    ------
    DataError
        The pair has no protein or nucleic acid.
    """
    random = random_for(seed, f"{pair.id} twin")
    structure, grid = without_solvent(pair.structure), pair.target.grid
    for example in experimental_residues(pair, versions, seed):
        simulated = Volume.on(grid, mobile_density(structure, grid, example.resolution, random))
        twin = prepare_map(simulated, example.resolution).volume.data.astype(np.float16)
        yield TwinnedExample(**vars(example), twin=twin)
