"""Scores of class maps over pairs of map and model: those of a network, or those that lie in files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryotools.core.errors import CryotoolsError, DataError, UsageError
from cryotools.core.mapfile import read_map
from cryotools.core.memory import check_grid_fits
from cryotools.core.resample import interpolate
from cryotools.core.structurefile import read_structure
from cryotools.core.table import csv_text
from cryotools.core.volume import Grid, Volume
from cryotools.metrics.bootstrap import Interval
from cryotools.sse.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET, assign
from cryotools.sse.score import MapScores, ResidueScores, over_maps, score_map, score_residues
from cryotools.training.curate import Entry

if TYPE_CHECKING:
    from cryotools.core.progress import Progress
    from cryotools.core.runner import Compute

Predict = Callable[[Entry, Volume], np.ndarray]  # class maps (4, nz, ny, nx) on the volume's grid

# Haruspex calls its nucleotides npair
_NAMES = {HELIX: ("helix",), SHEET: ("sheet",), NUCLEOTIDE: (CLASS_NAMES[NUCLEOTIDE], "npair")}
_SUFFIXES = (".mrc", ".mrc.gz", ".map", ".map.gz")
_ROUNDING = 2e-3  # of a probability in float16


@dataclass(frozen=True)
class Evaluation:
    """What was found of one map: its scores and its residues, or the `error` that kept them from being found.

    `resolution` is in Å, NaN where it is not known.
    """

    id: str
    resolution: float
    scores: MapScores | None = None
    residues: ResidueScores | None = None
    error: str = ""

    def row(self) -> dict[str, Any]:
        """A line of the table; scores are None where there are none."""
        empty = dict.fromkeys(MapScores.__dataclass_fields__)
        scores = asdict(self.scores) if self.scores else empty
        return {"id": self.id, "resolution_A": self.resolution, **scores, "error": self.error}


def evaluate_pair(entry: Entry, predict: Predict) -> Evaluation:
    """The scores of the class maps that `predict` gives for one pair.

    Raises
    ------
    DataError
        A file is broken, or no residue of known class lies in the map.
    """
    volume, structure = read_map(entry.map), read_structure(entry.model)
    residues = assign(structure)
    inside = residues.known & np.isin(np.arange(len(residues)), residues.of_atom[volume.grid.contains(structure.xyz)])
    if not inside.any():
        raise DataError(f"{entry.model}: no residue of known class lies in {entry.map}; see whether they overlay")
    found = score_residues(predict(entry, volume), volume, structure, residues)
    return Evaluation(entry.id, entry.resolution, score_map(found), found)


def evaluate_list(entries: Iterable[Entry], predict: Predict) -> Iterator[Evaluation]:
    """The scores of every pair; a broken one has an error and does not stop the rest. Warnings name the pair."""
    for entry in entries:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = evaluate_pair(entry, predict)
            except CryotoolsError as error:
                found = Evaluation(entry.id, entry.resolution, error=str(error))
        for each in caught:
            warnings.warn(f"{entry.id}: {each.message}", each.category, stacklevel=2)
        yield found


def by_network(
    weights: str | os.PathLike[str] | None = None,
    compute: Compute | None = None,
    rotations: int = 1,
    progress: Progress | None = None,
) -> Predict:
    """Class maps by a network, the shipped one where `weights` is None; a map's resolution is told where it is known.

    Raises
    ------
    DataError
        The weights are missing or damaged.
    UsageError
        Maps cannot be averaged over so many rotations.
    """
    # imported here, since maps from files need no torch
    from cryotools.core.checkpoint import load_network
    from cryotools.sse.network import HARUSPEX, SECONDARY_STRUCTURE
    from cryotools.sse.predict import TURNS, WEIGHTS, annotate

    # what is wrong for every map of a list is said once
    if rotations not in TURNS:
        raise UsageError(f"--rotations {rotations}: give {', '.join(map(str, TURNS))}")
    weights = Path(weights or WEIGHTS)
    load_network(weights, [SECONDARY_STRUCTURE, HARUSPEX])

    def predict(entry: Entry, volume: Volume) -> np.ndarray:
        told = None if np.isnan(entry.resolution) else entry.resolution
        made = annotate(volume, told, weights=weights, compute=compute, rotations=rotations, progress=progress)
        return made.probabilities

    return predict


def by_files(prefix: str) -> Predict:
    """Class maps from files, whose names begin with `prefix`; {id} in it stands for each pair's id."""
    return lambda entry, volume: read_class_maps(prefix.replace("{id}", entry.id), volume.grid)


def read_class_maps(prefix: str, grid: Grid) -> np.ndarray:
    """Class maps float32 (4, *grid.shape) from PREFIX_helix.mrc, PREFIX_sheet.mrc and PREFIX_nucleotide.mrc.

    They may lie on another grid, each on its own: they are interpolated, and are 0 where they do not reach. Haruspex's
    PREFIX_npair.mrc holds nucleotides, too; a program that knows none leaves that file out. What the three leave of 1
    is the rest; where they exceed 1 together, they are divided by their sum.

    Raises
    ------
    DataError
        A file is missing or broken, holds values that are no probabilities, or lies beside the grid.
    """
    check_grid_fits(grid.shape, copies=len(CLASS_NAMES))
    maps = np.zeros((len(CLASS_NAMES), *grid.shape), dtype=np.float32)
    for which, names in _NAMES.items():
        path = _file(prefix, names)
        if path:
            maps[which] = _class_map(path, grid)
        elif which != NUCLEOTIDE:
            raise DataError(f"{prefix}_{names[0]}.mrc: no such file of probabilities")
    total = maps.sum(axis=0)
    maps /= np.maximum(total, 1)
    maps[OTHER] = np.maximum(1 - total, 0)
    return maps


def summary(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Interval]]:
    """Mean and median over the maps that have scores, by name, each with its 95 % bootstrap interval."""
    scores = [asdict(each.scores) for each in evaluations if each.scores]
    return {name: over_maps(scores, median=name == "median") for name in ("mean", "median")}


def scores_csv_text(evaluations: Sequence[Evaluation]) -> str:
    """A header and a line per map; for several maps, lines of the mean and the median follow, and of the ends of their
    95 % bootstrap intervals (mean_low, mean_high).
    """
    rows = [each.row() for each in evaluations]
    for name, found in (summary(evaluations) if len(rows) > 1 else {}).items():
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            ends = {score: getattr(each, part) for score, each in found.items()}
            rows.append({**dict.fromkeys(rows[0]), "id": name + suffix, **ends})
    return csv_text(list(rows[0]), rows)


def residues_csv_text(evaluations: Sequence[Evaluation]) -> str:
    """A header and a line per residue, with the id of its map first."""
    rows = [{"map": each.id, **row} for each in evaluations if each.residues for row in each.residues.rows()]
    return csv_text(list(rows[0]) if rows else ["map"], rows)


def _file(prefix: str, names: Sequence[str]) -> Path | None:
    candidates = [Path(f"{prefix}_{name}{suffix}") for name in names for suffix in _SUFFIXES]
    return next((path for path in candidates if path.exists()), None)


def _class_map(path: Path, grid: Grid) -> np.ndarray:
    volume = read_map(path)
    low, high = float(volume.data.min()), float(volume.data.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise DataError(f"{path}: holds values from {low:.3g} to {high:.3g}; probabilities lie between 0 and 1")
    reached = [_reached(volume.grid, grid, axis) for axis in (2, 1, 0)]
    if not all(each.any() for each in reached):
        raise DataError(f"{path}: lies beside the map; give the probabilities of this map")
    z, y, x = reached
    return np.clip(interpolate(volume, grid).data, 0, 1) * (z[:, None, None] & y[:, None] & x)


def _reached(source: Grid, target: Grid, axis: int) -> np.ndarray:
    """True for the voxels of `target` along axis 0 (x), 1 (y) or 2 (z) that a voxel of `source` is next to."""
    places, at = source.axis(axis), target.axis(axis)
    half = source.voxel_size[axis] / 2
    return (at >= places[0] - half) & (at <= places[-1] + half)
