from __future__ import annotations

import gemmi
import numpy as np
import pytest
from small_structures import A, dozen, numbers, positions, write_pdb

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.simulate.classical.chimerax import MolmapOptions, molmap

ATOMS = dozen()


@pytest.fixture
def pdb(tmp_path):
    return str(write_pdb(tmp_path / "dozen.pdb", ATOMS))


def published_grid(xyz, step, padding) -> Grid:
    """molmap's rule: ceil((extent + 2 padding) / step) voxels, centred on the bounding box."""
    low, high = xyz.min(axis=0), xyz.max(axis=0)
    counts = np.ceil((high - low + 2 * padding) / step).astype(int)
    return Grid(tuple(counts[::-1]), (step,) * 3, tuple((low + high) / 2 - 0.5 * (counts - 1) * step))


def published_values(xyz, weights, grid: Grid, resolution, cutoff=5.0, factor=0.5**0.5 / np.pi) -> np.ndarray:
    """(2 pi)^-1.5 sigma^-3 sum Z exp(-r²/2 sigma²), each atom in a cube of `cutoff` sigma."""
    sigma = factor * resolution
    x, y, z = (grid.axis(axis) for axis in range(3))
    total = np.zeros(grid.shape)
    for centre, weight in zip(xyz, weights, strict=True):
        px, py, pz = (
            np.exp(-0.5 * ((at - c) / sigma) ** 2) * (np.abs(at - c) <= cutoff * sigma)
            for at, c in zip((x, y, z), centre, strict=True)
        )
        total += weight * pz[:, None, None] * py[:, None] * px
    return total * (2 * np.pi) ** -1.5 * sigma**-3


def assert_same(volume: Volume, grid: Grid, values: np.ndarray) -> None:
    assert volume.data.shape == grid.shape
    assert np.allclose(volume.voxel_size, grid.voxel_size)
    assert np.allclose(volume.origin, grid.origin, atol=1e-6)
    assert np.abs(volume.data - values).max() < 5e-6 * values.max()


@pytest.mark.parametrize(
    ("resolution", "spacing", "padding"), [(4.0, None, None), (4.0, 1.0, None), (2.0, 0.7, 3.3), (6.0, 1.5, 2.0)]
)
def test_grid_and_values_follow_the_published_rules(pdb, resolution, spacing, padding):
    volume, atoms = molmap(pdb, MolmapOptions(resolution, grid_spacing=spacing, edge_padding=padding))
    xyz = positions(ATOMS)
    grid = published_grid(xyz, spacing or resolution / 3, padding or 3 * resolution)
    assert np.allclose(atoms.xyz, xyz)
    assert_same(volume, grid, published_values(xyz, numbers(ATOMS), grid, resolution))


def test_without_padding_the_outermost_atoms_are_said_to_lie_outside(pdb):
    with pytest.warns(CryotoolsWarning, match="8 of 12 atoms lie outside the box"):
        volume, _ = molmap(pdb, MolmapOptions(6.0, grid_spacing=1.5, edge_padding=0.0))
    grid = published_grid(positions(ATOMS), 1.5, 0.0)
    assert_same(volume, grid, published_values(positions(ATOMS), numbers(ATOMS), grid, 6.0))


def test_the_integral_is_the_sum_of_atomic_numbers(pdb):
    volume, _ = molmap(pdb, MolmapOptions(4.0, grid_spacing=1.0))
    assert volume.data.sum(dtype=np.float64) == pytest.approx(numbers(ATOMS).sum(), rel=1e-4)


def test_cutoff_and_sigma_factor_are_taken_as_given(pdb):
    volume, _ = molmap(pdb, MolmapOptions(5.0, grid_spacing=1.1, cutoff_range=2.5, sigma_factor=0.3))
    grid = published_grid(positions(ATOMS), 1.1, 15.0)
    values = published_values(positions(ATOMS), numbers(ATOMS), grid, 5.0, cutoff=2.5, factor=0.3)
    assert_same(volume, grid, values)


def test_every_atom_counts_alike_whatever_its_record_occupancy_or_b_factor(tmp_path):
    atoms = [
        A("C", (0.0, 0.0, 0.0), altloc="A", occupancy=0.3),
        A("C", (1.0, 0.0, 0.0), altloc="B", occupancy=0.0),
        A("O", (4.0, 0.0, 0.0), residue="HOH", hetero=True, number=2),
        A("Zn", (0.0, 4.0, 0.0), residue="ZN", hetero=True, number=3, b_factor=90),
        A("H", (0.0, 0.0, 3.0), name="HA", number=4),
    ]
    volume, kept = molmap(str(write_pdb(tmp_path / "a.pdb", atoms)), MolmapOptions(3.0))
    assert len(kept) == 5
    grid = published_grid(positions(atoms), 1.0, 9.0)
    assert_same(volume, grid, published_values(positions(atoms), [6, 6, 8, 30, 1], grid, 3.0))


def test_an_occupancy_below_0_does_not_matter(tmp_path):
    path = write_pdb(tmp_path / "q.pdb", [A("C", (0.0, 0.0, 0.0), occupancy=-0.5)])
    volume, _ = molmap(str(path), MolmapOptions(4.0, grid_spacing=1.0))
    assert volume.data.sum(dtype=np.float64) == pytest.approx(6, rel=1e-3)


@pytest.mark.parametrize(("spacing", "longest"), [(1.0, 34), (1.04, 33)])
def test_cube_true_makes_equal_even_axes(pdb, spacing, longest):
    plain, _ = molmap(pdb, MolmapOptions(4.0, grid_spacing=spacing))
    cube, _ = molmap(pdb, MolmapOptions(4.0, grid_spacing=spacing, cube="true"))
    assert max(plain.data.shape) == longest
    assert cube.data.shape == (34, 34, 34)
    middle = (positions(ATOMS).min(axis=0) + positions(ATOMS).max(axis=0)) / 2
    assert np.allclose(cube.grid.index_to_world((np.array(cube.data.shape) - 1) / 2), middle)


def test_cube_n_spreads_n_voxels_over_the_longest_edge(pdb):
    cube, _ = molmap(pdb, MolmapOptions(4.0, cube="32"))
    longest = (np.ptp(positions(ATOMS), axis=0) + 24).max()
    assert cube.data.shape == (32, 32, 32)
    assert np.allclose(cube.voxel_size, longest / 32)
    fixed, _ = molmap(pdb, MolmapOptions(4.0, cube="48", grid_spacing=0.9))
    assert fixed.data.shape == (48, 48, 48)
    assert np.allclose(fixed.voxel_size, 0.9)


def test_on_grid_takes_another_maps_voxels(pdb, tmp_path):
    grid = Grid((30, 26, 22), (1.1, 0.9, 1.0), (8.8, -41.3, -9.0))
    like = tmp_path / "like.mrc"
    write_map(like, Volume.on(grid, np.random.default_rng(0).random(grid.shape, dtype=np.float32)), label="test")
    volume, _ = molmap(pdb, MolmapOptions(3.0, on_grid=str(like)))
    assert volume.same_grid_as(grid)
    values = published_values(positions(ATOMS), numbers(ATOMS), grid, 3.0)
    assert np.abs(volume.data - values).max() < 1e-5 * values.max()  # the header holds cell edges in float32


@pytest.mark.slow
@pytest.mark.parametrize(("name", "order"), [("C3", 3), ("D2", 4), ("T", 12), ("O", 24), ("I", 60), ("H,5,40,4", 4)])
def test_symmetry_adds_a_copy_for_every_operator(pdb, name, order):
    volume, atoms = molmap(pdb, MolmapOptions(8.0, grid_spacing=2.5, symmetry=name, centre="20,-30,-3"))
    assert len(atoms) == 12
    total = volume.data.sum(dtype=np.float64) * 2.5**3
    assert total == pytest.approx(order * numbers(ATOMS).sum(), rel=1e-3)


def test_symmetry_copies_lie_where_the_rotation_puts_them(pdb):
    centre = np.array([10.0, -25.0, 1.0])
    volume, _ = molmap(pdb, MolmapOptions(4.0, grid_spacing=1.0, symmetry="C4", axis="x", centre="10,-25,1"))
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    copies = [positions(ATOMS)]
    for _ in range(3):
        copies.append((copies[-1] - centre) @ turn.T + centre)
    xyz = np.concatenate(copies)
    grid = published_grid(xyz, 1.0, 12.0)
    assert_same(volume, grid, published_values(xyz, np.tile(numbers(ATOMS), 4), grid, 4.0))


def test_a_grid_that_holds_only_a_copy_is_no_mistake(pdb, tmp_path):
    xyz = positions(ATOMS) * [-1, -1, 1]  # C2 about z
    grid = published_grid(xyz, 1.0, 9.0)
    like = tmp_path / "like.mrc"
    write_map(like, Volume.on(grid, np.random.default_rng(0).random(grid.shape, dtype=np.float32)), label="test")
    with pytest.warns(CryotoolsWarning, match="12 of 24 atoms lie outside"):
        volume, _ = molmap(pdb, MolmapOptions(3.0, symmetry="C2", on_grid=str(like)))
    assert_same(volume, grid, published_values(xyz, numbers(ATOMS), grid, 3.0))
    with pytest.raises(DataError, match="no atom lies inside the box"):
        molmap(pdb, MolmapOptions(3.0, on_grid=str(like)))


def test_biomt_builds_the_first_assembly(tmp_path):
    header = [
        "REMARK 350 BIOMOLECULE: 1",
        "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A",
        "REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000",
        "REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000",
        "REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000",
        "REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000       60.00000",
        "REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000      -50.00000",
        "REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        4.00000",
    ]
    path = str(write_pdb(tmp_path / "pair.pdb", ATOMS, header=header))
    volume, atoms = molmap(path, MolmapOptions(4.0, grid_spacing=1.0, symmetry="biomt"))
    xyz = np.concatenate([positions(ATOMS), positions(ATOMS) * [-1, -1, 1] + [60, -50, 4]])
    assert np.allclose(np.sort(atoms.xyz, axis=0), np.sort(xyz, axis=0), atol=1e-6)
    grid = published_grid(xyz, 1.0, 12.0)
    assert_same(volume, grid, published_values(xyz, np.tile(numbers(ATOMS), 2), grid, 4.0))


def test_biomt_without_an_assembly_is_an_error(pdb):
    with pytest.raises(DataError, match="no biological assembly"):
        molmap(pdb, MolmapOptions(4.0, symmetry="biomt"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"resolution": 0.0}, "`resolution` 0.0"),
        ({"grid_spacing": -1.0}, "`grid_spacing` -1.0"),
        ({"edge_padding": -1.0}, "`edge_padding`"),
        ({"cutoff_range": float("nan")}, "`cutoff_range`"),
        ({"sigma_factor": 0.0}, "`sigma_factor`"),
        ({"cube": "yes"}, "`cube` yes"),
        ({"cube": "0"}, "`cube` 0"),
        ({"on_grid": "x.mrc", "cube": "true"}, "`on_grid` fixes the grid"),
        ({"symmetry": "Q4"}, "`symmetry` Q4"),
    ],
)
def test_impossible_options_are_named(pdb, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        molmap(pdb, MolmapOptions(**{"resolution": 4.0, **options}))


def test_voxels_larger_than_the_resolution_are_warned_about(pdb):
    with pytest.warns(CryotoolsWarning, match="larger than the resolution"):
        molmap(pdb, MolmapOptions(2.0, grid_spacing=2.5))


def test_viewers_find_the_density_at_the_atoms(pdb, tmp_path):
    volume, _ = molmap(pdb, MolmapOptions(3.0, grid_spacing=0.5))
    path = tmp_path / "map.ccp4"
    write_map(path, volume, label="test")
    origin = gemmi.read_ccp4_map(str(path)).header_float(50)
    assert origin == pytest.approx(volume.origin[0], abs=1e-5)
    heavy = volume.sample(positions(ATOMS)[[4]])[0]
    assert heavy > 0.8 * volume.data.max()


def test_the_atoms_that_are_selected_make_the_map_and_its_grid(tmp_path):
    atoms = [
        A("C", (0, 0, 0)),
        A("S", (5, 1, 2), chain="B", number=2),
        A("Zn", (9, 9, 9), "ZN", "ZN", "B", 3, hetero=True),
    ]
    every = str(write_pdb(tmp_path / "all.pdb", atoms))
    cases = [
        ({"chains": ("B",)}, atoms[1:]),
        ({"selection": "not ligand"}, atoms[:2]),
        ({"chains": ("B",), "selection": "element S"}, atoms[1:2]),
        ({"selection": "residue 1-2 or element ZN"}, atoms),
    ]
    for options, kept in cases:
        few = str(write_pdb(tmp_path / "few.pdb", kept))
        volume, used = molmap(every, MolmapOptions(4.0, **options))
        alone, _ = molmap(few, MolmapOptions(4.0))
        assert len(used) == len(kept)
        assert volume.same_grid_as(alone)
        assert np.array_equal(volume.data, alone.data)
    with pytest.raises(DataError, match="none of its 3 atoms is selected; widen the selection"):
        molmap(every, MolmapOptions(4.0, selection="water"))
    with pytest.raises(DataError, match="has no chain C; it has A, B"):
        molmap(every, MolmapOptions(4.0, chains=("C",)))
    with pytest.raises(UsageError, match="'protien' is not a term"):
        molmap(every, MolmapOptions(4.0, selection="protien"))


def test_symmetry_copies_are_of_the_selected_atoms(tmp_path):
    atoms = [A("C", (6, 0, 0)), A("S", (9, 0, 0), chain="B")]
    volume, _ = molmap(str(write_pdb(tmp_path / "two.pdb", atoms)), MolmapOptions(4.0, symmetry="C4", chains=("A",)))
    assert volume.data.sum(dtype=np.float64) * np.prod(volume.voxel_size) == pytest.approx(4 * 6, rel=1e-3)
