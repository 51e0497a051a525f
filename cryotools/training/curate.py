"""From maps and models as they are deposited to a training set: judged, resampled, masked, scaled.

What is kept and what is dropped, and why, is part of the result (struc2mapGAN's curation made measurable).
"""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from cryotools.core.distance import distance_to_points
from cryotools.core.errors import CryotoolsError, CryotoolsWarning, DataError
from cryotools.core.mapfile import read_map
from cryotools.core.output import atomic_path
from cryotools.core.resample import grid_at_spacing, resample
from cryotools.core.selection import select
from cryotools.core.structure import WATER, Structure
from cryotools.core.structurefile import read_structure
from cryotools.core.volume import Grid, Volume
from cryotools.metrics.correlation import cosine, pearson
from cryotools.simulate.methods import MapOptions, molmap
from cryotools.training.pairs import SPACING, Pair, load_pair, save_pair

KEPT, DROPPED, FAILED = "kept", "dropped", "failed"
_NEAR = 3.0  # Å from an atom: where density is the model's
_FAR = 5.0  # Å: density farther than this from every atom is unmodelled
_SHIFT = 4.0  # Å, or the resolution where that is coarser: how far atoms are moved to see what their place gains
_UNMODELLED_SIGMA = 1.0
_REQUIRED = ("id", "map", "model", "resolution", "family")


@dataclass(frozen=True)
class Rules:
    """When a pair is dropped: `least_correlation` with molmap at the reported resolution (ChimeraX's, over the voxels
    within 3 Å of atoms), `least_gain` of the backbone over its shifted control in σ.
    """

    least_correlation: float = 0.6
    least_gain: float = 0.5


@dataclass(frozen=True)
class Entry:
    """A line of the list: where the map and the model lie, the reported resolution in Å, family and fold."""

    id: str
    map: str
    model: str
    resolution: float
    family: str
    fold: int


@dataclass(frozen=True)
class Verdict:
    """What curation found about one entry: `status` is "kept", "dropped" by the rules or "failed" to be read; `reason`
    is empty where it was kept.
    """

    id: str
    status: str
    reason: str
    resolution_A: float = float("nan")
    n_residues: int = 0
    backbone_sigma: float = float("nan")
    control_sigma: float = float("nan")
    correlation: float = float("nan")
    pearson: float = float("nan")
    unmodelled_fraction: float = float("nan")


def read_list(path: str | os.PathLike[str]) -> list[Entry]:
    """Read a list of pairs: CSV with the columns id, map, model, resolution, family and optionally fold.

    Paths are relative to the list's folder. Without a fold column, families are dealt to four folds in order.

    Raises
    ------
    DataError
        A column is missing, a value is not a number, or ids repeat; the message names line and column.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if not rows:
        raise DataError(f"{path}: lists no pairs")
    missing = [column for column in _REQUIRED if column not in rows[0]]
    if missing:
        raise DataError(f"{path}: line 1: column {missing[0]} is missing; needed are {', '.join(_REQUIRED)}")
    families = list(dict.fromkeys(row["family"] for row in rows))
    entries = []
    for number, row in enumerate(rows, start=2):
        try:
            resolution = float(row["resolution"])
            fold = int(row["fold"]) if row.get("fold") else families.index(row["family"]) % 4
        except ValueError as error:
            raise DataError(f"{path}: line {number}: {error}") from error
        if not (np.isfinite(resolution) and resolution > 0):
            raise DataError(f"{path}: line {number}: resolution {resolution:g} is not positive")
        files = [str(path.parent / row[column]) for column in ("map", "model")]
        entries.append(Entry(row["id"], *files, resolution, row["family"], fold))
    if len({entry.id for entry in entries}) < len(entries):
        raise DataError(f"{path}: ids repeat; give each pair its own")
    return entries


def curate(entries: Iterable[Entry], folder: str | os.PathLike[str], rules: Rules) -> Iterator[Verdict]:
    """Judge every entry, write the pairs that are kept to `folder` as ID.npz, and yield each verdict.

    A broken entry fails with its reason and does not stop the rest.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        try:
            pair, verdict = curate_entry(entry, rules)
        except CryotoolsError as error:
            yield Verdict(entry.id, FAILED, str(error))
            continue
        if verdict.status == KEPT:
            save_pair(folder / f"{entry.id}.npz", pair)
        else:
            (folder / f"{entry.id}.npz").unlink(missing_ok=True)
        yield verdict


def curate_entry(entry: Entry, rules: Rules) -> tuple[Pair, Verdict]:
    """One pair on 1 Å voxels, and whether it is good enough.

    Raises
    ------
    DataError
        A file is broken, or map and model do not overlap.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        volume, structure = read_map(entry.map), read_structure(entry.model)
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    inside = volume.grid.contains(structure.xyz)
    if inside.mean() < 0.5:
        raise DataError(
            f"{entry.id}: {1 - inside.mean():.0%} of the atoms lie outside the map; map and model do not overlap"
        )
    structure = structure[inside]
    volume = _on_unit_grid(volume, structure)
    distance = distance_to_points(volume.grid, structure.xyz)
    near = distance <= _NEAR
    data = volume.data
    unmodelled = (data > data.mean() + _UNMODELLED_SIGMA * data.std()) & (distance > _FAR)
    simulated = molmap(structure, volume.grid, MapOptions(entry.resolution, occupancy=False))
    backbone, control = _backbone_sigma(volume, structure, max(_SHIFT, entry.resolution))
    found = {
        "resolution_A": entry.resolution,
        "n_residues": int(structure.residue_index()[-1]) + 1,
        "backbone_sigma": backbone,
        "control_sigma": control,
        "correlation": cosine(data[near], simulated[near]),
        "pearson": pearson(data[near], simulated[near]),
        "unmodelled_fraction": float(unmodelled.mean()),
    }
    reason = _reason(found, rules)
    scale = float(np.percentile(data[near], 99))
    if scale <= 0:
        reason = reason or "the density near the atoms is not positive"
        scale = 1.0
    pair = Pair(
        id=entry.id,
        target=volume.with_data(data / np.float32(scale)),
        weight=(~unmodelled).astype(np.float32),
        structure=structure,
        resolution=entry.resolution,
        family=entry.family,
        fold=entry.fold,
    )
    return pair, Verdict(entry.id, DROPPED if reason else KEPT, reason, **found)


def write_report(path: str | os.PathLike[str], verdicts: list[Verdict]) -> None:
    """All verdicts as CSV, a line each."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([field.name for field in fields(Verdict)])
        for verdict in verdicts:
            values = [getattr(verdict, field.name) for field in fields(Verdict)]
            writer.writerow([f"{value:.4g}" if isinstance(value, float) else value for value in values])


def draw_report(path: str | os.PathLike[str], folder: str | os.PathLike[str], verdicts: list[Verdict]) -> None:
    """One picture with a section of every pair that was kept and its scores; nothing where matplotlib is missing."""
    from cryotools.core.picture import draw_sections, is_possible

    kept = [verdict for verdict in verdicts if verdict.status == KEPT]
    if not kept or not is_possible():
        return
    pairs = [load_pair(Path(folder) / f"{verdict.id}.npz") for verdict in kept]
    titles = [f"{v.id}, {v.resolution_A:g} Å, correlation {v.correlation:.2f}" for v in kept]
    draw_sections(str(path), titles, [pair.target for pair in pairs], [pair.structure for pair in pairs])


def _on_unit_grid(volume: Volume, structure: Structure) -> Volume:
    """The map on voxels of 1 Å at whole positions, cropped to 12 Å around the atoms."""
    low, high = structure.bounds()
    whole = grid_at_spacing(volume.grid, SPACING)
    ends = whole.index_to_world(np.array(whole.shape[::-1]) - 1)
    first = np.maximum(np.ceil(np.array(volume.origin)), np.floor(low - 12))
    last = np.minimum(np.floor(ends), np.ceil(high + 12))
    counts = (last - first).astype(int) + 1
    return resample(volume, Grid(tuple(counts[::-1]), (SPACING,) * 3, tuple(first)))


def _backbone_sigma(volume: Volume, structure: Structure, shift: float) -> tuple[float, float]:
    """Mean density at the backbone in σ of the box, and its mean after moves by `shift` Å along each axis both ways."""
    backbone = structure.xyz[select(structure, "backbone")]
    if not len(backbone):
        backbone = structure.xyz
    scale = float(volume.data.std()) or 1.0
    shifts = [sign * shift * axis for axis in np.eye(3) for sign in (-1, 1)]
    moved = np.mean([volume.sample(backbone + step).mean() for step in shifts])
    mean = float(volume.data.mean())
    return (float(volume.sample(backbone).mean()) - mean) / scale, (float(moved) - mean) / scale


def _reason(found: dict[str, float], rules: Rules) -> str:
    if found["correlation"] < rules.least_correlation:
        return f"correlation with molmap {found['correlation']:.2f} is below {rules.least_correlation:g}"
    gain = found["backbone_sigma"] - found["control_sigma"]
    if gain < rules.least_gain:
        return f"the backbone gains {gain:.2f} sigma over its shifted control, less than {rules.least_gain:g}"
    return ""
