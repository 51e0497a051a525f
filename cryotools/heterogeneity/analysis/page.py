"""The page of an analysis: one HTML file with everything in it, which needs no network."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from cryotools.heterogeneity.analysis.analyze import Analysis
from cryotools.heterogeneity.analysis.pagestyle import SCRIPT, STYLE
from cryotools.heterogeneity.analysis.pictures import Look
from cryotools.heterogeneity.analysis.plots import cluster_colours
from cryotools.heterogeneity.analysis.traversal import FROM, TO
from cryotools.heterogeneity.ensemble import LATENT, EnsembleRun

_DISTINCT = 0.7  # mean silhouette; the halves of an evenly filled line have 0.63


@dataclass(frozen=True)
class Gallery:
    """What the page shows.

    Attributes
    ----------
    folder : of the analysis
    charts : PNG by file name
    strips : a PNG for each volume, by kind
    films : a PNG for each trajectory
    metrics : of the training, empty if there are none
    look : how the volumes are seen
    written : whether the volumes are files in `folder`, too
    """

    folder: Path
    charts: Mapping[str, bytes]
    strips: Mapping[str, list[bytes]]
    films: Mapping[str, bytes]
    metrics: Mapping[str, list[float]]
    look: Look
    written: bool


def page_text(run: EnsembleRun, found: Analysis, gallery: Gallery) -> str:
    """The page as HTML."""
    sections = {
        "summary": ("Summary", _summary(run, found)),
        "latent": ("Latent space", _latent(found, gallery)),
        "clusters": ("Volumes of clusters", _clusters(found, gallery)),
        "trajectories": ("Trajectories", _trajectories(found, gallery)),
        "landscape": ("Landscape of volumes", _landscape(found, gallery)),
        "learning": ("Course of training", _learning(gallery)),
        "next": ("How to go on", _next(run, found, gallery)),
    }
    there = {key: (title, body) for key, (title, body) in sections.items() if body}
    links = "".join(f'<a href="#{key}">{title}</a>' for key, (title, _) in there.items())
    bodies = "".join(f'<section id="{key}"><h2>{title}</h2>{body}</section>\n' for key, (title, body) in there.items())
    name = escape(run.folder.name or str(run.folder))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{name}: analysis</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{name}</h1><p>{len(found.latent):,} particles in a latent space of {run.zdim} "
        f"dimension{'s' if run.zdim > 1 else ''}; volumes of {run.box} voxels of {run.voxel_size:.4g} Å</p></header>\n"
        f"<nav>{links}</nav>\n<main>\n{bodies}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _summary(run: EnsembleRun, found: Analysis) -> str:
    counts = found.clusters.counts()
    tiles = {
        f"{len(found.latent):,}": "particles",
        f"{len(counts)}": f"clusters of {counts.min():,} to {counts.max():,} particles",
    }
    if run.zdim > 1:
        tiles[f"{100 * found.components.shares[0]:.0f} %"] = "of the latent variance along PC 1"
    if found.landscape is not None:
        tiles[f"{len(found.landscape.typical)}"] = f"conformations among {len(found.landscape.scores)} volumes"
        tiles[f"{found.landscape.separation:.2f}"] = f"separation of them: {_verdict(found.landscape.separation)}"
    boxes = "".join(f"<div><b>{value}</b>{words}</div>" for value, words in tiles.items())
    return (
        f'<div class="figures">{boxes}</div>'
        "<p>Each particle has a place in the latent space, and each place a volume. Look at volumes, not at the shape "
        "of the cloud: separate clouds may hold equal volumes, and one cloud a continuous motion. Small, dim or "
        "featureless clusters are often damaged particles, empty images or false picks; leave them out and train "
        "again.</p>"
    )


def _verdict(separation: float) -> str:
    return "distinct groups" if separation >= _DISTINCT else "no clear gap"


def _latent(found: Analysis, gallery: Gallery) -> str:
    numbered = "Clusters are by k-means, numbered so that neighbouring numbers are near each other."
    if found.latent.shape[1] == 1:
        return f"<p>{numbered}</p>{_chart(gallery, 'latent.png', 'histogram of the particles')}"
    words = f"Principal components (PC) of the latent space, with the ways that the trajectories take. {numbered}"
    if found.umap is not None:
        words += " In UMAP's plane, near particles stay near; distances between groups and their sizes mean little."
    return (
        f"<p>{words}</p>"
        f"{_chart(gallery, 'latent.png', 'particles in the latent space')}"
        f"{_chart(gallery, 'components.png', 'variance and histograms of the principal components')}"
    )


def _clusters(found: Analysis, gallery: Gallery) -> str:
    counts, cards, look = found.clusters.counts(), [], gallery.look
    for number, (strip, colour) in enumerate(zip(gallery.strips["cluster"], cluster_colours(len(counts)), strict=True)):
        share = counts[number] / counts.sum()
        title = (
            f'<i class="dot" style="background:{colour}"></i>Cluster {number + 1} <span>{counts[number]:,} particles '
            f"({100 * share:.1f} %), volume of particle {found.rows[found.clusters.representatives[number]]}</span>"
        )
        cards.append(_card(title, strip, f"cluster {number + 1}", colour, counts[number] / counts.max(), look))
    return (
        f"<p>The volume of the particle nearest to each centre. All pictures are {look.edge:.0f} Å wide, with one "
        f"surface level ({look.level:.3g}) and one grey scale: seen along {look.views[0]}, along which volumes differ "
        f"most, then from the side along {look.views[1]}, then projected and cut through the middle along "
        f"{look.views[0]}.</p>"
        f'<div class="cards">{"".join(cards)}</div>'
    )


def _card(title: str, strip: bytes, name: str, colour: str, share: float, look: Look) -> str:
    return (
        f'<div class="card"><h3>{title}</h3><div class="bar"><i style="width:{100 * share:.1f}%;background:{colour}">'
        f"</i></div>{_picture(strip, f'volume of {name}', 'strip')}{_panel_names(look)}</div>"
    )


def _trajectories(found: Analysis, gallery: Gallery) -> str:
    movies = []
    for name, way in found.trajectories.items():
        moved = int((way.particles >= 0).sum())
        if name == "path":
            passed = found.rows[way.particles]
            title = f"From particle to particle <span>{passed[0]} to {passed[-1]}, along neighbours</span>"
            said = [f"{at + 1} of {len(way)}: particle {particle}" for at, particle in enumerate(passed)]
        else:
            share = found.components.shares[int(name.removeprefix("pc")) - 1]
            title = f"PC {name.removeprefix('pc')} <span>{100 * share:.1f} % of the latent variance"
            title += f"; {moved} of {len(way)} places taken from the nearest particle</span>" if moved else "</span>"
            percents = np.linspace(FROM, TO, len(way))
            said = [f"{at + 1} of {len(way)}: {percent:.0f}th percentile" for at, percent in enumerate(percents)]
        movies.append(_movie(title, name, gallery, said))
    return (
        f"<p>Volumes along each principal component, from the {FROM}th to the {TO}th percentile of the particles "
        "with all other components at the mean; where no particles are, the nearest one is taken instead. The way "
        "from particle to particle leads over near neighbours, so it stays where particles are, around any hole.</p>"
        + "".join(movies)
    )


def _movie(title: str, name: str, gallery: Gallery, said: list[str]) -> str:
    frames = "".join(
        f'<div class="frame" data-said="{escape(words)}">{_picture(strip, f"{name}, {words}", "strip")}</div>'
        for strip, words in zip(gallery.strips[name], said, strict=True)
    )
    return (
        f'<div class="movie"><h3>{title}</h3>{frames}{_panel_names(gallery.look)}<div class="controls">'
        f'<button type="button">Play</button>'
        f'<input type="range" min="0" max="{len(said) - 1}" value="0" aria-label="step of {name}"><output>'
        f"</output></div>{_picture(gallery.films[name], f'{name}, all steps', 'film')}</div>"
    )


def _landscape(found: Analysis, gallery: Gallery) -> str:
    if found.landscape is None:
        return ""
    land, counts = found.landscape, found.landscape.counts()
    cards = []
    for number, (strip, colour) in enumerate(
        zip(gallery.strips["conformation"], cluster_colours(len(counts)), strict=True)
    ):
        title = (
            f'<i class="dot" style="background:{colour}"></i>Conformation {number + 1} '
            f"<span>{counts[number]:,} particles ({100 * counts[number] / counts.sum():.1f} %), "
            f"{(land.conformation == number).sum()} volumes</span>"
        )
        cards.append(
            _card(title, strip, f"conformation {number + 1}", colour, counts[number] / counts.max(), gallery.look)
        )
    return (
        f"<p>{len(land.scores)} volumes, spread over the latent space, compared with one another where the molecule is "
        f"({land.mask.sum():,} voxels of {land.mask.size:,}). Volumes that are alike are joined to conformations, "
        "whatever their latent numbers, and every particle has that of the volume nearest to it. The separation (mean "
        f"silhouette) is {land.separation:.2f}: {_verdict(land.separation)}. Above {_DISTINCT} groups are distinct; "
        "below, they may as well be parts of a continuum.</p>"
        f"{_chart(gallery, 'landscape.png', 'particles and volumes along the principal components of volumes')}"
        f'<p>The volume of each conformation that is most like the others of it:</p><div class="cards">'
        f"{''.join(cards)}</div>"
    )


def _learning(gallery: Gallery) -> str:
    words, errors = "", gallery.metrics.get("held_out_error", [])
    if errors and "epoch" in gallery.metrics:
        best, epochs = int(np.argmin(errors)), gallery.metrics["epoch"]
        advice = "it was still falling" if best == len(errors) - 1 else "training longer did not make it better"
        words = (
            f"<p>The error of particles that were not trained on is lowest, {errors[best]:.4g}, after epoch "
            f"{epochs[best]:.0f} of {epochs[-1]:.0f}: {advice}.</p>"
        )
    chart = _chart(gallery, "learning.png", "curves of the losses")
    return words + chart if chart else ""


def _next(run: EnsembleRun, found: Analysis, gallery: Gallery) -> str:
    folder, source = shlex.quote(str(gallery.folder)), shlex.quote(str(run.folder))
    particles = shlex.quote(_particles(run.folder))
    kept = f"kept{Path(_particles(run.folder)).suffix}"
    small = int(found.clusters.counts().argmin()) + 1
    typical = found.clusters.representatives[0]
    place = ",".join(f"{each:.3g}" for each in found.latent[typical])
    ends = found.rows[found.trajectories["path"].particles[[0, -1]] if "path" in found.trajectories else [0, 1]]
    filtering = f"cryotools filter-particles {particles} {kept}"
    blocks = {
        "Particles of some clusters (a range of their numbers), or all others, for RELION or cryoSPARC:": [
            f"{filtering} --rows {folder}/clusters.csv --where cluster=1:{max(1, len(found.clusters) // 4)}",
            f"{filtering} --rows {folder}/clusters.csv --where cluster={small} --exclude",
        ],
        "Particles by their place along a principal component or a latent dimension:": [
            f"{filtering} --rows {folder}/components.csv --where pc_1=0:",
            *([f"{filtering} --rows {source} --where z_1=-1:1"] if (run.folder / LATENT).exists() else []),
        ],
        "The volume of a particle, or of any place:": [
            f"cryotools eval-drgn {source} volume.mrc --particle {found.rows[typical]}",
            f"cryotools eval-drgn {source} volume.mrc --z={place}",
        ],
        "Another way from particle to particle, with more steps:": [
            f"cryotools analyze-drgn {source} {folder} --path {ends[0]},{ends[1]} --steps 20"
        ],
    }
    if found.landscape is not None:
        blocks["Particles of one conformation:"] = [f"{filtering} --rows {folder}/landscape.csv --where conformation=1"]
    if gallery.written:
        blocks["All volumes in ChimeraX, with the trajectories as series:"] = [f"chimerax {folder}/volumes.cxc"]
    return "".join(
        f"<p>{words}</p><pre><code>{escape(chr(10).join(lines))}</code></pre>" for words, lines in blocks.items()
    )


def _particles(folder: Path) -> str:
    """The metadata file of the run, if it is one that filter-particles takes."""
    try:
        name = str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["particles"])
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    return name if name.lower().endswith((".star", ".cs")) else "particles.star"


def _chart(gallery: Gallery, name: str, words: str) -> str:
    return _picture(gallery.charts[name], words, "chart") if name in gallery.charts else ""


def _picture(content: bytes, words: str, kind: str) -> str:
    data = base64.b64encode(content).decode("ascii")
    return f'<img class="{kind}" alt="{escape(words)}" src="data:image/png;base64,{data}">'


def _panel_names(look: Look) -> str:
    return f'<div class="panels">{"".join(f"<span>{name}</span>" for name in look.panels())}</div>'
