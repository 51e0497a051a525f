"""Turn deposited maps and models into a training set: filtered, resampled, masked and scaled.

The result records which pairs are kept or dropped, and why (a measurable version of struc2mapGAN's curation).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from cryotools.core.errors import CryotoolsError, CryotoolsWarning, DataError
from cryotools.core.files.archive import Cache
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.resample import SPACING, grid_at_spacing, resample
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.selection import select
from cryotools.core.structures.structure import WATER, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.curation.pairlist import Entry
from cryotools.curation.report import DROPPED, FAILED, KEPT, PairVerdict, thumbnail
from cryotools.metrics.correlation import cosine, pearson
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.training.pairs import Pair, save_pair

_NEAR = 3.0  # Å from an atom: density within is attributed to the model
_FAR = 5.0  # Å: density farther than this from every atom is unmodelled
_SHIFT = 4.0  # Å, or the resolution if coarser: shift of the atoms for the control density
_UNMODELLED_SIGMA = 1.0


@dataclass(frozen=True)
class Rules:
    """Thresholds below which a pair is dropped: `min_correlation` with molmap at the reported resolution (as in
    ChimeraX, over voxels within 3 Å of atoms), and `min_gain` of the backbone over its shifted control, in σ.
    """

    min_correlation: float = 0.6
    min_gain: float = 0.5


def curate(
    entries: Iterable[Entry], folder: str | os.PathLike[str], rules: Rules, cache: Cache | None = None
) -> Iterator[PairVerdict]:
    """Evaluate every entry, write the pairs that are kept to `folder` as ID.npz, and yield each verdict.

    Missing files are downloaded to `cache`; without one nothing is downloaded. An invalid entry fails with a reason
    and does not stop the others. Anything unusual about a map or model is reported in its verdict.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        told: list[str] = []
        try:
            ready = with_files(entry, cache)
            with _collecting(told):
                pair, verdict = curate_entry(ready, rules)
        except CryotoolsError as error:
            yield PairVerdict(entry.id, FAILED, str(error), warnings="; ".join(told))
            continue
        verdict = replace(verdict, warnings="; ".join(told))
        if verdict.status == KEPT:
            save_pair(folder / f"{entry.id}.npz", pair)
        else:
            (folder / f"{entry.id}.npz").unlink(missing_ok=True)
        yield replace(verdict, thumbnail=thumbnail(pair.target, pair.structure))


@contextmanager
def _collecting(told: list[str]) -> Iterator[None]:
    """Collect our warnings in `told`, without duplicates; notes and other warnings are issued again on exit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            ours = [each for each in caught if issubclass(each.category, CryotoolsWarning)]
            told += dict.fromkeys(" ".join(str(each.message).split()) for each in ours)
    for each in caught:
        if each not in ours:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def with_files(entry: Entry, cache: Cache | None = None) -> Entry:
    """The entry with missing paths filled in from `cache`, and a missing resolution from its model.

    Raises
    ------
    DataError
        A file is missing and cannot be downloaded, or no resolution is given.
    """
    if cache is None and not (entry.map and entry.model):
        raise DataError(f"{entry.id}: the list gives an accession ID instead of a file; download it, or give a `cache`")
    model = _file(entry.model, entry.pdb, cache.model_file if cache else None)
    # the model comes first: it is small, and if it has no resolution the map is not downloaded
    resolution = reported_resolution(model) if np.isnan(entry.resolution) else entry.resolution
    file = _file(entry.map, entry.emdb, cache.map_file if cache else None)
    return replace(entry, map=file, model=model, resolution=resolution)


def reported_resolution(path: str | os.PathLike[str]) -> float:
    """The resolution in Å of the reconstruction an mmCIF model was built into (`_em_3d_reconstruction.resolution`).

    Raises
    ------
    DataError
        The file cannot be read, is not mmCIF, or gives no resolution.
    """
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        blocks = list(gemmi.cif.read_string(content))
    except (RuntimeError, ValueError):
        blocks = []
    for value in (value for block in blocks for value in block.find_values("_em_3d_reconstruction.resolution")):
        if gemmi.cif.as_number(value) > 0:
            return float(gemmi.cif.as_number(value))
    raise DataError(f"{path}: does not give the map's resolution (_em_3d_reconstruction); give it in the list")


def curate_entry(entry: Entry, rules: Rules) -> tuple[Pair, PairVerdict]:
    """One pair on 1 Å voxels, and its verdict.

    Raises
    ------
    DataError
        A file is corrupt, or map and model do not overlap.
    """
    volume, structure = read_map(entry.map), read_structure(entry.model)
    structure = structure[(structure.kind != WATER) & (structure.element != 1)]
    inside = volume.grid.contains(structure.xyz)
    if inside.mean() < 0.5:
        raise DataError(
            f"{entry.id}: {1 - inside.mean():.0%} of the atoms lie outside the map; map and model do not overlap"
        )
    structure = structure[inside]
    volume = _on_unit_grid(volume, structure)
    near = near_points(volume.grid, structure.xyz, _NEAR)
    data = volume.data
    unmodelled = (data > data.mean() + _UNMODELLED_SIGMA * data.std()) & ~near_points(volume.grid, structure.xyz, _FAR)
    simulated = molmap_density(structure, volume.grid, MapOptions(entry.resolution, occupancy=False))
    backbone, control = _backbone_sigma(volume, structure, max(_SHIFT, entry.resolution))
    found: dict[str, Any] = {
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
    return pair, PairVerdict(entry.id, DROPPED if reason else KEPT, reason, **found)


def _file(listed: str, accession: str, get: Callable[[str], Path] | None) -> str:
    """The listed file or, if missing, the archive's if it can be downloaded."""
    if get is None or (listed and (not accession or Path(listed).exists())):
        return listed
    if listed:
        warnings.warn(f"{listed}: no such file; {accession} is downloaded instead", CryotoolsWarning, stacklevel=3)
    return str(get(accession))


def _on_unit_grid(volume: Volume, structure: Structure) -> Volume:
    """The map on 1 Å voxels at integer positions, cropped to 12 Å around the atoms."""
    low, high = structure.bounds()
    whole = grid_at_spacing(volume.grid, SPACING)
    ends = whole.index_to_world(np.array(whole.shape[::-1]) - 1)
    first = np.maximum(np.ceil(np.array(volume.origin)), np.floor(low - 12))
    last = np.minimum(np.floor(ends), np.ceil(high + 12))
    counts = (last - first).astype(int) + 1
    return resample(volume, Grid(tuple(counts[::-1]), (SPACING,) * 3, tuple(first)))


def _backbone_sigma(volume: Volume, structure: Structure, shift: float) -> tuple[float, float]:
    """Mean density at the backbone, and its average over shifts of ±`shift` Å along each axis, in σ above the mean."""
    backbone = structure.xyz[select(structure, "backbone")]
    if not len(backbone):
        backbone = structure.xyz
    scale = float(volume.data.std()) or 1.0
    shifts = [sign * shift * axis for axis in np.eye(3) for sign in (-1, 1)]
    moved = np.mean([volume.sample(backbone + step).mean() for step in shifts])
    mean = float(volume.data.mean())
    return (float(volume.sample(backbone).mean()) - mean) / scale, (float(moved) - mean) / scale


def _reason(found: dict[str, float], rules: Rules) -> str:
    if np.isnan(found["correlation"]):
        return "the map is 0 at all atoms"
    if found["correlation"] < rules.min_correlation:
        return f"correlation with molmap {found['correlation']:.2f} is below {rules.min_correlation:g}"
    gain = found["backbone_sigma"] - found["control_sigma"]
    if gain < rules.min_gain:
        return f"the backbone density exceeds its shifted control by {gain:.2f} sigma, less than {rules.min_gain:g}"
    return ""
