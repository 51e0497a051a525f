"""Structures of a few dozen atoms in two chains, which project to images of 16 to 32 pixels."""

from __future__ import annotations

import numpy as np

from cryotools.core.structures.structure import PROTEIN, Structure

ROD = np.stack([np.zeros(9), np.zeros(9), np.arange(-24.0, 1.0, 3.0)], axis=1)  # along z, ending at the origin
ARM = np.stack([np.arange(0.0, 25.0, 3.0), np.zeros(9), np.full(9, 3.0)], axis=1)  # along x, from 3 Å above it


def molecule(chains: dict[str, np.ndarray] | None = None) -> Structure:
    """Carbon atoms at the places of each chain; by default a rod R and an arm X at its end."""
    chains = chains or {"R": ROD, "X": ARM}
    xyz = np.concatenate(list(chains.values()))
    count = len(xyz)
    return Structure(
        xyz=xyz,
        element=np.full(count, 6, dtype=np.uint8),
        atom_name=np.full(count, "CA"),
        residue_name=np.full(count, "GLY"),
        chain=np.repeat(list(chains), [len(places) for places in chains.values()]),
        residue_number=np.arange(1, count + 1, dtype=np.int32),
        insertion_code=np.full(count, ""),
        altloc=np.full(count, ""),
        occupancy=np.ones(count, dtype=np.float32),
        b_factor=np.zeros(count, dtype=np.float32),
        hetero=np.zeros(count, dtype=bool),
        kind=np.full(count, PROTEIN, dtype=np.uint8),
        model=np.ones(count, dtype=np.int32),
        name="rods",
    )
