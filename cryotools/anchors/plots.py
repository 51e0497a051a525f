"""Plots of how amino acids are taken for one another, and of how far confidence can be trusted."""

from __future__ import annotations

import os

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.score import BINS
from cryotools.metrics.detection import risk_coverage
from cryotools.view.picture import save_figure

_SHOWN = 0.1  # fractions from which a number is written


def draw_confusion(path: str | os.PathLike[str], counts: np.ndarray) -> None:
    """Draw a confusion matrix int (20, 20), true types in rows, as fractions of each true type."""
    from matplotlib.figure import Figure

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS))
    axes.set_yticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS))
    axes.set(xlabel="most probable type", ylabel="type in the model")
    for i, j in np.argwhere(share >= _SHOWN):
        colour = "w" if share[i, j] > 0.5 else "k"
        axes.text(j, i, f"{100 * share[i, j]:.0f}", ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(picture, label="fraction of the type")
    save_figure(figure, str(path))


def draw_confidence(path: str | os.PathLike[str], confidence: np.ndarray, right: np.ndarray) -> None:
    """Draw, for residues of a `confidence` (n,) that are `right` or not, bool (n,), the fraction right in each bin of
    confidence, and the fraction wrong among the most confident (the risk-coverage curve).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    reliability, risk = figure.subplots(1, 2)
    mean, fraction = reliability_bins(confidence, right)
    reliability.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    reliability.plot(mean, fraction, marker="o")
    reliability.set(xlabel="confidence", ylabel="fraction right", xlim=(0, 1), ylim=(0, 1))
    curve = risk_coverage(confidence, right)
    risk.plot(curve.coverage, curve.risk)
    risk.set(xlabel="fraction kept, the most confident first", ylabel="fraction wrong", xlim=(0, 1), ylim=(0, 1))
    for panel in (reliability, risk):
        panel.grid(alpha=0.3)
    save_figure(figure, str(path))


def reliability_bins(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence (k,) and fraction right (k,) of the bins with residues, of `bins` equal ones from 0 to 1."""
    confidence = np.asarray(confidence, dtype=np.float64)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    some = count > 0
    mean, fraction = (
        np.bincount(bin_of, weights=one, minlength=bins)[some] / count[some] for one in (confidence, right)
    )
    return mean, fraction
