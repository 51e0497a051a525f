from __future__ import annotations

import gemmi
import mrcfile
import numpy as np
import pytest
from small_structures import A, dozen, numbers, positions, write_pdb

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structure import WATER
from cryotools.simulate.atoms import AtomChoice, choose_atoms
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.learned.sharpness import measure_sharpness
from cryotools.simulate.methods import CLASSICAL, METHODS
from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

FAR = [(0.0, 0.0, 0.0), (150.0, -80.0, 33.3), (-7.123, 911.0, -400.0)]


def simulate(path, *, method="molmap", resolution=3.0, weights="number", occupancy=True, **rest):
    options = MapOptions(resolution, weights=weights, occupancy=occupancy)
    made = struc2map(str(path), Simulation(options=options, method=method, **rest))
    return made.volume, made.atoms


def total(volume: Volume) -> float:
    return float(volume.data.sum(dtype=np.float64) * np.prod(volume.voxel_size))


def read_with_gemmi(path, positions: np.ndarray) -> np.ndarray:
    """Trilinear values at positions: gemmi places a map by nstart, since it does not read ORIGIN."""
    ccp4 = gemmi.read_ccp4_map(str(path))
    start = np.array([ccp4.header_i32(word) for word in (5, 6, 7)])
    step = np.array([ccp4.header_float(word) for word in (11, 12, 13)]) / [ccp4.header_i32(w) for w in (8, 9, 10)]
    first = start * step
    return np.array([ccp4.grid.interpolate_value(gemmi.Position(*(xyz - first))) for xyz in positions])


def read_with_mrcfile(path, positions: np.ndarray) -> np.ndarray:
    """Values of the nearest voxels, placed by the header fields alone."""
    with mrcfile.open(path) as file:
        header, data = file.header, file.data.copy()
    assert (int(header.mapc), int(header.mapr), int(header.maps)) == (1, 2, 3)
    step = np.array(header.cella.tolist()) / [int(header.mx), int(header.my), int(header.mz)]
    origin = np.array(header.origin.tolist())
    start = np.array([int(header.nxstart), int(header.nystart), int(header.nzstart)])
    assert np.allclose(start * step, origin, atol=1e-3 * step.max())  # both ways of placing agree
    z, y, x = np.rint((positions - origin) / step).astype(int).T[::-1]
    return data[z, y, x]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("centre", FAR)
def test_other_readers_find_the_density_on_the_atoms(tmp_path, method, centre):
    atoms = dozen(centre=centre)
    path = write_pdb(tmp_path / "far.pdb", atoms)
    volume, _ = simulate(path, method=method, grid=GridChoice(apix=0.7))
    out = tmp_path / "far.mrc"
    write_map(out, volume, label="test")
    xyz = positions(atoms)
    rng = np.random.default_rng(0)
    low = np.array(volume.origin)
    margin = rng.uniform(low, low + volume.grid.size, (4000, 3))
    margin = margin[np.all(margin < low + np.array(volume.grid.size) - 2, axis=1)]
    margin = margin[np.any((margin < xyz.min(axis=0) - 2) | (margin > xyz.max(axis=0) + 2), axis=1)]
    for read in (read_with_gemmi, read_with_mrcfile):
        assert read(out, xyz).mean() > 3 * read(out, margin).mean()
    assert np.allclose(read_with_gemmi(out, xyz), volume.sample(xyz), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "weights"), [("gan", "number"), *((name, each) for name in CLASSICAL for each in ("number", "electron"))]
)
def test_a_lone_heavy_atom_peaks_on_its_voxel(tmp_path, method, weights):
    place = (12.6, -30.8, 104.3)  # a voxel's centre at 0.7 Å
    path = write_pdb(tmp_path / "u.pdb", [A("U", place, residue="U1", hetero=True)])
    volume, _ = simulate(path, method=method, weights=weights, grid=GridChoice(apix=0.7))
    out = tmp_path / "u.mrc"
    write_map(out, volume, label="test")
    with mrcfile.open(out) as file:
        z, y, x = np.unravel_index(file.data.argmax(), file.data.shape)
        found = np.array([x, y, z]) * 0.7 + np.array(file.header.origin.tolist())
    assert np.allclose(found, place, atol=1e-3)
    if method == "pdb2mrc" and weights == "number":
        assert volume.data.max() == pytest.approx(92, rel=1e-4)


def test_molmap_integrates_to_the_weights(tmp_path):
    volume, _ = simulate(write_pdb(tmp_path / "a.pdb", dozen()))
    assert total(volume) == pytest.approx(numbers(dozen()).sum(), rel=1e-4)


def test_like_takes_another_maps_grid(tmp_path):
    grid = Grid((34, 30, 28), (1.1, 1.0, 0.9), (6.3, -46.2, -13.7))
    like = tmp_path / "like.mrc"
    write_map(like, Volume.on(grid, np.random.default_rng(0).random(grid.shape)), label="test")
    path = write_pdb(tmp_path / "a.pdb", dozen())
    volume, _ = simulate(path, resolution=6.0, grid=GridChoice(like=str(like)))
    assert volume.same_grid_as(grid)
    free, _ = simulate(path, resolution=6.0)
    xyz = positions(dozen())
    assert np.allclose(volume.sample(xyz, order=3), free.sample(xyz, order=3), rtol=0.01)
    with pytest.warns(CryotoolsWarning, match=r"voxels of 1.1 A are too large for a resolution of 1 A"):
        simulate(path, resolution=1.0, grid=GridChoice(like=str(like)))
    for also in ({"box": "32"}, {"apix": 1.0}):
        with pytest.raises(UsageError, match="`like` fixes the grid"):
            simulate(path, grid=GridChoice(like=str(like), **also))


def test_box_is_laid_around_the_atoms(tmp_path):
    volume, _ = simulate(write_pdb(tmp_path / "a.pdb", dozen()), grid=GridChoice(apix=1.2, box="24,26,28"))
    assert volume.data.shape == (28, 26, 24)
    assert volume.grid.contains(positions(dozen())).all()
    assert volume.grid.nstart() is not None


def test_center_moves_the_centre_of_weight_to_zero(tmp_path):
    path = write_pdb(tmp_path / "a.pdb", dozen())
    with pytest.warns(CryotoolsWarning, match="`center` moves the atoms by"):
        volume, atoms = simulate(path, grid=GridChoice(center=True))
    assert np.allclose(np.average(atoms.xyz, axis=0, weights=atoms.element), 0, atol=1e-9)
    axes = [volume.grid.axis(a) for a in range(3)]
    mass = volume.data.astype(float)
    for axis, at in enumerate(axes):
        profile = mass.sum(axis=tuple(a for a in range(3) if a != 2 - axis))
        assert (profile * at).sum() / profile.sum() == pytest.approx(0, abs=1e-3)


def test_models_are_first_all_or_a_number(tmp_path):
    two = dozen(seed=1)[:5]
    path = str(write_pdb(tmp_path / "m.pdb", dozen(), two))
    with pytest.warns(CryotoolsWarning, match="2 models; model 1 is used"):
        assert len(choose_atoms(path, AtomChoice())) == 12
    assert len(choose_atoms(path, AtomChoice(model="2"))) == 5
    assert len(choose_atoms(path, AtomChoice(model="all"))) == 17
    with pytest.raises(DataError, match="no model 3"):
        choose_atoms(path, AtomChoice(model="3"))
    with pytest.raises(UsageError, match="`model` last"):
        choose_atoms(path, AtomChoice(model="last"))


def test_an_assembly_is_built_by_its_id(tmp_path):
    header = [f"REMARK 350 BIOMOLECULE: {1}", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A"]
    for number, shift in ((1, 0.0), (2, 40.0)):
        for row in range(3):
            unit = ["1.000000" if row == column else "0.000000" for column in range(3)]
            moved = shift if row == 0 else 0.0
            header.append(f"REMARK 350   BIOMT{row + 1}   {number}  {'  '.join(unit)}     {moved:10.5f}")
    path = str(write_pdb(tmp_path / "b.pdb", dozen(), header=header))
    atoms = choose_atoms(path, AtomChoice(assembly="1"))
    assert len(atoms) == 24
    assert np.allclose(np.sort(atoms.xyz[:, 0])[12:], np.sort(positions(dozen())[:, 0] + 40))
    assert len(choose_atoms(path, AtomChoice())) == 12
    assert len(choose_atoms(path, AtomChoice(assembly="1", chains=("A",), selection="chain A"))) == 24
    assert atoms.residue_index().max() + 1 == 2 * (choose_atoms(path, AtomChoice()).residue_index().max() + 1)
    with pytest.raises(DataError, match="no assembly 7; it describes 1"):
        choose_atoms(path, AtomChoice(assembly="7"))


@pytest.fixture
def alternates(tmp_path):
    atoms = [
        A("N", (0.0, 0.0, 0.0), number=1),
        A("C", (1.0, 0.0, 0.0), name="CA", altloc="A", occupancy=0.3, number=1),
        A("C", (2.0, 0.0, 0.0), name="CA", altloc="B", occupancy=0.7, number=1),
        A("O", (0.0, 2.0, 0.0), altloc="A", occupancy=0.5, number=2),
        A("O", (0.0, 3.0, 0.0), altloc="B", occupancy=0.5, number=2),
        A("O", (0.0, 9.0, 0.0), altloc="A", occupancy=0.4, number=3),
    ]
    return str(write_pdb(tmp_path / "alt.pdb", atoms))


@pytest.mark.parametrize(
    ("altloc", "kept"), [("all", range(6)), ("highest", [0, 2, 3, 5]), ("A", [0, 1, 3, 5]), ("B", [0, 2, 4])]
)
def test_alternate_locations_are_all_the_most_occupied_or_a_letter(alternates, altloc, kept):
    every = choose_atoms(alternates, AtomChoice())
    atoms = choose_atoms(alternates, AtomChoice(altloc=altloc))
    assert np.array_equal(atoms.xyz, every.xyz[list(kept)])


def test_occupancy_scales_atoms_unless_told_not_to(alternates):
    scaled, _ = simulate(alternates, grid=GridChoice(apix=0.6))
    whole, _ = simulate(alternates, occupancy=False, grid=GridChoice(apix=0.6))
    assert total(scaled) == pytest.approx(7 + 6 * 1.0 + 8 * 1.4, rel=1e-4)
    assert total(whole) == pytest.approx(7 + 12 + 24, rel=1e-4)


def test_an_occupancy_below_0_stops_who_weighs_atoms_by_it(tmp_path):
    path = write_pdb(tmp_path / "q.pdb", [A("C", (0.0, 0.0, 0.0)), A("O", (3.0, 0.0, 0.0), occupancy=-0.4)])
    for more in ({}, {"grid": GridChoice(center=True)}):
        with pytest.raises(DataError, match="atom O of ALA A1 has no occupancy or a negative one; correct the occ"):
            simulate(path, **more)
    assert total(simulate(path, occupancy=False)[0]) == pytest.approx(14, rel=1e-3)


def test_hydrogens_and_waters_are_chosen(tmp_path):
    atoms = [
        A("C", (0.0, 0.0, 0.0)),
        A("H", (1.0, 0.0, 0.0), name="HA"),
        A("O", (5.0, 0.0, 0.0), residue="HOH", number=50, hetero=True),
        A("Zn", (0.0, 5.0, 0.0), residue="ZN", number=60, hetero=True),
    ]
    path = str(write_pdb(tmp_path / "h.pdb", atoms))
    elements = {
        (hydrogens, waters): choose_atoms(path, AtomChoice(hydrogens=hydrogens, waters=waters)).element.tolist()
        for hydrogens in (True, False)
        for waters in (True, False)
    }
    assert elements == {
        (True, True): [6, 1, 8, 30],
        (True, False): [6, 1, 30],
        (False, True): [6, 8, 30],
        (False, False): [6, 30],
    }


def test_chains_and_selections_combine(trypsin):
    everything = choose_atoms(str(trypsin), AtomChoice(waters=True))
    assert len(everything) == 1761
    dry = choose_atoms(str(trypsin), AtomChoice())
    assert len(dry) == 1761 - int((everything.kind == WATER).sum()) == 1644
    part = choose_atoms(str(trypsin), AtomChoice(chains=("A",), selection="residue 40-60 and atom CA"))
    assert set(part.atom_name) == {"CA"}
    assert part.residue_number.min() >= 40
    assert part.residue_number.max() <= 60
    assert choose_atoms(str(trypsin), AtomChoice(selection="element CA")).element.tolist() == [20]
    with pytest.raises(DataError, match="has no chain Q; it has A"):
        choose_atoms(str(trypsin), AtomChoice(chains=("A", "Q")))
    with pytest.raises(DataError, match="none of its 1761 atoms is selected"):
        choose_atoms(str(trypsin), AtomChoice(selection="water"))  # waters are left out without --waters


def test_noise_has_its_level_and_its_seed(trypsin):
    plain, atoms = simulate(trypsin)
    noisy, again, other = (simulate(trypsin, noise=0.3, seed=seed)[0] for seed in (5, 5, 6))
    assert np.array_equal(noisy.data, again.data)
    assert not np.array_equal(noisy.data, other.data)
    difference = noisy.data.astype(float) - plain.data
    level = 0.3 * float(plain.sample(atoms.xyz).mean())
    assert difference.std() == pytest.approx(level, rel=0.01)
    assert difference.mean() == pytest.approx(0, abs=0.01 * level)


@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [-100.0, 25.0])
def test_sharpness_set_is_sharpness_measured(trypsin, sharpness):
    options = MapOptions(3.0, sharpness=sharpness)
    made = struc2map(str(trypsin), Simulation(method="molmap", options=options, grid=GridChoice(apix=0.8)))
    assert made.sharpness == sharpness
    assert measure_sharpness(made.volume, made.atoms, 3.0) == pytest.approx(sharpness, abs=3)
    assert total(made.volume) == pytest.approx(total(simulate(trypsin)[0]), rel=0.005)


def test_a_map_is_matched_where_it_lies_even_when_the_result_is_centred(trypsin, tmp_path):
    target = struc2map(str(trypsin), Simulation(method="molmap", options=MapOptions(4.0, sharpness=-60.0)))
    write_map(tmp_path / "target.mrc", target.volume, label="test")
    matched = Simulation(
        MapOptions(4.0), method="molmap", grid=GridChoice(center=True), match=str(tmp_path / "target.mrc")
    )
    with pytest.warns(CryotoolsWarning, match="`center` moves the atoms by"):
        made = struc2map(str(trypsin), matched)
    assert made.sharpness == pytest.approx(-60, abs=3)


def test_voxels_too_large_for_sharpened_atoms_are_told(tmp_path):
    path = write_pdb(tmp_path / "a.pdb", dozen())
    with pytest.warns(CryotoolsWarning, match=r"voxels of 1 A are too large for atoms sharpened by 33 A\^2"):
        struc2map(str(path), Simulation(method="molmap", options=MapOptions(3.0, sharpness=33.0)))


def test_half_maps_come_with_the_map(trypsin):
    made = struc2map(
        str(trypsin), Simulation(method="molmap", options=MapOptions(6.0), grid=GridChoice(apix=2.0), half_maps=True)
    )
    assert len(made.halves) == 2
    assert np.allclose(made.volume.data, (made.halves[0].data + made.halves[1].data) / 2)
    assert not struc2map(str(trypsin), Simulation(method="molmap", options=MapOptions(6.0))).halves


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_impossible_noise_is_named(tmp_path, noise):
    with pytest.raises(UsageError, match="`noise`"):
        simulate(write_pdb(tmp_path / "a.pdb", dozen()), noise=noise)


def test_the_density_is_the_same_wherever_the_atoms_lie(tmp_path):
    here = simulate(write_pdb(tmp_path / "a.pdb", dozen(centre=(0, 0, 0))))[0]
    there = simulate(write_pdb(tmp_path / "b.pdb", dozen(centre=(512, -256, 128))))[0]
    assert there.data.shape == here.data.shape
    assert np.allclose(there.data, here.data, atol=2e-5 * here.data.max())
