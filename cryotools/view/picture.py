"""Pictures of maps: a shaded surface, a projection and a central section, without a molecular viewer."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cryotools.core.errors import UsageError
from cryotools.core.files.output import atomic_path, check_output
from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume, shape_of
from cryotools.core.structures.structure import Structure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXELS = 260  # along the longest edge of a map
_LIGHT = np.array([-0.35, 0.35, 0.87])  # (x, y, z): from the upper left, on the viewer's side
_COLOUR = np.array([0.45, 0.65, 0.85])
_SURFACE_RANK = 0.99


def is_possible() -> bool:
    """True if matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def check_can_draw(path: str) -> None:
    """Check early that a picture can be drawn.

    Raises
    ------
    UsageError
        matplotlib is not installed, or `path` does not have the suffix of a picture.
    DataError
        The folder does not exist or is not writable.
    """
    if not is_possible():
        raise UsageError("pictures need matplotlib; pip install 'cryotools[plots]'")
    if not path.lower().endswith((".png", ".pdf", ".svg")):
        raise UsageError(f"{path}: end the picture's name in .png, .pdf or .svg")
    check_output(path)


def save_figure(figure: Figure, path: str) -> None:
    """Write a matplotlib figure atomically, in the format of its suffix."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.rsplit(".", 1)[1].lower(), dpi=130)


def draw_maps(path: str, maps: Mapping[str, Volume], structure: Structure | None = None) -> None:
    """Draw each of `maps` (name to volume) as a row of three views along z, with nearby atoms on the section.

    The surface is drawn at half the mean density at the atoms, or at ChimeraX's default level without a structure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.9 * len(maps)), layout="constrained")
    panels = figure.subplots(len(maps), 3, squeeze=False)
    for row, (name, volume) in zip(panels, maps.items(), strict=True):
        three_views(row, name, volume, structure)
    save_figure(figure, path)


def three_views(panels: Sequence[Axes], name: str, volume: Volume, structure: Structure | None = None) -> None:
    """Draw the surface, the maximum along z and the central section of a map; see `draw_maps`."""
    level = surface_level(volume, structure)
    fine = _fine(volume)
    z, extent = fine.grid.axis(2), _edges(fine.grid)
    middle = len(z) // 2
    panels[0].imshow(shaded_surface(fine, level), origin="lower", extent=extent)
    panels[1].imshow(fine.data.max(axis=0), origin="lower", extent=extent, cmap="gray")
    panels[2].imshow(fine.data[middle], origin="lower", extent=extent, cmap="gray")
    if structure is not None:
        near = np.abs(structure.xyz[:, 2] - z[middle]) < 1.5
        x, y = structure.xyz[near, :2].T
        panels[2].scatter(x, y, s=3, color="tab:orange", linewidths=0)
    titles = (f"{name}: surface at {level:.3g}", "maximum along z", f"section at z = {z[middle]:.1f} Å")
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title, fontsize=9)
        panel.set(xlabel="x, Å", ylabel="y, Å")


def draw_sections(path: str, titles: list[str], volumes: list[Volume], structures: list[Structure]) -> None:
    """Draw the central section of each volume with nearby atoms, four per row."""
    from matplotlib.figure import Figure

    rows = -(-len(volumes) // 4)
    figure = Figure(figsize=(12, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, 4, squeeze=False).ravel()
    for panel in panels[len(volumes) :]:
        panel.axis("off")
    for panel, title, volume, structure in zip(panels, titles, volumes, structures, strict=False):
        z = volume.grid.axis(2)
        middle = len(z) // 2
        panel.imshow(volume.data[middle], origin="lower", extent=_edges(volume.grid), cmap="gray")
        near = np.abs(structure.xyz[:, 2] - z[middle]) < 1.0
        panel.scatter(*structure.xyz[near, :2].T, s=2, color="tab:orange", linewidths=0)
        panel.set_title(title, fontsize=8)
        panel.axis("off")
    save_figure(figure, path)


def _edges(grid: Grid) -> tuple[float, float, float, float]:
    """Extent of a section of `grid` along x and y, Å: half a voxel beyond the outermost voxel centres."""
    (low_x, low_y), (step_x, step_y) = grid.origin[:2], grid.voxel_size[:2]
    columns, rows = grid.shape[2], grid.shape[1]
    return (
        low_x - step_x / 2,
        low_x + (columns - 0.5) * step_x,
        low_y - step_y / 2,
        low_y + (rows - 0.5) * step_y,
    )


def surface_level(volume: Volume, structure: Structure | None) -> float:
    """Contour level for the molecule: half the mean density at its atoms, or the level that 1 % of voxels exceed."""
    if structure is not None:
        inside = structure.xyz[volume.grid.contains(structure.xyz)]
        if len(inside):
            return 0.5 * float(volume.sample(inside).mean())
    return float(np.quantile(volume.data, _SURFACE_RANK))


def shaded_surface(volume: Volume, level: float) -> np.ndarray:
    """The surface of `volume` at `level` seen from +z, as RGB (ny, nx, 3) on white."""
    from scipy.ndimage import map_coordinates

    from_above = volume.data[::-1]
    solid = from_above >= level
    hit = solid.any(axis=0)
    depth = solid.argmax(axis=0)
    y, x = np.nonzero(hit)
    below = depth[y, x]
    above = np.maximum(below - 1, 0)
    inner, outer = from_above[below, y, x], from_above[above, y, x]
    step = np.divide(inner - level, inner - outer, out=np.zeros_like(inner), where=inner > outer)
    z = len(from_above) - 1 - (below - step)
    at = np.array([z, y, x], dtype=float)
    slopes = []
    for axis in (2, 1, 0):
        shift = np.zeros((3, 1))
        shift[axis] = 1.0
        slopes.append(
            map_coordinates(volume.data, at - shift, order=1) - map_coordinates(volume.data, at + shift, order=1)
        )
    normal = np.array(slopes)
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-12)
    nearness = (z - z.min()) / max(np.ptp(z), 1e-9) if len(z) else z
    light = np.clip(_LIGHT @ normal, 0, 1) * (0.55 + 0.45 * nearness) + 0.12
    picture = np.ones((*hit.shape, 3))
    picture[y, x] = np.clip(light[:, None] * _COLOUR * 1.35, 0, 1)
    return picture


def _fine(volume: Volume) -> Volume:
    """The volume resampled to cubic voxels small enough for a smooth picture."""
    spacing = max(volume.grid.size) / _PIXELS
    counts = [max(2, round(length / spacing)) for length in volume.grid.size]
    return resample(volume, Grid(shape_of(counts[::-1]), (spacing,) * 3, volume.origin), "cubic")
