"""The benchmark runs in miniature: haemoglobin's chain in its own map, and trypsin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "data"
TRYPSIN = HERE.parents[2] / "examples" / "1gbt.cif"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")
def test_a_chain_in_its_own_map_is_told_from_another_protein(benchmark, tmp_path, capsys):
    model, volume = DATA / "5ni1_crop.pdb.gz", DATA / "emd_3488_crop.mrc.gz"
    lines = ["map,resolution,model,structure,kind,family"]
    for structure, kind in ((f"{model}:A", "homolog"), (f"{TRYPSIN}:A", "other")):
        lines.append(f"{volume},3.2,{model},{structure},{kind},globin")
    (tmp_path / "probes.csv").write_text("\n".join(lines) + "\n")
    asked = [str(tmp_path / "probes.csv"), "--rows", str(tmp_path / "rows.jsonl")]
    benchmark.main(asked)
    first = capsys.readouterr().out
    own, other = (json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines())
    assert own["right"]
    assert not other["right"]
    assert own["probability"] > 0.5 > other["probability"]
    benchmark.main(asked)
    assert capsys.readouterr().out == first


def test_a_regression_learns_what_tells_classes_apart(benchmark):
    from acceptance import regression

    random = np.random.default_rng(0)
    right = np.arange(200) % 2 == 0
    evidence = random.normal(size=(200, 2)) + np.where(right, 2.0, 0.0)[:, None] * [1.0, 0.0]
    constant, telling, idle = regression(evidence, right)
    assert telling > 5 * abs(idle)
    assert 0.7 < -constant / telling < 1.3  # half way
