from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.levels import Levels
from cryotools.core.maps.volume import Volume
from cryotools.sse.predict import Annotation
from cryotools.sse.preview import draw_annotation
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, SHEET

pytest.importorskip("matplotlib")


def draw(tmp_path, *bodies, shape=(40, 50, 60), voxel_size=(1.0, 1.0, 1.0)) -> np.ndarray:
    """The picture (rows, columns, 3) of a grey ball in which `bodies` (class and slices z, y, x) lie."""
    from matplotlib.image import imread

    probabilities = np.zeros((4, *shape), dtype=np.float32)
    for which, *place in bodies:
        probabilities[(which, *place)] = 0.9
    probabilities[0] = 1 - probabilities.sum(axis=0)
    z, y, x = (np.indices(shape) - np.reshape(shape, (3, 1, 1, 1)) / 2).astype(np.float32)
    data = (z**2 + y**2 + x**2 < 18**2).astype(np.float32)
    path = tmp_path / "preview.png"
    draw_annotation(str(path), Annotation(Volume(data, voxel_size), probabilities, Levels(0, 1, 9, None), None), "ball")
    return imread(path)[..., :3]


def share(picture: np.ndarray, which: int) -> list[float]:
    """Of the thirds of a picture, above its legend, the share of pixels in the colour of a class."""
    red, green, blue = np.moveaxis(picture[: int(0.85 * len(picture))], -1, 0)
    mine = {
        HELIX: (red > 2.5 * green) & (red > 2.5 * blue) & (red > 0.2),
        SHEET: (blue > 1.8 * red) & (blue > 1.5 * green) & (blue > 0.2),
        NUCLEOTIDE: (red > 1.3 * green) & (green > 2 * blue) & (red > 0.2),
    }[which]
    return [float(part.mean()) for part in np.array_split(mine, 3, axis=1)]


@pytest.mark.slow
def test_each_class_is_seen_in_its_colour_from_three_directions(tmp_path):
    a, b, c = slice(5, 15), slice(18, 26), slice(29, 36)
    picture = draw(tmp_path, (HELIX, a, a, a), (SHEET, b, b, b), (NUCLEOTIDE, c, c, c))
    for which in (HELIX, SHEET, NUCLEOTIDE):
        assert min(share(picture, which)) > 0.002


@pytest.mark.slow
def test_what_lies_in_front_hides_what_lies_behind(tmp_path):
    wide = slice(15, 35)
    picture = draw(tmp_path, (HELIX, slice(30, 34), wide, wide), (SHEET, slice(6, 10), wide, wide))
    helix, sheet = share(picture, HELIX), share(picture, SHEET)
    assert helix[0] > 0.05  # from the end of the z axis
    assert sheet[0] < 0.002
    assert min(sheet[1:]) > 0.01  # from the side


@pytest.mark.slow
@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (0.5, 2.0, 1.3)])
def test_a_map_without_classes_is_a_shadow(tmp_path, voxel_size):
    picture = draw(tmp_path, voxel_size=voxel_size)
    above = picture[: int(0.85 * len(picture))]
    assert np.ptp(above, axis=2).max() < 0.02
    assert above.min() < 0.6


@pytest.mark.slow
def test_a_map_with_nothing_above_its_contour_can_be_drawn(tmp_path):
    path = tmp_path / "empty.png"
    probabilities = np.zeros((4, 8, 8, 8), dtype=np.float32)
    probabilities[0] = 1
    levels = Levels(0.0, 1e6, 1.0, None)
    draw_annotation(
        str(path), Annotation(Volume(np.eye(8)[None].repeat(8, 0), (1, 1, 1)), probabilities, levels, None), ""
    )
    assert path.stat().st_size > 1000
