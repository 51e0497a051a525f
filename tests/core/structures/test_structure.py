from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.structures.structurefile import as_structure, read_structure


@pytest.fixture(scope="module")
def structure(trypsin):
    return read_structure(trypsin)


def test_structures_are_equal_where_all_arrays_are_and_then_have_one_hash(structure, trypsin):
    again = replace(read_structure(trypsin), name="another name")
    wider = replace(again, element=again.element.astype(int), chain=again.chain.astype("U9"))
    assert structure == again == wider
    assert len({structure, again, wider}) == 1


def test_structures_differ_by_any_array(structure):
    others = [
        structure[:-1],
        structure[::-1],
        structure.with_xyz(structure.xyz + 0.001),
        replace(structure, b_factor=structure.b_factor + 1),
        replace(structure, chain=np.where(structure.chain == "A", "B", structure.chain)),
    ]
    assert all(structure != other for other in others)
    assert structure != "structure"


def test_occupancies_that_are_no_numbers_equal_themselves(structure):
    occupancy = structure.occupancy.copy()
    occupancy[3] = np.nan
    odd = replace(structure, occupancy=occupancy)
    assert odd == replace(structure, occupancy=occupancy.copy())
    assert odd != structure


def test_a_structure_shows_its_atoms_in_one_short_line(structure):
    shown = repr(replace(structure, name="1gbt.cif"))
    assert shown == "<Structure 1gbt.cif: 1761 atoms (15 of ligand, 1629 of protein, 117 of water)>"
    assert repr(replace(structure[:0], name="")) == "<Structure without a name: 0 atoms>"


def test_a_structure_in_memory_is_taken_as_it_is(structure, trypsin):
    assert as_structure(structure) is structure
    assert as_structure(trypsin) == as_structure(str(trypsin)) == structure
    for question in ({"model": 2}, {"assembly": "1"}, {"ncs": True}):
        with pytest.raises(UsageError, match="read_structure"):
            as_structure(structure, **question)
    with pytest.raises(DataError, match="no atoms"):
        as_structure(structure[:0])
