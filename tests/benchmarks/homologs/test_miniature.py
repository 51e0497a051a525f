"""The benchmark runs in miniature, on homologs that were made."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from mutated_structures import homolog_database

HERE = Path(__file__).parent


@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
def test_listed_pairs_are_counted_by_their_identity(trypsin, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("homologs_benchmark", HERE / "__main__.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    homolog_database(tmp_path / "structures", trypsin)
    rows = ["twin,A,near,A,0.7", "twin,A,far,A,0.45", "twin,A,other,A,0.8", "twin,A,gone,A,0.8", "gone,A,near,A,0.8"]
    (tmp_path / "pairs.csv").write_text("\n".join(["pdb_a,chain_a,pdb_b,chain_b,seq_identity", *rows, ""]))
    benchmark.main([str(tmp_path / "pairs.csv"), str(tmp_path / "structures"), "--only", "pyhmmer:1", "biopython"])
    text = capsys.readouterr().out
    assert "5 chains, 1 files left out" in text
    assert "3 pairs, 1 queries" in text
    for engine in ("pyhmmer", "biopython"):
        assert f"| {engine} | 1 | 1.000 (1 of 1) | 0.500 (1 of 2) |  | 0.00 | 0.0000 |" in text
    assert "mmseqs" not in text
