"""Density of mobile molecules: what fades, and what stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from small_structures import A, write_pdb

from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.layout import grid_around
from cryotools.simulate.mobility import mobile_density


def lysine(path: Path, name: str = "LYS") -> Structure:
    """A side chain of which each atom is 3 Å farther from Cα: CB at 3 Å, NZ (OE1) at 15 Å."""
    names = ["CA", "CB", "CG", "CD", "CE", "NZ"] if name == "LYS" else ["CA", "CB", "CG", "CD", "OE1"]
    elements = {"N": "N", "O": "O"}
    return read_structure(
        write_pdb(
            path,
            [
                A(elements.get(atom[0], "C"), (3.0 * at, 0.0, 0.0), name=atom, residue=name, number=1)
                for at, atom in enumerate(names)
            ],
        )
    )


def test_side_chains_fade_towards_their_ends(tmp_path: Path) -> None:
    structure = lysine(tmp_path / "k.pdb")
    grid = grid_around(structure, 0.5, 6.0)
    index = tuple(np.rint(grid.world_to_index(structure.xyz)).astype(int).T[::-1])
    for seed in range(5):
        heights = mobile_density(structure, grid, 2.5, np.random.default_rng(seed))[index]
        assert np.all(np.diff(heights[:5]) < 0)


def test_carboxylates_are_weaker_than_carbon(tmp_path: Path) -> None:
    structure = lysine(tmp_path / "e.pdb", "GLU")
    grid = grid_around(structure, 0.5, 6.0)
    index = tuple(np.rint(grid.world_to_index(structure.xyz)).astype(int).T[::-1])
    ends = [mobile_density(structure, grid, 2.5, np.random.default_rng(seed))[index][4] for seed in range(8)]
    before = [mobile_density(structure, grid, 2.5, np.random.default_rng(seed))[index][3] for seed in range(8)]
    assert np.mean(ends) < np.mean(before)


def test_the_same_random_numbers_give_the_same_map(tmp_path: Path) -> None:
    structure = lysine(tmp_path / "k.pdb")
    grid = grid_around(structure, 1.0, 6.0)
    one, two, other = (mobile_density(structure, grid, 3.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.allclose(one, other)
