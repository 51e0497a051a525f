"""Homologs from Python."""

from __future__ import annotations

from mutated_structures import homolog_database

import cryotools as ct


def test_homologs_are_those_that_the_command_finds(trypsin, tmp_path, run):
    letters = homolog_database(tmp_path / "structures", trypsin)
    (tmp_path / "structures/damaged.pdb").unlink()
    (tmp_path / "q.fasta").write_text(f">q\n{letters}\n")
    words = ("--db", tmp_path / "structures", "--exclude-identity", "0.9", "--max-hits", "2")
    assert run("find-homologs", tmp_path / "q.fasta", tmp_path / "a", *words).code == 0
    settings = {"database": tmp_path / "structures", "exclude_identity": 0.9, "max_hits": 2}
    found = ct.find_homologs(tmp_path / "q.fasta", tmp_path / "b", **settings)
    assert [one.source.name for one in found.homologs] == ["near.cif", "far.pdb.gz"]
    for file in sorted((tmp_path / "a").iterdir()):
        assert (tmp_path / "b" / file.name).read_bytes() == file.read_bytes()
    unwritten = ct.find_homologs({"q": letters}, **settings)
    assert [one.path.name for one in unwritten.homologs] == ["near.cif", "far.pdb.gz"]
    assert unwritten.folder is None
