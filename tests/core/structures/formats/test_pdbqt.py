"""PDBQT is read by its types, which stand where PDB has elements and charges."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from broken_structures import saved

from cryotools.core.structures.chemistry.elements import symbol
from cryotools.core.structures.structurefile import read_structure

# AutoDock 4's and Vina's types, and the elements that they are of
TYPES = {
    **{"C": "C", "A": "C", "N": "N", "NA": "N", "NS": "N", "OA": "O", "OS": "O", "O": "O", "SA": "S", "S": "S"},
    **{"H": "H", "HD": "H", "HS": "H", "P": "P", "F": "F", "Cl": "Cl", "CL": "Cl", "Br": "Br", "BR": "Br", "I": "I"},
    **{"Zn": "Zn", "ZN": "Zn", "Mg": "Mg", "MG": "Mg", "Ca": "Ca", "Mn": "Mn", "Fe": "Fe", "G": "C", "Si": "Si"},
}


def line(number: int, name: str, kind: str, residue: str = "LIG", pad: bool = True) -> str:
    text = f"HETATM{number:5d} {name:<4} {residue} A   1    {float(number):8.3f}  10.448   6.511  1.00  0.00"
    return f"{text}    {-0.25:6.3f} {kind:<2}" if pad else f"{text}    {-0.25:6.3f} {kind}"


def pdbqt(*lines: str, tree: bool = True) -> bytes:
    torsions = (["ROOT"], ["ENDROOT", "BRANCH   1   2", "ENDBRANCH   1   2", "TORSDOF 1"]) if tree else ([], [])
    return "\n".join(["REMARK  VINA RESULT:  -8.2  0.000  0.000", *torsions[0], *lines, *torsions[1], ""]).encode()


@pytest.mark.parametrize("pad", [True, False], ids=["with a blank behind", "ending with the type"])
@pytest.mark.parametrize("tree", [True, False], ids=["ligand", "receptor"])
def test_types_are_elements(tmp_path: Path, tree: bool, pad: bool) -> None:
    lines = [line(i, f" X{i}", kind, pad=pad) for i, kind in enumerate(TYPES, 1)]
    structure = read_structure(saved(tmp_path, pdbqt(*lines, tree=tree), "poses.pdbqt"))
    assert [symbol(number) for number in structure.element] == list(TYPES.values())
    assert structure.xyz[:, 0].tolist() == [float(i) for i in range(1, len(TYPES) + 1)]


def test_poses_are_models(tmp_path: Path) -> None:
    pose = ["MODEL 1", "ROOT", line(1, " C1", "A"), line(2, "CL1", "Cl"), "ENDROOT", "TORSDOF 0", "ENDMDL"]
    text = "\n".join([*pose, *pose]).replace("MODEL 1", "MODEL 2", 2).replace("MODEL 2", "MODEL 1", 1)
    structure = read_structure(saved(tmp_path, text.encode(), "poses.pdbqt"), model="all")
    assert Counter(symbol(n) for n in structure.element) == {"C": 2, "Cl": 2}
    assert structure.model.tolist() == [1, 1, 2, 2]


def test_the_alpha_carbons_of_a_receptor_are_carbon_and_its_sodium_is_sodium(tmp_path: Path) -> None:
    lines = [line(1, " CA", "C", "ALA"), line(2, " NE2", "NA", "HIS"), line(3, "NA", "NA", "NA ")]
    with pytest.warns(UserWarning, match="is wrong for 1 atoms"):
        structure = read_structure(saved(tmp_path, pdbqt(*lines, tree=False)))
    assert [symbol(number) for number in structure.element] == ["C", "N", "Na"]


def test_pdb_with_names_of_segments_is_not_taken_for_pdbqt(tmp_path: Path) -> None:
    text = line(1, " CA", "C", "ALA")[:66] + "      PROT C\n"
    assert read_structure(saved(tmp_path, text.encode())).element.tolist() == [6]
