"""The benchmark runs in miniature: a part of a real map, its own chain as the homolog, three steps."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

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
