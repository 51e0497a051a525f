"""Homologs from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutated_structures import homolog_database

import cryotools as ct

REAL = Path(__file__).parents[1] / "data" / "emd_3488_crop.mrc.gz"


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


@pytest.mark.learning
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")
def test_a_network_is_fitted_to_a_map_and_homologs(trypsin, tmp_path):
    volume, small = ct.read_map(REAL), {"boxes": 4, "steps": 1, "batch": 1, "device": "cpu"}
    tuned = ct.finetune(volume, 3.2, tmp_path / "run", homologs=trypsin.parent, task="anchors", **small)
    assert tuned.learnt_from == tuned.judged_on
    found = ct.detect_anchors(volume, 3.2, trace_weights=tuned.path, device="cpu")
    assert len(found.residues) > 50
    with pytest.raises(ct.CryotoolsError, match="contains a training run"):
        ct.finetune(volume, 3.2, tmp_path / "run", homologs=trypsin.parent, task="anchors", **small)


def test_tasks_and_folders_of_homologs_are_checked(tmp_path):
    with pytest.raises(ct.CryotoolsError, match="sse, anchors or sites"):
        ct.finetune(REAL, 3.2, tmp_path / "run", homologs=tmp_path, task="hands")
    with pytest.raises(ct.CryotoolsError, match="no such folder"):
        ct.finetune(REAL, 3.2, tmp_path / "run", homologs=tmp_path / "none")
