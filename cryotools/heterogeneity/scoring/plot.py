"""Pictures of scores: where the states lie in the latent space, and how well volumes agree with the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cryotools.heterogeneity.analysis.components import latent_components
from cryotools.heterogeneity.scoring.score import EnsembleScores
from cryotools.heterogeneity.scoring.volumes import VolumeScore
from cryotools.heterogeneity.truth import JUNK, Truth
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 10  # states with a colour and a name each
_DRAWN = 5000  # particles


def draw_scores(path: str, scores: EnsembleScores, latent: np.ndarray | None, title: str) -> None:
    """Draw places `latent` (n, q), if there are any, by their state or motion, and the FSC of images and states."""
    from matplotlib.figure import Figure

    panels = (latent is not None) + bool(scores.volumes)
    figure = Figure(figsize=(5.6 * panels, 4.6), layout="constrained")
    axes = list(np.ravel(figure.subplots(1, panels)))
    if latent is not None:
        _draw_places(axes[0], scores.truth, latent)
    if scores.volumes:
        _draw_curves(axes[-1], scores.volumes)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _draw_places(axes: Axes, truth: Truth, latent: np.ndarray) -> None:
    shown = np.arange(len(truth))
    if len(shown) > _DRAWN:
        shown = np.sort(np.random.default_rng(0).choice(shown, _DRAWN, replace=False))
    places = latent_components(latent).scores
    x, y = places[shown, 0], places[shown, 1] if places.shape[1] > 1 else np.zeros(len(shown))
    states = truth.states[shown]
    junk, known = states == JUNK, np.unique(states[states != JUNK])
    axes.scatter(x[junk], y[junk], s=4, color="lightgray", label="junk" if junk.any() else None)
    if truth.motion is None and len(known) <= _FEW:
        for state in known:
            axes.scatter(x[states == state], y[states == state], s=4, label=f"state {state}")
        axes.legend(markerscale=3, fontsize=8)
    else:
        values = states if truth.motion is None else truth.motion[shown]
        points = axes.scatter(x[~junk], y[~junk], s=4, c=values[~junk], cmap="viridis")
        axes.figure.colorbar(points, ax=axes, label="state" if truth.motion is None else "place on the motion")
    axes.set(xlabel="first principal component of z", ylabel="second principal component")


def _draw_curves(axes: Axes, scores: Sequence[VolumeScore]) -> None:
    for kind, colour, images in (("images", "tab:blue", True), ("states", "tab:orange", False)):
        some = [each for each in scores if (each.particle is not None) == images]
        curves = np.nan_to_num([each.masked_fsc.correlation for each in some])
        low, middle, high = np.quantile(curves, [0.1, 0.5, 0.9], axis=0)
        frequency = some[0].masked_fsc.frequency
        axes.plot(frequency, middle, color=colour, label=f"{kind}: median and 80 % of {len(some)}")
        axes.fill_between(frequency, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.axhline(0.5, color="gray", linestyle="--", linewidth=1)
    axes.set(xlabel="spatial frequency, 1/Å", ylabel="FSC with the true volume, masked", ylim=(-0.2, 1.05))
    axes.legend(loc="lower left", fontsize=8)
