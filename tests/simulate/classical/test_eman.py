from __future__ import annotations

import mrcfile
import numpy as np
import pytest
from small_structures import A, dozen, numbers, positions, write_pdb

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.splat import sigma_of_resolution, splat
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.eman import EmanOptions, pdb2mrc
from cryotools.simulate.classical.gaussians import atoms_as_gaussians

ATOMS = dozen(centre=(2.0, -3.0, 1.0))


@pytest.fixture
def pdb(tmp_path):
    return str(write_pdb(tmp_path / "dozen.pdb", ATOMS))


def originals_map(xyz, weights, apix, resolution, n) -> np.ndarray:
    """What e2pdb2mrc.py computes: profiles tabulated every 0.001 voxel and looked up by a truncated index, in windows
    that end a voxel early on the far side. It agrees with maps of EMAN2 2.99.72 to 4e-7 of their maximum.
    """
    width = resolution / np.pi
    half = max(1, int(4.0147 * width / apix))
    table = np.exp(-((np.arange(1000 * (half + 2)) * 0.001 * apix / width) ** 2))
    density = np.zeros((n, n, n))
    for centre, weight in zip(xyz / apix + n // 2, weights, strict=True):
        windows = [np.arange(first - half, first + half) for first in centre.astype(int)]
        px, py, pz = (table[(np.abs(w - c) * 1000).astype(int)] for w, c in zip(windows, centre, strict=True))
        density[np.ix_(*windows[::-1])] += weight * pz[:, None, None] * py[:, None] * px
    return density


def exact(atoms, grid, resolution) -> np.ndarray:
    """sum Z exp(-r²/w²), w = resolution / pi."""
    x, y, z = (grid.axis(axis) for axis in range(3))
    total = np.zeros(grid.shape)
    for centre, weight in zip(positions(atoms), numbers(atoms), strict=True):
        px, py, pz = (np.exp(-(((at - c) * np.pi / resolution) ** 2)) for at, c in zip((x, y, z), centre, strict=True))
        total += weight * pz[:, None, None] * py[:, None] * px
    return total


def test_values_are_unnormalised_gaussians(pdb):
    volume, _ = pdb2mrc(pdb, EmanOptions(apix=1.0, resolution=4.0, box="40"))
    wanted = exact(ATOMS, volume.grid, 4.0)
    assert np.abs(volume.data - wanted).max() < 1e-6 * wanted.max()


@pytest.mark.slow
@pytest.mark.parametrize(("apix", "resolution", "limit"), [(1.0, 4.0, 1.3e-3), (1.5, 6.0, 1.4e-3), (0.7, 2.0, 8e-3)])
def test_the_map_is_the_originals_but_for_its_tables(trypsin, apix, resolution, limit):
    # at 2 A / 0.7 A the original's windows end where profiles are still 0.8 % of their height
    structure = read_structure(trypsin)
    structure = structure[~structure.hetero]
    volume, atoms = pdb2mrc(str(trypsin), EmanOptions(apix, resolution, center=True))
    assert len(atoms) == len(structure)
    centre = np.average(structure.xyz, axis=0, weights=structure.element)
    theirs = originals_map(structure.xyz - centre, structure.element, apix, resolution, len(volume.data))
    assert np.abs(volume.data - theirs).max() < limit * theirs.max()


def test_the_scale_is_molmaps_times_the_volume_of_the_gaussian(pdb):
    volume, atoms = pdb2mrc(pdb, EmanOptions(apix=1.0, resolution=4.0, box="40"))
    molmap = splat(atoms_as_gaussians(atoms, 4.0), volume.grid)
    factor = (2 * np.pi) ** 1.5 * sigma_of_resolution(4.0) ** 3
    assert factor == pytest.approx(11.494, abs=1e-3)
    assert np.abs(volume.data - factor * molmap).max() < 1e-5 * volume.data.max()


@pytest.mark.parametrize(("box", "shape"), [("32", (32, 32, 32)), ("33", (33, 33, 33)), ("30,36,41", (41, 36, 30))])
def test_pdb_zero_is_the_voxel_in_the_middle(pdb, tmp_path, box, shape):
    options = EmanOptions(apix=1.25, resolution=4.0, box=box)
    if len(set(shape)) > 1:
        with pytest.warns(CryotoolsWarning, match="would make a cube of 41"):
            volume, _ = pdb2mrc(pdb, options)
    else:
        volume, _ = pdb2mrc(pdb, options)
    assert volume.data.shape == shape
    start = tuple(-(n // 2) for n in shape[::-1])
    assert volume.grid.nstart() == start
    path = tmp_path / "map.mrc"
    write_map(path, volume, label="test")
    with mrcfile.open(path) as file:
        header = file.header
        assert (header.nxstart, header.nystart, header.nzstart) == start
        assert header.origin.tolist() == pytest.approx([n * 1.25 for n in start])
        assert header.cella.tolist() == pytest.approx([n * 1.25 for n in shape[::-1]])


def test_the_default_box_is_a_cube_of_1_9_extents_and_two_resolutions(pdb):
    volume, _ = pdb2mrc(pdb, EmanOptions(apix=0.9, resolution=3.0))
    n = int(1.9 * np.ptp(positions(ATOMS), axis=0).max() / 0.9 + 2 * 3.0 / 0.9)
    assert volume.data.shape == (n, n, n)


def test_centring_is_by_atomic_number(pdb):
    volume, atoms = pdb2mrc(pdb, EmanOptions(apix=1.0, resolution=4.0, box="48", center=True))
    centre = np.average(positions(ATOMS), axis=0, weights=numbers(ATOMS))
    assert np.allclose(atoms.xyz, positions(ATOMS) - centre)
    z, y, x = np.indices(volume.data.shape)
    mass = volume.data.astype(float)
    for index in (x, y, z):
        assert (mass * index).sum() / mass.sum() == pytest.approx(24, abs=1e-4)


def test_quick_centres_without_weights_and_takes_an_even_box_of_its_own(pdb):
    volume, atoms = pdb2mrc(pdb, EmanOptions(apix=1.0, resolution=4.0, center=True, quick=True))
    assert np.allclose(atoms.xyz, positions(ATOMS) - positions(ATOMS).mean(axis=0))
    counts = np.ptp(positions(ATOMS), axis=0).astype(int) + 8
    assert volume.data.shape[::-1] == tuple(counts + counts % 2)


def test_trans_moves_the_atoms(pdb):
    plain, _ = pdb2mrc(pdb, EmanOptions(resolution=4.0, box="48"))
    moved, _ = pdb2mrc(pdb, EmanOptions(resolution=4.0, box="48", trans="3,-2,1"))
    assert np.allclose(moved.data, np.roll(plain.data, (1, -2, 3), axis=(0, 1, 2)), atol=1e-4)
    along, _ = pdb2mrc(pdb, EmanOptions(resolution=4.0, box="48", trans="2"))
    assert np.allclose(along.data, np.roll(plain.data, (2, 2, 2), axis=(0, 1, 2)), atol=1e-4)
    _, atoms = pdb2mrc(pdb, EmanOptions(resolution=4.0, box="48", trans="1,2,3", center=True))
    assert np.allclose(np.average(atoms.xyz, axis=0, weights=atoms.element), [1, 2, 3])


@pytest.fixture
def mixed(tmp_path):
    atoms = [
        A("C", (0.0, 0.0, 0.0), chain="A"),
        A("C", (2.0, 0.0, 0.0), chain="B", altloc="A", occupancy=0.5),
        A("C", (3.0, 0.0, 0.0), chain="B", altloc="B", occupancy=0.5),
        A("O", (0.0, 4.0, 0.0), chain="A", residue="HOH", number=90, hetero=True),
    ]
    return str(write_pdb(tmp_path / "mixed.pdb", atoms))


def total(volume, resolution=4.0) -> float:
    """Sum of weights that a map on 1 A voxels holds."""
    return volume.data.sum(dtype=np.float64) * (np.pi**-1.5 * (np.pi / resolution) ** 3)


def test_hetero_atoms_count_on_request_and_occupancy_never(mixed):
    options = {"resolution": 4.0, "box": "32"}
    assert total(pdb2mrc(mixed, EmanOptions(**options))[0]) == pytest.approx(18, rel=1e-4)
    with pytest.warns(CryotoolsWarning, match="`het` adds 1 HETATM"):
        assert total(pdb2mrc(mixed, EmanOptions(**options, het=True))[0]) == pytest.approx(26, rel=1e-4)


def test_chains_are_letters_or_a_list(mixed):
    for chains, wanted in (("A", 6), ("B", 12), ("AB", 18), ("A,B", 18), ("B,", 12)):
        volume, _ = pdb2mrc(mixed, EmanOptions(resolution=4.0, box="32", chains=chains.rstrip(",")))
        assert total(volume) == pytest.approx(wanted, rel=1e-4)
    with pytest.warns(CryotoolsWarning, match="has no chain C; the others are used"):
        volume, _ = pdb2mrc(mixed, EmanOptions(resolution=4.0, box="32", chains="AC"))
    assert total(volume) == pytest.approx(6, rel=1e-4)
    with pytest.raises(DataError, match="has no chain C, D"):
        pdb2mrc(mixed, EmanOptions(chains="CD"))


def test_models_are_summed_unless_one_is_asked_for(tmp_path):
    path = str(write_pdb(tmp_path / "models.pdb", ATOMS, dozen(seed=1, centre=(0, 0, 0))))
    options = {"resolution": 4.0, "box": "48"}
    with pytest.warns(CryotoolsWarning, match="density of 2 models is summed"):
        both, _ = pdb2mrc(path, EmanOptions(**options))
    one, two = (pdb2mrc(path, EmanOptions(**options, model=n))[0] for n in (1, 2))
    assert np.allclose(both.data, one.data + two.data, atol=1e-5 * both.data.max())
    with pytest.raises(DataError, match="no model 3"):
        pdb2mrc(path, EmanOptions(**options, model=3))


def test_atoms_behind_end_and_between_models_are_summed_as_eman_sums_them(tmp_path):
    text = write_pdb(tmp_path / "one.pdb", ATOMS).read_text()
    assert text.rstrip().endswith("END")
    path = tmp_path / "two.pdb"
    path.write_text(text + text)
    options = {"resolution": 4.0, "box": "48"}
    one, _ = pdb2mrc(str(tmp_path / "one.pdb"), EmanOptions(**options))
    with pytest.warns(CryotoolsWarning, match="atoms follow END|models is summed"):
        two, atoms = pdb2mrc(str(path), EmanOptions(**options))
    assert len(atoms) == 2 * len(ATOMS)
    assert np.allclose(two.data, 2 * one.data, rtol=1e-5, atol=1e-6)
    with pytest.warns(CryotoolsWarning, match="atoms follow END|models is summed"):
        assert len(pdb2mrc(str(path), EmanOptions(**options, model=2))[1]) == len(ATOMS)


def test_chains_are_not_the_fourth_letters_of_residues(tmp_path):
    lines = [
        "ATOM      1  N   ALA C   1      10.000  10.000  10.000  1.00  0.00           N",
        "ATOM      2  CA  ALA C   1      11.400  10.000  10.000  1.00  0.00           C",
        "ATOM      3  P   DOPC    1      15.000  10.000  10.000  1.00  0.00      MEMB P",
    ]
    path = tmp_path / "lipid.pdb"
    path.write_text("\n".join(lines))
    volume, atoms = pdb2mrc(str(path), EmanOptions(resolution=4.0, box="64", chains="C"))
    assert len(atoms) == 2
    assert total(volume) == pytest.approx(13, rel=1e-4)


def test_occupancies_below_0_do_not_matter(tmp_path):
    path = str(write_pdb(tmp_path / "q.pdb", [A("C", (0.0, 0.0, 0.0), occupancy=-0.5)]))
    assert total(pdb2mrc(path, EmanOptions(resolution=4.0, box="32"))[0]) == pytest.approx(6, rel=1e-4)


def test_omit_leaves_out_its_share_by_its_seed(trypsin):
    kept = {seed: pdb2mrc(str(trypsin), EmanOptions(2.0, 6.0, center=True, omit=30, seed=seed))[1] for seed in (0, 1)}
    again = pdb2mrc(str(trypsin), EmanOptions(2.0, 6.0, center=True, omit=30, seed=0))[1]
    n_atoms = 1629  # ATOM records of 1GBT
    for atoms in kept.values():
        assert abs(len(atoms) / n_atoms - 0.7) < 0.035  # three standard deviations
    assert np.array_equal(kept[0].xyz, again.xyz)
    assert len(kept[0]) != len(kept[1]) or not np.array_equal(kept[0].xyz, kept[1].xyz)


def test_b_factors_as_widths_follow_the_original(tmp_path):
    atoms = [A("C", (0.0, 0.0, 0.0), b_factor=30.0), A("O", (6.0, 0.0, 0.0), b_factor=0.0, number=2)]
    path = str(write_pdb(tmp_path / "b.pdb", atoms))
    with pytest.warns(CryotoolsWarning, match="1 atoms are narrower than half a voxel"):
        volume, _ = pdb2mrc(path, EmanOptions(1.0, 4.0, box="32", add_pdb_b_factor=True))
    width = 30 / (4 * np.sqrt(2) * np.pi)
    assert volume.data[16, 16, 16] == pytest.approx(6 * (2 * np.pi * width**2) ** -1.5, rel=1e-4)
    assert volume.data[16, 16, 22] == pytest.approx(8 * (2 * np.pi * 0.25) ** -1.5, rel=1e-3)


def test_metals_count_with_a_warning(tmp_path):
    atoms = [A("C", (0.0, 0.0, 0.0)), A("Zn", (5.0, 0.0, 0.0), residue="ZN", number=2)]
    with pytest.warns(CryotoolsWarning, match="1 atoms are of elements that e2pdb2mrc.py drops"):
        volume, _ = pdb2mrc(str(write_pdb(tmp_path / "zn.pdb", atoms)), EmanOptions(resolution=4.0, box="40"))
    assert total(volume) == pytest.approx(36, rel=1e-4)


def test_mtrix_copies_are_made_on_request(tmp_path):
    header = [
        "MTRIX1   1  1.000000  0.000000  0.000000        0.00000    1",
        "MTRIX2   1  0.000000  1.000000  0.000000        0.00000    1",
        "MTRIX3   1  0.000000  0.000000  1.000000        0.00000    1",
        "MTRIX1   2 -1.000000  0.000000  0.000000        0.00000",
        "MTRIX2   2  0.000000 -1.000000  0.000000        0.00000",
        "MTRIX3   2  0.000000  0.000000  1.000000        2.00000",
    ]
    path = str(write_pdb(tmp_path / "ncs.pdb", ATOMS, header=header))
    assert len(pdb2mrc(path, EmanOptions(box="48"))[1]) == 12
    _, atoms = pdb2mrc(path, EmanOptions(box="48", full=True))
    wanted = np.concatenate([positions(ATOMS), positions(ATOMS) * [-1, -1, 1] + [0, 0, 2]])
    assert np.allclose(np.sort(atoms.xyz, axis=0), np.sort(wanted, axis=0), atol=1e-6)


def test_an_empty_map_is_never_written(tmp_path):
    far = str(write_pdb(tmp_path / "far.pdb", dozen(centre=(500.0, 0.0, 0.0))))
    with pytest.raises(DataError, match="no atom lies inside the box"):
        pdb2mrc(far, EmanOptions(box="32"))
    waters = str(write_pdb(tmp_path / "w.pdb", [A("O", (0.0, 0.0, 0.0), residue="HOH", hetero=True)]))
    with pytest.raises(DataError, match="it has HETATM records only; include them with `het=True`"):
        pdb2mrc(waters, EmanOptions(box="32"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"apix": 0.0}, "`apix` 0.0"),
        ({"resolution": float("nan")}, "`resolution` nan"),
        ({"apix": 5.0, "resolution": 4.0}, "`apix` 5: larger than the resolution, 4 A"),
        ({"box": "0"}, "`box` 0"),
        ({"box": "3,4"}, "`box` 3,4"),
        ({"trans": "1,2"}, "`trans` 1,2"),
        ({"trans": "x"}, "`trans` x"),
        ({"omit": 100.0}, "`omit` 100"),
        ({"omit": -1.0}, "`omit` -1"),
    ],
)
def test_impossible_options_are_named(pdb, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        pdb2mrc(pdb, EmanOptions(**options))
