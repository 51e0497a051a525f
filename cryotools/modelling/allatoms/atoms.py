"""Atoms of chains: from backbones and side chains to a structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.structure import PROTEIN, Structure, concatenate
from cryotools.modelling.allatoms.rotamers import SIDE_CHAINS

_BACKBONE = ("N", "CA", "C", "O")
_ELEMENT = {"C": 6, "N": 7, "O": 8, "S": 16}


@dataclass(frozen=True)
class BuiltChain:
    """The atoms of a chain: `backbone` (n, 4, 3), `sides` of each residue in the order of SIDE_CHAINS, three-letter
    `names` (n,), residue `numbers` int (n,), and `confidence` (n,) from 0 to 1.
    """

    chain: str
    names: Sequence[str]
    numbers: np.ndarray
    backbone: np.ndarray
    sides: Sequence[np.ndarray]
    confidence: np.ndarray


def structure_of_chains(chains: Sequence[BuiltChain], name: str = "") -> Structure:
    """All atoms of the `chains`, with confidence × 100 as B factors."""
    return concatenate([_atoms(one, name) for one in chains])


def _atoms(built: BuiltChain, name: str) -> Structure:
    count = [4 + len(side) for side in built.sides]
    atom_name = np.array([atom for one in built.names for atom in (*_BACKBONE, *SIDE_CHAINS[one])])
    parts = [np.concatenate([four, side]) for four, side in zip(built.backbone, built.sides, strict=True)]
    total = len(atom_name)
    blank = np.full(total, "")
    return Structure(
        xyz=np.concatenate(parts),
        element=np.array([_ELEMENT[one[0]] for one in atom_name], dtype=np.uint8),
        atom_name=atom_name,
        residue_name=np.repeat(np.array(built.names), count),
        chain=np.full(total, built.chain),
        residue_number=np.repeat(built.numbers, count).astype(np.int32),
        insertion_code=blank,
        altloc=blank,
        occupancy=np.ones(total, dtype=np.float32),
        b_factor=np.repeat(100 * built.confidence, count).astype(np.float32),
        hetero=np.zeros(total, dtype=bool),
        kind=np.full(total, PROTEIN, dtype=np.uint8),
        model=np.ones(total, dtype=np.int32),
        name=name,
    )
