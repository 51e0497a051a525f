"""Volumes of a finished run as they are asked for: at places listed in a file, smaller, smoother, mirrored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.files.table import number, read_table, read_table_text
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.metadata.pickles import read_index, read_pickled

_EDGE = 2.0  # Fourier voxels, over which a low-pass filter falls from 1 to 0 on either side
_CSV = ".csv"


@dataclass(frozen=True)
class VolumeForm:
    """How volumes are wanted.

    Attributes
    ----------
    box : voxels along an edge, even; None: as in the run
    low_pass : Å; higher frequencies are left out
    flip : mirrored along z, about the centre of rotation
    invert : negated
    """

    box: int | None = None
    low_pass: float | None = None
    flip: bool = False
    invert: bool = False

    def volume(self, run: EnsembleRun, place: np.ndarray) -> Volume:
        """The volume of `run` at `place` (zdim,).

        Raises
        ------
        UsageError
            The box or the resolution does not fit the run.
        """
        self.check(run)
        made = run.volume_of_box(place, self.box) if self.box else run.volume(place)
        data = made.data
        if self.low_pass:
            data = _smooth(made, self.low_pass)
        if self.flip:
            data = np.roll(data[::-1], 1 - len(data) % 2, axis=0)
        return made.with_data(np.ascontiguousarray(-data if self.invert else data))

    def check(self, run: EnsembleRun) -> None:
        """Check early that `run` has such volumes.

        Raises
        ------
        UsageError
            It does not.
        """
        if self.box is not None:
            run.check_box(self.box)
        finest = 2 * run.voxel_size * run.box / (self.box or run.box)
        if self.low_pass is not None and self.low_pass < finest:
            raise ArgumentError("low_pass", f"{self.low_pass:g}", f"give {finest:.4g} Å or more; volumes end there")


def read_particle_numbers(path: str | os.PathLike[str]) -> np.ndarray:
    """Numbers of particles (k,) from 0: the column `index` of a CSV table, or what `read_index` takes.

    Raises
    ------
    DataError
        The file holds something else, or nothing.
    """
    if Path(path).suffix.lower() == _CSV:
        lines = read_table(path, ("index",))
        texts = [(line.line, line.values["index"]) for line in lines]
        wrong = [(line, text) for line, text in texts if not text.isdecimal()]
        if wrong:
            line, text = wrong[0]
            raise DataError(f"{path}: line {line}: index is '{text}', not a whole number from 0 on")
        found = np.array([int(text) for _, text in texts], dtype=np.int64)
    else:
        found = read_index(path)
    if not len(found):
        raise DataError(f"{path}: names no particles")
    return found


def read_places(path: str | os.PathLike[str], zdim: int) -> np.ndarray:
    """Places (k, zdim) of a latent space: the columns `z_1`, … of a CSV table (latent.csv, trajectories.csv), rows of
    numbers in text, NumPy's .npy, or cryoDRGN's z.pkl.

    Raises
    ------
    DataError
        The file holds something else, nothing, or places of another number of dimensions.
    """
    suffix = Path(path).suffix.lower()
    try:
        if suffix == _CSV:
            found = _from_table(path, zdim)
        elif suffix in (".pkl", ".pickle"):
            found = np.asarray(read_pickled(path), dtype=np.float64)
        elif suffix == ".npy":
            found = np.load(path, allow_pickle=False).astype(np.float64)
        else:
            rows = [line.replace(",", " ").split() for line in read_table_text(path).splitlines()]
            found = np.array([[number(text) for text in row] for row in rows if row])
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise DataError(f"{path}: does not hold rows of numbers ({error})") from error
    if found.ndim == 1 and zdim == 1:
        found = found[:, None]
    if found.ndim != 2 or found.shape[1] != zdim or not len(found):
        shape = " x ".join(map(str, found.shape))
        raise DataError(f"{path}: holds numbers {shape}; places of this run are rows of {zdim}")
    if not np.isfinite(found).all():
        raise DataError(f"{path}: some numbers are not finite")
    return found


def _from_table(path: str | os.PathLike[str], zdim: int) -> np.ndarray:
    names = [f"z_{at}" for at in range(1, zdim + 1)]
    return np.array([[number(line.values[name]) for name in names] for line in read_table(path, names)])


def _smooth(volume: Volume, resolution: float) -> np.ndarray:
    shells = Shells(volume.grid.shape, volume.voxel_size)
    beyond = (shells.frequency - 1 / resolution) / shells.frequency[1] / _EDGE  # -1 to 1 over the edge
    return shells.scale(volume.data, 0.5 - 0.5 * np.sin(np.clip(beyond, -1, 1) * np.pi / 2))
