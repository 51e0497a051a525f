"""A curated pair: an experimental map at 1 Å and its atoms, in one file without pickle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.arrayfile import arrays_in, save_arrays
from cryotools.core.maps.resample import SPACING
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import ATOM_FIELDS, Structure


@dataclass(frozen=True)
class Pair:
    """One map with its model.

    Attributes
    ----------
    target : the map on cubic voxels of 1 Å, scaled so that the 99th percentile within 3 Å of atoms is 1
    weight : float32 (nz, ny, nx), 1 where the loss counts, 0 at density not explained by atoms
    structure : the atoms
    resolution : Å, as reported
    family, fold : protein family, and the number of its cross-validation fold
    """

    id: str
    target: Volume
    weight: np.ndarray
    structure: Structure
    resolution: float
    family: str
    fold: int


def save_pair(path: str | os.PathLike[str], pair: Pair) -> None:
    """Write a pair atomically: the map as float16, the weight as bytes, the atoms as arrays."""
    atoms = {f"atom_{key}": getattr(pair.structure, key) for key in ATOM_FIELDS}
    facts = {"id": pair.id, "family": pair.family, "resolution": pair.resolution, "fold": pair.fold}
    maps = {
        "data": pair.target.data.astype(np.float16),
        "origin": np.array(pair.target.origin),
        "weight": np.rint(255 * pair.weight).astype(np.uint8),
    }
    save_arrays(path, maps | {key: np.array(value) for key, value in facts.items()} | atoms)


def load_pair(path: str | os.PathLike[str]) -> Pair:
    """Read a pair.

    Raises
    ------
    DataError
        The file is missing, damaged, or not a pair.
    """
    with arrays_in(path, "a curated pair", "run `cryotools curate` again") as values:
        structure = Structure(**{key: values[f"atom_{key}"] for key in ATOM_FIELDS}, name=str(values["id"]))
        return Pair(
            id=str(values["id"]),
            target=Volume(values["data"].astype(np.float32), (SPACING,) * 3, tuple(values["origin"])),
            weight=values["weight"].astype(np.float32) / 255,
            structure=structure,
            resolution=float(values["resolution"]),
            family=str(values["family"]),
            fold=int(values["fold"]),
        )


def load_folder(folder: str | os.PathLike[str]) -> list[Pair]:
    """All pairs of a training set made by `cryotools curate`, in the order of their names.

    Raises
    ------
    DataError
        The folder contains none.
    """
    files = sorted(Path(folder).glob("*.npz"))
    if not files:
        raise DataError(f"{folder}: contains no curated pairs (*.npz); make them with `cryotools curate`")
    return [load_pair(path) for path in files]


def hold_out(pairs: Sequence[Pair], fold: int | None) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on and the held-out pairs of `fold`; None holds out none.

    Raises
    ------
    DataError
        No pair belongs to that fold, or all do.
    """
    folds = sorted({pair.fold for pair in pairs})
    if fold is not None and fold not in folds:
        raise DataError(
            f"no map belongs to fold {fold}, the one to hold out (the folds are {', '.join(map(str, folds))}); choose "
            "one of these, or train without held-out scores with `fold=None`"
        )
    if folds == [fold]:
        raise DataError(
            f"all maps ({len(pairs)}) belong to fold {fold}, which is held out, so none is left to train on; curate "
            "maps of other families, or train without held-out scores with `fold=None`"
        )
    return [pair for pair in pairs if pair.fold != fold], [pair for pair in pairs if pair.fold == fold]
