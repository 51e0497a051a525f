from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from cryotools.core.maps.distance import distance_to_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.elements.find import RISE, STRAND_RISE, Element, find_elements
from cryotools.sse.elements.pseudoatoms import element_rows, element_structure
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, SHEET, assign
from cryotools.sse.truth.labels import label_voxels

DATA = Path(__file__).parents[2] / "data"
GRID = Grid((44, 52, 60), (1.0, 1.0, 1.0), (-7.0, 3.0, 11.0))
MIDDLE = np.array([22.0, 28.0, 32.0])


def line(start, stop) -> np.ndarray:
    return np.linspace(start, stop, 400)


def tube(*paths: np.ndarray, radius: float = 4.0, height: float = 0.9, grid: Grid = GRID) -> np.ndarray:
    """1 within `radius` of one of the paths, 0 a voxel farther away; times `height`."""
    return height * np.clip(radius + 0.5 - distance_to_points(grid, np.concatenate(paths), radius + 1), 0, 1)


def class_maps(grid: Grid = GRID, **maps: np.ndarray) -> np.ndarray:
    """Probabilities (4, nz, ny, nx) with these of helix, sheet and nucleotide, and the rest other."""
    which = {"helix": HELIX, "sheet": SHEET, "nucleotide": NUCLEOTIDE}
    probabilities = np.zeros((4, *grid.shape), dtype=np.float32)
    for name, values in maps.items():
        probabilities[which[name]] = values
    probabilities[0] = 1 - probabilities.sum(axis=0)
    return probabilities


def off_line(points: np.ndarray, start, stop) -> np.ndarray:
    along = np.subtract(stop, start) / np.linalg.norm(np.subtract(stop, start))
    d = points - start
    return np.linalg.norm(d - np.outer(d @ along, along), axis=1)


def slab(normal, thickness: float = 6.0, radius: float = 12.0, height: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A round sheet around the middle, and its unit normal."""
    normal = np.array(normal) / np.linalg.norm(normal)
    z, y, x = np.meshgrid(GRID.axis(2), GRID.axis(1), GRID.axis(0), indexing="ij")
    d = np.stack([x, y, z], axis=-1) - MIDDLE
    above = d @ normal
    beside = np.linalg.norm(d - above[..., None] * normal, axis=-1)
    return height * ((np.abs(above) <= thickness / 2) & (beside <= radius)), normal


@pytest.mark.slow
@pytest.mark.parametrize(
    "ends", [((2, 10, 20), (40, 46, 44)), ((0, 28, 32), (44, 28, 32)), ((22, 10, 32), (22, 45, 32))]
)
def test_a_straight_helix_has_its_axis(ends):
    (helix,) = find_elements(class_maps(helix=tube(line(*ends))), GRID)
    length = np.linalg.norm(np.subtract(*ends))
    assert helix.which == HELIX
    assert off_line(helix.points, *ends).max() < 0.5
    assert length - 3 < helix.length < length + 8  # a tube's ends are round, with a radius of 4
    assert np.linalg.norm(np.diff(helix.points, axis=0), axis=1) == pytest.approx(RISE, abs=0.05)
    assert np.all((helix.confidence > 0.8) & (helix.confidence <= 0.9 + 1e-6))


def test_a_curved_helix_stays_one():
    angle = np.linspace(0, np.pi, 400)[:, None]
    arc = MIDDLE + 18 * np.concatenate([np.cos(angle), np.sin(angle), 0 * angle], axis=1) - [0, 8, 0]
    (helix,) = find_elements(class_maps(helix=tube(arc)), GRID)
    assert np.linalg.norm(helix.points - MIDDLE + [0, 8, 0], axis=1) == pytest.approx(18, abs=0.5)
    assert helix.length == pytest.approx(18 * np.pi, abs=4)


@pytest.mark.slow
def test_neighbours_that_touch_are_two():
    one, two = ((0, 23, 32), (44, 23, 32)), ((0, 32, 32), (40, 32, 32))
    found = find_elements(class_maps(helix=tube(line(*one), line(*two))), GRID)
    assert len(found) == 2
    assert found[0].length > found[1].length
    assert off_line(found[0].points, *one).max() < 1
    assert off_line(found[1].points, *two).max() < 1


@pytest.mark.slow
def test_helices_that_meet_at_an_angle_are_two():
    corner = (22, 14, 32)
    found = find_elements(class_maps(helix=tube(line(corner, (0, 48, 32)), line(corner, (44, 48, 32)))), GRID)
    assert len(found) == 2
    left, right = sorted(found, key=lambda one: one.points[:, 0].mean())
    assert left.points[:, 0].max() < 22.5 < right.points[:, 0].min() + 1
    assert min(left.points[:, 1].max(), right.points[:, 1].max()) > 44


@pytest.mark.slow
def test_a_branch_is_an_element_of_its_own():
    whole, branch = ((-4, 16, 32), (48, 16, 32)), ((22, 16, 32), (22, 50, 32))
    found = find_elements(class_maps(helix=tube(line(*whole), line(*branch))), GRID)
    assert 2 <= len(found) <= 3  # what goes on beyond a branch may count as one or two
    on_branch = [one for one in found if off_line(one.points, *branch).max() < 1.5]
    assert len(on_branch) == 1
    assert on_branch[0].length > 20


@pytest.mark.slow
@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 1, 1)])
def test_points_of_a_sheet_lie_in_its_middle_and_cover_it(normal):
    values, normal = slab(normal)
    (sheet,) = find_elements(class_maps(sheet=values), GRID)
    assert sheet.which == SHEET
    d = sheet.points - MIDDLE
    assert np.abs(d @ normal).max() < 1
    assert 16 < sheet.length < 24
    apart, _ = cKDTree(sheet.points).query(sheet.points, k=2)
    assert apart[:, 1].min() >= STRAND_RISE
    assert len(sheet.points) > 0.3 * np.pi * 12**2 / STRAND_RISE**2
    assert sheet.confidence == pytest.approx(0.8, abs=0.01)


def test_noise_moves_an_axis_little():
    noise = gaussian_filter(np.random.default_rng(0).normal(size=GRID.shape), 1)
    noisy = np.clip(tube(line((0, 28, 32), (44, 28, 32)), height=0.75) + 0.12 * noise / noise.std(), 0, 1)
    (helix,) = find_elements(class_maps(helix=noisy), GRID)
    off = off_line(helix.points, (0, 28, 32), (44, 28, 32))
    assert np.median(off) < 0.5
    assert off.max() < 2.5  # at the ends


@pytest.mark.slow
@pytest.mark.parametrize("voxel_size", [(0.65, 0.65, 0.65), (1.4, 1.1, 0.8), (2.0, 2.0, 2.0)])
def test_the_voxel_size_matters_little(voxel_size):
    shape = tuple(int(n / step) for n, step in zip((60, 40, 40), voxel_size[::-1], strict=True))
    grid = Grid(shape, voxel_size, (5.0, 6.0, 7.0))
    start, stop = (25, 26, 17), (25, 26, 57)
    (helix,) = find_elements(class_maps(grid, helix=tube(line(start, stop), grid=grid)), grid)
    assert off_line(helix.points, start, stop).max() < 0.6
    assert 37 < helix.length < 48  # a tube's ends are round, with a radius of 4


@pytest.mark.slow
def test_the_box_does_not_matter():
    values = class_maps(helix=tube(line((5, 20, 25), (35, 40, 40))))
    wide = np.pad(values, ((0, 0), (9, 5), (3, 8), (12, 2)))
    (one,), (two,) = (
        find_elements(values, GRID),
        find_elements(wide, Grid(wide.shape[1:], (1, 1, 1), (-19.0, 0.0, 2.0))),
    )
    assert np.allclose(one.points, two.points, atol=1e-3)


def test_a_helix_that_leaves_the_box_ends_at_its_faces():
    ends = ((22, 28, 0), (22, 28, 80))
    (helix,) = find_elements(class_maps(helix=tube(line(*ends))), GRID)
    assert off_line(helix.points, *ends).max() < 0.3
    assert 38 < helix.length < 45


def test_a_helix_beside_a_face_is_found():
    ends = ((-3, 28, 20), (-3, 28, 45))
    (helix,) = find_elements(class_maps(helix=tube(line(*ends))), GRID)
    assert off_line(helix.points, *ends).max() < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4), (1, 20, 20), (8, 8, 8)])
@pytest.mark.parametrize("value", [0.0, 0.3, 0.9])
def test_tiny_and_constant_maps_have_elements_or_none(shape, value):
    grid = Grid(shape, (1.0, 1.0, 1.0))
    elements = find_elements(np.full((4, *shape), value, dtype=np.float32), grid)
    assert all(np.isfinite(one.points).all() for one in elements)
    if value < 0.5:
        assert not elements


def test_specks_and_nucleotides_are_no_elements():
    speck = tube(line((20, 20, 30), (21, 20, 30)), radius=2.0)
    rna = tube(line((0, 35, 40), (40, 35, 40)))
    assert not [one for one in find_elements(class_maps(helix=speck, nucleotide=rna), GRID) if one.length > 6]


@pytest.mark.slow
def test_elements_become_a_table_and_pseudo_atoms():
    values, _ = slab((0, 0, 1))
    tubes = tube(line((0, 10, 17), (40, 10, 17)), line((0, 45, 17), (25, 45, 17)))
    elements = find_elements(class_maps(helix=tubes, sheet=values), GRID)
    assert [one.which for one in elements] == [HELIX, HELIX, SHEET]
    rows, atoms = element_rows(elements), element_structure(elements, "example")
    assert len(atoms) == sum(len(one.points) for one in elements)
    assert [row["element"] for row in rows] == [1, 2, 3]
    assert [row["class"] for row in rows] == ["helix", "helix", "sheet"]
    for row, element in zip(rows, elements, strict=True):
        number = atoms.residue_number
        mine = (atoms.chain == row["chain"]) & (number >= row["first_residue"]) & (number <= row["last_residue"])
        assert np.allclose(atoms.xyz[mine], element.points)
        assert np.allclose(atoms.b_factor[mine], 100 * element.confidence)
        assert row["confidence"] == pytest.approx(element.confidence.mean())
        assert [row["x_A"], row["y_A"], row["z_A"]] == pytest.approx(element.points.mean(axis=0).tolist())
    assert rows[1]["first_residue"] == rows[0]["last_residue"] + 2
    assert rows[2]["first_residue"] == 1
    assert set(atoms.residue_name) == {"HLX", "SHT"}
    assert atoms.name == "example"


def test_no_elements_are_an_empty_table():
    assert element_rows([]) == []
    assert len(element_structure([])) == 0


@pytest.mark.slow
def test_the_result_is_the_same_every_time():
    noise = gaussian_filter(np.random.default_rng(3).normal(size=GRID.shape), 2)
    values = class_maps(helix=np.clip(0.2 + 4 * noise, 0, 1))
    one, two = (element_structure(find_elements(values, GRID)) for _ in range(2))
    assert np.array_equal(one.xyz, two.xyz)


@pytest.mark.slow
def test_helices_of_a_real_model_are_found_from_its_labels():
    volume = read_map(DATA / "emd_3488_crop.mrc.gz")
    residues = assign(structure := read_structure(DATA / "5ni1_crop.pdb.gz"))
    labels = label_voxels(volume, structure, residues)
    maps = np.stack([gaussian_filter((labels.classes == k).astype(np.float32), 0.7) for k in range(4)])
    elements = find_elements(maps, volume.grid)
    ca = residues.ca[(residues.classes == HELIX) & residues.known]
    ca = ca[volume.with_data(maps[HELIX]).sample(ca) > 0.3]
    index = volume.world_to_index(ca)
    ca = ca[np.all((index > 6) & (index < 37), axis=1)]  # the crop cuts through helices at its faces
    away, _ = cKDTree(np.concatenate([one.points for one in elements])).query(ca)
    assert len(ca) > 50
    assert np.mean(away < 4) > 0.9  # a Cα is 2.3 Å from its axis
    assert all(isinstance(one, Element) and one.which == HELIX for one in elements)
