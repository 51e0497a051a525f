from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError, UsageError
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions
from cryotools.simulate.layout import grid_around
from cryotools.simulate.methods import METHODS
from cryotools.view import picture as pictures
from cryotools.view.picture import check_can_draw, draw_maps, draw_sections, shaded_surface, surface_level

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


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_pictures_are_written_in_the_format_of_their_name(tmp_path, suffix):
    path = tmp_path / f"ball.{suffix}"
    draw_maps(str(path), {"ball": ball()})
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture
def drawn(monkeypatch):
    """The figures that would be saved."""
    figures = []
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def test_anisotropic_voxels_are_drawn_in_true_proportion(drawn):
    draw_maps("flat.png", {"flat": Volume(np.arange(8000.0).reshape(20, 10, 40), (0.5, 4.0, 1.0))})
    for panel in drawn[0].axes:
        (image,) = panel.images
        left, right, bottom, top = image.get_extent()
        assert panel.get_aspect() == 1
        assert right - left == pytest.approx(20, rel=0.02)  # 40 voxels of 0.5 Å
        assert top - bottom == pytest.approx(40, rel=0.02)  # 10 of 4 Å
        rows, columns = image.get_array().shape[:2]
        assert rows / columns == pytest.approx(2, rel=0.02)


def pixel_centres(image) -> tuple[np.ndarray, np.ndarray]:
    """Where matplotlib puts the middles of an image's columns and rows."""
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape[:2]
    return (
        left + (np.arange(columns) + 0.5) * (right - left) / columns,
        bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows,
    )


def test_voxels_and_atoms_of_a_section_are_drawn_where_they_lie(drawn, protein):
    _, structure = protein
    grid = Grid((9, 8, 7), (1.5, 2.0, 1.0), tuple(structure.xyz[0] - (3.0, 4.0, 4.0)))  # the first atom is on a voxel
    data = np.zeros(grid.shape)
    data[4, 2, 2] = 1
    draw_sections("one.png", ["one"], [Volume.on(grid, data)], [structure])
    (image,), (atoms,) = drawn[0].axes[0].images, drawn[0].axes[0].collections
    x, y = pixel_centres(image)
    np.testing.assert_allclose(x, grid.axis(0))
    np.testing.assert_allclose(y, grid.axis(1))
    row, column = np.argwhere(np.asarray(image.get_array()) == 1)[0]
    apart = np.linalg.norm(np.asarray(atoms.get_offsets()) - (x[column], y[row]), axis=1)
    assert apart.min() < 1e-3


def test_a_map_is_drawn_under_its_atoms_to_a_tenth_of_a_voxel(drawn, protein):
    _, structure = protein
    atom = structure[:1].with_xyz(np.array([[11.0, 7.0, 6.0]]))
    at = np.indices((13, 15, 17))[::-1] - atom.xyz[0][:, None, None, None]
    draw_maps("one.png", {"one": Volume(np.exp(-(at**2).sum(axis=0) / 8), (1, 1, 1))}, atom)
    surface, projected, section = drawn[0].axes
    for panel in (projected, section):
        shown = np.asarray(panel.images[0].get_array())
        x, y = pixel_centres(panel.images[0])
        row, column = np.unravel_index(shown.argmax(), shown.shape)
        assert (x[column], y[row]) == pytest.approx((11.0, 7.0), abs=0.1)
    assert surface.images[0].get_extent() == section.images[0].get_extent()
    assert np.asarray(section.collections[0].get_offsets()).tolist() == [[11.0, 7.0]]


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
