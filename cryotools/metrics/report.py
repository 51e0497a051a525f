"""A comparison as text, CSV and a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cryotools.metrics.compare import Comparison
from cryotools.metrics.fsc import ShellCorrelation
from cryotools.view.picture import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def scores_text(comparison: Comparison) -> str:
    """One score per line."""
    return "\n".join(f"{key:<24}{_shown(value)}" for key, value in comparison.scores().items())


def scores_csv_text(map_a: str, map_b: str, comparison: Comparison) -> str:
    """CSV: a header line and one row."""
    row = {"map_a": map_a, "map_b": map_b, **comparison.scores()}
    return _csv([list(row), ["" if value is None else value for value in row.values()]])


def fsc_csv_text(fsc: ShellCorrelation) -> str:
    """An FSC curve as CSV, one shell per row: frequency in 1/Å, resolution in Å, correlation (empty if undefined),
    number of coefficients.
    """
    rows = zip(fsc.frequency, 1 / fsc.frequency, fsc.correlation, fsc.count, strict=True)
    header = ["frequency_per_A", "resolution_A", "correlation", "n_coefficients"]
    return _csv([header, *([f"{f:.6g}", f"{r:.4g}", "" if c != c else f"{c:.6f}", int(n)] for f, r, c, n in rows)])


def plot_fsc(path: str, fsc: ShellCorrelation, title: str) -> None:
    """Draw an FSC curve with its 0.5 and 0.143 crossings."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    fsc_panel(axes, fsc)
    axes.set_title(title, fontsize=9)
    save_figure(figure, path)


def fsc_panel(axes: Axes, fsc: ShellCorrelation) -> None:
    """An FSC curve with its 0.5 and 0.143 crossings, as a part of a figure."""
    axes.plot(fsc.frequency, fsc.correlation, color="tab:blue")
    for threshold, colour in ((0.5, "tab:orange"), (0.143, "tab:green")):
        resolution = fsc.resolution_at(threshold)
        words = f"{threshold}: {resolution:.2f} Å" if resolution else f"{threshold}: not reached"
        axes.axhline(threshold, color=colour, linestyle="--", linewidth=1, label=words)
    axes.set(xlabel="spatial frequency, 1/Å", ylabel="Fourier shell correlation", ylim=(-0.2, 1.05))
    axes.legend(loc="lower left")


def _shown(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
