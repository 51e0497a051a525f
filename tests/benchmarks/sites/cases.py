"""Maps in which sites are known: simulated complexes and chains without their partners, and experimental maps."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.boxes import without_solvent
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.inputs import Condition
from cryotools.simulate.learned.vae_predict import generate_vae
from cryotools.sites.labels import SITE_NAMES, SiteLabels, label_sites

WITH, WITHOUT, REAL = "with partner", "without", "experimental"
_RESOLUTIONS = (4.0, 6.0)  # Å
_NOISE = 0.15  # × the standard deviation of the map at its atoms
_GRAIN = 1.0  # voxels, σ of the noise's filter
_LEAST = 40  # residues of a chain that is shown alone
_CHAINS = 2  # of a complex that are shown alone, those with most residues in sites


@dataclass(frozen=True, eq=False)
class SiteCase:
    """A map, the model in it, and for each of its atoms the residue of the complex whose sites are known."""

    name: str
    condition: str
    volume: Volume
    resolution: float
    model: Structure
    of_atom: np.ndarray
    labels: SiteLabels


def simulated_cases(path: Path, number: int, conditions: tuple[str, ...] = (WITH, WITHOUT)) -> Iterator[SiteCase]:
    """The complex in a file as it is, and its chains alone, at a random resolution from 4 to 6 Å; even numbers are made
    by the VAE generator, odd ones by molmap. Noise is added to both.
    """
    random = np.random.default_rng(number)
    structure = without_solvent(read_structure(path))
    labels = label_sites(structure)
    of_atom, residues = labels.residues.of_atom, labels.residues
    resolution = float(random.uniform(*_RESOLUTIONS))
    protein = (of_atom >= 0) & (residues.kind[of_atom] == PROTEIN)
    shown = {WITH: [np.ones(len(structure), dtype=bool)]}
    chains = residues.chain[residues.kind == PROTEIN]
    sizes = {name: np.count_nonzero(chains == name) for name in dict.fromkeys(chains.tolist())}
    sites = {name: labels.sites[:, residues.chain == name].any(axis=0).sum() for name in sizes}
    first = [name for name in sorted(sizes, key=lambda name: -sites[name]) if sizes[name] >= _LEAST and sites[name]]
    shown[WITHOUT] = [protein & (structure.chain == name) for name in first[:_CHAINS]]
    for condition in conditions:
        for which in shown[condition]:
            part = structure[which]
            volume = _simulated(part, resolution, random, learned=number % 2 == 0)
            mine = protein[which]
            yield SiteCase(path.stem, condition, volume, resolution, part[mine], of_atom[which][mine], labels)


def experimental_cases(listed: Path) -> Iterator[SiteCase]:
    """Maps of a table with the columns id, map, model and resolution, and all chains of their models."""
    with listed.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            structure = without_solvent(read_structure(listed.parent / row["model"]))
            labels = label_sites(structure)
            of_atom = labels.residues.of_atom
            protein = (of_atom >= 0) & (labels.residues.kind[of_atom] == PROTEIN)
            volume = read_map(listed.parent / row["map"])
            there = float(row["resolution"])
            yield SiteCase(row["id"], REAL, volume, there, structure[protein], of_atom[protein], labels)


def partners(labels: SiteLabels) -> list[int]:
    """The kinds of sites that a complex has."""
    return [site for site in range(len(SITE_NAMES)) if labels.sites[site].any()]


def _simulated(structure: Structure, resolution: float, random: np.random.Generator, *, learned: bool) -> Volume:
    grid = grid_around(structure, 1.0, 2 * resolution)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if learned:
            data = generate_vae(structure, grid, Condition(resolution), int(random.integers(2**31)))
        else:
            data = molmap_density(structure, grid, MapOptions(resolution, occupancy=False))
    volume = Volume.on(grid, data.astype(np.float32))
    grains = gaussian_filter(random.standard_normal(data.shape), _GRAIN)
    strength = float(volume.sample(structure.xyz).std()) / float(grains.std())
    return volume.with_data((volume.data + _NOISE * strength * grains).astype(np.float32))
