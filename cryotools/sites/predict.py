"""Binding sites in any map, as found by `locate-sites`."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
import torch
from scipy.special import expit

from cryotools.core.compute.checkpoint import load_shipped
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.tiles import bounding_box
from cryotools.core.compute.wrappers import check_rotations
from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, check_choice
from cryotools.core.maps.check import check_values, check_voxels
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.prepare import prepare_map, stands_out
from cryotools.core.maps.resample import interpolate_each
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.nn.conditions import resolution_conditions
from cryotools.nn.folded import folded
from cryotools.sites.centres import SiteCentre, find_centres
from cryotools.sites.confidence import SiteCalibration, calibration_of
from cryotools.sites.evidence import HomologEvidence, combined
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.network import BINDING_SITES, BindingSites, SiteFinder, site_channels
from cryotools.sites.residues import SiteResidues, standard_exposure

FINEST, COARSEST_SITES = 3.0, 8.0  # Å; trained from 3.5 to 7
_LEAST_INSIDE = 0.2  # of a model's atoms in the map, else it belongs to another


@dataclass(frozen=True, eq=False)
class LocatedSites:
    """The binding sites of a map.

    Attributes
    ----------
    volume : the map
    probabilities : float32 (3, nz, ny, nx) on the map's own grid, in the order of `SITE_NAMES`: interface, ligand,
        nucleic
    levels : background and molecule density, on the map's own scale
    resolution : Å, as given to the network; None if unknown
    calibration : the network's, for residues and centres
    """

    volume: Volume
    probabilities: np.ndarray = field(repr=False)
    levels: Levels
    resolution: float | None
    calibration: SiteCalibration = field(repr=False)

    @cached_property
    def centres(self) -> list[SiteCentre]:
        """Centres of the sites, the most probable of each kind first."""
        return find_centres(self.probabilities, self.volume.grid, self.calibration)

    def probability(self, name: str) -> Volume:
        """The map of the probability of interface, ligand or nucleic.

        Raises
        ------
        ArgumentError
            `name` is none of these.
        """
        check_choice("name", name, SITE_NAMES)
        return self.volume.with_data(self.probabilities[SITE_NAMES.index(name)])

    def residues(self, structure: Structure, evidence: HomologEvidence | None = None) -> SiteResidues:
        """The probability of each residue of a protein model to belong to a site: the mean over its heavy atoms in the
        map, with how exposed it is in its chain, calibrated (`sites.confidence`); `evidence` from homologs is combined
        with that.

        Raises
        ------
        DataError
            The model has no protein or does not lie in the map.
        """
        residues = find_residues(structure)
        protein = residues.kind == PROTEIN
        if not protein.any():
            raise DataError(f"{structure.name}: contains no protein, so it has no residues to score")
        inside = self.volume.grid.contains(structure.xyz)
        if inside.mean() < _LEAST_INSIDE:
            raise DataError(
                f"{structure.name}: {int(inside.sum())} of {len(inside)} atoms lie in the map; "
                "check that model and map overlay"
            )
        atoms = np.flatnonzero(inside & (residues.of_atom >= 0) & (structure.element != 1))
        of, count = residues.of_atom[atoms], len(residues)
        number = np.bincount(of, minlength=count)
        means = np.full((len(SITE_NAMES), count), np.nan)
        for site, probability in enumerate(self.probabilities):
            total = np.bincount(of, self.volume.with_data(probability).sample(structure.xyz[atoms]), count)
            np.divide(total, number, out=means[site], where=(number > 0) & protein)
        exposed = standard_exposure(residues)
        alone = self.calibration.of_whole_proteins(means, exposed)
        both = alone if evidence is None else combined(means, evidence, self.calibration, exposed)
        both, means, alone = (one.astype(np.float32) for one in (both, means, alone))
        return SiteResidues(residues, both, means, alone, evidence)


class SiteLocator:
    """A network ready to find binding sites in maps.

    Parameters
    ----------
    weights : file of a network; None for the shipped one
    compute : a `batch` of None means 1, since tiles are large
    rotations : average the probabilities over 1, 4 or 24 rotations of the map, at as many times the cost

    Raises
    ------
    DataError
        The weights are missing or damaged, or the device is not available.
    UsageError
        `rotations` is not 1, 4 or 24, or there is no such device.
    """

    def __init__(
        self, weights: str | os.PathLike[str] | None = None, compute: Compute | None = None, rotations: int = 1
    ) -> None:
        check_rotations(rotations)
        self.compute = compute or Compute()
        self.compute.check()
        network, config, _ = load_shipped("binding-sites", [BINDING_SITES], weights)
        self.network, self.rotations = cast(BindingSites, network), rotations
        self.calibration = calibration_of(config)
        if self.calibration.borrowed:
            warnings.warn(
                f"{weights}: was not calibrated on whole proteins; probabilities of residues and centres are corrected "
                "as those of the shipped network are",
                CryotoolsNote,
                stacklevel=2,
            )

    def locate(self, volume: Volume, resolution: float | None = None, progress: Progress | None = None) -> LocatedSites:
        """The sites in a map of any voxel size; see `locate_in`.

        Raises
        ------
        DataError
            The map is constant, has no density above background, is thinner than 6 Å or too large for memory.
        UsageError
            The resolution is not a positive number.
        """
        conditions = torch.from_numpy(resolution_conditions(resolution))
        _check_range(resolution)
        check_voxels(volume)
        prepared = prepare_map(volume, resolution, check_values(volume))
        probabilities = self._probabilities(prepared.volume.data, conditions, resolution, progress)
        if not prepared.volume.same_grid_as(volume):
            probabilities = interpolate_each(probabilities, prepared.volume.grid, volume.grid)
        return LocatedSites(volume, probabilities, prepared.levels, resolution, self.calibration)

    def _probabilities(
        self, density: np.ndarray, conditions: torch.Tensor, resolution: float | None, progress: Progress | None
    ) -> np.ndarray:
        """Probabilities (3, nz, ny, nx) of a prepared map; 0 where no density stands out."""
        worth = stands_out(density)
        box = bounding_box(worth)
        found = np.zeros((len(SITE_NAMES), *density.shape), dtype=np.float32)
        if box is None:
            return found
        channels = site_channels(density[box], resolution, self.compute)
        network = folded(SiteFinder(self.network, conditions))
        logits = apply_network(
            network, channels, worth[box], compute=self.compute, rotations=self.rotations, progress=progress
        )
        found[(slice(None), *box)] = expit(logits) * worth[box]
        return found


def _check_range(resolution: float | None) -> None:
    if resolution is not None and not FINEST <= resolution <= COARSEST_SITES:
        warnings.warn(
            f"the network was trained on maps of 3.5 to 7 A; at {resolution:g} A do not rely on its probabilities",
            CryotoolsWarning,
            stacklevel=3,
        )
