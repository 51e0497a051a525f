from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.picture import check_can_draw, draw_maps, shaded_surface, surface_level
from cryotools.core.structurefile import read_structure
from cryotools.core.volume import Grid, Volume
from cryotools.simulate.classical import MapOptions
from cryotools.simulate.layout import grid_around
from cryotools.simulate.methods import METHODS

pytest.importorskip("matplotlib")


def ball(radius: float = 10.0, centre=(20.0, 20.0, 20.0), step: float = 1.0) -> Volume:
    """A ball whose surface at 0.5 lies `radius` from its centre; linear across it."""
    grid = Grid((int(41 / step),) * 3, (step,) * 3)
    x, y, z = (grid.axis(axis) - centre[axis] for axis in range(3))
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    return Volume.on(grid, np.clip(radius + 0.5 - distance, 0, 1))


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    options = MapOptions(3.0)
    grid = grid_around(structure, 1.0, 3.0)
    return Volume.on(grid, METHODS["molmap"](structure, grid, options, None)), structure


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_pictures_are_written_in_the_format_of_their_name(tmp_path, suffix):
    path = tmp_path / f"ball.{suffix}"
    draw_maps(str(path), {"ball": ball()})
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_no_panel_of_a_protein_is_blank(tmp_path, protein):
    from matplotlib.image import imread

    volume, structure = protein
    path = tmp_path / "map.png"
    draw_maps(str(path), {"one": volume, "two": volume}, structure)
    picture = imread(path)[..., :3]
    height, width = picture.shape[:2]
    for row in range(2):
        for column in range(3):
            panel = picture[
                row * height // 2 : (row + 1) * height // 2, column * width // 3 : (column + 1) * width // 3
            ]
            inner = panel[panel.shape[0] // 4 : -panel.shape[0] // 4, panel.shape[1] // 4 : -panel.shape[1] // 4]
            assert inner.std() > 0.05
    blue = (picture[..., 2] > picture[..., 0] + 0.05).mean(axis=0)
    assert blue[: width // 3].mean() > 0.05  # the surface is the only coloured panel
    assert blue[width // 3 : 2 * width // 3].mean() < 0.01


def test_the_surface_of_a_ball_is_a_disc_lit_from_the_upper_left():
    picture = shaded_surface(ball(10), 0.5)
    background = np.all(picture == 1, axis=2)
    y, x = np.indices(background.shape)
    radius = np.hypot(y - 20, x - 20)
    assert not background[radius < 9.5].any()
    assert background[radius > 10.5].all()
    brightness = np.where(background, 0, picture.sum(axis=2))
    upper_left, upper_right, lower_right = (
        brightness[25, 15],
        brightness[25, 25],
        brightness[15, 25],
    )  # rows run upwards
    assert upper_left > upper_right > lower_right


def test_nearer_parts_hide_farther_ones():
    near, far = ball(6, (26, 20, 30)), ball(12, (20, 20, 14))
    both = shaded_surface(near.with_data(np.maximum(near.data, far.data)), 0.5)
    patches = [picture[17:24, 23:30].ravel() for picture in (both, shaded_surface(near, 0.5), shaded_surface(far, 0.5))]
    assert np.corrcoef(patches[0], patches[1])[0, 1] > 0.98
    assert np.corrcoef(patches[0], patches[2])[0, 1] < 0.9


def test_nothing_above_the_level_draws_white():
    assert (shaded_surface(ball(), 5.0) == 1).all()


def test_a_map_that_is_solid_to_its_faces_can_be_drawn(tmp_path):
    full = Volume(np.full((8, 8, 8), 2.0), (1, 1, 1))
    assert not (shaded_surface(full, 1.0) == 1).all()
    draw_maps(str(tmp_path / "full.png"), {"full": full})


def test_the_level_is_half_the_density_at_the_atoms(protein):
    volume, structure = protein
    assert surface_level(volume, structure) == pytest.approx(0.5 * volume.sample(structure.xyz).mean(), rel=1e-6)


def test_without_atoms_one_voxel_in_a_hundred_lies_above_the_level():
    volume = Volume(np.arange(1000.0).reshape(10, 10, 10), (1, 1, 1))
    assert (volume.data > surface_level(volume, None)).sum() == 10


def test_anisotropic_voxels_are_drawn_in_true_proportion(tmp_path):
    data = np.zeros((20, 10, 40))
    data[5:15, 2:8, 5:35] = 1
    draw_maps(str(tmp_path / "flat.png"), {"flat": Volume(data, (0.5, 2.0, 1.0))})


def test_what_cannot_be_drawn_is_said_early(tmp_path):
    with pytest.raises(UsageError, match=r"\.png, \.pdf or \.svg"):
        check_can_draw(str(tmp_path / "map.jpg"))
    with pytest.raises(DataError, match="does not exist"):
        check_can_draw(str(tmp_path / "nowhere" / "map.png"))
    check_can_draw(str(tmp_path / "map.PNG"))


def test_without_matplotlib_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install"):
        check_can_draw(str(tmp_path / "map.png"))
