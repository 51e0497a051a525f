"""The benchmark runs in miniature: a part of a real map, and simulated maps of a small chain."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"

pytestmark = pytest.mark.slow


@pytest.fixture
def benchmark(monkeypatch):
    """The benchmark; what it imports from its folder is forgotten afterwards."""
    monkeypatch.syspath_prepend(HERE)
    spec = importlib.util.spec_from_file_location("model_benchmark", HERE / "__main__.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found
    for path in HERE.glob("*.py"):
        sys.modules.pop(path.stem, None)


def cells(text: str, name: str) -> list[list[str]]:
    """The cells of the lines that begin with `name`."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_map_has_its_scores_under_each_hypothesis_and_rows_are_kept(benchmark, tmp_path, capsys):
    lines = ["id,map,model,resolution,family,fold", f"a,{REAL},{MODEL},3.2,a,0", f"b,{REAL},{MODEL},4.9,b,1"]
    (tmp_path / "pairs.csv").write_text("\n".join([*lines, ""]))
    asked = [str(tmp_path / "pairs.csv"), "--rows", str(tmp_path / "rows.jsonl"), "--models", str(tmp_path)]
    for name in benchmark.NAMES:
        asked += ["--hypothesis", name]
    benchmark.main(asked)
    text = capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["hypothesis"] for row in rows] == list(benchmark.NAMES)
    usual, true_ca, true_types, _ = rows
    assert true_ca["recall_3"] > usual["recall_3"]
    assert true_ca["precision_3"] > 0.97
    assert true_types["sequence_recall"] >= usual["sequence_recall"]
    assert (tmp_path / "a.cif").exists()
    assert [len(cells(text, name)) for name in ("a", "b")] == [4, 0]
    heads = cells(text, "map")
    assert [len(line) for line in cells(text, "a")] == [len(head) for head in heads]
    benchmark.main(asked)
    assert capsys.readouterr().out == text


def test_a_map_without_a_chain_is_told(benchmark, tmp_path, capsys):
    lines = ["id,map,model,resolution,family,fold", f"a,{REAL},{MODEL},7,a,0"]
    (tmp_path / "pairs.csv").write_text("\n".join([*lines, ""]))
    benchmark.main([str(tmp_path / "pairs.csv"), "--coarsest", "8"])
    (line,) = cells(capsys.readouterr().out, "a")
    assert "no chain can be traced" in line[-1]
