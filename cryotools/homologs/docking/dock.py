"""Rigid docking of a structure into a map: a coarse search, refinement of its best, and what speaks for them.

The best placements of the search (`docking.search`) are refined on the map on voxels of 1 Å, and judged by how far they
stand out from others (`docking.evidence`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.homologs.docking.evidence import fit_probability
from cryotools.homologs.docking.placements import Placements, overlap, rmsd
from cryotools.homologs.docking.rotations import even_rotations
from cryotools.homologs.docking.search import search

_DISTINCT = 5.0  # Å of RMSD between starts
_ENOUGH, _TURNS = 6, 16  # placements to compare the best with; turns of it that are tried if there are fewer
_FEWEST = 20  # residues
SIGNIFICANT = 0.5  # probability


@dataclass(frozen=True)
class Docking:
    """How a search is done: orientations tried; at most how many of the best are refined, until so many different
    placements are found.
    """

    orientations: int = 2400
    starts: int = 24
    refined: int = 12


@dataclass(frozen=True)
class DockedStructure:
    """A structure in a map.

    Attributes
    ----------
    structure : the docked atoms, moved into the map
    correlation : about the mean, with the map in the prepared form, near the atoms
    margin : how far it stands out from other placements, see `docking.evidence`
    """

    structure: Structure
    correlation: float
    margin: float

    @property
    def probability(self) -> float:
        """That the structure is in the map, where it is placed."""
        return fit_probability(self.margin)

    @property
    def significant(self) -> bool:
        """Whether the placement is rather right than not."""
        return self.probability >= SIGNIFICANT

    def overlaps(self, other: DockedStructure) -> bool:
        """Whether a quarter of its Cα atoms lie within 3.5 Å of another's."""
        mine, theirs = (one.structure.xyz[one.structure.atom_name == "CA"] for one in (self, other))
        return overlap(mine, theirs)


def dock(
    volume: Volume,
    structure: Structure,
    resolution: float,
    *,
    copies: int | None = None,
    settings: Docking = Docking(),
    progress: Progress | None = None,
) -> list[DockedStructure]:
    """Placements of the protein of `structure` in a prepared map (`core.maps.prepare`), the best first: `copies` of
    them that do not overlap, or, for None, as many as are significant; at least one.

    Raises
    ------
    DataError
        The structure has fewer than 20 residues of protein.
    """
    protein = structure[
        (structure.kind == PROTEIN) & (structure.element != 1) & (structure.model == structure.model[0])
    ]
    if (protein.atom_name == "CA").sum() < _FEWEST:
        raise DataError(f"{structure.name}: has fewer than {_FEWEST} residues of protein; nothing to dock")
    protein = protein.with_xyz(protein.xyz - protein.xyz.mean(axis=0))
    found = _placements(volume, protein, resolution, settings, progress or NoProgress())
    kept: list[DockedStructure] = []
    for at in found.order:
        one = DockedStructure(protein.with_xyz(found.xyz[at]), found.fits[at].correlation, found.margin(at))
        if any(one.overlaps(other) for other in kept):
            continue
        if not kept or (len(kept) < copies if copies is not None else one.significant):
            kept.append(one)
    return kept


def _placements(
    volume: Volume, protein: Structure, resolution: float, settings: Docking, progress: Progress
) -> Placements:
    """Different placements from the best starts of the search. If most of them are copies of the best, turns of that
    are tried as well, so that there is something to compare it with.
    """
    rotations = even_rotations(settings.orientations)
    scores, places = search(volume, protein, rotations, progress)
    ca = protein.atom_name == "CA"
    starts: list[np.ndarray] = []
    found = Placements(volume, protein, resolution)
    for at in np.argsort(-scores):
        start = rotations[int(at)].apply(protein.xyz) + places[at]
        if any(rmsd(start[ca], other) < _DISTINCT for other in starts):
            continue
        starts.append(start[ca])
        found.add(start)
        if len(found.xyz) == settings.refined or len(starts) == settings.starts:
            break
    if len(found.background(found.order[0])) < _ENOUGH:
        best = found.xyz[found.order[0]]
        for turn in even_rotations(_TURNS):
            found.add(turn.apply(best - best.mean(axis=0)) + best.mean(axis=0))
    return found
