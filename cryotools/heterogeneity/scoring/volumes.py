"""Scores of volumes against those of the truth, as CryoBench has them (M. Jeon et al., NeurIPS 2024)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.fourier import VOLUME, fourier_crop
from cryotools.heterogeneity.truth import JUNK, Truth
from cryotools.metrics.fsc import ShellCorrelation, fsc_area, shell_correlation

_LEVEL = 0.1  # × the maximum of a true volume: where its mask begins
_EDGE = (2.0, 5.0)  # voxels beyond that, where the mask begins to fall and is 0
_SAME_EDGE = 1e-3  # part of the box by which edges in Å may differ


@dataclass(frozen=True, eq=False)
class VolumeScore:
    """The volume of an image (at its own place) or of a state (at the mean place of its images) against the true one.

    Attributes
    ----------
    particle : None if it is that of a state
    n_images : images of the state
    fsc, masked_fsc : of the maps, and within a soft mask of the true one
    area, masked_area : below them, see `fsc_area`
    baseline, masked_baseline : the same of the mean of all true volumes, the best single map of all particles
    """

    particle: int | None
    state: int
    n_images: int
    fsc: ShellCorrelation
    masked_fsc: ShellCorrelation
    area: float
    masked_area: float
    baseline: float
    masked_baseline: float


def score_volumes(
    run: EnsembleRun,
    truth: Truth,
    latent: np.ndarray,
    *,
    images: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[VolumeScore]:
    """Scores of the volumes of random images and of all states; junk has none.

    Parameters
    ----------
    latent : places (n, zdim) of all particles

    Raises
    ------
    DataError
        The volumes of the run and of the truth do not fit.
    """
    sound = np.flatnonzero(truth.states != JUNK)
    chosen = np.random.default_rng(seed).choice(sound, min(images, len(sound)), replace=False)
    states, counts = np.unique(truth.states[sound], return_counts=True)
    true = {int(state): lambda state=int(state): _on_grid_of(run, truth.volume(state)) for state in states}
    mean = sum(load() * (count / len(sound)) for load, count in zip(true.values(), counts, strict=True))
    shells = Shells((run.box,) * 3, (run.voxel_size,) * 3)
    decode = _remembering(run)
    progress = progress or NoProgress()
    progress.start(len(chosen) + len(states), "volumes")
    scores = []
    for (state, load), count in zip(true.items(), counts.tolist(), strict=True):
        reference = _Reference(shells, load())
        baseline, masked_baseline = (fsc_area(curve, run.box) for curve in reference.curves(mean))
        centre = latent[truth.states == state].mean(axis=0)
        mine = np.sort(chosen[truth.states[chosen] == state]).tolist()
        for particle, place in [*((one, latent[one]) for one in mine), (None, centre)]:
            plain, masked = reference.curves(decode(place))
            areas = fsc_area(plain, run.box), fsc_area(masked, run.box)
            scores.append(VolumeScore(particle, state, count, plain, masked, *areas, baseline, masked_baseline))
            progress.advance()
    _warn_if_negative(scores, run)
    return scores


class _Reference:
    """A true volume (z, y, x), its soft mask, and the transforms of both."""

    def __init__(self, shells: Shells, data: np.ndarray) -> None:
        self.shells = shells
        away = distance_transform_edt(data <= _LEVEL * data.max())
        begins, ends = _EDGE
        self.mask = (0.5 + 0.5 * np.cos(np.pi * np.clip((away - begins) / (ends - begins), 0, 1))).astype(np.float32)
        self.transforms = tuple(shells.transform(each) for each in self._both(data))

    def curves(self, data: np.ndarray) -> tuple[ShellCorrelation, ShellCorrelation]:
        """FSC with a volume (z, y, x), and within the mask."""
        first, second = (
            shell_correlation(self.shells, known, self.shells.transform(each))
            for known, each in zip(self.transforms, self._both(data), strict=True)
        )
        return first, second

    def _both(self, data: np.ndarray) -> Iterator[np.ndarray]:
        """The volume; and that within the mask, less the mean outside, as reconstructions do not know the solvent."""
        yield data
        outside = data[self.mask == 0]
        yield (data - (outside.mean() if len(outside) else 0)) * self.mask


def _remembering(run: EnsembleRun) -> Callable[[np.ndarray], np.ndarray]:
    """The values of the volume at a place, made once for the same place again."""
    last: dict[bytes, np.ndarray] = {}

    def decode(place: np.ndarray) -> np.ndarray:
        key = np.asarray(place, dtype=np.float64).tobytes()
        if key not in last:
            last.clear()
            last[key] = run.volume(place).data
        return last[key]

    return decode


def _on_grid_of(run: EnsembleRun, volume: Volume) -> np.ndarray:
    """The values of a true volume on the grid of the run, which may be coarser."""
    box, edge = volume.data.shape[0], volume.grid.size[0]
    cube = len(set(volume.data.shape)) == len(set(np.round(volume.voxel_size, 6))) == 1
    if not cube or box < run.box or abs(edge / (run.box * run.voxel_size) - 1) > _SAME_EDGE:
        raise DataError(
            f"the volumes of {run.folder} have {run.box} voxels of {run.voxel_size:.4g} Å, the true ones {box} of "
            f"{volume.voxel_size[0]:.4g} Å; give the truth of the particles that the run was trained on"
        )
    return fourier_crop(volume.data, run.box, VOLUME).astype(np.float32) if box > run.box else volume.data


def _warn_if_negative(scores: list[VolumeScore], run: EnsembleRun) -> None:
    low = max(run.box // 8, 1)
    if np.median([np.nanmean(score.fsc.correlation[:low]) for score in scores]) < 0:
        warnings.warn(
            f"{run.folder}: the volumes are negative where the true ones are positive; train with `invert` the other "
            "way",
            CryotoolsWarning,
            stacklevel=3,
        )
