from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import in_sigma
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.residues import backbone_sigma
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET, ClassedResidues, assign
from cryotools.sse.truth.labels import label_voxels

DATA = Path(__file__).parents[2] / "data"
GRID = Grid((24, 26, 28), (1.0, 1.1, 0.9), (-3.0, 2.0, 5.0))


def model(*rows: tuple[tuple[float, float, float], str, int], linked=True) -> tuple[Structure, ClassedResidues]:
    """A structure of one atom per row (position, atom name, class), and its residues, classes as given."""
    n = len(rows)
    which = np.array([row[2] for row in rows], dtype=np.uint8)
    kind = np.where(which == NUCLEOTIDE, NUCLEIC, PROTEIN).astype(np.uint8)
    text = np.full(n, "")
    number = np.arange(1, n + 1, dtype=np.int32)
    structure = Structure(
        xyz=np.array([row[0] for row in rows], dtype=float).reshape(n, 3),
        element=np.full(n, 6, dtype=np.uint8),
        atom_name=np.array([row[1] for row in rows]),
        residue_name=np.full(n, "ALA"),
        chain=np.full(n, "A"),
        residue_number=number,
        insertion_code=text,
        altloc=text,
        occupancy=np.ones(n, dtype=np.float32),
        b_factor=np.zeros(n, dtype=np.float32),
        hetero=np.zeros(n, dtype=bool),
        kind=kind,
        model=np.ones(n, dtype=np.int32),
    )
    residues = ClassedResidues(
        of_atom=np.arange(n),
        model=structure.model,
        chain=structure.chain,
        residue_number=number,
        insertion_code=text,
        residue_name=structure.residue_name,
        kind=kind,
        backbone=np.full((n, 4, 3), np.nan),
        linked=np.append(np.full(n - 1, linked), False),
        code=np.full(n, "-"),
        classes=which,
        known=np.ones(n, dtype=bool),
    )
    return structure, residues


def blobs(*places, height=1.0, width: float = 2.5, noise: float = 0.01) -> Volume:
    """A map on GRID with a Gaussian of `width` Å at each place, and noise."""
    distance = distances(*places)
    heights = np.broadcast_to(height, len(places))[:, None, None, None]
    data = (heights * np.exp(-((distance / width) ** 2))).sum(axis=0)
    return Volume.on(GRID, data + noise * np.random.default_rng(0).normal(size=GRID.shape))


def plateau(place, radius: float = 7.0) -> Volume:
    """A map on GRID that is 1 around a place, 0 elsewhere."""
    return Volume.on(GRID, (distances(place)[0] < radius).astype(float))


def distances(*places) -> np.ndarray:
    """From each place to every voxel, (k, nz, ny, nx)."""
    z, y, x = np.meshgrid(GRID.axis(2), GRID.axis(1), GRID.axis(0), indexing="ij")
    return np.array([np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) for a, b, c in places])


ONE, TWO = (5.2, 12.1, 14.3), (8.7, 20.4, 18.9)


@pytest.mark.parametrize(("name", "which"), [("CA", HELIX), ("N", SHEET), ("C8", NUCLEOTIDE)])
def test_a_voxel_has_a_class_within_3_angstrom_above_half_the_density(name, which):
    """Base atoms of nucleotides reach, too, but their backbone sets the level."""
    rows = [(ONE, name, which)] + ([(ONE, "P", which)] if which == NUCLEOTIDE else [])
    structure, residues = model(*rows)
    volume = blobs(ONE, width=3.5)
    sigma = in_sigma(volume)
    level = 0.5 * sigma.sample(np.array([ONE]))[0]
    labels = label_voxels(volume, structure, residues)
    expected = (distances(ONE)[0] <= 3) & (sigma.data > level)
    assert np.array_equal(labels.classes, np.where(expected, which, OTHER))
    assert 0 < expected.sum() < (distances(ONE)[0] <= 3).sum()  # both rules matter
    assert labels.classes.dtype == np.uint8


def test_side_chains_of_proteins_do_not_reach():
    structure, residues = model((ONE, "CA", HELIX), ((ONE[0] + 5, ONE[1], ONE[2]), "CG", HELIX))
    labels = label_voxels(blobs(*structure.xyz), structure, residues)
    assert (distances(ONE)[0][labels.classes == HELIX] <= 3).all()


def test_the_level_is_that_of_the_whole_element():
    """Of two helix residues one has a fifth of the other's density: as one element it is below half of their mean."""
    apart = (ONE, (ONE[0] + 8, ONE[1], ONE[2]))
    volume = blobs(*apart, height=np.array([1.0, 0.2]))
    both = {}
    for linked in (True, False):
        structure, residues = model((apart[0], "CA", HELIX), (apart[1], "CA", HELIX), linked=linked)
        both[linked] = label_voxels(volume, structure, residues).classes
    weak = distances(apart[1])[0] <= 3
    assert not both[True][weak].any()
    assert both[False][weak].any()


def test_where_classes_meet_the_rarer_wins_or_the_nearer():
    places = [ONE, (ONE[0] + 3, ONE[1], ONE[2]), (ONE[0] + 3, ONE[1] + 3, ONE[2])]
    structure, residues = model(*zip(places, ("CA", "CA", "P"), (HELIX, SHEET, NUCLEOTIDE), strict=True))
    volume = plateau(places[1])
    rarer = label_voxels(volume, structure, residues).classes
    helix, sheet, nucleotide = distances(*places)
    claimed = (helix <= 3) | (sheet <= 3) | (nucleotide <= 3)
    assert ((rarer == NUCLEOTIDE) == (nucleotide <= 3)).all()
    assert ((rarer == SHEET) == ((sheet <= 3) & (nucleotide > 3))).all()
    assert ((rarer == HELIX) == ((helix <= 3) & (sheet > 3) & (nucleotide > 3))).all()
    nearer = label_voxels(volume, structure, residues, conflicts="nearest").classes
    closest = 1 + np.argmin([helix, sheet, nucleotide], axis=0)
    assert np.array_equal(nearer, np.where(claimed, closest, OTHER))


def test_coil_keeps_its_voxels_only_where_the_nearest_counts():
    places = [ONE, (ONE[0] + 2, ONE[1], ONE[2])]
    structure, residues = model((places[0], "CA", HELIX), (places[1], "CA", OTHER))
    volume = plateau(places[0])
    helix, coil = distances(*places)
    assert np.array_equal(label_voxels(volume, structure, residues).classes == HELIX, helix <= 3)
    nearest = label_voxels(volume, structure, residues, conflicts="nearest").classes == HELIX
    assert np.array_equal(nearest, (helix <= 3) & (helix < coil))


def test_density_without_a_model_does_not_count():
    structure, residues = model((ONE, "CA", HELIX))
    volume = blobs(ONE, TWO)
    labels = label_voxels(volume, structure, residues)
    unmodelled = (in_sigma(volume).data >= 1) & (distances(ONE)[0] > 5)
    assert unmodelled.any()
    assert np.array_equal(~labels.counted, unmodelled)


def test_what_has_no_density_or_no_whole_backbone_does_not_count():
    """The second residue's density is that of the solvent, the third's class is unknown."""
    three = (ONE, TWO, (TWO[0] + 9, TWO[1], TWO[2]))
    structure, residues = model(*zip(three, 3 * ("CA",), (HELIX, SHEET, OTHER), strict=True), linked=False)
    residues = replace(residues, known=np.array([True, True, False]))
    labels = label_voxels(blobs(three[0], three[2]), structure, residues)
    _, sheet, unknown = distances(*three)
    assert not (labels.classes == SHEET).any()
    assert np.array_equal(~labels.counted, (sheet <= 3) | (unknown <= 3))
    assert labels.counted[labels.classes == HELIX].all()


@pytest.mark.parametrize("masked", [False, True])
def test_scale_and_offset_of_a_map_do_not_matter_masked_or_not(masked):
    structure, residues = model((ONE, "CA", HELIX), (TWO, "P", NUCLEOTIDE))
    volume = blobs(ONE, TWO)
    if masked:
        volume = volume.with_data(np.where(distances(ONE, TWO).min(axis=0) < 4, volume.data, 0))
        assert np.mean(volume.data == 0) > 0.9
    labels = label_voxels(volume, structure, residues)
    moved = label_voxels(volume.with_data(250 * volume.data + 3000), structure, residues)
    assert np.mean(labels.classes != moved.classes) < 1e-3  # float32 rounds the moved map
    assert {HELIX, NUCLEOTIDE} < set(np.unique(labels.classes).tolist())


def test_a_mask_leaves_zeros_as_other_that_counts():
    structure, residues = model((ONE, "CA", HELIX))
    whole = blobs(ONE, TWO)
    kept = distances(ONE)[0] < 2
    labels = label_voxels(whole.with_data(np.where(kept, whole.data, 0)), structure, residues)
    assert set(np.unique(labels.classes[kept]).tolist()) == {HELIX}
    assert not labels.classes[~kept].any()
    assert labels.counted.all()


def test_backbone_sigma_is_the_mean_over_a_residues_backbone_in_the_map():
    structure, residues = model(
        (ONE, "CA", HELIX), ((ONE[0] + 1, ONE[1], ONE[2]), "O", HELIX), (TWO, "CB", HELIX), ((900, 0, 0), "CA", HELIX)
    )
    residues = replace(
        residues,
        of_atom=np.array([0, 0, 1, 2]),
        **{key: getattr(residues, key)[1:] for key in ("classes", "kind", "linked", "known")},
    )
    volume = blobs(ONE, TWO)
    found = backbone_sigma(volume, structure, residues)
    values = volume.sample(structure.xyz[:2])
    assert found[0] == pytest.approx((values.mean() - volume.data.mean()) / volume.data.std(), rel=1e-4)
    assert np.isnan(found[1:]).all()  # no backbone atom, or none in the map


def test_old_names_of_sugar_atoms_are_backbone():
    structure, residues = model((ONE, "C1*", NUCLEOTIDE))
    assert (label_voxels(blobs(ONE), structure, residues).classes == NUCLEOTIDE).any()


def test_a_real_map_shows_its_helices():
    volume = read_map(DATA / "emd_3488_crop.mrc.gz")
    structure = read_structure(DATA / "5ni1_crop.pdb.gz")
    residues = assign(structure)
    labels = label_voxels(volume, structure, residues, conflicts="nearest")
    inside = np.isfinite(residues.ca[:, 0]) & residues.known
    inside[inside] = volume.grid.contains(residues.ca[inside])
    assert np.nanmean(backbone_sigma(volume, structure, residues)[inside]) > 2
    x, y, z = np.rint(volume.world_to_index(residues.ca[inside])).astype(int).T
    assert np.mean(labels.classes[z, y, x] == residues.classes[inside]) > 0.95
    assert 0.02 < np.mean(labels.classes == HELIX) < 0.3
    assert not np.isin(labels.classes, (SHEET, NUCLEOTIDE)).any()
    claimed = label_voxels(volume, structure, residues).classes
    assert not labels.classes[claimed == OTHER].any()


def test_a_constant_map_or_a_model_elsewhere_is_refused():
    structure, residues = model((ONE, "CA", HELIX))
    with pytest.raises(DataError, match="constant"):
        label_voxels(Volume.on(GRID, np.full(GRID.shape, 7.0)), structure, residues)
    with pytest.raises(DataError, match="no atom lies in the map"):
        label_voxels(blobs(ONE), structure.with_xyz(structure.xyz + 500), residues)
    with pytest.raises(ValueError, match="do not belong"):
        label_voxels(blobs(ONE), structure, replace(residues, of_atom=np.arange(3)))
