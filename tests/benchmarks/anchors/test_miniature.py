"""The benchmark runs in miniature: a part of a real map in three folds, small networks of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from anchor_networks import untrained

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"

pytestmark = pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")


def cells(text: str, name: str) -> list[list[str]]:
    """The cells of the lines that begin with `name`."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.slow
def test_tables_have_a_line_per_map_and_predicted_models_have_no_side_chains(benchmark, tmp_path, capsys):
    types, trace = untrained(tmp_path)
    maps = (("a", 3.2, 0), ("b", 4, 1), ("c*", 3, 2))
    lines = [f"{name},{REAL},{MODEL},{resolution},{name},{fold}" for name, resolution, fold in maps]
    (tmp_path / "pairs.csv").write_text("\n".join(["id,map,model,resolution,family,fold", *lines, ""]))
    files = ("--calibration", str(tmp_path / "calibration.json"), "--confusion", str(tmp_path / "confusion.png"))
    benchmark.main([str(tmp_path / "pairs.csv"), "--weights", str(types), "--trace-weights", str(trace), *files])
    text = capsys.readouterr().out
    heads = cells(text, "map")
    assert [len(cells(text, name)) for name in ("a", "b", "c *")] == [3, 3, 1]
    assert [len(line) for line in cells(text, "a")] == [len(head) for head in heads]
    assert "nan" not in text
    (types_head,) = [head for head in heads if "majority" in head]
    types_of_a = cells(text, "a")[heads.index(types_head)]
    assert types_of_a[types_head.index("at the centre of mass")].count("/") == 2
    assert json.loads((tmp_path / "calibration.json").read_text())
    assert (tmp_path / "confusion.png").stat().st_size > 5_000


def test_the_peak_memory_of_a_command_is_its_own(benchmark):
    held = bytearray(b"x") * 900_000_000  # of this process, which must not count
    used = benchmark.speed.used_by(["info", str(REAL)])
    assert 20 < used.mebibytes < len(held) / 2**20 / 2
    with pytest.raises(SystemExit, match="failed with 1"):
        benchmark.speed.used_by(["info", "nowhere.mrc"])
