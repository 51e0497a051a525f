"""A picture of the residues found in a map, seen from three directions; with a model, right ones beside wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cryotools.anchors.compare import RIGHT, UNJUDGED, WRONG_PLACE, WRONG_TYPE, ModelComparison
from cryotools.anchors.detected import Detection
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_VIEWS = {"z": (0, 1), "x": (1, 2), "y": (2, 0)}  # across and up
_PATH, _CHAIN = "0.55", "#4dac26"
_STYLES: dict[int, dict[str, Any]] = {
    UNJUDGED: {"marker": "o", "color": "#2166ac", "markersize": 4.5, "fillstyle": "none", "markeredgewidth": 0.8},
    RIGHT: {"marker": "o", "color": "#2166ac", "markersize": 4},
    WRONG_TYPE: {"marker": "x", "color": "#e08214", "markersize": 6, "markeredgewidth": 1.6},
    WRONG_PLACE: {"marker": "s", "color": "#d6301d", "markersize": 6, "fillstyle": "none", "markeredgewidth": 1.6},
}
_NAMES = {UNJUDGED: "not judged", RIGHT: "right", WRONG_TYPE: "of the wrong type", WRONG_PLACE: "in a wrong place"}
_WRONG = (WRONG_TYPE, WRONG_PLACE)


def draw_anchors(
    path: str, detection: Detection, which: np.ndarray, title: str, model: ModelComparison | None = None
) -> None:
    """Draw the map's projections down z, x and y, the paths found as lines and the residues `which` (k,) as dots.

    With a model, its Cα trace is green. A residue of the wrong type is an orange cross, one where the model has none a
    red square; what cannot be judged is a ring.
    """
    from matplotlib.figure import Figure

    residues = detection.residues
    verdict = np.full(len(which), RIGHT) if model is None else model.verdict[which]
    low, high = _region(detection, model)
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    for panel, (name, plane) in zip(figure.subplots(1, 3), _VIEWS.items(), strict=True):
        across, up = plane
        _shadow(panel, detection, across, up)
        if model is not None:
            _lines(panel, model.truth.ca[:, plane], model.truth.after, _CHAIN, 1.6)
        _lines(panel, residues.ca[:, plane], residues.after, _PATH, 0.8)
        for one, style in _STYLES.items():
            places = residues.ca[which[verdict == one]][:, plane]
            panel.plot(*places.T, linestyle="", zorder=3 + int(one in _WRONG), **style)
        panel.set(xlim=(low[across], high[across]), ylim=(low[up], high[up]), aspect="equal")
        panel.set_title(f"seen along {name}", fontsize=9)
        panel.tick_params(labelsize=7)
        panel.set_xlabel(f"{'xyz'[across]}, Å", fontsize=8)
        panel.set_ylabel(f"{'xyz'[up]}, Å", fontsize=8)
    marks = _marks(verdict, model is not None)
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _marks(verdict: np.ndarray, with_model: bool) -> list[Line2D]:
    """The legend, with the number of each mark."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=_PATH, label="paths found")]
    if not with_model:
        return [*lines, Line2D([], [], linestyle="", label=f"{len(verdict)} anchors", **_STYLES[RIGHT])]
    lines.append(Line2D([], [], color=_CHAIN, label="the model's chain"))
    counts = {one: int(np.sum(verdict == one)) for one in _STYLES}
    return lines + [
        Line2D([], [], linestyle="", label=f"{counts[one]} {_NAMES[one]}", **style)
        for one, style in _STYLES.items()
        if counts[one]
    ]


def _region(detection: Detection, model: ModelComparison | None) -> tuple[np.ndarray, np.ndarray]:
    """The corners (3,) of what is drawn, in Å."""
    places = detection.residues.ca if model is None else np.concatenate([detection.residues.ca, model.truth.ca])
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
