"""The symmetry of a map: operators by name or from a file, whether the map has it, what networks see averaged over it,
and models of one unit and its copies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from cryotools.anchors.network import OFFSET
from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.assembly import operators_of_text
from cryotools.core.structures.structure import Structure, concatenate
from cryotools.core.structures.structurefile import read_structure_text
from cryotools.modelling.chains.plan import ChainPlan
from cryotools.modelling.names import chain_name
from cryotools.simulate.classical.symmetry import apply, operators

_LEAST = 0.8  # correlation of a map with its rotated self; 0.98 and more in maps made with symmetry
_SAMPLED = 20_000  # voxels
_DENSEST = 0.9  # quantile of the density from which voxels are compared
_SAME = 3.0  # Å from a residue's copy to another residue that is the same
_FIRST, _EQUAL = np.eye(3, 4), 1e-3


def find_operators(symmetry: str, volume: Volume) -> np.ndarray:
    """The operators (m, 3, 4) of a `symmetry`, in the map's frame, identity first.

    Parameters
    ----------
    symmetry : Cn, Dn, T, O or I with its axes through the centre of the map, the main one along z and a twofold one
        along x; or a file with operators in Å: BIOMT records, an mmCIF table of them, or rows of twelve numbers (three
        of the rotation and the shift, for x, y and z)

    Raises
    ------
    ArgumentError
        It is neither a symmetry nor a file.
    DataError
        The file has no operators or one that is no rotation, or the map does not have the symmetry.
    """
    if re.fullmatch(r"[CD][1-9]\d*|[TOI]", symmetry, re.IGNORECASE):
        size, axis = np.array(volume.data.shape[::-1]), np.array([0.0, 0.0, 1.0])
        centres = volume.grid.index_to_world(np.stack([size // 2, (size - 1) / 2]))
        trials = [operators(symmetry, axis, centre) for centre in centres]
    elif Path(symmetry).is_file():
        trials = [operators_of_text(read_structure_text(symmetry).decode(errors="replace"), symmetry)]
    else:
        raise ArgumentError("symmetry", symmetry, "give Cn, Dn, T, O, I, or a file with operators")
    found, agreement = max(((trial, _least_agreement(volume, trial)) for trial in trials), key=lambda one: one[1])
    if agreement < _LEAST:
        raise DataError(
            f"the map does not have the symmetry {symmetry}: turned by it, it correlates with itself by only "
            f"{agreement:.2f} (least: {_LEAST:g}); check the symmetry, its axes and the map's centre"
        )
    first = np.abs(found - _FIRST).max(axis=(1, 2)) < _EQUAL
    return np.concatenate([_FIRST[None], found[~first]])


def _least_agreement(volume: Volume, found: np.ndarray) -> float:
    return min(map_agreement(volume, operator) for operator in found)


def map_agreement(volume: Volume, operator: np.ndarray) -> float:
    """The correlation of the densest voxels of a map, and as many others, with the density where an operator (3, 4)
    takes them.
    """
    data = volume.data
    dense = np.argwhere(data >= np.quantile(data, _DENSEST))[:, ::-1]
    dense = dense[:: max(len(dense) // _SAMPLED, 1)]
    # against voxels anywhere, too: within the densest alone, noise counts for much
    others = np.random.default_rng(0).integers(0, np.array(data.shape[::-1]), (len(dense), 3))
    voxel = np.concatenate([dense, others])
    here, there = data[tuple(voxel.T[::-1])], volume.sample(apply(operator, volume.grid.index_to_world(voxel)))
    if np.std(here) == 0 or np.std(there) == 0:
        return 0.0
    return float(np.corrcoef(here, there)[0, 1])


def averaged(channels: np.ndarray, grid: Grid, found: np.ndarray) -> np.ndarray:
    """Channels of the trace network (11, nz, ny, nx) on a `grid`, averaged over operators (m, 3, 4)."""
    index = np.indices(channels.shape[1:]).reshape(3, -1)[::-1].T
    seen = np.flatnonzero(channels.any(axis=0).ravel())
    world = grid.index_to_world(index[seen])
    total = np.zeros((len(channels), len(seen)), dtype=np.float32)
    vectors = range(OFFSET.start, OFFSET.stop)
    for operator in found:
        at = grid.world_to_index(apply(operator, world)).T[::-1]
        there = np.stack([map_coordinates(one, at, order=1, output=np.float32) for one in channels])
        there[list(vectors)] = operator[:, :3].T.astype(np.float32) @ there[list(vectors)]
        total += there
    flat = np.zeros((len(channels), index.shape[0]), dtype=np.float32)
    flat[:, seen] = total / len(found)
    return flat.reshape(channels.shape)


def one_unit(plans: Sequence[ChainPlan], found: np.ndarray, least: int) -> list[ChainPlan]:
    """Of chains and their copies by operators (m, 3, 4), one each, near one another; the longest on sequences first. Of
    others what is left beside these is kept, if at least `least` residues in sequence.
    """
    taken: list[np.ndarray] = []
    unit: list[ChainPlan] = []
    for plan in sorted(plans, key=lambda one: (not one.sequence, -len(one))):
        keep = np.ones(len(plan), dtype=bool)
        if taken:
            keep = cKDTree(np.concatenate(taken)).query(plan.ca)[0] > _SAME
        left = _long_enough(plan, keep, least)
        if left is None:
            continue
        copies = [replace(left, ca=apply(operator, left.ca)) for operator in found]
        unit.append(min(copies, key=lambda one: _distance(one, unit)))
        taken += [one.ca for one in copies]
    return unit


def _long_enough(plan: ChainPlan, keep: np.ndarray, least: int) -> ChainPlan | None:
    """What is kept of a chain: all if hardly anything is lost, else its pieces of at least `least` residues."""
    if keep.mean() > 0.9:
        return plan
    edge = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(int)))
    for begin, end in zip(edge[::2].tolist(), edge[1::2].tolist(), strict=True):
        if end - begin < least:
            keep[begin:end] = False
    return plan.part(keep) if keep.any() else None


def _distance(plan: ChainPlan, unit: Sequence[ChainPlan]) -> float:
    return float(cKDTree(np.concatenate([one.ca for one in unit])).query(plan.ca)[0].mean()) if unit else 0.0


def all_copies(
    structure: Structure, plans: Sequence[ChainPlan], found: np.ndarray
) -> tuple[Structure, list[ChainPlan]]:
    """The atoms and chains of a unit under all operators (m, 3, 4), chain after chain, named in this order."""
    names = [chain_name(number) for number in range(len(plans) * len(found))]
    parts, chains = [], []
    for number, plan in enumerate(plans):
        atoms = structure[structure.chain == names[number]]
        for copy, operator in enumerate(found):
            moved = atoms.with_xyz(apply(operator, atoms.xyz))
            parts.append(replace(moved, chain=np.full(len(atoms), names[number * len(found) + copy])))
            chains.append(replace(plan, ca=apply(operator, plan.ca)))
    return concatenate(parts), chains
