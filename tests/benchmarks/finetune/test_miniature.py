"""The benchmark runs in miniature: a part of a real map, its own chain as the homolog, three steps."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

import cryotools as ct
from cryotools.homologs.search.chains import read_chains

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"


@pytest.mark.learning
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")
def test_each_method_has_a_score_and_measured_rows_are_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(HERE)
    spec = importlib.util.spec_from_file_location("finetune_benchmark", HERE / "__main__.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    model = DATA / "5ni1_crop.pdb.gz"
    header = "id,set,map,model,resolution,identity,homologs"
    line = f"crop,real,{DATA / 'emd_3488_crop.mrc.gz'},{model},3.2,1.0,{model}:A"
    (tmp_path / "cases.csv").write_text(f"{header}\n{line}\n")
    asked = [str(tmp_path / "cases.csv"), "--rows", str(tmp_path / "rows.jsonl"), "--steps", "2", "--boxes", "4"]
    benchmark.main(asked)
    first = capsys.readouterr().out
    assert "| crop | 3.2 | 1.00 |" in first
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 5
    benchmark.main(asked)
    assert capsys.readouterr().out == first
    for path in HERE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
def test_residues_are_scored_before_and_after_docking(monkeypatch, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("residues_benchmark", HERE / "residues.py")
    benchmark = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "residues_benchmark", benchmark)  # pickles name their module
    spec.loader.exec_module(benchmark)
    model = DATA / "5ni1_crop.pdb.gz"
    chain, letters = next(iter(read_chains(model).items()))
    (tmp_path / "db").mkdir()
    shutil.copy(model, tmp_path / "db")
    ct.find_homologs(
        {f"crop_{chain}": letters}, tmp_path / "found", database=tmp_path / "db", engine="biopython", max_hits=1
    )
    line = f"crop,{DATA / 'emd_3488_crop.mrc.gz'},{model},3.2,1.0,{tmp_path / 'found'}"
    (tmp_path / "cases.csv").write_text(f"id,map,model,resolution,identity,homologs\n{line}\n")
    asked = [str(tmp_path / "cases.csv"), "--kept", str(tmp_path / "kept"), "--methods", "dock"]
    weights = benchmark.letters.WEIGHTS
    benchmark.main(asked)
    out = capsys.readouterr().out
    (row,) = [line.split("|") for line in out.splitlines() if line.startswith("| crop |")]
    before, after = (float(row[at].split("/")[0]) for at in (4, 6))
    assert after > before + 0.1
    assert benchmark.letters.WEIGHTS is weights
    assert "weights fitted to all maps" in out
