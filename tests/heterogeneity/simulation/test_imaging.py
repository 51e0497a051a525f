from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_molecules import molecule

from cryotools.core.progress import NoProgress
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.fourier import image_frequencies, move_images, spectrum_of, values_of
from cryotools.heterogeneity.poses import Poses
from cryotools.heterogeneity.simulation import imaging as module
from cryotools.heterogeneity.simulation.density import state_volume
from cryotools.heterogeneity.simulation.draws import BLOBS, NOISE, OFF_CENTRE, PARTICLE, Draws, Imaging, draw_images
from cryotools.heterogeneity.simulation.imaging import Camera

BOX, STEP = 20, 3.0
PLACES = np.array([[6.0, 0, 0], [-9.0, 6, 3], [0, -6, -12], [3, 12, 0]])
VOLUMES = [state_volume(molecule({"A": PLACES[:count]}), np.zeros(3), BOX, STEP, 14.0) for count in (4, 2)]
PLAIN = Imaging(count=40, box=BOX, voxel_size=STEP, resolution=14.0, shift=1.5, seed=3)


def taken(imaging: Imaging, draws: Draws, *, scale: float = 1.0, noise: bool = False) -> np.ndarray:
    camera = Camera(VOLUMES.__getitem__, len(VOLUMES), draws, imaging)
    return np.concatenate(list(camera.images(scale, noise, NoProgress())))


def straight(draws: Draws) -> Draws:
    """Without rotations and shifts."""
    count = len(draws)
    return replace(draws, poses=Poses(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 2))))


def test_without_ctf_and_rotation_an_image_is_the_sum_along_z():
    imaging = replace(PLAIN, ctf=False)
    draws = straight(draw_images(2, imaging))
    sums = np.stack([VOLUMES[state].data.sum(axis=0) for state in draws.states])
    assert np.abs(taken(imaging, draws) - sums).max() < 2e-3 * sums.max()


def test_rotations_take_positions_in_the_volume_to_those_in_the_image():
    imaging = replace(PLAIN, ctf=False, shift=0.0)
    draws = draw_images(2, imaging)
    images = taken(imaging, draws)
    y, x = (np.indices((BOX, BOX)) - BOX // 2) * STEP
    for image, state, rotation in zip(images, draws.states, draws.poses.rotations, strict=True):
        centre = (PLACES[: (4, 2)[state]] @ rotation.T).mean(axis=0)
        found = [(image * axis).sum() / image.sum() for axis in (x, y)]
        assert np.allclose(found, centre[:2], atol=0.01 * STEP)


def test_the_shift_of_a_pose_centres_its_image():
    imaging = replace(PLAIN, ctf=False)
    draws = draw_images(2, imaging)
    moved = replace(draws, poses=Poses(straight(draws).poses.rotations, draws.poses.shifts))
    assert np.abs(move_images(taken(imaging, moved), draws.poses.shifts) - taken(imaging, straight(draws))).max() < 1e-4


def test_particles_are_light_on_dark_and_the_ctf_has_an_envelope():
    imaging = replace(PLAIN, b_factor=80.0, contrast_spread=0.3)
    draws = straight(draw_images(2, imaging))
    projections = taken(replace(imaging, ctf=False), replace(draws, ctf=None))
    frequencies = image_frequencies(BOX).reshape(-1, 2) / STEP
    transfer = -ctf(draws.ctf, frequencies) * np.exp(-80.0 / 4 * (frequencies**2).sum(axis=1))
    expected = values_of(spectrum_of(projections) * transfer.reshape(-1, BOX, BOX))
    assert np.abs(taken(imaging, draws) - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_ratio_of_signal_to_noise_is_that_of_variances_in_the_box():
    imaging = replace(PLAIN, count=400, snr=0.2)
    draws = draw_images(2, imaging)
    clean = taken(imaging, draws)
    camera = Camera(VOLUMES.__getitem__, 2, draws, imaging)
    assert camera.signal_variance() == pytest.approx(clean.var(), rel=1e-3)
    scale = np.sqrt(0.2 / camera.signal_variance())
    noise = taken(imaging, draws, scale=scale, noise=True) - scale * clean
    assert (scale * clean).var() / noise.var() == pytest.approx(0.2, rel=0.02)
    power = np.abs(spectrum_of(noise)).mean(axis=0)
    assert power.std() / power.mean() < 0.05  # white


@pytest.mark.parametrize("free", [1e9, 1e3])
def test_images_do_not_depend_on_how_many_are_made_together_and_on_free_memory(monkeypatch, free):
    imaging = replace(PLAIN, junk=0.3)
    draws = draw_images(2, imaging)
    whole = taken(imaging, draws, noise=True)
    monkeypatch.setattr(module, "available_bytes", lambda: free)
    monkeypatch.setattr(module, "_RUN", 7 * BOX**2 * 4)
    sizes = [len(part) for part in Camera(VOLUMES.__getitem__, 2, draws, imaging).images(1.0, True, NoProgress())]
    assert sizes == [7, 7, 7, 7, 7, 5]
    assert np.allclose(taken(imaging, draws, noise=True), whole, atol=1e-6)


def test_junk_is_noise_blobs_and_particles_far_from_the_centre():
    imaging = replace(PLAIN, count=300, ctf=False, junk=0.3, shift=0.0)
    draws = draw_images(2, imaging)
    images = taken(imaging, draws)
    assert not images[draws.kinds == NOISE].any()
    masses = {kind: images[draws.kinds == kind].sum(axis=(1, 2)) for kind in (PARTICLE, BLOBS, OFF_CENTRE)}
    full = VOLUMES[0].data.sum()
    assert masses[BLOBS] == pytest.approx([full] * 30, rel=1e-3)
    assert set(np.rint(masses[OFF_CENTRE] / full * 2)) == {1, 2}
    y, x = np.indices((BOX, BOX)) - BOX // 2
    middle = np.hypot(x, y) < BOX / 5
    shares = {kind: images[draws.kinds == kind][:, middle].sum() / masses[kind].sum() for kind in masses}
    assert shares[OFF_CENTRE] < 0.4 < shares[PARTICLE]


def test_progress_counts_every_image():
    class Counter(NoProgress):
        total = 0

        def advance(self, steps: int = 1) -> None:
            self.total += steps

    counter = Counter()
    imaging = replace(PLAIN, junk=0.3)
    camera = Camera(VOLUMES.__getitem__, 2, draw_images(2, imaging), imaging)
    list(camera.images(1.0, False, counter))
    assert counter.total == imaging.count
