from __future__ import annotations

import gemmi
import numpy as np
import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.chemistry.elements import HEAVIEST
from cryotools.core.structures.structure import LIGAND, Structure
from cryotools.simulate.classical.gaussians import WEIGHTS, atoms_as_gaussians

EVERY_ELEMENT = range(1, HEAVIEST + 1)


def atoms(element, xyz=None, occupancy=1.0, b_factor=0.0) -> Structure:
    element = np.atleast_1d(np.asarray(element, dtype=np.uint8))
    n = len(element)
    text = np.full(n, "X")
    return Structure(
        xyz=np.zeros((n, 3)) if xyz is None else np.asarray(xyz, dtype=float).reshape(n, 3),
        element=element,
        atom_name=text,
        residue_name=text,
        chain=text,
        residue_number=np.arange(n, dtype=np.int32),
        insertion_code=np.full(n, ""),
        altloc=np.full(n, ""),
        occupancy=np.broadcast_to(np.float32(occupancy), n).copy(),
        b_factor=np.broadcast_to(np.float32(b_factor), n).copy(),
        hetero=np.zeros(n, dtype=bool),
        kind=np.full(n, LIGAND, dtype=np.uint8),
        model=np.ones(n, dtype=np.int32),
        name="test",
    )


def integrals(gaussians: Gaussians) -> np.ndarray:
    return gaussians.amplitude * (2 * np.pi) ** 1.5 * gaussians.sigma**3


def at(gaussians: Gaussians, distance: np.ndarray) -> np.ndarray:
    """The density of Gaussians at one place, as a function of the distance from it."""
    return (gaussians.amplitude * np.exp(-0.5 * (distance[:, None] / gaussians.sigma) ** 2)).sum(axis=1)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_map_integrates_to_the_sum_of_the_weights(weights):
    structure = atoms([1, 6, 7, 8, 16, 26], np.random.default_rng(0).uniform(-2, 2, (6, 3)), occupancy=0.5)
    wanted = {
        "number": 0.5 * (1 + 6 + 7 + 8 + 16 + 26),
        "electron": 0.5 * sum(sum(gemmi.Element(int(z)).c4322.a) for z in structure.element),
    }
    step = 0.4
    grid = Grid((90, 90, 90), (step,) * 3, (-17.8,) * 3)
    density = splat(atoms_as_gaussians(structure, 3.0, weights=weights), grid, cutoff=8.0)
    assert density.sum(dtype=np.float64) * step**3 == pytest.approx(wanted[weights], rel=1e-4)


def test_the_blur_falls_to_one_over_e_at_the_resolution():
    resolution = 3.7
    frequency = 1 / resolution
    assert np.exp(-2 * (np.pi * sigma_of_resolution(resolution) * frequency) ** 2) == pytest.approx(np.exp(-1))
    assert sigma_of_resolution(4.0) == pytest.approx(0.90032, abs=1e-5)


@pytest.mark.parametrize("number", [1, 6, 8, 16, 20, 30, 79])
def test_electron_density_is_gemmis(number):
    resolution, step = 3.0, 0.3
    calculator = gemmi.DensityCalculatorE()
    calculator.d_min, calculator.rate, calculator.cutoff = 2 * step, 1.0, 1e-9
    calculator.grid.set_unit_cell(gemmi.UnitCell(36, 36, 36, 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P1")
    calculator.grid.set_size(120, 120, 120)
    atom = gemmi.Atom()
    atom.element, atom.pos, atom.occ = gemmi.Element(number), gemmi.Position(18, 18, 18), 0.7
    atom.b_iso = 8 * np.pi**2 * sigma_of_resolution(resolution) ** 2
    calculator.add_atom_density_to_grid(atom)
    theirs = np.asarray(calculator.grid)[60:70, 60, 60]
    ours = at(atoms_as_gaussians(atoms(number, occupancy=0.7), resolution, weights="electron"), step * np.arange(10))
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6 * theirs[0])


def test_electron_weights_are_the_scattering_factors_at_angle_0():
    # International Tables C 4.3.2.2: f(0) of C is 2.51, of O 1.98, of Fe 7.17 (in Å, to the fit's accuracy)
    for number, wanted in ((6, 2.51), (8, 1.98), (26, 7.17)):
        total = integrals(atoms_as_gaussians(atoms(number), 2.0, weights="electron")).sum()
        assert total == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("b_factors", [False, True])
def test_every_element_has_a_positive_density(weights, b_factors):
    distance = np.linspace(0, 5, 50)
    for number in EVERY_ELEMENT:
        gaussians = atoms_as_gaussians(atoms(number, b_factor=20.0), 2.0, weights=weights, b_factors=b_factors)
        density = at(gaussians, distance)
        assert np.all(np.isfinite(density))
        assert density[0] == density.max() > 0
        total = integrals(gaussians).sum()
        wanted = number if weights == "number" else sum(gemmi.Element(number).c4322.a)
        assert total == pytest.approx(wanted, rel=1e-6)


def test_elements_without_a_scattering_factor_are_refused_for_electrons_only():
    assert integrals(atoms_as_gaussians(atoms(HEAVIEST + 1), 2.0)) == pytest.approx([HEAVIEST + 1])
    with pytest.raises(DataError, match="Es has no tabulated electron scattering factor; use `weights='number'`"):
        atoms_as_gaussians(atoms([6, HEAVIEST + 1]), 2.0, weights="electron")


@pytest.mark.parametrize("weights", WEIGHTS)
def test_occupancy_scales_an_atom_unless_told_not_to(weights):
    whole, part = atoms([8, 6]), atoms([8, 6], occupancy=[1.0, 0.25])
    full = integrals(atoms_as_gaussians(whole, 2.0, weights=weights)).reshape(-1, 2)
    scaled = integrals(atoms_as_gaussians(part, 2.0, weights=weights)).reshape(-1, 2)
    assert np.allclose(scaled, full * [1, 0.25])
    unscaled = atoms_as_gaussians(part, 2.0, weights=weights, occupancy=False)
    assert np.allclose(integrals(unscaled).reshape(-1, 2), full)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_b_factors_add_to_the_variance_and_keep_the_integral(weights):
    structure = atoms([6, 6], b_factor=[0.0, 80.0])
    sharp = atoms_as_gaussians(structure, 2.0, weights=weights)
    blurred = atoms_as_gaussians(structure, 2.0, weights=weights, b_factors=True)
    added = (blurred.sigma**2 - sharp.sigma**2).reshape(-1, 2)
    assert np.allclose(added, [0, 80 / (8 * np.pi**2)])
    assert np.allclose(integrals(blurred), integrals(sharp))


def test_negative_b_factors_count_as_0():
    structure = atoms([6, 6], b_factor=[-30.0, 0.0])
    assert len(set(atoms_as_gaussians(structure, 2.0, b_factors=True).sigma)) == 1


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("sharpness", [-120.0, 15.0])
def test_sharpness_multiplies_the_transform_by_a_gaussian(weights, sharpness):
    structure = atoms([6, 8])
    plain, sharp = (atoms_as_gaussians(structure, 3.0, weights=weights, sharpness=b) for b in (0.0, sharpness))
    for s in (0.0, 0.2, 0.4):  # 1/Å
        before, after = (integrals(g) * np.exp(-2 * (np.pi * g.sigma * s) ** 2) for g in (plain, sharp))
        assert np.allclose(after, before * np.exp(sharpness * s**2 / 4))


def test_a_sharpness_that_leaves_no_width_is_refused_with_the_largest_possible():
    structure = atoms([6, 6], b_factor=[20.0, 50.0])
    assert len(atoms_as_gaussians(structure, 3.0, sharpness=35.9)) == 2
    assert len(atoms_as_gaussians(structure, 3.0, sharpness=55.9, b_factors=True)) == 2
    for b_factors, largest in ((False, 36), (True, 56)):  # 4 RES², and the lowest B
        with pytest.raises(UsageError, match=rf"must be below {largest} A\^2"):
            atoms_as_gaussians(structure, 3.0, sharpness=largest + 0.1, b_factors=b_factors)


def test_a_structure_of_occupancy_0_is_refused_unless_occupancy_is_ignored():
    empty = atoms([6, 7], occupancy=0.0)
    with pytest.raises(DataError, match="every atom has occupancy 0; to ignore occupancies, give `occupancy=False`"):
        atoms_as_gaussians(empty, 2.0)
    assert len(atoms_as_gaussians(empty, 2.0, occupancy=False)) == 2
