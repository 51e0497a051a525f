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


def test_mobility_spreads_density_and_keeps_its_amount(tmp_path: Path) -> None:
    places = {"CA": (0.0, "C"), "CB": (14.0, "C"), "NZ": (28.0, "N")}
    atoms = [A(element, (x, 0.0, 0.0), name, residue="LYS") for name, (x, element) in places.items()]
    structure = read_structure(write_pdb(tmp_path / "far.pdb", atoms))
    grid = grid_around(structure, 0.5, 9.0)
    x = grid.index_to_world(np.stack([np.arange(grid.shape[2])] * 3, axis=1))[:, 0]
    for seed in range(3):
        along = mobile_density(structure, grid, 2.0, np.random.default_rng(seed)).sum(axis=(0, 1))
        at_rest, middle, end = (along[np.abs(x - at) < 7].sum() for at, _ in places.values())
        assert middle > 0.85 * at_rest  # the widest reach beyond 7 Å
        assert middle < 1.02 * at_rest
        assert end < 1.02 * 7 / 6 * at_rest
        assert along[np.abs(x - 14).argmin()] < along[np.abs(x).argmin()]
