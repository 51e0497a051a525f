"""Score a run: its volumes and its latent space together, in numbers and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.table import csv_text
from cryotools.core.progress import Progress
from cryotools.heterogeneity.ensemble import EnsembleRun, rows_said
from cryotools.heterogeneity.scoring.places import PlaceScores, score_places
from cryotools.heterogeneity.scoring.volumes import VolumeScore, score_volumes
from cryotools.heterogeneity.truth import JUNK, Truth
from cryotools.metrics.fsc import largest_fsc_area

_COLUMNS = (
    *("measured", "index", "state", "n_images", "cluster", "area", "masked_area", "baseline", "masked_baseline"),
    *("resolution_A", "masked_resolution_A"),
)
_LEVEL = 0.5  # of the FSC, at which the resolution is told


@dataclass(frozen=True, eq=False)
class EnsembleScores:
    """Scores of a run with volumes of `box` voxels of `voxel_size` Å; `places` is None for a single volume, `volumes`
    is empty if only labels are known. `truth` is that of the particles that have places, whose rows in the metadata
    file are `index` (n,).
    """

    box: int
    voxel_size: float
    truth: Truth
    index: np.ndarray
    volumes: list[VolumeScore]
    places: PlaceScores | None

    def summary(self) -> dict[str, Any]:
        """The scores by name, as plain numbers; NaN where there is none."""
        states = self.truth.states[self.truth.states != JUNK]
        found: dict[str, Any] = {
            "n_particles": len(self.truth),
            "n_states": len(np.unique(states)),
            "n_junk": len(self.truth) - len(states),
        }
        if self.volumes:
            found |= {"box": self.box, "voxel_size_A": self.voxel_size, "largest_area": largest_fsc_area(self.box)}
            found |= _areas([each for each in self.volumes if each.particle is not None], "image")
            found |= _areas([each for each in self.volumes if each.particle is None], "state")
        return found | (_of_places(self.places) if self.places else {})

    def rows(self) -> Iterator[dict[str, Any]]:
        """A line for each image and each state that was measured; without volumes, for each state."""
        matched = self.places.clusters.matched if self.places and self.places.clusters else {}
        if not self.volumes:
            states, counts = np.unique(self.truth.states[self.truth.states != JUNK], return_counts=True)
            for state, count in zip(states.tolist(), counts.tolist(), strict=True):
                yield {"measured": "state", "state": state, "n_images": count, "cluster": matched.get(state)}
        for each in self.volumes:
            yield {
                "measured": "state" if each.particle is None else "image",
                "index": None if each.particle is None else int(self.index[each.particle]),
                "state": each.state,
                "n_images": each.n_images if each.particle is None else 1,
                "cluster": matched.get(each.state) if each.particle is None else None,
                "area": each.area,
                "masked_area": each.masked_area,
                "baseline": each.baseline,
                "masked_baseline": each.masked_baseline,
                "resolution_A": each.fsc.resolution_at(_LEVEL),
                "masked_resolution_A": each.masked_fsc.resolution_at(_LEVEL),
            }

    def csv_text(self) -> str:
        """The rows as a table."""
        return csv_text(_COLUMNS, self.rows())


def score_run(
    run: EnsembleRun,
    truth: Truth,
    *,
    images: int = 100,
    clusters: int | None = None,
    cyclic: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> EnsembleScores:
    """Scores of a run against the truth of its particles.

    Parameters
    ----------
    images : number of random images whose volumes are measured
    clusters : of k-means; None is the number of states
    cyclic : the motion ends where it began

    Raises
    ------
    DataError
        The truth is of other particles, has nothing but junk, or has volumes of another grid.
    """
    index = run.rows() if run.zdim else np.arange(len(truth))
    if index.max(initial=-1) >= len(truth) or (len(index) < len(truth) and index[-1] == len(index) - 1):
        raise DataError(
            f"{run.folder} has {rows_said(index)}, the truth {len(truth)} particles; give the truth of these"
        )
    truth = truth[index]
    latent = run.latent() if run.zdim else np.zeros((len(truth), 0))
    if not (truth.states != JUNK).any():
        raise DataError("all particles are junk")
    if not (run.zdim or truth.volumes):
        raise DataError(
            f"{run.folder}: has a single volume and no latent space, so that labels do not say how good it is"
        )
    volumes = score_volumes(run, truth, latent, images=images, seed=seed, progress=progress) if truth.volumes else []
    places = score_places(latent, truth, clusters=clusters, cyclic=cyclic, seed=seed) if run.zdim else None
    return EnsembleScores(run.box, run.voxel_size, truth, index, volumes, places)


def _areas(scores: list[VolumeScore], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {f"{kind}s_measured": len(scores)}
    for mask in ("", "masked_"):
        areas = np.array([getattr(each, f"{mask}area") for each in scores])
        base = np.array([getattr(each, f"{mask}baseline") for each in scores])
        found |= {f"{kind}_{mask}area_mean": float(areas.mean()), f"{kind}_{mask}area_std": float(areas.std())}
        found |= {
            f"{kind}_{mask}area_median": float(np.median(areas)),
            f"{kind}_{mask}baseline_mean": float(base.mean()),
        }
    return found


def _of_places(places: PlaceScores) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if places.clusters:
        found |= {name: value for name, value in vars(places.clusters).items() if name != "matched"}
    found |= {"neighbours": places.neighbours.share, "neighbours_by_chance": places.neighbours.chance}
    if places.motion:
        found |= {f"motion_{name}": value for name, value in vars(places.motion).items()}
    return found | {"junk_roc_area": places.junk}
