"""A picture of the residues found in a map, seen from three directions; with a model, right ones beside wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryotools.anchors.detected import Detection
from cryotools.anchors.labels import ResidueTruth
from cryotools.metrics.detection import match_points
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VIEWS = {"z": (0, 1), "x": (1, 2), "y": (2, 0)}  # across and up
_WITHIN = 3.0  # Å
_SURE, _UNSURE, _WRONG, _CHAIN = "#2166ac", "0.6", "#d6301d", "#4dac26"


def draw_anchors(
    path: str, detection: Detection, which: np.ndarray, title: str, truth: ResidueTruth | None = None
) -> None:
    """Draw the map's projections down z, x and y, the paths found as lines and the residues `which` (k,) as dots.

    With the residues of a model, its Cα trace is green, and a residue that is not within 3 Å of a Cα of its type is a
    red cross.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    residues = detection.residues
    right = _right(detection, which, truth)
    low, high = _region(detection, truth)
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    for panel, (name, (across, up)) in zip(figure.subplots(1, 3), _VIEWS.items(), strict=True):
        _shadow(panel, detection, across, up)
        if truth is not None:
            _lines(panel, truth.ca[:, [across, up]], truth.after, _CHAIN, 1.6)
        _lines(panel, residues.ca[:, [across, up]], residues.after, _UNSURE, 0.8)
        places = residues.ca[which][:, [across, up]]
        panel.scatter(*places[right].T, s=14, color=_SURE, zorder=3)
        panel.scatter(*places[~right].T, s=26, color=_WRONG, marker="x", zorder=4)
        panel.set(xlim=(low[across], high[across]), ylim=(low[up], high[up]), aspect="equal")
        panel.set_title(f"seen along {name}", fontsize=9)
        panel.tick_params(labelsize=7)
        panel.set_xlabel(f"{'xyz'[across]}, Å", fontsize=8)
        panel.set_ylabel(f"{'xyz'[up]}, Å", fontsize=8)
    marks = [Line2D([], [], color=_UNSURE, label="paths found"), _dot("anchors" if truth is None else "right anchors")]
    if truth is not None:
        marks.append(Line2D([], [], color=_WRONG, marker="x", linestyle="", label="wrong place or type"))
        marks.append(Line2D([], [], color=_CHAIN, label="the model's chain"))
    figure.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _right(detection: Detection, which: np.ndarray, truth: ResidueTruth | None) -> np.ndarray:
    """Mask (k,) of the residues that a model does not contradict."""
    if truth is None:
        return np.ones(len(which), dtype=bool)
    right = np.zeros(len(which), dtype=bool)
    matching = match_points(detection.residues.ca[which], truth.ca, _WITHIN)
    right[matching.found] = detection.residues.amino[which][matching.found] == truth.amino[matching.truth]
    return right


def _region(detection: Detection, truth: ResidueTruth | None) -> tuple[np.ndarray, np.ndarray]:
    """The corners (3,) of what is drawn, in Å."""
    places = detection.residues.ca if truth is None else np.concatenate([detection.residues.ca, truth.ca])
    if not len(places):
        grid = detection.volume.grid
        return np.array(grid.origin), grid.index_to_world(np.array(grid.shape[::-1]) - 1)
    return places.min(axis=0) - 6, places.max(axis=0) + 6


def _shadow(panel: Axes, detection: Detection, across: int, up: int) -> None:
    """The projected density in grey."""
    volume, levels = detection.volume, detection.levels
    height = np.clip((volume.data - levels.background) / levels.strength, 0, 2)
    along = ({0, 1, 2} - {across, up}).pop()
    flat = height.mean(axis=2 - along)  # axes are the remaining two, in the order z, y, x
    if 2 - up > 2 - across:
        flat = flat.T
    steps = np.array(volume.voxel_size)
    low = np.array(volume.origin) - steps / 2
    high = low + steps * volume.data.shape[::-1]
    extent = (low[across], high[across], low[up], high[up])
    top = max(float(np.quantile(flat, 0.995)), 1e-6)
    panel.imshow(flat, origin="lower", extent=extent, cmap="Greys", vmin=0, vmax=1.8 * top, interpolation="bilinear")


def _lines(panel: Axes, places: np.ndarray, after: np.ndarray, colour: str, width: float) -> None:
    """Lines between bonded residues at places (n, 2)."""
    from matplotlib.collections import LineCollection

    bonded = np.flatnonzero(after >= 0)
    segments = np.stack([places[bonded], places[after[bonded]]], axis=1)
    panel.add_collection(LineCollection(list(segments), colors=colour, linewidths=width, zorder=2))


def _dot(label: str):  # type: ignore[no-untyped-def]
    from matplotlib.lines import Line2D

    return Line2D([], [], color=_SURE, marker="o", linestyle="", markersize=4, label=label)
