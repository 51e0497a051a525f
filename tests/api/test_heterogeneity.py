"""Particles and continua of volumes from Python."""

from __future__ import annotations

import numpy as np
import pytest

import cryotools as ct


@pytest.mark.filterwarnings("ignore::cryotools.CryotoolsNote")
def test_simulated_particles_are_those_that_the_command_writes(structure, trypsin, tmp_path, run):
    words = ("--rotate", "residue 16-120", "--hinge", "20,10,20", "--states", 2, "--n", 6, "--box", 16, "--seed", 3)
    assert run("simulate-particles", trypsin, tmp_path / "a.star", *words).code == 0
    turn = {"rotate": "residue 16-120", "hinge": (20, 10, 20), "states": 2}
    made = ct.simulate_particles(structure, tmp_path / "b.star", **turn, n=6, box=16, seed=3)
    written = ct.read_particles(tmp_path / "a.star")
    assert np.array_equal(made.images.read(slice(0, 6)), written.images.read(slice(0, 6)))
    assert np.array_equal(made.poses.rotations, written.poses.rotations)


@pytest.mark.learning
@pytest.mark.filterwarnings("ignore::cryotools.CryotoolsWarning")
def test_a_continuum_of_volumes_is_learned_from_python(structure, tmp_path):
    turn = {"rotate": "residue 16-120", "hinge": (20, 10, 20), "states": 2}
    particles = ct.simulate_particles(structure, tmp_path / "a.star", **turn, n=40, box=16, snr=1)
    for decoder in ("network", "linear"):
        run = ct.train_drgn(particles, tmp_path / decoder, zdim=2, decoder=decoder, epochs=2, width=16)
        assert run.latent().shape == (40, 2)
        assert run.volume(run.latent()[0]).data.shape == (16, 16, 16)
    with pytest.raises(ct.CryotoolsError, match="contains a training run"):
        ct.train_drgn(particles, tmp_path / "network", zdim=2)
    with pytest.raises(ct.CryotoolsError, match="decoder"):
        ct.train_drgn(particles, tmp_path / "other", decoder="cubic")
