"""The benchmark runs in miniature, on the example structure."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
from site_network import PLAIN, by_density

from cryotools.core.compute.checkpoint import load_network
from cryotools.sites.labels import LIGAND_SITE
from cryotools.sites.network import BINDING_SITES

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsWarning")
def test_sites_are_ranked_beside_their_rivals(trypsin, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    sys.modules.pop("cases", None)  # other benchmarks have such a module, too
    spec = importlib.util.spec_from_file_location("sites_benchmark", HERE / "__main__.py")
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    sys.modules.pop("cases", None)
    sys.modules.pop("fitting", None)
    (tmp_path / "list.csv").write_text(f"file,kind\n{trypsin},ligand\n")
    fitted = str(tmp_path / "fitted.safetensors")
    weights = str(by_density(tmp_path / "net.safetensors"))
    benchmark.main(
        [str(tmp_path / "list.csv"), "--weights", weights, "--out", str(tmp_path / "scores.csv"), "--fit", fitted]
    )
    text = capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [(row["condition"], row["site"]) for row in rows] == [("with partner", "ligand"), ("without", "ligand")]
    for row in rows:
        assert 0 < float(row["prior"]) < 0.2
        assert 0 <= float(row["ap map"]) <= 1
        assert 0 <= float(row["auc exposure"]) <= 1
        assert row["ap conservation"] == ""
    assert "| with partner | ligand | 1 |" in text
    config = load_network(fitted, [BINDING_SITES])[1]
    assert config.whole_scale[LIGAND_SITE] != 1
    assert len(config.whole_exposure) == 3
    assert config.combination == PLAIN, "there were no homologs to fit it to"
