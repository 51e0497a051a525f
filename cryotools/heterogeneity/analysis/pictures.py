"""Small pictures of many volumes, all seen alike, so that they can be compared."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume
from cryotools.view.picture import shaded_surface, surface_level

PIXELS = 160  # along the edge of a picture
_GAP = 8  # pixels between pictures
_MARGIN = 0.06  # of the molecule's size, around it
_OUTLINE = 0.5  # of the surface's level: where the molecule is taken to end
_TURNS = {"z": (0, 1, 2), "x": (2, 0, 1), "y": (1, 2, 0)}  # of (z, y, x), so that one looks along z after it


@dataclass(frozen=True)
class Look:
    """How volumes are shown.

    Attributes
    ----------
    level : of surfaces
    views : axes along which one looks, the one first along which the volumes' projections differ most
    middle : Å (x, y, z), of the pictures
    edge : Å, of the pictures
    projection, section : grey values from black to white
    """

    level: float
    views: tuple[str, str]
    middle: np.ndarray
    edge: float
    projection: tuple[float, float]
    section: tuple[float, float]

    def panels(self) -> tuple[str, ...]:
        """What the pictures of a strip show."""
        first, second = self.views
        return f"along {first}", f"along {second}", f"projection along {first}", "section"


def look_at(volumes: Sequence[Volume]) -> Look:
    """A look at all of `volumes`, on one grid: what they have in common is in the middle."""
    data = np.stack([volume.data for volume in volumes])
    grid, mean = volumes[0].grid, data.mean(axis=0)
    level = surface_level(Volume.on(grid, mean), None)
    solid = np.argwhere((data > _OUTLINE * level).any(axis=0) & _in_ball(mean.shape))[:, ::-1]
    low, high = solid.min(axis=0), solid.max(axis=0)
    middle, edge = grid.index_to_world((low + high) / 2), (high - low + 1).max() * grid.voxel_size[0]
    differ = {axis: float(data.sum(axis=1 + "zyx".index(axis)).var(axis=0).sum()) for axis in "zyx"}
    views = sorted(differ, key=lambda axis: -differ[axis])
    look = Look(level, (views[0], views[1]), middle, edge * (1 + 2 * _MARGIN), (0.0, 1.0), (0.0, 1.0))
    shown = _fine(Volume.on(grid, mean), look).transpose(_TURNS[views[0]])
    projection, section = shown.sum(axis=0), shown[len(shown) // 2]
    windows = [(float(np.percentile(each, 1)), float(each.max()) or 1.0) for each in (projection, section)]
    return Look(level, look.views, middle, look.edge, windows[0], windows[1])


def volume_strip(volume: Volume, look: Look) -> np.ndarray:
    """Pictures of a volume side by side, RGB (y, x, 3) from 0 to 1; see `Look.panels`."""
    fine = _fine(volume, look)
    first, second = (fine.transpose(_TURNS[axis]) for axis in look.views)
    panels = [
        *(shaded_surface(_plain(each), look.level) for each in (first, second)),
        _grey(first.sum(axis=0), look.projection),
        _grey(first[len(first) // 2], look.section),
    ]
    gap = np.ones((PIXELS, _GAP, 3))
    return np.hstack([part for panel in panels for part in (gap, panel)][1:])[::-1]


def film_of(strips: Sequence[np.ndarray]) -> np.ndarray:
    """The surfaces of all strips, small, side by side, those along the second axis below: a trajectory at a glance."""
    rows = [np.hstack([strip[:, begin : begin + PIXELS] for strip in strips]) for begin in (0, PIXELS + _GAP)]
    whole = np.vstack(rows)
    return whole.reshape(len(whole) // 2, 2, -1, 2, 3).mean(axis=(1, 3))


def png_of_pixels(pixels: np.ndarray) -> bytes:
    """A picture RGB (y, x, 3), from 0 to 1, as PNG."""
    from matplotlib.image import imsave

    stream = io.BytesIO()
    imsave(stream, np.ascontiguousarray(np.clip(pixels, 0, 1)), format="png")
    return stream.getvalue()


def _fine(volume: Volume, look: Look) -> np.ndarray:
    """The voxels (z, y, x) of the cube that is shown, as many as there are pixels."""
    step = look.edge / PIXELS
    x, y, z = look.middle - (PIXELS - 1) / 2 * step
    return resample(volume, Grid((PIXELS,) * 3, (step,) * 3, (x, y, z)), "cubic").data


def _plain(data: np.ndarray) -> Volume:
    return Volume(np.ascontiguousarray(data), (1.0, 1.0, 1.0))


def _grey(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    low, high = window
    return np.repeat(np.clip((values - low) / max(high - low, 1e-12), 0, 1)[..., None], 3, axis=2)


def _in_ball(shape: tuple[int, ...]) -> np.ndarray:
    z, y, x = (np.arange(n) - n // 2 for n in shape)
    return x**2 + y[:, None] ** 2 + z[:, None, None] ** 2 <= (min(shape) / 2) ** 2
