"""Volumes as they are asked for, of a run whose volumes are known, and lists of places in all their formats."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from blob_ensemble import BOX, VOXEL, BallRun, ball_at

from cryotools.core.errors import ArgumentError, DataError
from cryotools.heterogeneity.evaluate import VolumeForm, read_particle_numbers, read_places

RUN, PLACE = BallRun(Path("run"), np.zeros((5, 2))), np.array([0.5, 0.0])


def test_volumes_are_those_of_the_run_unless_something_else_is_asked_for() -> None:
    assert VolumeForm().volume(RUN, PLACE) == RUN.volume(PLACE)
    assert np.array_equal(VolumeForm(invert=True).volume(RUN, PLACE).data, -RUN.volume(PLACE).data)


def test_a_mirrored_volume_keeps_its_centre() -> None:
    z = np.arange(BOX)[:, None, None] - BOX // 2
    tilted = np.roll(ball_at(0.5), 2, axis=0)

    class Tilted(BallRun):
        def volume(self, latent):
            return super().volume(latent).with_data(tilted)

    mirrored = VolumeForm(flip=True).volume(Tilted(Path("run"), np.zeros((1, 1))), PLACE).data
    assert (mirrored * z).sum() == pytest.approx(-(tilted * z).sum(), rel=1e-3)
    assert np.allclose(mirrored[BOX // 2 + 2], tilted[BOX // 2 - 2])


def test_a_low_pass_filter_leaves_low_frequencies_and_omits_high_ones() -> None:
    whole = RUN.volume(PLACE)
    smooth = VolumeForm(low_pass=12.0).volume(RUN, PLACE)
    before, after = (np.abs(np.fft.rfftn(each.data)) for each in (whole, smooth))
    edge = BOX * VOXEL / 12.0  # the shell at 12 Å
    k = np.fft.fftfreq(BOX) * BOX
    radius = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + np.arange(BOX // 2 + 1) ** 2)
    assert np.allclose(after[radius <= edge - 2], before[radius <= edge - 2], rtol=1e-3)
    assert np.abs(after[radius >= edge + 2]).max() < 1e-4 * before.max()


def test_a_smaller_box_has_larger_voxels() -> None:
    small = VolumeForm(box=8).volume(RUN, PLACE)
    assert small.data.shape == (8, 8, 8)
    assert small.voxel_size == (2 * VOXEL,) * 3


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (VolumeForm(box=9), "even"),
        (VolumeForm(box=20), "up to 16"),
        (VolumeForm(box=8, low_pass=7), "give 12 Å or more"),
    ],
)
def test_what_a_run_cannot_give_is_refused(form: VolumeForm, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        form.check(RUN)


def test_places_are_read_from_all_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = np.array([[0.5, -1.0], [2.0, 3.25]])
    np.save("z.npy", places)
    Path("z.pkl").write_bytes(pickle.dumps(places.astype(np.float32)) + pickle.dumps(np.zeros((2, 2))))
    Path("z.txt").write_text("0.5 -1\n\n2,3.25\n")
    Path("z.csv").write_text("volume,index,z_1,z_2\nway_01,,0.5,-1\nway_02,,2,3.25\n")
    for name in ("z.npy", "z.pkl", "z.txt", "z.csv"):
        assert np.array_equal(read_places(name, 2), places)
    Path("one.txt").write_text("1\n2\n")
    assert read_places("one.txt", 1).tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3", "1 x 3"),
        ("1 a", "a is not a number"),
        ("1 2\n3", "rows of numbers"),
        ("1 nan", "not finite"),
        ("", "empty file"),
    ],
)
def test_other_places_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "z.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        read_places(tmp_path / "z.txt", 2)


def test_numbers_of_particles_are_read_from_tables_and_lists(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("cluster,index\n1,7\n2,3\n")
    (tmp_path / "some.txt").write_text("7\n3\n")
    for name in ("some.csv", "some.txt"):
        assert read_particle_numbers(tmp_path / name).tolist() == [7, 3]
    (tmp_path / "some.csv").write_text("cluster,index\n1,-7\n")
    with pytest.raises(DataError, match="line 2"):
        read_particle_numbers(tmp_path / "some.csv")
    (tmp_path / "some.csv").write_text("cluster,index\n")
    with pytest.raises(DataError, match="no particles"):
        read_particle_numbers(tmp_path / "some.csv")
