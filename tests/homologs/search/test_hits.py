"""Folders of homologs: those that a search left, and any folder of structures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.search.hits import COLUMNS, Homolog, file_stems, read_homologs

ALIGNED = {"query_aligned": "AC-DEF", "target_aligned": "AGWD-F", "query_from": 3, "query_to": 7, "target_from": 2}


def test_aligned_pairs_are_columns_without_a_gap() -> None:
    one = Homolog("q", Path("one.pdb"), "A", **ALIGNED, target_to=6)
    assert one.pairs().tolist() == [[2, 0], [3, 1], [4, 3], [6, 4]]


def test_aligned_residues_are_those_of_the_structure(trypsin: Path) -> None:
    residues = find_residues(read_structure(trypsin))
    letters = residues.sequences()["A"]
    part = letters[20:40]
    one = Homolog("q", trypsin, "A", query_aligned=part, target_aligned=part, query_from=1, query_to=20)
    query, found = one.aligned_residues(residues)
    assert query.tolist() == list(range(20))
    assert found.tolist() == list(range(20, 40))


def test_residues_that_the_structure_lacks_are_left_out(trypsin: Path) -> None:
    structure = read_structure(trypsin)
    residues = find_residues(structure)
    letters = residues.sequences()["A"]
    lacking = find_residues(structure[~np.isin(residues.of_atom, np.arange(50, 60))])
    one = Homolog("q", trypsin, "A", query_aligned=letters, target_aligned=letters, query_from=1)
    query, found = one.aligned_residues(lacking)
    assert set(range(len(letters))) - set(query.tolist()) == set(range(50, 60))
    assert [letters[at] for at in query] == lacking.letters[found].tolist()


def test_each_protein_chain_of_a_plain_folder_is_a_homolog(trypsin: Path, tmp_path: Path) -> None:
    shutil.copy(trypsin, tmp_path / "one.cif")
    (tmp_path / "bad.pdb").write_text("no structure at all\n")
    (tmp_path / "notes.txt").write_text("not read\n")
    with pytest.warns(CryotoolsWarning, match=r"left out: .*bad\.pdb"):
        found = read_homologs(tmp_path)
    assert [(one.path.name, one.chain, one.query) for one in found.homologs] == [("one.cif", "A", "")]
    assert found.homologs[0].source == tmp_path / "one.cif"
    assert found.homologs[0].pairs().shape == (0, 2)
    with pytest.raises(DataError, match="has no alignment of q"):
        found.alignment_file("q")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("q,1,gone.cif,A,0.5,1.0,1e-9,80.0,1,5,1,5,ACDEF,ACDEF,x.pdb", "gone.cif is not in the folder"),
        ("q,1,gone.cif,A,half,1.0,1e-9,80.0,1,5,1,5,ACDEF,ACDEF,x.pdb", "line 2: half is not a number"),
        ("q,1,gone.cif,A,0.5,1.0,1e-9,80.0,1,5,1,5,ACDEF,ACD,x.pdb", "line 2: the aligned sequences differ"),
    ],
)
def test_a_damaged_table_is_said_by_its_line(row: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "homologs.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n")
    with pytest.raises(DataError, match=words):
        read_homologs(tmp_path)


def test_a_folder_that_has_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no homologs"):
        read_homologs(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_homologs(tmp_path / "none")


def test_files_of_queries_have_plain_names_of_their_own() -> None:
    names = ["sp|P1|X", "sp/P1/X", "A", "a", "..", "x" * 300]
    stems = file_stems(names)
    assert stems["sp|P1|X"] == "sp_P1_X"
    assert len({stem.lower() for stem in stems.values()}) == len(names)
    assert all(stem.isascii() and "/" not in stem and len(stem) <= 90 for stem in stems.values())
