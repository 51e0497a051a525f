"""What is known about the particles of a simulated set: the state of each, and the volumes of the states.

A folder with truth.csv (columns index, state, motion, contrast; a row per particle) and maps state_000.mrc,
state_001.mrc, … on `heterogeneity.fourier.map_grid` of the images' box.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.output import output_set, write_text
from cryotools.core.files.table import Row, csv_text, number, read_table
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.metadata.pickles import read_whole_numbers

TABLE, JUNK = "truth.csv", -1
_COLUMNS = ("index", "state", "motion", "contrast")


@dataclass(frozen=True, eq=False)
class Truth:
    """n particles in the order of their metadata file.

    Attributes
    ----------
    states : int64 (n,), from 0; -1 for junk
    motion : float64 (n,), the place 0 to 1 on a motion of one dimension, NaN where there is none; None if nowhere
    contrast : float64 (n,), what the image was multiplied with before noise was added
    volumes : maps of the states, in order; none if only labels are known
    """

    states: np.ndarray
    motion: np.ndarray | None
    contrast: np.ndarray
    volumes: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, which: np.ndarray) -> Truth:
        """The truth about some particles, by an index array; the volumes are the same."""
        motion = None if self.motion is None else self.motion[which]
        return replace(self, states=self.states[which], motion=motion, contrast=self.contrast[which])

    def volume(self, state: int) -> Volume:
        """The volume of a state, read from its file.

        Raises
        ------
        DataError
            There is no such state, or its file is broken.
        """
        if not 0 <= state < len(self.volumes):
            raise DataError(f"there is no volume of state {state}; there are {len(self.volumes)}")
        return read_map(self.volumes[state])


def state_file(folder: str | os.PathLike[str], state: int) -> Path:
    """Where the map of a state lies."""
    return Path(folder) / f"state_{state:03d}.mrc"


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """The truth about a simulated set from its folder, or labels alone from a file: a table .csv with the column state
    (and index, unless its rows are in the order of the particles), or whole numbers, see `read_whole_numbers`.

    Raises
    ------
    DataError
        The file is missing or broken, its rows are incomplete, or a state in the folder has no map.
    """
    folder = Path(path) if Path(path).is_dir() else None
    truth = _labels(Path(path) if folder is None else folder / TABLE)
    if folder is None:
        return truth
    volumes = tuple(state_file(folder, state) for state in range(int(truth.states.max()) + 1))
    absent = [each for each in volumes if not each.is_file()]
    if absent:
        raise DataError(f"{absent[0]}: no such file, but {folder / TABLE} has its state")
    return replace(truth, volumes=volumes)


def write_truth(
    folder: str | os.PathLike[str],
    states: np.ndarray,
    volumes: Iterable[Volume],
    *,
    motion: np.ndarray | None = None,
    contrast: np.ndarray | None = None,
    label: str = "cryotools",
) -> list[str]:
    """Write truth.csv and the maps of the states into a folder, which is created; returns the files' names.

    Parameters
    ----------
    states, motion, contrast : (n,), see `Truth`; without contrast it is 1
    volumes : of state 0, 1, …, made one after another
    label : line in the maps' headers

    Raises
    ------
    ValueError
        The arrays are not of one length, or a state has no volume.
    DataError
        A file cannot be written.
    """
    states = np.asarray(states, dtype=np.int64)
    motions = np.full(len(states), np.nan) if motion is None else np.asarray(motion, dtype=np.float64)
    contrasts = np.ones(len(states)) if contrast is None else np.asarray(contrast, dtype=np.float64)
    columns = (np.arange(len(states)).tolist(), states.tolist(), motions.tolist(), contrasts.tolist())
    rows = [dict(zip(_COLUMNS, values, strict=True)) for values in zip(*columns, strict=True)]
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = []
    with output_set():
        for state, volume in enumerate(volumes):
            names.append(os.fspath(state_file(folder, state)))
            write_map(names[-1], volume, label=label)
        if states.max(initial=JUNK) >= len(names):
            raise ValueError(f"state {states.max()} has no volume; there are {len(names)}")
        names.append(os.fspath(Path(folder) / TABLE))
        write_text(names[-1], csv_text(_COLUMNS, rows, digits=6))
    return names


def _labels(path: Path) -> Truth:
    if path.suffix.lower() != ".csv":
        found = read_whole_numbers(path)
        _check_states(found, path, range(1, len(found) + 1))
        return Truth(found.astype(np.int64), None, np.ones(len(found)))
    rows = read_table(path, _COLUMNS, ("state",))
    lines = [row.line for row in rows]
    states = _column(rows, "state", path)
    _check_states(states, path, lines)
    order = np.arange(len(rows))
    if "index" in rows[0].values:
        indices = _column(rows, "index", path)
        order = np.argsort(indices, kind="stable")
        gaps = np.flatnonzero(indices[order] != np.arange(len(rows)))
        if len(gaps):
            raise DataError(f"{path}: has no row, or several, for particle {gaps[0]}; write one for each, from 0")
    motion = _column(rows, "motion", path, np.nan)[order]
    contrast = _column(rows, "contrast", path, 1.0)[order]
    return Truth(states.astype(np.int64)[order], motion if np.isfinite(motion).any() else None, contrast)


def _check_states(states: np.ndarray, path: Path, lines: Sequence[int]) -> None:
    if not len(states):
        raise DataError(f"{path}: contains no particles")
    bad = np.flatnonzero((states != np.rint(states)) | (states < JUNK))
    if len(bad):
        raise DataError(f"{path}: line {lines[bad[0]]}: state is {states[bad[0]]:g}; states are 0, 1, … or -1 for junk")


def _column(rows: list[Row], name: str, path: Path, default: float | None = None) -> np.ndarray:
    """The numbers (n,) of a column; `default` where the table is empty."""
    found = np.empty(len(rows))
    for at, row in enumerate(rows):
        text = row.values.get(name, "")
        if not text and default is not None:
            found[at] = default
            continue
        try:
            found[at] = number(text or "nothing")
        except ValueError as error:
            raise DataError(f"{path}: line {row.line}: {name}: {error}") from error
        if not np.isfinite(found[at]):
            raise DataError(f"{path}: line {row.line}: {name} is {text}")
    return found
