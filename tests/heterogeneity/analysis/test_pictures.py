"""Pictures of volumes: what is in the middle, up, bright and seen first."""

from __future__ import annotations

import io

import numpy as np
import pytest
from blob_ensemble import BOX, VOXEL, ball_at

from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.analysis.pictures import PIXELS, film_of, look_at, png_of_pixels, volume_strip
from cryotools.heterogeneity.analysis.plots import cluster_colours, draw_learning, held_out_of
from cryotools.heterogeneity.fourier import map_grid

VOLUMES = [Volume.on(map_grid(BOX, VOXEL), ball_at(z)) for z in (-1.0, 0.0, 1.0)]


def test_one_looks_along_the_axis_that_hides_least_of_the_motion() -> None:
    look = look_at(VOLUMES)
    assert look.views[0] != "y"  # along which the ball moves
    assert look.views[-1] != "y"
    assert look.panels() == (
        f"along {look.views[0]}",
        f"along {look.views[1]}",
        f"projection along {look.views[0]}",
        "section",
    )


def test_the_molecule_fills_the_picture_and_lies_where_it_is() -> None:
    look = look_at(VOLUMES)
    assert 9 * VOXEL < look.edge < 15 * VOXEL
    x, y, z = (look.middle / VOXEL - BOX // 2).tolist()
    assert (x, y, z) == (pytest.approx(2, abs=1), pytest.approx(0, abs=0.6), pytest.approx(0, abs=0.6))


def test_a_ball_that_moves_up_goes_up_in_the_picture() -> None:
    look = look_at(VOLUMES)
    tops = []
    for volume in VOLUMES:
        strip = volume_strip(volume, look)
        assert strip.shape[:2] == (PIXELS, 4 * PIXELS + 3 * 8)
        along_z = look.views.index("z")
        surface = strip[:, along_z * (PIXELS + 8) : along_z * (PIXELS + 8) + PIXELS].min(axis=2) < 0.95
        right = surface.copy()
        right[:, : PIXELS * 6 // 10] = False
        tops.append(np.argwhere(right)[:, 0].mean())
    assert tops[0] > tops[1] > tops[2]


def test_a_film_has_all_steps_side_by_side_at_half_the_size() -> None:
    strips = [volume_strip(volume, look_at(VOLUMES)) for volume in VOLUMES]
    assert film_of(strips).shape == (PIXELS, 3 * PIXELS // 2, 3)


def test_pixels_come_back_from_png() -> None:
    from matplotlib.image import imread

    pixels = np.random.default_rng(0).uniform(size=(5, 7, 3))
    assert np.allclose(imread(io.BytesIO(png_of_pixels(pixels)))[..., :3], pixels, atol=1 / 255)


def test_colours_differ() -> None:
    assert len(set(cluster_colours(30))) == 30
    assert cluster_colours(1)[0].startswith("#")


def test_what_is_known_of_held_out_particles_is_drawn_beside_the_rest() -> None:
    metrics = {"step": [1.0], "epoch": [1.0], "squared_error": [2.0], "held_out_error": [3.0], "seconds": [1.0]}
    assert held_out_of("squared_error", metrics) == ["held_out_error"]
    assert held_out_of("terror", metrics) == []
    figure = draw_learning(metrics)
    assert figure is not None
    assert [len(panel.lines) for panel in figure.axes] == [2]
    assert draw_learning({}) is None
