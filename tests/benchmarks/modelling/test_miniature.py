"""The benchmark runs in miniature: a part of a real map, and simulated maps of a small chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"


def cells(text: str, name: str) -> list[list[str]]:
    """The cells of the lines that begin with `name`."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
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
    assert true_ca["precision_3"] > 0.94  # 0.960, since walks add residues that the model lacks
    assert true_types["sequence_recall"] >= usual["sequence_recall"]
    assert (tmp_path / "a.cif").exists()
    assert [len(cells(text, name)) for name in ("a", "b")] == [4, 0]
    heads = cells(text, "map")
    assert [len(line) for line in cells(text, "a")] == [len(head) for head in heads]
    benchmark.main(asked)
    assert capsys.readouterr().out == text


@pytest.mark.slow
def test_a_map_without_a_chain_is_told(benchmark, tmp_path, capsys):
    lines = ["id,map,model,resolution,family,fold", f"a,{REAL},{MODEL},7,a,0"]
    (tmp_path / "pairs.csv").write_text("\n".join([*lines, ""]))
    benchmark.main([str(tmp_path / "pairs.csv"), "--coarsest", "8"])
    (line,) = cells(capsys.readouterr().out, "a")
    assert "no chain can be traced" in line[-1]


def row(name: str, resolution: float, count: int, recall: float) -> dict[str, object]:
    """The scores of a model; what is not given is 0."""
    keys = (
        "recall_1",
        "precision_3",
        "rmsd",
        "backward",
        "match",
        "sequence_recall",
        "tm",
        "favoured",
        "outliers",
        "ece",
    )
    some = dict.fromkeys((*keys, "sure_right"), 0.0) | {"recall_3": recall, "n_reference": count, "n_built": count}
    return some | {"id": name, "resolution": resolution, "cpu_s": count / 10, "peak_MB": 100.0}


def test_curves_are_means_over_structures_and_a_refused_map_has_found_nothing(benchmark, tmp_path):
    rows = [row("a@3", 3.0, 100, 0.9), row("b@3", 3.0, 100, 0.7), row("a@4", 4.0, 100, 0.5)]
    rows.append({"id": "b@4", "resolution": 4.0, "refused": "no chain"})
    text = benchmark.modelplots.curves(rows, str(tmp_path / "curves.png"))
    (line,) = cells(text, "Cα recall at 3 Å")
    assert line[1].startswith("0.80 (0.70 to 0.90")
    assert line[2].startswith("0.25 (0.00 to 0.50")
    assert (tmp_path / "curves.png").stat().st_size > 5_000


def test_costs_are_by_size(benchmark, tmp_path):
    rows = [row("b", 3.0, 400, 0.9), row("a", 3.0, 200, 0.9)]
    lines = benchmark.modelplots.costs(rows, str(tmp_path / "costs.png")).splitlines()[2:]
    assert [line.split(" | ")[:4] for line in lines] == [["| 200", "200", "20", "100"], ["| 400", "400", "40", "100"]]


def test_structures_side_by_side_do_not_touch_and_their_chains_have_names_of_their_own(benchmark, trypsin):
    from scipy.spatial import cKDTree
    from simulated import packed

    from cryotools.core.structures.residues import find_residues
    from cryotools.core.structures.structurefile import read_structure

    one = read_structure(trypsin)
    one = one[one.kind == 1]
    count = len(find_residues(one))
    both = packed([one], 3 * count)
    names = list(dict.fromkeys(both.chain.tolist()))
    assert len(find_residues(both)) == 3 * count
    assert len(names) == 3
    for name in names:
        mine = both.chain == name
        assert cKDTree(both.xyz[~mine]).query(both.xyz[mine])[0].min() > 3
