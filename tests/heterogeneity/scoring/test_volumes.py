from __future__ import annotations

import numpy as np
import pytest
from known_runs import BOX, VOXEL, KnownRun, blobs

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.heterogeneity.scoring.volumes import score_volumes
from cryotools.heterogeneity.truth import read_truth, write_truth
from cryotools.metrics.fsc import largest_fsc_area

STATES = np.array([0, 1, 0, 0, -1, 1])
MOVED = (-4.0, 4.0)
LARGEST = largest_fsc_area(BOX)


@pytest.fixture
def truth(tmp_path):
    write_truth(tmp_path, STATES, [blobs(moved) for moved in MOVED])
    return read_truth(tmp_path)


def by_state(sign: float = 1.0, level: float = 0.0):
    """A run that has found the states but for sign, scale and the level of the solvent."""
    latent = STATES[:, None].astype(float)

    def decode(place):
        volume = blobs(float(np.interp(place[0], [0, 1], MOVED)))
        return volume.with_data(3 * sign * volume.data + np.float32(level))

    return KnownRun(latent, decode)


def test_true_volumes_have_the_largest_area_at_any_scale_and_level(truth):
    run = by_state(level=0.7)
    scores = score_volumes(run, truth, run.latent())
    assert [each.particle for each in scores] == [0, 2, 3, None, 1, 5, None]
    assert [each.state for each in scores] == [0, 0, 0, 0, 1, 1, 1]
    assert [each.n_images for each in scores] == [3, 3, 3, 3, 2, 2, 2]
    for each in scores:
        assert each.area == pytest.approx(LARGEST, abs=1e-5)
        assert each.masked_area == pytest.approx(LARGEST, abs=1e-4)
        assert each.masked_baseline < each.masked_area


def test_a_single_volume_is_made_once_and_scores_the_baseline_if_it_is_the_mean(truth):
    run = KnownRun(np.zeros((6, 0)), lambda _: blobs(0).with_data(0.6 * blobs(-4.0).data + 0.4 * blobs(4.0).data))
    scores = score_volumes(run, truth, run.latent())
    assert run.decoded == 1
    for each in scores:
        assert each.area == pytest.approx(each.baseline, abs=1e-6)
        assert each.masked_area == pytest.approx(each.masked_baseline, abs=1e-6)
    rare, common = (next(each.area for each in scores if each.state == state) for state in (1, 0))
    assert rare < common < LARGEST


def test_negative_volumes_are_told(truth):
    run = by_state(sign=-1)
    with pytest.warns(CryotoolsWarning, match="the volumes are negative where the true ones are positive"):
        scores = score_volumes(run, truth, run.latent())
    assert scores[0].area < 0


def test_the_images_are_drawn_by_seed(truth):
    run = by_state()
    drawn = [
        [each.particle for each in score_volumes(run, truth, run.latent(), images=2, seed=seed)] for seed in (0, 0, 1)
    ]
    assert [len(each) for each in drawn] == [4, 4, 4]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_smaller_box_is_measured_against_the_true_volumes_reduced_to_it(tmp_path):
    fine = [blobs(moved, 2 * BOX, VOXEL / 2) for moved in MOVED]
    write_truth(tmp_path, STATES, fine)
    run = by_state()
    scores = score_volumes(run, read_truth(tmp_path), run.latent(), images=2)
    assert all(each.area == pytest.approx(LARGEST, abs=1e-3) for each in scores)


@pytest.mark.parametrize(("box", "voxel"), [(BOX // 2, 2 * VOXEL), (BOX, 1.1 * VOXEL)])
def test_volumes_of_another_grid_are_refused(tmp_path, box, voxel):
    write_truth(tmp_path, STATES, [blobs(moved, box, voxel) for moved in MOVED])
    run = by_state()
    with pytest.raises(DataError, match="have 16 voxels of 4 Å, the true ones"):
        score_volumes(run, read_truth(tmp_path), run.latent())
