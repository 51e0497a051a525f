from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cryotools.core.maps.splat import Gaussians, splat
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.gaussians import atoms_as_gaussians

GRID = Grid((20, 24, 28), (1.0, 1.0, 1.0), (-3.0, 5.0, 7.0))


def direct(gaussians: Gaussians, grid: Grid) -> np.ndarray:
    """The same sum in float64, one Gaussian after another, without a cut-off."""
    total = np.zeros(grid.shape)
    x, y, z = (grid.axis(axis) for axis in range(3))
    for centre, height, sigma in zip(gaussians.xyz, gaussians.amplitude, gaussians.sigma, strict=True):
        px, py, pz = (np.exp(-0.5 * ((a - c) / sigma) ** 2) for a, c in zip((x, y, z), centre, strict=True))
        total += height * pz[:, None, None] * py[:, None] * px
    return total


def scattered(n: int, grid: Grid = GRID, seed: int = 0, margin: float = 0.0, widths=(0.6, 3.0)) -> Gaussians:
    rng = np.random.default_rng(seed)
    low, high = np.array(grid.origin) - margin, grid.index_to_world(np.array(grid.shape[::-1]) - 1) + margin
    return Gaussians(rng.uniform(low, high, (n, 3)), rng.uniform(0.5, 2, n), rng.uniform(*widths, n))


def error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(np.asarray(found) - wanted).max() / np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize(("resolution", "apix"), [(4.0, 1.0), (2.0, 0.7)])
@pytest.mark.parametrize("weights", ["number", "electron"])
def test_a_protein_agrees_with_the_direct_sum(trypsin, resolution, apix, weights):
    structure = read_structure(trypsin)
    structure = structure[np.all(np.abs(structure.xyz - np.median(structure.xyz, axis=0)) < 8, axis=1)]
    assert len(structure) > 200
    low, high = structure.bounds()
    counts = np.ceil((high - low + 6 * resolution) / apix).astype(int)
    grid = Grid(tuple(counts[::-1]), (apix,) * 3, tuple(low - 3 * resolution))
    gaussians = atoms_as_gaussians(structure, resolution, weights=weights, b_factors=weights == "electron")
    assert error(splat(gaussians, grid), direct(gaussians, grid)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("widths", [(0.3, 0.4), (0.5, 5.0), (8.0, 9.0)])
def test_mixed_widths_agree_with_the_direct_sum(widths):
    gaussians = scattered(80, widths=widths, margin=5)
    assert error(splat(gaussians, GRID), direct(gaussians, GRID)) < 1e-5


def test_voxels_need_not_be_cubic():
    grid = Grid((14, 30, 20), (1.3, 0.6, 2.1), (100.3, -40.1, 0.7))
    gaussians = scattered(60, grid, margin=3)
    assert error(splat(gaussians, grid), direct(gaussians, grid)) < 1e-5


def test_a_lone_atom_peaks_at_its_amplitude_and_integrates_to_its_weight():
    one = Gaussians(np.array([[7.0, 15.0, 16.0]]), np.array([3.0]), np.array([1.2]))
    density = splat(one, GRID)
    assert density[9, 10, 10] == density.max() == pytest.approx(3.0, rel=1e-6)
    assert density.sum(dtype=np.float64) == pytest.approx(3.0 * (2 * np.pi) ** 1.5 * 1.2**3, rel=1e-5)


def test_atoms_partly_outside_contribute_their_tails():
    grid = Grid((8, 8, 8), (1.0, 1.0, 1.0))
    corners = np.array([[-2.0, -2, -2], [9.0, 3, 3], [3.0, -4, 11], [7.6, 7.6, 7.6]])
    gaussians = Gaussians(corners, np.ones(4), np.full(4, 2.0))
    density = splat(gaussians, grid)
    assert density.min() >= 0
    assert error(density, direct(gaussians, grid)) < 1e-5


def test_atoms_wholly_outside_change_nothing():
    inside = scattered(5)
    far = np.array([[1e5, 0, 0], [-1e5, 0, 0], [0, 0, 300.0]])
    both = Gaussians(
        np.concatenate([inside.xyz, far]), np.append(inside.amplitude, [1, 1, 1]), np.append(inside.sigma, [1, 1, 1])
    )
    assert np.array_equal(splat(both, GRID), splat(inside, GRID))
    assert not splat(both[np.array([5, 6, 7])], GRID).any()


def test_no_atoms_give_zeros():
    assert not splat(scattered(0), GRID).any()


def test_profiles_end_at_the_cut_off_along_each_axis():
    one = Gaussians(np.array([[7.0, 15.0, 16.0]]), np.array([1.0]), np.array([1.0]))
    density = splat(one, GRID, cutoff=2.0)
    assert density[9, 10, 12] == pytest.approx(np.exp(-2), rel=1e-5)
    assert density[9, 10, 13] == 0
    assert density[11, 12, 12] == pytest.approx(np.exp(-6), rel=1e-5)  # a cube, not a sphere
    assert np.count_nonzero(density) == 5**3


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=25)
@given(seed=st.integers(0, 2**16), factor=st.floats(-8, 8), n=st.integers(1, 40))
def test_density_is_linear_in_amplitudes_and_in_sets_of_atoms(seed, factor, n):
    a, b = scattered(n, seed=seed, margin=4), scattered(7, seed=seed + 1, margin=4)
    union = Gaussians(
        np.concatenate([a.xyz, b.xyz]),
        np.concatenate([factor * a.amplitude, b.amplitude]),
        np.concatenate([a.sigma, b.sigma]),
    )
    wanted = factor * splat(a, GRID).astype(float) + splat(b, GRID)
    scale = abs(factor) * splat(a, GRID).max() + splat(b, GRID).max()
    assert np.abs(splat(union, GRID) - wanted).max() <= 5e-6 * scale + 1e-12


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=25)
@given(seed=st.integers(0, 2**16), by=st.tuples(*[st.integers(-6, 6)] * 3))
def test_a_shift_by_whole_voxels_shifts_the_map(seed, by):
    gaussians = scattered(20, seed=seed)
    wide = Grid(tuple(n + 12 for n in GRID.shape), GRID.voxel_size, tuple(np.array(GRID.origin) - 6))
    moved = Gaussians(gaussians.xyz + np.array(by), gaussians.amplitude, gaussians.sigma)
    z, y, x = (slice(6 + d, 6 + d + n) for d, n in zip(by[::-1], GRID.shape, strict=True))
    assert error(splat(moved, wide)[z, y, x], splat(gaussians, GRID)) < 5e-6


def test_a_quarter_turn_turns_the_map():
    grid = Grid((17, 17, 17), (1.0, 1.0, 1.0), (-8.0, -8.0, -8.0))
    gaussians = scattered(30, grid)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x to y, y to -x
    turned = Gaussians(gaussians.xyz @ turn.T, gaussians.amplitude, gaussians.sigma)
    density = splat(gaussians, grid)
    # the new map at (x, y) is the old one at (y, -x)
    assert error(splat(turned, grid), density.transpose(0, 2, 1)[:, :, ::-1]) < 5e-6


@pytest.mark.parametrize("n", [1, 300])
def test_torch_on_the_cpu_equals_numpy(n):
    gaussians = scattered(n, margin=4)
    density = splat(gaussians, GRID, backend=torch, device=torch.device("cpu"))
    assert density.dtype == torch.float32
    assert error(density.numpy(), splat(gaussians, GRID)) < 1e-6


def test_progress_counts_every_atom_that_reaches_the_grid():
    class Tally:
        total = done = 0

        def start(self, total, what):
            self.total = total

        def advance(self, steps=1):
            self.done += steps

    tally = Tally()
    splat(scattered(50), GRID, progress=tally)
    assert tally.total == tally.done == 50
