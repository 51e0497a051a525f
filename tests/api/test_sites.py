"""Binding sites from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from site_network import by_density

import cryotools as ct

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.slow
def test_sites_are_those_that_the_command_finds(run, tmp_path):
    weights = by_density(tmp_path / "net.safetensors")
    volume = ct.read_map(DATA / "emd_3488_crop.mrc.gz")
    found = ct.locate_sites(volume, 4, weights=weights)
    words = ("locate-sites", DATA / "emd_3488_crop.mrc.gz", tmp_path / "out", "--res", 4, "--weights", weights)
    assert run(*words).code == 0
    written = ct.read_map(tmp_path / "out_ligand.mrc")
    assert np.allclose(written.data, found.probability("ligand").data, atol=1e-5)
    residues = found.residues(ct.read_structure(DATA / "5ni1_crop.pdb.gz"))
    assert np.isfinite(residues.probabilities).all(axis=0).sum() > 50
