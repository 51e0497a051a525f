"""What a trained reconstruction says about each particle: its place z, how well it fits, its scale and pose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from cryotools.core.files.table import csv_text
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.learning.predicted import Predicted
from cryotools.heterogeneity.learning.task import ReconstructionTask
from cryotools.heterogeneity.network import ReconstructionNetwork
from cryotools.heterogeneity.poses import rotations_to_euler

_AT_ONCE = 64  # images


@dataclass(frozen=True, eq=False)
class ParticleTable:
    """n particles in the order of their metadata file.

    Attributes
    ----------
    latent : (n, zdim), the mean of z, or None
    error : (n,), mean squared error in units of the noise
    support : (n,), correlation of the image with its prediction in standard deviations that noise alone would give;
        what is not a particle is near 0
    scale : (n,), the image's contrast
    turned : (n, 3, 3), corrected rotations, or None
    moved : (n, 2), pixels, to be added to the shift that centres the image
    """

    latent: np.ndarray | None
    error: np.ndarray
    support: np.ndarray
    scale: np.ndarray
    turned: np.ndarray | None = None
    moved: np.ndarray | None = None

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of particles.csv."""
        found = {"squared_error": self.error, "support": self.support, "scale": self.scale}
        if self.turned is not None and self.moved is not None:
            found |= dict(zip(("rot_deg", "tilt_deg", "psi_deg"), rotations_to_euler(self.turned).T, strict=True))
            found |= dict(zip(("shift_x_px", "shift_y_px"), self.moved.T, strict=True))
        return found


def describe_particles(
    task: ReconstructionTask, network: ReconstructionNetwork, progress: Progress | None = None
) -> ParticleTable:
    """Every particle, by the trained `network`; poses are those of the task."""
    network, poses = network.to(task.device).eval(), task.trained_poses()
    parts: list[tuple[np.ndarray, ...]] = []
    progress = progress or NoProgress()
    progress.start(len(task.images), "particles")
    with torch.inference_mode():
        for begin in range(0, len(task.images), _AT_ONCE):
            at = np.arange(begin, min(begin + _AT_ONCE, len(task.images)))
            batch = task.tensors(at, task.device)
            found = task.predicted(network, batch, len(task.radius), poses=poses)
            latent = found.scale[:, None][:, :0] if found.latent is None else found.latent
            columns: tuple[torch.Tensor, ...] = (latent, found.error(batch[0]), _support(found, batch[0]), found.scale)
            if poses is not None:
                turned, moved, _ = poses(batch[3], batch[2])
                columns = (*columns, turned, -moved * task.images.box)
            parts.append(tuple(each.float().cpu().numpy() for each in columns))
            progress.advance(len(at))
    places, *rest = (np.concatenate(each) for each in zip(*parts, strict=True))
    return ParticleTable(places if places.shape[1] else None, *rest)


def indexed_text(columns: Mapping[str, np.ndarray]) -> str:
    """A table with a row per particle: its index in the metadata file, from 0, and these columns."""
    values = np.stack([np.asarray(each, dtype=np.float64) for each in columns.values()], axis=1)
    rows = ({"index": at} | dict(zip(columns, map(float, row), strict=True)) for at, row in enumerate(values))
    return csv_text(["index", *columns], rows)


def latent_text(latent: np.ndarray) -> str:
    """A table with a row per particle: its index in the metadata file, from 0, and its z (zdim columns)."""
    return indexed_text({f"z_{number}": each for number, each in enumerate(latent.T, start=1)})


def _support(found: Predicted, values: torch.Tensor) -> torch.Tensor:
    predicted = found.values.flatten(1)
    return (predicted * values.flatten(1)).sum(dim=1) / predicted.norm(dim=1).clamp(min=1e-6)
