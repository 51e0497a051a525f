"""`cryotools finetune`, and annotate-sse with homologs, as they are called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL, TRYPSIN = ROOT / "tests" / "data" / "emd_3488_crop.mrc.gz", ROOT / "examples" / "1gbt.cif"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYOTOOLS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "homologs").mkdir()
    shutil.copy(TRYPSIN, tmp_path / "homologs")
    return tmp_path


@pytest.mark.learning
@pytest.mark.slow
def test_a_network_is_fitted_and_annotates(run, folder):
    small = ("--boxes", 4, "--steps", 2, "--batch", 1, "--threads", 1)
    result = run("finetune", REAL, "tuned", "--homologs", "homologs", "--res", 3.2, *small, "--json")
    assert result.code == 0, result.err
    figures = json.loads(result.out)
    assert figures["homologs"] == ["1gbt.cif"]
    assert figures["loss_after"] <= figures["loss_before"]
    assert "boxes of it are held out" in result.err
    used = run("annotate-sse", REAL, "out", "--res", 3.2, "--weights", "tuned/model.safetensors", "--threads", 1)
    assert used.code == 0, used.err
    wrong = run("detect-anchors", REAL, "out", "--res", 3.2, "--trace-weights", "tuned/model.safetensors")
    assert wrong.code in (1, 2)


@pytest.mark.slow
def test_homologs_that_do_not_fit_change_nothing(run, folder):
    plain = run("annotate-sse", REAL, "plain", "--res", 3.2, "--threads", 1)
    assert plain.code == 0, plain.err
    result = run("annotate-sse", REAL, "out", "--res", 3.2, "--homologs", "homologs", "--threads", 1, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["docked"] == []
    assert "no homolog fits the map significantly" in result.err
    (folder / "empty").mkdir()
    empty = run("annotate-sse", REAL, "none", "--res", 3.2, "--homologs", "empty", "--threads", 1)
    assert empty.code == 0, empty.err
    assert "goes on without" in empty.err
    for other in ("out", "none"):
        assert Path(f"{other}_helix.mrc").stat().st_size == Path("plain_helix.mrc").stat().st_size


def test_mistakes_are_told(run, folder):
    for asked, message in (
        (("finetune", REAL, "tuned", "--homologs", "nowhere", "--res", 3), "no such folder"),
        (("finetune", REAL, "tuned", "--homologs", "homologs", "--res", 30), "--res"),
        (("finetune", REAL, "tuned", "--homologs", "homologs", "--res", 3, "--layers", "some"), "--layers some"),
        (("annotate-sse", REAL, "out", "--homologs", "homologs"), "give --res"),
        (("annotate-sse", REAL, "out", "--copies", 2), "add --homologs"),
    ):
        result = run(*asked)
        assert result.code in (1, 2)
        assert message in result.err
        assert not (folder / "tuned").exists()


@pytest.mark.learning
@pytest.mark.slow
def test_a_network_of_sites_is_fitted_and_locates(run, folder):
    small = ("--boxes", 4, "--steps", 2, "--batch", 1, "--threads", 1)
    result = run("finetune", REAL, "tuned", "--task", "sites", "--homologs", "homologs", "--res", 4.5, *small)
    assert result.code == 0, result.err
    used = run("locate-sites", REAL, "out", "--res", 4.5, "--weights", "tuned/model.safetensors", "--threads", 1)
    assert used.code == 0, used.err
    assert "was not calibrated" not in used.err
    card = json.loads((folder / "tuned" / "model.json").read_text())
    assert (card["base"], card["architecture"]) == ("binding-sites", "binding-sites")
