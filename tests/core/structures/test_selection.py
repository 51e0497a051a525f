from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import UsageError
from cryotools.core.structures.selection import select
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, WATER, Structure

#        element atom   residue chain number altloc hetero kind
ATOMS = [
    (7, "N", "GLY", "A", -2, "", False, PROTEIN),
    (6, "CA", "GLY", "A", -2, "A", False, PROTEIN),
    (6, "CA", "GLY", "A", -2, "B", False, PROTEIN),
    (1, "HA2", "GLY", "A", -2, "", False, PROTEIN),
    (6, "CB", "ALA", "B", 10, "", False, PROTEIN),
    (15, "P", "DA", "", 11, "", False, NUCLEIC),
    (7, "N9", "DA", "", 11, "", False, NUCLEIC),
    (20, "CA", "CA", "A", 60, "", True, LIGAND),
    (26, "FE", "HEM", "C", 61, "", True, LIGAND),
    (8, "O", "HOH", "A", 301, "", True, WATER),
]


@pytest.fixture
def structure():
    element, atom, residue, chain, number, altloc, hetero, kind = (list(column) for column in zip(*ATOMS, strict=True))
    n = len(ATOMS)
    return Structure(
        xyz=np.zeros((n, 3)),
        element=np.array(element, dtype=np.uint8),
        atom_name=np.array(atom),
        residue_name=np.array(residue),
        chain=np.array(chain),
        residue_number=np.array(number, dtype=np.int32),
        insertion_code=np.full(n, ""),
        altloc=np.array(altloc),
        occupancy=np.ones(n, dtype=np.float32),
        b_factor=np.zeros(n, dtype=np.float32),
        hetero=np.array(hetero),
        kind=np.array(kind, dtype=np.uint8),
        model=np.ones(n, dtype=np.int32),
    )


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("all", range(10)),
        ("chain A", [0, 1, 2, 3, 7, 9]),
        ("chain B,C", [4, 8]),
        ("chain _", [5, 6]),
        ("residue 10", [4]),
        ("residue 10-60", [4, 5, 6, 7]),
        ("residue 10,61,301", [4, 8, 9]),
        ("residue -2", [0, 1, 2, 3]),
        ("residue -5--1", [0, 1, 2, 3]),
        ("residue -2-10", [0, 1, 2, 3, 4]),
        ("resid 11", [5, 6]),
        ("resname GLY,HEM", [0, 1, 2, 3, 8]),
        ("atom CA", [1, 2, 7]),
        ("element C", [1, 2, 4]),
        ("element CA,fe", [7, 8]),
        ("altloc B", [2]),
        ("altloc _", [0, 3, 4, 5, 6, 7, 8, 9]),
        ("altloc _,A", [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        ("protein", [0, 1, 2, 3, 4]),
        ("nucleic", [5, 6]),
        ("polymer", [0, 1, 2, 3, 4, 5, 6]),
        ("ligand", [7, 8]),
        ("water", [9]),
        ("hydrogen", [3]),
        ("hetero", [7, 8, 9]),
        ("backbone", [0, 1, 2, 5]),  # not the calcium, whose atom is named CA too
        ("chain Z", []),
    ],
)
def test_each_term_picks_its_atoms(structure, text, atoms):
    assert np.flatnonzero(select(structure, text)).tolist() == list(atoms)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("water or chain A and element C", "water or (chain A and element C)"),
        ("not chain A and element C", "(not chain A) and element C"),
        ("not not water", "water"),
        ("not (water or ligand)", "not water and not ligand"),
        ("((water))", "water"),
        ("chain A and(water or ligand)", "chain A and ( water or ligand )"),
        ("  water   or\tligand ", "water or ligand"),
    ],
)
def test_not_binds_before_and_and_before_or(structure, text, same):
    assert np.array_equal(select(structure, text), select(structure, same))


def test_precedence_shows_in_what_is_picked(structure):
    assert np.flatnonzero(select(structure, "water or chain A and element C")).tolist() == [1, 2, 9]
    assert np.flatnonzero(select(structure, "(water or chain A) and element C")).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is no term"),
        ("chain", "a list after 'chain' is missing"),
        ("chain A and", "a term is missing at the end"),
        ("(chain A", "parenthesis is not closed"),
        ("chain A)", "')' is not expected"),
        ("chain A chain B", "'chain' is not expected"),
        ("proteins", "'proteins' is not a term"),
        ("and water", "'and' is not a term"),
        ("residue ten", "'ten' is not a residue number"),
        ("residue 10-", "'10-' is not a residue number"),
        ("element Xx", "'Xx' is not an element"),
    ],
)
def test_mistakes_are_named(structure, text, complaint):
    with pytest.raises(UsageError, match="`selection`") as caught:
        select(structure, text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("text", ["chain ,", "chain (A)", "atom )", "residue ,", "element ,", "chain and water"])
def test_a_list_without_items_is_a_mistake(structure, text):
    with pytest.raises(UsageError, match="`selection`"):
        select(structure, text)
