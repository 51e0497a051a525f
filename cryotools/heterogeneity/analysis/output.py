"""The files of an analysis: tables, volumes, charts, a script for ChimeraX and a page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.output import atomic_path, check_output, output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.analysis.analyze import Analysis
from cryotools.heterogeneity.analysis.page import Gallery, page_text
from cryotools.heterogeneity.analysis.pictures import film_of, look_at, png_of_pixels, volume_strip
from cryotools.heterogeneity.analysis.plots import (
    cluster_colours,
    draw_components,
    draw_landscape,
    draw_latent,
    draw_learning,
    png_of_figure,
)
from cryotools.heterogeneity.analysis.tables import CLUSTER, CONFORMATION, tables_of
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.fourier import VOLUME, fourier_crop, map_grid
from cryotools.training.plot import read_metrics
from cryotools.view.chimerax import ChimeraxScript
from cryotools.view.picture import is_possible, surface_level

SUMMARY, PAGE, SCRIPT = "analysis.json", "report.html", "volumes.cxc"
_VOLUMES = "volumes"
_SMALL = 64  # voxels along an edge of the volumes that pictures show


@dataclass(frozen=True)
class AnalysisFiles:
    """Where an analysis is written: the folder, the volumes' box (None: the run's; 0: none are written) and their label
    in the header.
    """

    folder: Path
    box: int | None = None
    label: str = "cryotools analyze-drgn"

    def check(self, run: EnsembleRun) -> None:
        """Check early that the files can be written.

        Raises
        ------
        DataError
            The folder can neither be written to nor made.
        UsageError
            The box does not fit the run.
        """
        check_output((self.folder if self.folder.is_dir() else self.folder.parent) / SUMMARY)
        if self.box:
            run.check_box(self.box)


def write_analysis(
    files: AnalysisFiles, run: EnsembleRun, found: Analysis, progress: Progress | None = None
) -> list[str]:
    """Write all files of an analysis, or none; returns their names relative to the folder, analysis.json the last.

    Volumes that an earlier analysis left in the same folder, and this one does not make, are removed.

    Raises
    ------
    DataError
        A file cannot be written, or a volume is not finite.
    UsageError
        The box does not fit the run.
    """
    progress = progress or NoProgress()
    before = _earlier(files.folder)
    made = _make_folders(files)
    try:
        with output_set():
            names = [*_write_tables(files.folder, found)]
            small = {}
            for kind, places in places_of(found).items():
                progress.start(len(places), f"volumes: {kind}")
                small[kind] = list(_write_volumes(files, run, kind, places, names, progress))
            level = surface_level(_mean(small[CLUSTER]), None)
            if files.box != 0:
                write_text(files.folder / SCRIPT, chimerax_text(files.folder, small, level))
                names.append(SCRIPT)
            if is_possible():
                names += _write_pictures(files, run, found, small)
            names.append(SUMMARY)
            write_text(files.folder / SUMMARY, json.dumps(analysis_summary(run, found, names), indent=1) + "\n")
    except BaseException:
        for folder in reversed(made):
            folder.rmdir()
        raise
    for name in set(before) - set(names):
        (files.folder / name).unlink(missing_ok=True)
    if files.box == 0:
        with suppress(OSError):  # has other files, or is not there
            (files.folder / _VOLUMES).rmdir()
    return names


def places_of(found: Analysis) -> dict[str, np.ndarray]:
    """The places (m, q) in the latent space of all volumes, by the kind that begins their names."""
    places = {CLUSTER: found.latent[found.clusters.representatives]}
    places |= {name: way.places for name, way in found.trajectories.items()}
    if found.landscape is not None:
        typical = found.landscape.clusters.representatives[found.landscape.typical]
        places[CONFORMATION] = found.latent[typical]
    return places


def volume_name(kind: str, number: int) -> str:
    """The file of a volume of an analysis, relative to its folder; numbers count from 0, in names from 1."""
    return f"{_VOLUMES}/{kind}_{number + 1:02d}.mrc"


def analysis_summary(run: EnsembleRun, found: Analysis, names: list[str]) -> dict[str, object]:
    """What was found, in a few numbers."""
    told: dict[str, object] = {
        "run": os.fspath(run.folder),
        "n_particles": len(found.latent),
        "zdim": run.zdim,
        "n_clusters": len(found.clusters),
        "smallest_cluster": int(found.clusters.counts().min()),
        "largest_cluster": int(found.clusters.counts().max()),
        "variance_shares": [round(float(share), 4) for share in found.components.shares],
    }
    if found.landscape is not None:
        told |= {
            "n_conformations": len(found.landscape.typical),
            "conformations": found.landscape.counts().tolist(),
            "separation": round(found.landscape.separation, 4),
        }
    return {**told, "files": list(names)}


def chimerax_text(folder: Path, small: dict[str, list[Volume]], level: float) -> str:
    """A script that opens the volumes of all clusters, and a series of volumes for each trajectory."""
    script = ChimeraxScript(folder / SCRIPT)
    script.add("# The volumes of all clusters, the first of them shown; the others: show #2 models, and so on.")
    colours = cluster_colours(len(small[CLUSTER]))
    for number, colour in enumerate(colours):
        model = script.open(folder / volume_name(CLUSTER, number))
        script.surface(model, level, colour)
    script.add(f"hide #1-{len(colours)} models", "show #1 models")
    for kind in (kind for kind in small if kind not in (CLUSTER, CONFORMATION)):
        script.add(f"# The way {kind} as a series; play it again with: vseries play MODEL loop true")
        model = script.open_series(kind, [folder / volume_name(kind, number) for number in range(len(small[kind]))])
        script.surface(model, level, "#7db0e8")
        script.add(f"hide {model} models" if kind != "path" else f"vseries play {model} loop true maxFrameRate 5")
    if "path" in small:
        script.add("hide #1 models")
    return script.text()


def _write_tables(folder: Path, found: Analysis) -> Iterator[str]:
    for name, rows in tables_of(found).items():
        if rows:
            write_text(folder / f"{name}.csv", csv_text(list(rows[0]), rows, digits=5))
            yield f"{name}.csv"


def _write_volumes(
    files: AnalysisFiles, run: EnsembleRun, kind: str, places: np.ndarray, names: list[str], progress: Progress
) -> Iterator[Volume]:
    """Write the volumes of a kind, add their names, and yield them reduced to what pictures need."""
    small = min(_SMALL, (files.box or run.box) // 2 * 2)
    for number, place in enumerate(places):
        if files.box == 0:
            volume = run.volume_of_box(place, small)
        else:
            volume = run.volume_of_box(place, files.box) if files.box else run.volume(place)
            name = volume_name(kind, number)
            write_map(files.folder / name, volume, label=files.label)
            names.append(name)
        progress.advance()
        yield _reduced(volume, small)


def _reduced(volume: Volume, box: int) -> Volume:
    full = len(volume.data)
    if full == box:
        return volume
    data = fourier_crop(volume.data, box, VOLUME)
    return Volume.on(map_grid(box, volume.voxel_size[0] * full / box), np.ascontiguousarray(data, dtype=np.float32))


def _mean(volumes: list[Volume]) -> Volume:
    return volumes[0].with_data(np.mean([volume.data for volume in volumes], axis=0))


def _write_pictures(
    files: AnalysisFiles, run: EnsembleRun, found: Analysis, small: dict[str, list[Volume]]
) -> Iterator[str]:
    figures = {"latent.png": draw_latent(found)}
    if run.zdim > 1:
        figures["components.png"] = draw_components(found)
    if found.landscape is not None:
        figures["landscape.png"] = draw_landscape(found.landscape)
    metrics = _metrics(run.folder)
    learning = draw_learning(metrics)
    if learning is not None:
        figures["learning.png"] = learning
    charts = {name: png_of_figure(figure) for name, figure in figures.items()}
    look = look_at([volume for volumes in small.values() for volume in volumes])
    pixels = {kind: [volume_strip(each, look) for each in volumes] for kind, volumes in small.items()}
    strips = {kind: [png_of_pixels(each) for each in parts] for kind, parts in pixels.items()}
    films = {kind: png_of_pixels(film_of(pixels[kind])) for kind in found.trajectories}
    for name, content in charts.items():
        with atomic_path(files.folder / name) as temporary:
            temporary.write_bytes(content)
        yield name
    gallery = Gallery(files.folder, charts, strips, films, metrics, look, files.box != 0)
    write_text(files.folder / PAGE, page_text(run, found, gallery))
    yield PAGE


def _metrics(folder: Path) -> dict[str, list[float]]:
    """The record of the training; empty if there is none."""
    try:
        return read_metrics(folder / "metrics.csv")
    except DataError:
        return {}


def _make_folders(files: AnalysisFiles) -> list[Path]:
    """Make the folders that are missing; returns them."""
    wanted = [files.folder, *([files.folder / _VOLUMES] if files.box != 0 else [])]
    missing = [folder for folder in wanted if not folder.exists()]
    for folder in missing:
        try:
            folder.mkdir()
        except OSError as error:
            raise DataError(f"{folder}: cannot be made: {error.strerror}") from error
    return missing


def _earlier(folder: Path) -> list[str]:
    """The files of an earlier analysis, inside the folder."""
    try:
        names = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["files"]
        return [name for name in names if (folder / name).resolve().is_relative_to(folder.resolve())]
    except (OSError, ValueError, KeyError, TypeError):
        return []
