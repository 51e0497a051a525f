"""A picture of an annotation: helices, sheets and nucleotides over a projection of the map, from three directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.compute.tiles import bounding_box
from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume
from cryotools.sse.output import CONTOUR
from cryotools.sse.predict import Annotation
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RGB = {HELIX: (0.86, 0.10, 0.10), SHEET: (0.10, 0.25, 0.85), NUCLEOTIDE: (1.0, 0.60, 0.05)}
_PIXELS = 240  # along the longest edge
_DARKEST, _GAMMA = 0.55, 0.8  # of the projection: 1 is black; a gamma below 1 brings out weak density
_LIGHT = np.array([-0.45, 0.45, 0.77])  # right, up, towards the viewer: light from the upper left
_OUTLINE = 0.25  # how dark the edge of a surface is in front of another
_BARS = (5, 10, 20, 50, 100, 200, 500)  # Å
_MARGIN = 6.0  # Å around the drawn region

# array axes (depth towards the viewer, up, right) of right-handed views along z, x and y
_VIEWS = {"z": (0, 1, 2), "x": (2, 0, 1), "y": (1, 2, 0)}


def draw_annotation(path: str, annotation: Annotation, title: str) -> None:
    """Draw the classes as shaded surfaces over the projected map, viewed down the z, x and y axes.

    A voxel belongs to its most probable class. The box is cropped to classified voxels and those above the contour.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    density, labels = _fine(annotation)
    shapes = [(density.data.shape[up], density.data.shape[right]) for _, up, right in _VIEWS.values()]
    widths = [right / up for up, right in shapes]
    figure = Figure(figsize=(4.2 * sum(widths) / max(max(widths), 1) + 0.6, 5.2), layout="constrained")
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": [right for _, right in shapes]})
    for panel, (name, axes) in zip(panels, _VIEWS.items(), strict=True):
        picture = _look(density.data.transpose(axes), labels.transpose(axes))
        panel.imshow(picture, origin="lower", interpolation="bilinear")
        panel.set_title(f"seen along {name}", fontsize=9)
        panel.axis("off")
    _scale_bar(panels[0], density.voxel_size[0], density.data.shape[2])
    patches = [Patch(color=_RGB[which], label=CLASS_NAMES[which]) for which in _RGB]
    patches.append(Patch(color="0.7", label="map, projected"))
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _fine(annotation: Annotation) -> tuple[Volume, np.ndarray]:
    """The map in units of its molecule density, and the classes, uint8, on cubic voxels about the size of a pixel."""
    levels, whole = annotation.levels, annotation.volume
    shown = (whole.data > levels.background + CONTOUR * levels.strength) | (annotation.labels != OTHER)
    box = bounding_box(shown) or tuple(slice(n) for n in whole.data.shape)
    ends = [[part.start or 0 for part in box[::-1]], [part.stop - 1 for part in box[::-1]]]
    low, high = (whole.grid.index_to_world(np.array(end)) for end in ends)
    length = high - low + 2 * _MARGIN
    spacing = float(length.max()) / _PIXELS
    counts = np.maximum(2, np.rint(length / spacing)).astype(int)
    grid = Grid(tuple(counts[::-1].tolist()), (spacing,) * 3, tuple((low - _MARGIN).tolist()))
    height = whole.with_data((whole.data - np.float32(levels.background)) / np.float32(levels.strength))
    density = resample(height, grid, "linear")  # 0 outside the box, like the background
    best = np.zeros(grid.shape, dtype=np.float32)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for which, probability in enumerate(annotation.probabilities):
        values = resample(whole.with_data(probability), grid, "linear").data
        labels[values > best] = which
        np.maximum(values, best, out=best)
    return density, labels


def _look(density: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """RGB (up, right, 3) of arrays (depth, up, right), viewed from the last depth."""
    shadow = np.clip(density, 0, 2).mean(axis=0)
    shadow = np.clip(shadow / max(float(np.quantile(shadow, 0.995)), 1e-6), 0, 1) ** _GAMMA
    picture = np.repeat(1 - _DARKEST * shadow[..., None], 3, axis=2)
    bodies = labels[::-1] != OTHER
    hit = bodies.any(axis=0)
    if not hit.any():
        return picture
    depth = len(labels) - 1 - bodies.argmax(axis=0)
    which = np.take_along_axis(labels, depth[None], axis=0)[0]
    light = _lit(depth.astype(float), hit)
    for one, colour in _RGB.items():
        mine = hit & (which == one)
        picture[mine] = light[mine, None] * np.array(colour) + np.clip(light[mine, None] - 1, 0, 1)
    return np.clip(picture, 0, 1)


def _lit(depth: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Brightness of each pixel of a surface, from its slope and depth; darker beside the edge of a nearer surface."""
    weight = gaussian_filter(hit.astype(float), 1.5)
    smooth = gaussian_filter(np.where(hit, depth, 0), 1.5) / np.maximum(weight, 1e-6)
    up, right = np.gradient(smooth)
    normal = np.stack([-right, -up, np.ones_like(up)])
    normal /= np.linalg.norm(normal, axis=0)
    slope = np.clip(np.tensordot(_LIGHT, normal, axes=1), 0, 1)
    near = (depth - depth[hit].min()) / max(float(np.ptp(depth[hit])), 1.0)
    behind = np.clip(
        (gaussian_filter(np.where(hit, depth, 0), 3) / np.maximum(gaussian_filter(hit * 1.0, 3), 1e-6) - depth) / 10,
        0,
        1,
    )
    return (0.45 + 0.65 * slope) * (0.65 + 0.35 * near) * (1 - _OUTLINE * behind)


def _scale_bar(panel: Axes, spacing: float, width: int) -> None:
    """A scale bar of a round length, up to a third of the panel, in its lower left corner."""
    fitting = [length for length in _BARS if length <= width * spacing / 3]
    length = fitting[-1] if fitting else _BARS[0]
    panel.plot([2, 2 + length / spacing], [2, 2], color="black", linewidth=3, solid_capstyle="butt")
    panel.text(2, 6, f"{length} Å", fontsize=8, va="bottom")
