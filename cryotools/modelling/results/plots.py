"""A picture of a model: its trace over the map's projections, and confidence along its chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cryotools.modelling.build import BuiltModel
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VIEWS = {"z": (0, 1), "x": (1, 2), "y": (2, 0)}  # across and up
_SHOWN = 12  # chains


def draw_model(path: str, model: BuiltModel, title: str) -> None:
    """Draw the Cα trace from three directions over the map's projections, from red (uncertain) to blue, and below it
    the confidence along each chain.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(5, 3), squeeze=False)[:, 0]
    for panel, (name, plane) in zip(top.subplots(1, 3).flat, _VIEWS.items(), strict=True):
        _trace(panel, model, *plane)
        panel.set_title(f"seen along {name}", fontsize=9)
    _along(bottom.subplots(1, 1), model)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _trace(panel: Axes, model: BuiltModel, across: int, up: int) -> None:
    from matplotlib.collections import LineCollection

    volume = model.prepared
    along = ({0, 1, 2} - {across, up}).pop()
    flat = np.clip(volume.data, 0, 2).mean(axis=2 - along)
    if 2 - up > 2 - across:
        flat = flat.T
    low = np.array(volume.origin) - 0.5
    high = low + volume.data.shape[::-1]
    panel.imshow(
        flat,
        origin="lower",
        extent=(low[across], high[across], low[up], high[up]),
        cmap="Greys",
        vmax=1.8 * max(float(np.quantile(flat, 0.995)), 1e-6),
    )
    ca, begin = model.residues.ca, 0
    for plan in model.chains.values():
        place = ca[begin : begin + len(plan)][:, (across, up)]
        begin += len(plan)
        at = np.flatnonzero(plan.bonded)
        lines = LineCollection(list(np.stack([place[at], place[at + 1]], axis=1)), cmap="RdYlBu", linewidths=1.4)
        lines.set_array((plan.confidence[at] + plan.confidence[at + 1]) / 2)
        lines.set_clim(0, 1)
        if not plan.sequence:
            lines.set_linestyle("dotted")
        panel.add_collection(lines)
    panel.set(xlim=(ca[:, across].min() - 6, ca[:, across].max() + 6), aspect="equal")
    panel.set(ylim=(ca[:, up].min() - 6, ca[:, up].max() + 6))
    panel.set_xlabel(f"{'xyz'[across]}, Å", fontsize=8)
    panel.set_ylabel(f"{'xyz'[up]}, Å", fontsize=8)
    panel.tick_params(labelsize=7)


def _along(panel: Axes, model: BuiltModel) -> None:
    for row, (name, plan) in enumerate(list(model.chains.items())[:_SHOWN]):
        panel.scatter(
            plan.position + 1,
            np.full(len(plan), row),
            c=plan.confidence,
            cmap="RdYlBu",
            vmin=0,
            vmax=1,
            s=9,
            marker="s",
        )
        text = plan.sequence or "unknown"
        panel.annotate(f"{name}: {text[:24]}", (plan.position[-1] + 3, row), fontsize=7, va="center")
    panel.set(yticks=[], xlabel="residue number")
    panel.invert_yaxis()
    panel.set_title("confidence along chains, red (0) to blue (1)", fontsize=9)
    panel.margins(x=0.12)
