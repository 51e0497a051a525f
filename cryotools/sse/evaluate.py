"""Scores of class maps, predicted by a network or read from files, over pairs of map and model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryotools.core.errors import CryotoolsError, CryotoolsNote, DataError, naming
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.resample import interpolate
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.memory import check_grid_fits
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.metrics.bootstrap import Interval
from cryotools.sse.score import MapScores, ResidueScores, over_maps, score_map, score_residues
from cryotools.sse.truth.assign import (
    CLASS_NAMES,
    HELIX,
    NUCLEOTIDE,
    OTHER,
    SHEET,
    ClassedResidues,
    assign,
    with_author_records,
)

if TYPE_CHECKING:
    from cryotools.core.compute.runner import Compute
    from cryotools.core.progress import Progress

Predict = Callable[[Entry, Volume], np.ndarray]  # class maps (4, nz, ny, nx) on the volume's grid

# Haruspex calls nucleotides npair
_NAMES = {HELIX: ("helix",), SHEET: ("sheet",), NUCLEOTIDE: (CLASS_NAMES[NUCLEOTIDE], "npair")}
_SUFFIXES = (".mrc", ".mrc.gz", ".map", ".map.gz")
_ROUNDING = 2e-3  # error of a probability stored as float16


@dataclass(frozen=True)
class Reading:
    """How maps and models are read.

    Attributes
    ----------
    voxel_size : Å, overriding the map's header
    replace_non_finite : value that replaces NaN and infinite values
    invert : invert the contrast (negate the map's values)
    by_author : take residue classes from the model's own records instead of DSSP's hydrogen bonds
    """

    voxel_size: float | None = None
    replace_non_finite: float | None = None
    invert: bool = False
    by_author: bool = False

    def volume(self, path: str) -> Volume:
        """The map; raises DataError if it is broken."""
        volume = read_map(path, voxel_size=self.voxel_size, replace_non_finite=self.replace_non_finite)
        return volume.with_data(-volume.data) if self.invert else volume

    def model(self, path: str) -> tuple[Structure, ClassedResidues]:
        """The model and the classes of its residues; raises DataError if it is broken or lacks the author's records."""
        structure = read_structure(path)
        residues = assign(structure)
        return structure, with_author_records(residues, path) if self.by_author else residues


@dataclass(frozen=True)
class Evaluation:
    """The result for one map: its scores and its residues, or the `error` that prevented them.

    `resolution` is in Å, NaN if unknown.
    """

    id: str
    resolution: float
    scores: MapScores | None = None
    residues: ResidueScores | None = None
    error: str = ""

    def row(self) -> dict[str, Any]:
        """A row of the table; missing scores are None."""
        empty = dict.fromkeys(MapScores.__dataclass_fields__)
        scores = asdict(self.scores) if self.scores else empty
        return {"id": self.id, "resolution_A": self.resolution, **scores, "error": self.error}


def evaluate_pair(entry: Entry, predict: Predict, reading: Reading | None = None) -> Evaluation:
    """The scores of the class maps that `predict` returns for one pair.

    Raises
    ------
    DataError
        A file is broken, or no residue of known class lies in the map.
    """
    reading = reading or Reading()
    volume, (structure, residues) = reading.volume(entry.map), reading.model(entry.model)
    inside = residues.known & np.isin(np.arange(len(residues)), residues.of_atom[volume.grid.contains(structure.xyz)])
    if not inside.any():
        raise DataError(f"{entry.model}: no residue of known class lies in {entry.map}; check that they overlay")
    probabilities = predict(entry, volume)
    with naming(entry.map):
        found = score_residues(probabilities, volume, structure, residues)
    return Evaluation(entry.id, entry.resolution, score_map(found), found)


def evaluate_list(entries: Iterable[Entry], predict: Predict, reading: Reading | None = None) -> Iterator[Evaluation]:
    """The scores of every pair; a broken pair yields an error and does not stop the rest. Warnings name the pair."""
    for entry in entries:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = evaluate_pair(entry, predict, reading)
            except CryotoolsError as error:
                found = Evaluation(entry.id, entry.resolution, error=str(error))
        for each in caught:
            of_the_map = not issubclass(each.category, CryotoolsNote)  # notes are about the machine
            warnings.warn(f"{entry.id}: {each.message}" if of_the_map else each.message, each.category, stacklevel=2)
        yield found


def by_network(
    weights: str | os.PathLike[str] | None = None,
    compute: Compute | None = None,
    rotations: int = 1,
    bias: float = 0.0,
    progress: Progress | None = None,
) -> Predict:
    """Class maps from a network (the shipped one if `weights` is None), which is given the map's resolution if known.

    Raises
    ------
    DataError
        The weights are missing or damaged, or the device is not available.
    UsageError
        There is no such device, the number of rotations is not supported, or `bias` is not finite.
    """
    from cryotools.sse.predict import Annotator  # imported here, since class maps from files do not need torch

    annotator = Annotator(weights, compute, rotations, bias)

    def predict(entry: Entry, volume: Volume) -> np.ndarray:
        told = None if np.isnan(entry.resolution) else entry.resolution
        with naming(entry.map):
            return annotator.annotate(volume, told, progress).probabilities

    return predict


def by_files(prefix: str) -> Predict:
    """Class maps from files whose names begin with `prefix`, where {id} stands for the pair's id."""
    return lambda entry, volume: read_class_maps(prefix.replace("{id}", entry.id), volume.grid)


def read_class_maps(prefix: str, grid: Grid) -> np.ndarray:
    """Class maps float32 (4, *grid.shape) from PREFIX_helix.mrc, PREFIX_sheet.mrc and PREFIX_nucleotide.mrc.

    Each may be on a grid of its own: they are interpolated, and are 0 outside their boxes. Haruspex's PREFIX_npair.mrc
    is accepted for nucleotides; the file is optional, for programs that do not predict them. The class "other" is 1
    minus the sum of the three; where the sum exceeds 1, they are divided by it.

    Raises
    ------
    DataError
        A file is missing or broken, contains values that are not probabilities, or does not overlap the grid.
    """
    check_grid_fits(grid.shape, copies=len(CLASS_NAMES))
    maps = np.zeros((len(CLASS_NAMES), *grid.shape), dtype=np.float32)
    for which, names in _NAMES.items():
        path = _file(prefix, names)
        if path:
            maps[which] = _class_map(path, grid)
        elif which != NUCLEOTIDE:
            raise DataError(f"{prefix}_{names[0]}.mrc: no such file")
    total = maps.sum(axis=0)
    maps /= np.maximum(total, 1)
    maps[OTHER] = np.maximum(1 - total, 0)
    return maps


def summary(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Interval]]:
    """Mean and median of each score over the maps that have scores, with 95 % bootstrap intervals."""
    scores = [asdict(each.scores) for each in evaluations if each.scores]
    return {name: over_maps(scores, median=name == "median") for name in ("mean", "median")}


def annotation_scores_csv_text(evaluations: Sequence[Evaluation]) -> str:
    """A header and a line per map; for several maps, lines follow with the mean, the median and the ends of their 95 %
    bootstrap intervals (mean_low, mean_high).
    """
    rows = [each.row() for each in evaluations]
    for name, found in (summary(evaluations) if len(rows) > 1 else {}).items():
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            ends = {score: getattr(each, part) for score, each in found.items()}
            rows.append({**dict.fromkeys(rows[0]), "id": name + suffix, **ends})
    return csv_text(list(rows[0]), rows)


def annotation_residues_csv_text(evaluations: Sequence[Evaluation]) -> str:
    """A header and a line per residue, starting with the id of its map."""
    rows = [{"map": each.id, **row} for each in evaluations if each.residues for row in each.residues.rows()]
    return csv_text(list(rows[0]) if rows else ["map"], rows)


def _file(prefix: str, names: Sequence[str]) -> Path | None:
    candidates = [Path(f"{prefix}_{name}{suffix}") for name in names for suffix in _SUFFIXES]
    return next((path for path in candidates if path.exists()), None)


def _class_map(path: Path, grid: Grid) -> np.ndarray:
    volume = read_map(path)
    low, high = float(volume.data.min()), float(volume.data.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise DataError(f"{path}: contains values from {low:.3g} to {high:.3g}; probabilities must be between 0 and 1")
    reached = [_reached(volume.grid, grid, axis) for axis in (2, 1, 0)]
    if not all(each.any() for each in reached):
        raise DataError(f"{path}: does not overlap the map; give this map's probabilities")
    z, y, x = reached
    return np.clip(interpolate(volume, grid).data, 0, 1) * (z[:, None, None] & y[:, None] & x)


def _reached(source: Grid, target: Grid, axis: int) -> np.ndarray:
    """True for the voxels of `target` along axis 0 (x), 1 (y) or 2 (z) that lie within the extent of `source`."""
    places, at = source.axis(axis), target.axis(axis)
    half = source.voxel_size[axis] / 2
    return (at >= places[0] - half) & (at <= places[-1] + half)
