"""What a folder of homologs offers: chains for docking, entries with partners for binding sites."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cryotools as ct
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.files.output import write_text
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import LIGAND, PROTEIN, WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import pdb_text
from cryotools.homologs.search.chains import read_chains
from cryotools.homologs.structures import homolog_chains, homolog_entries

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")


@pytest.fixture
def searched(trypsin, tmp_path):
    """A search for trypsin in a folder of trypsin with its ligand, a second chain of it first in the file."""
    (tmp_path / "db").mkdir()
    whole = read_structure(trypsin)
    protein = whole[whole.kind == PROTEIN]
    part = protein[np.isin(protein.residue_number, np.arange(16, 60))]
    other = replace(part, chain=np.full(len(part), "X"), xyz=part.xyz + np.array([150.0, 0.0, 0.0]))
    kept = whole[whole.kind != WATER]
    both = {name: np.concatenate([getattr(one, name) for one in (other, kept)]) for name in _arrays(whole)}
    write_text(tmp_path / "db" / "two.pdb", pdb_text(replace(kept, **both)))
    letters = next(iter(read_chains(trypsin).values()))
    ct.find_homologs({"query": letters}, tmp_path / "found", database=tmp_path / "db", engine="biopython")
    return tmp_path


def _arrays(structure):
    return [name for name, value in vars(structure).items() if isinstance(value, np.ndarray)]


def test_chains_are_cut_and_entries_keep_their_partners(searched):
    (chain,), (entry,) = homolog_chains(searched / "found"), homolog_entries(searched / "found")
    assert (chain.structure.kind == PROTEIN).all()
    assert chain.homolog.identity == 1
    assert set(chain.structure.chain) == {chain.homolog.chain}
    assert entry.chain[0] == chain.homolog.chain
    assert {"X", chain.homolog.chain} == set(entry.chain)
    assert (entry.kind == LIGAND).any()
    assert entry.name == "two.pdb"


def test_structures_without_partners_tell_nothing_about_sites(searched):
    shutil.rmtree(searched / "db")
    with pytest.warns(CryotoolsWarning, match="no homologs that touch another chain, a ligand or nucleic acid"):
        assert homolog_entries(searched / "found") == []
    assert len(homolog_chains(searched / "found")) == 1


def test_an_empty_folder_is_no_error(tmp_path: Path):
    for read in (homolog_chains, homolog_entries):
        with pytest.warns(CryotoolsWarning, match="goes on without"):
            assert read(tmp_path) == []


def test_a_chain_without_a_name_is_found_under_the_one_it_was_written_with(trypsin, tmp_path):
    whole = read_structure(trypsin)
    unnamed = replace(whole, chain=np.full(len(whole), ""))[whole.kind == PROTEIN]
    (tmp_path / "db").mkdir()
    write_text(tmp_path / "db" / "old.pdb", pdb_text(unnamed))
    letters = next(iter(read_chains(trypsin).values()))
    ct.find_homologs({"query": letters}, tmp_path / "found", database=tmp_path / "db", engine="biopython")
    (chain,) = homolog_chains(tmp_path / "found")
    assert chain.homolog.chain == ""
    query, residues = chain.homolog.aligned_residues(find_residues(chain.structure))
    assert len(query) == len(residues) == len(letters)
