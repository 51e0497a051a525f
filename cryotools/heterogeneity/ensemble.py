"""What all finished reconstructions have in common: volumes at places of a latent space, and the particles' places."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.fourier import VOLUME, fourier_crop, map_grid

MODEL, LATENT, PARTICLES = "model.safetensors", "latent.csv", "particles.csv"  # in the folder of a run


class EnsembleRun(ABC):
    """A finished run in a folder.

    Attributes
    ----------
    file : what its volumes are made from
    zdim : dimensions of the latent space; 0 for a single volume
    box : voxels along an edge of a volume
    voxel_size : Å
    """

    folder: Path
    file: Path
    zdim: int
    box: int
    voxel_size: float

    @abstractmethod
    def volume(self, latent: np.ndarray) -> Volume:
        """The volume at `latent` (zdim,), on `heterogeneity.fourier.map_grid`."""

    def volume_of_box(self, latent: np.ndarray, box: int) -> Volume:
        """The volume at `latent` (zdim,) without high frequencies, in an even `box` of larger voxels with its centre at
        the same place.

        Raises
        ------
        ArgumentError
            The box is odd, or larger than that of the run.
        """
        self.check_box(box)
        return self._volume_of_box(latent, box)

    def check_box(self, box: int) -> None:
        """Check that there are volumes of this box.

        Raises
        ------
        ArgumentError
            The box is odd, or larger than that of the run.
        """
        if box % 2 or not 2 <= box <= self.box:
            raise ArgumentError("box", box, f"give an even number up to {self.box}, the box of the run")

    def _volume_of_box(self, latent: np.ndarray, box: int) -> Volume:
        data = fourier_crop(self.volume(latent).data, box, VOLUME)
        return Volume.on(map_grid(box, self.voxel_size * self.box / box), np.ascontiguousarray(data))

    def latent(self) -> np.ndarray:
        """The places (n, zdim) of the particles, in the order of their metadata file.

        Raises
        ------
        DataError
            The run has none, or their file is damaged.
        """
        path = self.folder / LATENT
        if not path.exists():
            raise DataError(f"{path}: no such file; the run has a single volume")
        try:
            with path.open(encoding="utf-8") as lines:
                found = np.array([[float(each) for each in row[1:]] for row in list(csv.reader(lines))[1:]])
        except (ValueError, csv.Error) as error:
            raise DataError(f"{path}: is damaged ({str(error).partition(';')[0]})") from error
        return checked_places(found, self.zdim, path)

    def rows(self) -> np.ndarray:
        """The rows of the metadata file, from 0, whose places `latent` has: int64 (n,)."""
        return np.arange(len(self.latent()))

    def place(self, text: str | None) -> np.ndarray:
        """A place (zdim,) from numbers separated by commas; None is 0.

        Raises
        ------
        UsageError
            They are not `zdim` numbers.
        """
        if text is None:
            return np.zeros(self.zdim)
        try:
            found = np.array([float(part) for part in text.split(",")])
        except ValueError:
            found = np.full(1, np.nan)
        if len(found) != self.zdim or not np.isfinite(found).all():
            raise ArgumentError("z", text, f"give {self.zdim} numbers, separated by commas")
        return found

    def latent_of(self, particle: int | np.ndarray) -> np.ndarray:
        """The place (zdim,) of a particle, or those of several (k, zdim), by their rows in the metadata file, from 0.

        Raises
        ------
        UsageError
            There is no such particle.
        """
        found = self.latent()[self.positions(np.atleast_1d(particle))]
        return found if np.ndim(particle) else found[0]

    def positions(self, particles: np.ndarray) -> np.ndarray:
        """Where particles (k,), rows of the metadata file from 0, are in `latent`: int64 (k,).

        Raises
        ------
        UsageError
            There is no such particle.
        """
        rows = self.rows()
        order = np.argsort(rows)
        at = order[np.minimum(np.searchsorted(rows, particles, sorter=order), len(rows) - 1)]
        wrong = particles[rows[at] != particles]
        if len(wrong):
            raise ArgumentError("particle", wrong[0], f"the run has {rows_said(rows)}")
        return at


def rows_said(rows: np.ndarray) -> str:
    """The rows of particles in words, for messages."""
    last = rows.max(initial=0)
    return f"particles 0 to {last}" if len(rows) == last + 1 else f"{len(rows)} of the particles 0 to {last}"


def checked_places(places: object, zdim: int, path: Path) -> np.ndarray:
    """What was read from `path`, if it is places (n, zdim) of particles.

    Raises
    ------
    DataError
        It is not, or a value is not finite.
    """
    if not isinstance(places, np.ndarray) or places.ndim != 2 or places.shape[1] != zdim:
        raise DataError(f"{path}: does not hold places of {zdim} dimension{'s' * (zdim != 1)}; is it of this run?")
    if not np.isfinite(places).all():
        raise DataError(f"{path}: has places that are not numbers; the training failed")
    return places
