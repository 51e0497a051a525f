from __future__ import annotations

import csv
import io
import warnings

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.metrics.compare import Region, compare_maps, region_around, region_from_mask
from cryotools.metrics.correlation import pearson, ssim, strong_part
from cryotools.metrics.report import fsc_csv_text, plot_fsc, scores_csv_text, scores_text
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.layout import grid_around
from cryotools.simulate.methods import METHODS

GRID = Grid((24, 26, 28), (1.0, 1.0, 1.0), (3.0, 4.0, 5.0))


def noise(grid: Grid = GRID, seed: int = 0) -> Volume:
    return Volume.on(grid, np.random.default_rng(seed).random(grid.shape, dtype=np.float32))


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    grid = grid_around(structure, 1.2, 4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return structure, Volume.on(grid, METHODS["molmap"](structure, grid, MapOptions(4.0), None))


def simulated(structure, grid: Grid, resolution: float) -> Volume:
    return Volume.on(grid, METHODS["molmap"](structure, grid, MapOptions(resolution), None))


def test_a_map_agrees_with_itself(protein):
    _, volume = protein
    scores = compare_maps(volume, volume).scores()
    for key in ("correlation", "correlation_about_mean", "pcc", "ssim"):
        assert scores[key] == pytest.approx(1, abs=1e-9)
    assert scores["fsc_0.5_A"] is None
    assert scores["fsc_0.143_A"] is None
    assert scores["n_voxels"] == volume.data.size


@pytest.mark.slow
def test_the_same_density_on_another_grid_scores_nearly_1(protein):
    structure, volume = protein
    one = simulated(structure, volume.grid, 6.0)
    size, low = np.array(volume.grid.size) + 4, np.array(volume.origin) - 2.3
    two = simulated(structure, Grid(tuple(int(n) for n in np.ceil(size / 0.9)[::-1]), (0.9, 0.9, 0.9), tuple(low)), 6.0)
    for a, b in ((one, two), (two, one)):
        found = compare_maps(a, b)
        assert found.correlation > 0.999
        assert found.correlation_about_mean > 0.9  # ChimeraX interpolates linearly, which blurs one of the two
        assert min(found.pcc, found.ssim) > 0.97  # the two maps end at cut-offs a voxel apart
        assert found.fsc.resolution_at(0.143) is None or found.fsc.resolution_at(0.143) < 3


def test_chimeraxs_correlations_sample_the_second_map_linearly(protein):
    structure, volume = protein
    a = simulated(structure, volume.grid, 6.0)
    b = simulated(structure, Grid((40, 44, 48), (1.7, 1.5, 1.3), tuple(np.array(a.origin) + 3.3)), 5.0)
    contour = float(np.quantile(a.data, 0.9))
    where = np.argwhere(a.data >= contour)
    first = RegularGridInterpolator(
        [b.grid.axis(axis) for axis in (2, 1, 0)], b.data.astype(float), bounds_error=False, fill_value=0
    )
    expected = first(a.grid.index_to_world(where[:, ::-1])[:, ::-1])
    values = a.data[tuple(where.T)].astype(float)
    found = compare_maps(a, b, contour=contour)
    assert found.correlation == pytest.approx(
        values @ expected / np.sqrt((values**2).sum() * (expected**2).sum()), abs=1e-5
    )
    assert found.correlation_about_mean == pytest.approx(np.corrcoef(values, expected)[0, 1], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fourier", "cubic", "linear"])
def test_ringing_where_the_second_map_is_0_does_not_count_as_density(protein, method):
    structure, volume = protein
    fine = simulated(structure, Grid(tuple(2 * n - 1 for n in volume.data.shape), (0.6,) * 3, volume.origin), 4.0)
    wide = fine.pad((40, 40, 40), (40, 40, 40))
    narrow = compare_maps(volume, fine, method=method)
    padded = compare_maps(volume, wide, method=method)
    assert padded.pcc == pytest.approx(narrow.pcc, abs=2e-3)
    assert narrow.pcc > 0.9


def test_a_blurred_map_scores_lower_and_loses_fine_shells_first(protein):
    structure, volume = protein
    scores = [compare_maps(volume, simulated(structure, volume.grid, r)).scores() for r in (4.5, 6.0, 10.0)]
    for key in ("correlation", "correlation_about_mean", "pcc", "ssim"):
        values = [s[key] for s in scores]
        assert values == sorted(values, reverse=True)
        assert values[0] > values[2]


def test_scores_are_those_of_their_definitions():
    a, b = noise(), noise(seed=1)
    found = compare_maps(a, b, contour=0.7)
    where = a.data >= 0.7
    p, q = a.data[where].astype(float), b.data[where].astype(float)
    assert found.correlation == pytest.approx((p @ q) / np.sqrt((p @ p) * (q @ q)))
    assert found.correlation_about_mean == pytest.approx(np.corrcoef(p, q)[0, 1])
    assert found.pcc == pytest.approx(pearson(strong_part(a.data), strong_part(b.data)))
    assert found.ssim == pytest.approx(ssim(strong_part(a.data), strong_part(b.data)))
    assert found.contour == 0.7


def test_voxels_outside_a_mask_do_not_count():
    a, b = noise(), noise(seed=1)
    mask = np.zeros(GRID.shape)
    mask[5:19, 5:19, 5:19] = 1
    inside = Volume.on(GRID, mask)
    changed = b.with_data(np.where(mask > 0, b.data, 7.0))
    one, two = (compare_maps(a, v, contour=0.5, region=region_from_mask(inside, a)).scores() for v in (b, changed))
    assert one == two
    assert one["n_voxels"] == 14**3
    assert one != compare_maps(a, b, contour=0.5).scores()


def test_masks_are_clipped_and_must_fit():
    mask = noise()
    with pytest.warns(CryotoolsWarning, match="clipped to 0 to 1"):
        region = region_from_mask(mask.with_data(mask.data * 3 - 1), noise())
    assert region.weight.min() == 0
    assert region.weight.max() == 1
    with pytest.raises(DataError, match="not on the first map's grid"):
        region_from_mask(noise(Grid((24, 26, 27), (1.0, 1.0, 1.0), GRID.origin)), noise())
    with pytest.raises(DataError, match="selects no voxel"):
        region_from_mask(noise().with_data(np.full(GRID.shape, 0.4)), noise())


def test_the_region_around_a_structure_is_its_neighbourhood(protein):
    structure, volume = protein
    region = region_around(structure, volume, 3.0)
    z, y, x = np.nonzero(np.ones(volume.data.shape, dtype=bool))
    places = volume.grid.index_to_world(np.stack([x, y, z], axis=1))
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(places), 400, replace=False)
    nearest = np.array([np.linalg.norm(structure.xyz - places[i], axis=1).min() for i in chosen])
    weight = region.weight.ravel()[chosen]
    half_diagonal = np.sqrt(3) * 0.6  # atoms count as their nearest voxel
    assert np.all(weight[nearest < 3.0 - half_diagonal] == 1)
    assert np.all(weight[nearest > 6.0 + half_diagonal] == 0)
    assert 0 < region.weight.mean() < 1


def test_regions_need_atoms_in_the_box_and_a_radius(protein):
    structure, volume = protein
    with pytest.raises(DataError, match="no atom lies inside the map's box"):
        region_around(structure.with_xyz(structure.xyz + 500), volume, 3.0)
    for radius in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="`radius`"):
            region_around(structure, volume, radius)


def test_an_empty_region_is_the_whole_box():
    a, b = noise(), noise(seed=1)
    assert compare_maps(a, b, region=Region()).scores() == compare_maps(a, b).scores()


@pytest.mark.parametrize("method", ["fourier", "cubic", "linear"])
def test_maps_that_overlap_in_part_are_compared_where_the_first_lies(method):
    a = noise()
    part = a.crop((0, 0, 0), (24, 26, 20))
    found = compare_maps(a, part, method=method)
    assert found.n_voxels == a.data.size
    assert found.correlation < 1
    assert compare_maps(part, a, method=method).correlation == pytest.approx(1, abs=1e-4)


def test_maps_that_cannot_be_compared_are_refused():
    a = noise()
    with pytest.raises(DataError, match="the second map has no contrast"):
        compare_maps(a, a.with_data(np.full(GRID.shape, 3.0)))
    with pytest.raises(DataError, match="the first map has no contrast"):
        compare_maps(a.with_data(np.zeros(GRID.shape)), a)
    with pytest.raises(DataError, match="do not overlap"):
        compare_maps(a, Volume(a.data, a.voxel_size, (500.0, 0.0, 0.0)))
    with pytest.raises(DataError, match="too thin"):
        compare_maps(a.crop((0, 0, 0), (6, 26, 28)), a)
    with pytest.raises(DataError, match="reaches the contour 2"):
        compare_maps(a, a, contour=2.0)


def a_mask(radius: float) -> Volume:
    """1 within `radius` Å of the middle of the box, 0 beyond."""
    middle = GRID.index_to_world((np.array(GRID.shape[::-1]) - 1) / 2)
    return Volume.on(GRID, near_points(GRID, middle[None], radius).astype(np.float32))


def test_what_is_not_defined_of_a_mask_with_itself_is_empty_and_never_0():
    mask = a_mask(8.0)
    found = compare_maps(mask, mask)
    scores = found.scores()
    assert scores["correlation"] == pytest.approx(1)
    assert scores["correlation_about_mean"] is None
    assert (scores["pcc"], scores["ssim"]) == (pytest.approx(1), pytest.approx(1))
    row = next(csv.DictReader(io.StringIO(scores_csv_text("a", "b", found))))
    assert row["correlation_about_mean"] == ""
    assert "correlation_about_mean  -" in scores_text(found)


def test_a_map_that_is_0_where_the_other_is_compared_has_no_scores_there():
    a, region = noise(), Region(a_mask(4.0).data)
    hollow = a.with_data(np.where(region.weight > 0, 0, a.data))
    scores = compare_maps(a, hollow, region=region).scores()
    undefined = ("correlation", "correlation_about_mean", "pcc", "ssim", "fsc_0.5_A", "fsc_0.143_A")
    assert [scores[name] for name in undefined] == [None] * 6
    curve = list(csv.DictReader(io.StringIO(fsc_csv_text(compare_maps(a, hollow, region=region).fsc))))
    assert {row["correlation"] for row in curve} == {""}


def test_two_voxels_above_the_contour_have_no_correlation_about_mean():
    a, b = noise(), noise(seed=1)
    second, first = np.sort(a.data.ravel())[[-3, -2]]
    assert compare_maps(a, b, contour=float((first + second) / 2)).scores()["correlation_about_mean"] is None


def test_reports_hold_every_score():
    found = compare_maps(noise(), noise(seed=1))
    row = next(csv.DictReader(io.StringIO(scores_csv_text("a.mrc", "b,c.mrc", found))))
    assert row["map_b"] == "b,c.mrc"
    assert float(row["correlation"]) == found.correlation
    assert list(row) == ["map_a", "map_b", *found.scores()]
    assert scores_text(found).count("\n") == len(found.scores()) - 1
    same = compare_maps(noise(), noise())
    assert next(csv.DictReader(io.StringIO(scores_csv_text("a", "b", same))))["fsc_0.5_A"] == ""
    assert "fsc_0.5_A               -" in scores_text(same)


def test_the_curve_as_csv_has_units_in_its_columns():
    found = compare_maps(noise(), noise(seed=1))
    rows = list(csv.DictReader(io.StringIO(fsc_csv_text(found.fsc))))
    assert list(rows[0]) == ["frequency_per_A", "resolution_A", "correlation", "n_coefficients"]
    assert len(rows) == len(found.fsc.frequency)
    assert float(rows[2]["frequency_per_A"]) * float(rows[2]["resolution_A"]) == pytest.approx(1, rel=1e-3)


@pytest.mark.slow
def test_the_curve_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    plot_fsc(str(tmp_path / "fsc.png"), compare_maps(noise(), noise(seed=1)).fsc, "b against a")
    assert imread(tmp_path / "fsc.png")[..., :3].std() > 0.05


def test_a_second_map_that_covers_little_of_the_first_is_a_warning(protein):
    _, volume = protein
    corner = volume.crop((0, 0, 0), tuple(n // 2 for n in volume.data.shape))
    with pytest.warns(CryotoolsWarning, match="covers 1[0-4]% of the first one's box"):
        compare_maps(volume, corner)
