"""Models in maps of known density."""

from __future__ import annotations

import numpy as np
import pytest
from ideal_chains import STRAND, chain

from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.residues import find_residues
from cryotools.modelling.scoring.mapfit import map_fit
from cryotools.modelling.scoring.qscore import q_scores


def _density(xyz: np.ndarray, sigma: float, apix: float = 0.25, margin: float = 5.0) -> Volume:
    low, high = xyz.min(axis=0) - margin, xyz.max(axis=0) + margin
    shape = tuple(np.ceil((high - low) / apix).astype(int)[::-1] + 1)
    grid = Grid(shape, (apix,) * 3, tuple(low))
    gaussians = Gaussians(xyz, np.ones(len(xyz)), np.full(len(xyz), sigma))
    return Volume.on(grid, splat(gaussians, grid, cutoff=6.0))


def test_a_lone_gaussian_of_the_reference_width_scores_one():
    atom = np.array([[1.0, 2.0, 3.0]])
    (q,) = q_scores(_density(atom, 0.6), atom)
    assert q == pytest.approx(1, abs=0.002)  # of linear interpolation


def test_the_reference_can_be_narrower():
    atom = np.array([[1.0, 2.0, 3.0]])
    (q,) = q_scores(_density(atom, 0.4, apix=0.15), atom, sigma=0.4)
    assert q == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("scale", [-1.0, 3.0])
def test_the_score_is_free_of_scale_and_offset_but_not_of_sign(scale):
    atom = np.array([[0.0, 0.0, 0.0]])
    volume = _density(atom, 0.6)
    (q,) = q_scores(volume.with_data(scale * volume.data + 7), atom)
    assert q == pytest.approx(np.sign(scale), abs=0.002)


def test_a_wider_gaussian_has_the_correlation_of_the_two_profiles():
    atom = np.array([[0.0, 0.0, 0.0]])
    radii = np.arange(0, 2.05, 0.1)
    for sigma in (0.4, 1.0, 1.5):
        profiles = [np.exp(-0.5 * (radii / width) ** 2) for width in (sigma, 0.6)]
        (q,) = q_scores(_density(atom, sigma, apix=0.15), atom)
        assert q == pytest.approx(np.corrcoef(*profiles)[0, 1], abs=0.004)


def test_the_density_of_neighbours_is_left_out():
    line = np.array([[0.0, 0, 0], [1.5, 0, 0], [3.0, 0, 0]])
    found = q_scores(_density(line, 0.6), line)
    assert found.min() > 0.9
    (alone,) = q_scores(_density(line, 0.6), line[1:2])  # without knowing of the two
    assert alone < found[1] - 0.05


def test_noise_scores_nothing_and_atoms_at_the_edge_have_no_score():
    rng = np.random.default_rng(0)
    noise = Volume(rng.normal(size=(40, 40, 40)).astype(np.float32), (1.0, 1.0, 1.0))
    atoms = rng.uniform(3, 36, (400, 3))
    assert abs(np.nanmean(q_scores(noise, atoms))) < 0.05
    assert np.isnan(q_scores(noise, np.array([[1.0, 20, 20], [50, 50, 50]]))).all()
    assert q_scores(noise.with_data(np.zeros_like(noise.data)), atoms[:2]).tolist() == [0, 0]


def test_a_model_in_its_own_map_correlates_and_a_residue_that_is_away_does_not():
    structure = chain("AAAAAAAA", *STRAND)
    residues = find_residues(structure)
    sigma = sigma_of_resolution(3.0)
    low = structure.xyz.min(axis=0) - 15
    grid = Grid((60, 60, 60), (1.0, 1.0, 1.0), tuple(low))
    gaussians = Gaussians(structure.xyz, structure.element.astype(float), np.full(len(structure), sigma))
    volume = Volume.on(grid, splat(gaussians, grid))
    fit = map_fit(volume, structure, residues, 3.0)
    assert fit.correlation == pytest.approx(1, abs=1e-4)
    assert fit.correlation_mask == pytest.approx(1, abs=1e-4)
    assert fit.q_atoms == len(structure)
    assert fit.outside == 0
    xyz = structure.xyz.copy()
    xyz[structure.residue_number == 8] += 8 * np.array([0, 0, 1.0])
    moved = map_fit(volume, structure.with_xyz(xyz), residues, 3.0)
    assert moved.correlation[7] == 0
    assert abs(moved.q[7]) < 0.1
    assert moved.q[3] > 0.5
    assert moved.correlation[3] == pytest.approx(1, abs=1e-3)
    without = map_fit(volume, structure, residues)
    assert np.isnan(without.correlation).all()
    assert np.isnan(without.correlation_mask)


def test_residues_outside_the_map_are_counted():
    structure = chain("AAAAAAAAAA", *STRAND)
    half = np.median(structure.xyz[:, 0])
    low = structure.xyz.min(axis=0) - 5
    shape = np.ceil(np.array([half - low[0], *(structure.xyz.max(axis=0) + 5 - low)[1:]])).astype(int)
    volume = Volume(np.zeros(tuple(shape[::-1]), dtype=np.float32), (1.0, 1.0, 1.0), tuple(low))
    fit = map_fit(volume, structure, find_residues(structure), 3.0)
    inside = volume.grid.contains(structure.xyz)
    assert fit.outside == len(set(structure.residue_number[~inside].tolist()))
