"""A run of cryoDRGN: its volumes at any place of its latent space, and the places of its particles."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_state
from cryotools.core.errors import DataError, naming
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import EnsembleRun, checked_places
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.imported.decoder import decoded_volume, decoder_of
from cryotools.heterogeneity.imported.settings import CONFIGS, config_file, read_settings
from cryotools.heterogeneity.metadata.pickles import read_ctf_pickle, read_index, read_pickled

_NUMBERED = re.compile(r"weights\.(\d+)\.pkl")
# what files of ab initio runs hold beside weights: arrays and numbers of NumPy, by both names of its module, and a date
_BUILDERS = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
_PLAIN: list[Any] = [
    *((found, f"numpy.{core}.multiarray.{name}") for core in ("core", "_core") for name, found in _BUILDERS.items()),
    *(np.ndarray, np.dtype, datetime.datetime),
    *{type(np.dtype(code)) for code in "?bhilqBHILQefd"},
]


class CryodrgnRun(EnsembleRun):
    """A run of cryoDRGN's train_vae, train_nn, train_dec, abinit_het_old or abinit_homo_old, at its last checkpoint.

    `voxel_size` in Å is needed where the CTF parameters that the run names are not found.

    Raises
    ------
    DataError
        A file is missing or damaged, or the decoder is of a kind that is not read; nothing in them was executed.
    """

    def __init__(
        self, folder: str | os.PathLike[str], device: str | torch.device = "cpu", voxel_size: float | None = None
    ) -> None:
        self.folder, self.device = Path(folder), device
        config = config_file(self.folder)
        if config is None:
            raise DataError(f"{self.folder}: has no {' or '.join(CONFIGS)} of cryoDRGN")
        settings = read_settings(config)
        self.file, self.places = _checkpoint(self.folder)
        stored = _read_weights(self.file)
        with naming(os.fspath(self.file)):
            self.decoder = decoder_of(settings, stored["model_state_dict"]).to(device)
        norm = settings.norm or stored.get("norm")
        if norm is None:
            raise DataError(f"{config}: does not say dataset_args.norm; it is not complete")
        self.norm = (float(norm[0]), float(norm[1]))
        self.zdim, self.box = self.decoder.zdim, settings.box
        self.selected = settings.selected
        self.voxel_size = voxel_size or _voxel_size(self.folder, settings.ctf, self.box)

    def volume(self, latent: np.ndarray) -> Volume:
        """The volume at `latent` (zdim,), as cryoDRGN's eval_vol makes it."""
        return self._volume_of_box(latent, self.box)

    def _volume_of_box(self, latent: np.ndarray, box: int) -> Volume:
        data = decoded_volume(self.decoder, latent, self.norm, self.device, box)
        return Volume.on(map_grid(box, self.voxel_size * self.box / box), data)

    def latent(self) -> np.ndarray:
        """The places (n, zdim) of the particles that were trained on, in their order.

        Raises
        ------
        DataError
            The run has none, or they are damaged.
        """
        if not self.places.is_file():
            why = "it has the places of particles" if self.zdim else "the run has a single volume"
            raise DataError(f"{self.places}: no such file; {why}")
        return checked_places(read_pickled(self.places), self.zdim, self.places).astype(np.float64)

    def rows(self) -> np.ndarray:
        """The rows of the metadata file, from 0, whose places `latent` has: int64 (n,).

        Raises
        ------
        DataError
            The file that says which particles were used is missing or broken.
        """
        count = len(self.latent())
        if self.selected is None:
            return np.arange(count)
        path = _found(self.folder, self.selected)
        if path is None:
            raise DataError(
                f"{self.folder}: not all particles were used, and the file that numbers those, {self.selected}, is not "
                "there; copy it into the run's folder"
            )
        rows = read_index(path)
        if len(rows) != count:
            raise DataError(f"{path}: has {len(rows)} particles, but the run {count}; is it the file of this run?")
        return rows


def _checkpoint(folder: Path) -> tuple[Path, Path]:
    """The file of the last weights, and that of the places of particles that belongs to it."""
    numbers = [int(match[1]) for path in folder.iterdir() if (match := _NUMBERED.fullmatch(path.name))]
    for middle in ("", f"{max(numbers, default=0)}."):
        if (folder / f"weights.{middle}pkl").is_file():
            return folder / f"weights.{middle}pkl", folder / f"z.{middle}pkl"
    raise DataError(f"{folder}: has no weights.pkl of cryoDRGN; has the run come to the end of an epoch?")


def _read_weights(path: Path) -> dict[str, Any]:
    """What torch.save stored: the weights, and arrays and numbers of NumPy in files of old runs."""
    with torch.serialization.safe_globals(_PLAIN):
        stored = load_state(path)
    weights = stored.get("model_state_dict") if isinstance(stored, Mapping) else None
    if not isinstance(weights, Mapping) or not all(isinstance(each, torch.Tensor) for each in weights.values()):
        raise DataError(f"{path}: has no weights (model_state_dict); is it of cryoDRGN?")
    return {**stored, "model_state_dict": weights}


def _voxel_size(folder: Path, ctf: str | None, box: int) -> float:
    """That of volumes of `box` voxels, by the first particle's CTF parameters, as cryoDRGN has it, Å."""
    if ctf is None:
        raise DataError(f"{folder}: the run has no CTF parameters, which have the pixel size; give `voxel_size`")
    path = _found(folder, ctf)
    if path is None:
        raise DataError(f"{folder}: its CTF parameters, which have the pixel size, are not at {ctf}; give `voxel_size`")
    _, edges = read_ctf_pickle(path)
    return float(edges[0]) / box


def _found(folder: Path, name: str) -> Path | None:
    """A file that the configuration names, there, from the run's folder, or in or beside it; None if it is nowhere."""
    places = (Path(name), folder / name, folder / Path(name).name, folder.absolute().parent / Path(name).name)
    return next((place for place in places if place.is_file()), None)
