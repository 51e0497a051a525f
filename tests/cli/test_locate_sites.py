"""`cryotools locate-sites` as it is called."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from site_network import by_density

from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import read_structure

DATA = Path(__file__).parents[1] / "data"
REAL, MODEL = DATA / "emd_3488_crop.mrc.gz", DATA / "5ni1_crop.pdb.gz"
NET = ("--weights", "net.safetensors")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_density(tmp_path / "net.safetensors")
    return tmp_path


@pytest.mark.slow
def test_a_map_becomes_probabilities_centres_residues_and_a_script(run, folder):
    result = run("locate-sites", REAL, "out", "--res", 4, "-s", MODEL, "--preview", "out.png", "--json", *NET)
    assert result.code == 0, result.err
    names = {
        f"out_{name}"
        for name in ("interface.mrc", "ligand.mrc", "nucleic.mrc", "sites.csv", "sites.pdb", "residues.csv")
    }
    assert {path.name for path in folder.iterdir()} == names | {"out.cxc", "out.png", "net.safetensors"}
    real, found = read_map(REAL), read_map("out_interface.mrc")
    assert found.same_grid_as(real)
    assert found.data.min() >= 0
    dense, empty = real.data > np.quantile(real.data, 0.98), real.data < np.quantile(real.data, 0.5)
    assert found.data[dense].mean() > 0.9, "the network goes by density"
    assert found.data[empty].mean() < 0.2
    assert read_map("out_nucleic.mrc").data.max() < 1e-6
    figures = json.loads(result.out)
    rows = list(csv.DictReader(Path("out_sites.csv").read_text().splitlines()))
    assert len(rows) == figures["n_interface"] + figures["n_ligand"] > 0
    assert len(read_structure("out_sites.pdb")) == len(rows)
    residues = list(csv.DictReader(Path("out_residues.csv").read_text().splitlines()))
    assert float(np.median([float(row["p_interface"]) for row in residues if row["p_interface"]])) > 0.5
    assert 'open "out_sites.pdb"' in Path("out.cxc").read_text()


@pytest.mark.slow
def test_without_a_model_homologs_have_no_effect_and_that_is_said(run, folder, trypsin):
    result = run("locate-sites", REAL, "out", "--res", 4, "--homologs", trypsin.parent, *NET)
    assert result.code == 0, result.err
    assert "has no effect without a model; give --structure" in result.err


@pytest.mark.slow
def test_another_resolution_is_warned_of(run, folder):
    result = run("locate-sites", REAL, "out", "--res", 2, *NET)
    assert "was trained on maps of 3.5 to 7 A; at 2 A do not rely on" in result.err


def test_maps_without_density_and_models_elsewhere_are_refused(run, folder, trypsin):
    write_map("flat.mrc", Volume(np.zeros((20, 20, 20), dtype=np.float32), (1.0, 1.0, 1.0)), label="empty")
    result = run("locate-sites", "flat.mrc", "out", "--res", 4, *NET)
    assert result.code == 1
    assert len(result.err.strip().splitlines()) == 1
    result = run("locate-sites", REAL, "out", "--res", 4, "--structure", trypsin, *NET)
    assert result.code == 1
    assert "lie in the map; check that model and map overlay" in result.err
    result = run("locate-sites", REAL, "out", "-s", MODEL, "--homologs", trypsin.parent, *NET)
    assert result.code == 1
    assert "holds no queries; make it with find-homologs" in result.err
    assert {path.name for path in folder.iterdir()} == {"flat.mrc", "net.safetensors"}


def test_a_prefix_is_no_map(run, folder):
    result = run("locate-sites", REAL, "out.mrc", *NET)
    assert result.code == 2
    assert "is a prefix for several files" in result.err
