"""Labels of docked structures as class maps of secondary structure, alone where they lie, or beside a network's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.residues import polymer_backbone
from cryotools.homologs.docking.dock import DockedStructure
from cryotools.sse.truth.assign import CLASS_NAMES, assign

_REACH = 3.5  # Å from a backbone atom
_SURE = 0.9  # probability of the docked class, at the atom; it falls to 1/4, which says nothing, at the reach


def docked_classes(placements: Sequence[DockedStructure], grid: Grid) -> np.ndarray:
    """Class probabilities float32 (4, nz, ny, nx) from the residues of docked structures, by DSSP: 0.9 for the class of
    the nearest backbone atom, less with its distance; equal for all classes beyond 3.5 Å.
    """
    classes = len(CLASS_NAMES)
    xyz, which = _backbone(placements)
    equal = np.float32(1 / classes)
    probabilities = np.full((classes, *grid.shape), equal, dtype=np.float32)
    if not len(xyz):
        return probabilities
    tree = cKDTree(xyz)
    at = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape[1:]], indexing="ij"), axis=-1).reshape(-1, 2)
    for z in range(grid.shape[0]):
        index = np.column_stack([at[:, 1], at[:, 0], np.full(len(at), z)])
        distance, nearest = tree.query(grid.index_to_world(index), distance_upper_bound=_REACH)
        there = np.isfinite(distance)
        share = 1 - (distance[there] / _REACH) ** 2
        sure = (equal + (_SURE - equal) * share).astype(np.float32)
        y, x = at[there].T
        probabilities[:, z, y, x] = (1 - sure) / (classes - 1)
        probabilities[which[nearest[there]], z, y, x] = sure
    return probabilities


def with_docked(network: np.ndarray, docked: np.ndarray, *, only_docked: bool = False) -> np.ndarray:
    """A network's class maps (4, nz, ny, nx) multiplied by those of docked structures, normalised; with `only_docked`
    these replace the network's where there are docked atoms.
    """
    if only_docked:
        said = docked.max(axis=0) > docked.min(axis=0)
        return np.where(said, docked, network)
    both = network * docked
    return both / np.maximum(both.sum(axis=0), np.float32(1e-12))


def _backbone(placements: Sequence[DockedStructure]) -> tuple[np.ndarray, np.ndarray]:
    """Backbone atoms (n, 3) in Å and their classes (n,)."""
    parts, classes = [np.zeros((0, 3))], [np.zeros(0, dtype=np.int64)]
    for one in placements:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryotoolsWarning)
            residues = assign(one.structure)
        known = polymer_backbone(one.structure) & (residues.of_atom >= 0)
        known[known] = residues.known[residues.of_atom[known]]
        parts.append(one.structure.xyz[known])
        classes.append(residues.classes[residues.of_atom[known]].astype(np.int64))
    return np.concatenate(parts), np.concatenate(classes)
