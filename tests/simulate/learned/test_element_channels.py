from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryotools.core.compute.regions import Box
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.element_channels import (
    ELEMENT_CHANNELS,
    ElementChannels,
    element_channels,
    implied_hydrogens,
)

CARBON, SULPHUR = ELEMENT_CHANNELS.index("C"), ELEMENT_CHANNELS.index("S")


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    return structure[structure.kind != WATER][:300]


@pytest.mark.slow
def test_without_hydrogens_the_channels_add_up_to_molmap(protein):
    grid = grid_around(protein, 1.0, 2.0)
    channels = element_channels(protein, grid)
    exact = molmap_density(protein, grid, MapOptions(2.0, occupancy=False))
    assert np.corrcoef(channels[1:].sum(axis=0).ravel(), exact.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_a_channel_sums_to_the_electrons_of_its_atoms(protein):
    grid = grid_around(protein, 1.0, 2.0)
    sums = element_channels(protein, grid).sum(axis=(1, 2, 3))
    electrons = [
        implied_hydrogens(protein).sum(),
        *(protein.element[protein.element == z].sum() for z in (6, 8, 16, 7)),
    ]
    assert np.allclose(sums / sums.sum(), np.array(electrons) / np.sum(electrons), rtol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("element", "channel"), [(15, SULPHUR), (26, SULPHUR), (30, SULPHUR), (5, CARBON), (9, SULPHUR)]
)
def test_no_element_is_lost(protein, element, channel):
    number = protein.element.copy()
    at = np.flatnonzero(number == 6)[10]
    number[at] = element
    other = replace(protein, element=number)
    grid = grid_around(protein, 1.0, 2.0)
    index = tuple(np.rint(grid.world_to_index(protein.xyz[at])).astype(int)[::-1])
    assert element_channels(other, grid)[(channel, *index)] > 0.05


@pytest.mark.parametrize(
    ("residue", "count"), [("ALA", 5), ("GLY", 3), ("ARG", 13), ("TRP", 10), ("PRO", 7), ("VAL", 9)]
)
def test_residues_carry_the_hydrogens_of_a_chain(residue, count):
    """Hydrogens of the residue within a chain, from its formula: C3H5NO for alanine, and so on."""
    from cryotools.simulate.learned.element_channels import _COUNTS

    assert sum(n for (name, _), n in _COUNTS.items() if name == residue) == count


def test_hydrogens_of_the_file_are_not_counted_twice(protein):
    number = protein.element.copy()
    first = protein.residue_index() == 0
    number[np.flatnonzero(first)[-1]] = 1
    with_one = replace(protein, element=number)
    assert implied_hydrogens(with_one)[first].sum() == 0
    assert implied_hydrogens(with_one)[~first].sum() == implied_hydrogens(protein)[~first].sum()


@pytest.mark.slow
def test_a_part_is_the_part_of_the_whole(protein):
    grid = grid_around(protein, 1.0, 3.0)
    whole = np.pad(element_channels(protein, grid), [(0, 0), *[(10, 40)] * 3])
    part = ElementChannels(protein, grid).part(Box((-5, 20, 30), (20, 25, 30)))
    assert np.abs(part - whole[:, 5:25, 30:55, 40:70]).max() < 1e-5
