from __future__ import annotations

import gemmi
import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import pdb_text
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.pseudoatoms import element_structure
from cryotools.sse.truth.assign import HELIX, SHEET


def pseudo_atoms(n: int = 5, at: float = 0.0):
    axis = at + np.arange(3 * n).reshape(n, 3) * 1.25
    return element_structure(
        [Element(HELIX, axis, np.full(n, 0.9), 1.0), Element(SHEET, -axis, np.full(n, 0.6), 1.0)], "pseudo"
    )


def test_atoms_come_back_as_they_were_written(tmp_path):
    written = pseudo_atoms()
    (tmp_path / "atoms.pdb").write_text(pdb_text(written))
    read = read_structure(tmp_path / "atoms.pdb")
    assert np.allclose(read.xyz, written.xyz, atol=1e-3)
    for key in ("chain", "residue_name", "residue_number", "atom_name", "hetero"):
        assert np.array_equal(getattr(read, key), getattr(written, key)), key
    assert np.allclose(read.b_factor, written.b_factor, atol=0.005)


def test_columns_are_those_of_the_format():
    lines = [line for line in pdb_text(pseudo_atoms()).splitlines() if line.startswith("HETATM")]
    assert lines[1] == "HETATM    2  CA  HLX H   2       3.750   5.000   6.250  1.00 90.00           C  "
    assert {len(line) for line in lines[:-1]} == {80}


def test_remarks_and_bonds_are_written_and_long_remarks_broken():
    text = pdb_text(pseudo_atoms(), ["word " * 40], [(0, 1), (1, 2)])
    remarks = [line for line in text.splitlines() if line.startswith("REMARK   3 ")]
    assert len(remarks) == 4
    assert max(map(len, remarks)) <= 80
    assert "CONECT    1    2\nCONECT    2    1    3\nCONECT    3    2\nEND\n" in text


@pytest.mark.slow
def test_large_numbers_are_hybrid_36():
    many = pseudo_atoms(10_500)
    many = many.with_xyz(many.xyz % 900)
    read = gemmi.read_pdb_string(pdb_text(many))
    assert [len(chain) for chain in read[0]] == [10_500, 10_500]
    assert read[0]["H"][-1].seqid.num == 10_500


def test_positions_that_do_not_fit_the_columns_are_refused():
    with pytest.raises(DataError, match="9999 A"):
        pdb_text(pseudo_atoms(at=20_000.0))


def test_no_atoms_are_an_end():
    assert pdb_text(element_structure([]), ["nothing"]) == "REMARK   3 nothing\nEND\n"
