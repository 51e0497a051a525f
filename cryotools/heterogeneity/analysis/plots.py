"""Charts of an analysis: particles in the latent space, components, the landscape of volumes, the losses."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from cryotools.heterogeneity.analysis.analyze import Analysis
from cryotools.heterogeneity.analysis.landscape import Landscape
from cryotools.heterogeneity.analysis.traversal import FROM, TO, Traversal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS = 20_000  # particles drawn one by one
_GREY = "#9aa3ad"
_WAYS = ("#ff7f0e", "#ff4d6d", "#e377c2", "#17becf", "#bcbd22")  # readable on viridis
_NO_CURVE = ("step", "epoch", "seconds")
_HELD_OUT = "held_out_"


def cluster_colours(count: int) -> list[str]:
    """Colours #rrggbb: neighbouring numbers have similar hues, of different lightness."""
    hues = np.linspace(0, 0.82, count)
    shades = [colorsys.hls_to_rgb(hue, (0.42, 0.58)[k % 2], 0.62) for k, hue in enumerate(hues)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]


def draw_latent(found: Analysis) -> Figure:
    """Density and clusters of the particles along the first two components, and in UMAP's plane if there is one."""
    from matplotlib.figure import Figure

    if found.latent.shape[1] == 1:
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        _histogram_of_clusters(figure.subplots(), found)
        return figure
    rows = [(found.components.scores[:, :2], ("PC 1", "PC 2"))]
    if found.umap is not None:
        rows.append((found.umap, ("UMAP 1", "UMAP 2")))
    figure = Figure(figsize=(12, 5.2 * len(rows)), layout="constrained")
    for (density, clusters), (places, names) in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
        _density(density, places, names)
        _cluster_dots(clusters, places, found, names)
        if names[0] == "PC 1":
            _ways(density, found)
    return figure


def draw_components(found: Analysis) -> Figure:
    """The variance along each component, and how particles are spread along those that are followed."""
    from matplotlib.figure import Figure

    followed = [name for name in found.trajectories if name.startswith("pc")]
    figure = Figure(figsize=(4 * (1 + len(followed)), 3.4), layout="constrained")
    shares, *panels = figure.subplots(1, 1 + len(followed), squeeze=False)[0]
    numbers = np.arange(1, len(found.components.shares) + 1)
    shares.bar(numbers, 100 * found.components.shares, color="#4878a8")
    shares.set(xlabel="component", ylabel="variance, %", xticks=numbers)
    for number, panel in enumerate(panels):
        scores = found.components.scores[:, number]
        panel.hist(scores, bins=60, color=_GREY)
        for edge in np.percentile(scores, (FROM, TO)):
            panel.axvline(edge, color="#c0392b", lw=1)
        panel.set(xlabel=f"PC {number + 1}", ylabel="particles")
    return figure


def draw_landscape(landscape: Landscape) -> Figure:
    """Particles and volumes along the first two components of volumes, and the tree that joins similar volumes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.6), layout="constrained")
    density, groups, tree = figure.subplots(1, 3, width_ratios=(1.15, 1, 1.2))
    shares = [f"volumes' PC {k + 1} ({100 * share:.0f} %)" for k, share in enumerate(landscape.shares[:2])]
    names = (shares[0], shares[1] if len(shares) > 1 else "")
    _density(density, landscape.places, names)
    colours = np.array(cluster_colours(len(landscape.typical)))
    counts = landscape.clusters.counts()
    for number, colour in enumerate(colours):
        one = landscape.conformation == number
        size = 20 + 400 * counts[one] / counts.max()
        x, y = landscape.scores[one, :2].T
        groups.scatter(x, y, s=size, color=colour, alpha=0.75, lw=0, label=f"{number + 1}")
        _tag(groups, landscape.scores[landscape.typical[number], :2], str(number + 1))
    groups.set(xlabel=names[0], ylabel=names[1], title=f"{len(counts)} volumes, {len(colours)} conformations")
    _draw_tree(tree, landscape, colours)
    return figure


def draw_learning(metrics: Mapping[str, list[float]]) -> Figure | None:
    """Each column of metrics.csv against the epoch, with that of held-out particles; None if there are none."""
    from matplotlib.figure import Figure

    plain = [name for name in metrics if name not in _NO_CURVE and not name.startswith(_HELD_OUT)]
    x = "epoch" if "epoch" in metrics else "step"
    if not plain or x not in metrics:
        return None
    figure = Figure(figsize=(4.6 * min(len(plain), 3), 3.3 * -(-len(plain) // 3)), layout="constrained")
    panels = figure.subplots(-(-len(plain) // 3), min(len(plain), 3), squeeze=False).ravel()
    for panel, name in zip(panels, plain, strict=False):
        panel.plot(metrics[x], metrics[name], marker=".", label="particles trained on")
        for column in held_out_of(name, metrics):
            panel.plot(metrics[x], metrics[column], marker=".", label="held-out particles")
        panel.set(title=name.replace("_", " "), xlabel=x)
        panel.grid(alpha=0.3)
        if held_out_of(name, metrics):
            panel.legend(fontsize=8)
    for panel in panels[len(plain) :]:
        panel.axis("off")
    return figure


def held_out_of(name: str, columns: Iterable[str]) -> list[str]:
    """The columns that tell of held-out particles what `name` tells of the others: held_out_error of squared_error."""
    return [
        column
        for column in columns
        if column.startswith(_HELD_OUT) and f"_{name}".endswith(f"_{column.removeprefix(_HELD_OUT)}")
    ]


def png_of_figure(figure: Figure) -> bytes:
    """A figure as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _density(panel: Axes, places: np.ndarray, names: tuple[str, str]) -> None:
    if len(places) < 200:
        x, y = places.T
        panel.scatter(x, y, s=14, color=_GREY, lw=0)
    else:
        cells = int(np.clip(np.sqrt(len(places)) / 1.5, 20, 80))
        drawn = panel.hexbin(*places.T, gridsize=cells, bins="log", mincnt=1, cmap="viridis", linewidths=0)
        panel.figure.colorbar(drawn, ax=panel, label="particles per cell", shrink=0.8)
    panel.set(xlabel=names[0], ylabel=names[1], title="all particles")


def _cluster_dots(panel: Axes, places: np.ndarray, found: Analysis, names: tuple[str, str]) -> None:
    colours = np.array(cluster_colours(len(found.clusters)))
    some = np.random.default_rng(0).permutation(len(places))[:_DOTS]
    size = float(np.clip(20_000 / len(some), 2, 14))
    x, y = places[some].T
    panel.scatter(x, y, s=size, c=colours[found.clusters.labels[some]], lw=0, rasterized=True)
    for number, particle in enumerate(found.clusters.representatives):
        _tag(panel, places[particle], str(number + 1))
    panel.set(xlabel=names[0], ylabel=names[1], title="clusters, and the particle that stands for each")


def _ways(panel: Axes, found: Analysis) -> None:
    """The trajectories, seen along the first two components."""
    for (name, way), colour in zip(found.trajectories.items(), _WAYS, strict=False):
        x, y = _projected(way, found).T
        panel.plot(x, y, label=name, color="white" if name == "path" else colour, lw=1.3, marker="o", ms=3.5)
    panel.legend(fontsize=8, facecolor="#444444", labelcolor="white", framealpha=0.8)


def _projected(way: Traversal, found: Analysis) -> np.ndarray:
    return (way.places - found.components.mean) @ found.components.directions[:2].T


def _histogram_of_clusters(panel: Axes, found: Analysis) -> None:
    z, colours = found.latent[:, 0], cluster_colours(len(found.clusters))
    parts = [z[found.clusters.labels == number] for number in range(len(colours))]
    panel.hist(parts, bins=80, stacked=True, color=colours)
    for number, centre in enumerate(found.clusters.centres[:, 0]):
        panel.annotate(
            str(number + 1), (centre, 0), xytext=(0, -3), textcoords="offset points", ha="center", va="top", fontsize=7
        )
    panel.tick_params(axis="x", pad=12)
    panel.set(xlabel="z", ylabel="particles", title="particles, coloured by cluster")


def _tag(panel: Axes, at: np.ndarray, text: str) -> None:
    panel.annotate(
        text,
        tuple(at),
        ha="center",
        va="center",
        fontsize=8,
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "#444444", "lw": 0.6, "alpha": 0.85},
    )


def _draw_tree(panel: Axes, landscape: Landscape, colours: np.ndarray) -> None:
    tree = dendrogram(landscape.tree, no_plot=True)
    leaf = landscape.conformation[np.array(tree["leaves"])]
    for x, y in zip(tree["icoord"], tree["dcoord"], strict=True):
        below = leaf[int(x[0] // 10) : int(x[2] // 10) + 1]
        panel.plot(x, y, lw=1, color=colours[below[0]] if (below == below[0]).all() else "#555555")
    panel.set(xticks=[], xlabel="volumes", ylabel="root-mean-square difference", title="similar volumes joined")
    panel.set_ylim(bottom=0)
