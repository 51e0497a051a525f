"""Whether a reconstruction still changes: errors of images it has not seen, places of particles, and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

_PATIENCE = 3  # validations
_LEAST_GAIN = 0.01  # of what has been gained since the first validation
_STILL = 0.05  # change of volumes
_SHELLS, _POINTS = 10, 200  # shells of a volume that are compared, and frequencies in each


@dataclass
class Convergence:
    """The history of a run's validations; `volumes` and `latent` are those of the last one."""

    errors: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    volumes: np.ndarray | None = None
    latent: np.ndarray | None = None

    def add(self, error: float, volumes: np.ndarray, latent: np.ndarray | None) -> dict[str, float]:
        """Record a validation.

        Parameters
        ----------
        error : of the images that were held out; without them, of those trained on
        volumes : complex (v, k, m), Fourier values of some volumes in k shells
        latent : (n, zdim), places of the same particles each time, or None

        Returns
        -------
        dict
            volume_change, 1 - mean Fourier shell correlation with the volumes before, and latent_drift, the
            root-mean-square movement over the spread of places: 1 at first.
        """
        change = 1.0 if self.volumes is None else 1 - _correlation(volumes, self.volumes)
        found = {"volume_change": change}
        if latent is not None:
            found["latent_drift"] = 1.0 if self.latent is None else _drift(latent, self.latent)
        self.errors.append(error)
        self.changes.append(change)
        self.volumes, self.latent = volumes, latent
        return found

    @property
    def best(self) -> int:
        """The number of the validation, from 1, with the lowest error."""
        return int(np.argmin(self.errors)) + 1 if self.errors else 0

    @property
    def converged(self) -> bool:
        """Whether longer training promises nothing: the error has gained less than a hundredth of its whole gain in
        three validations, and volumes change by less than 5 % from one to the next.
        """
        if len(self.errors) <= _PATIENCE + 1:
            return False
        before, now = min(self.errors[:-_PATIENCE]), min(self.errors)
        gained = self.errors[0] - before
        return before - now <= _LEAST_GAIN * max(gained, 0) and self.changes[-1] < _STILL

    def advice(self) -> str:
        """A sentence on whether to train longer."""
        if len(self.errors) < 2:
            return "one validation does not show whether longer training helps"
        changed = f"volumes changed by {100 * self.changes[-1]:.1f} % in the last epoch"
        gained = max(self.errors) - min(self.errors)
        if self.errors[-1] - min(self.errors) > _LEAST_GAIN * gained and self.best < len(self.errors) - 1:
            return f"the error was lowest after validation {self.best} of {len(self.errors)}: longer training does harm"
        if self.converged:
            return f"converged: {changed}"
        return f"{changed}; longer training may help"

    def state(self) -> dict[str, Any]:
        """Plain values and tensors from which `restore` continues."""
        kept = {"volumes": self.volumes, "latent": self.latent}
        arrays = {name: torch.from_numpy(array) for name, array in kept.items() if array is not None}
        return {"errors": self.errors, "changes": self.changes, **arrays}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue the history that `state` returned."""
        self.errors, self.changes = list(state["errors"]), list(state["changes"])
        self.volumes, self.latent = (state[name].numpy() if name in state else None for name in ("volumes", "latent"))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The mean correlation of volumes (v, k, m) in their shells."""
    product = (a * b.conj()).real.sum(axis=(0, 2))
    power = np.sqrt((np.abs(a) ** 2).sum(axis=(0, 2)) * (np.abs(b) ** 2).sum(axis=(0, 2)))
    return float(np.divide(product, power, out=np.zeros_like(product), where=power > 0).mean())


def _drift(now: np.ndarray, before: np.ndarray) -> float:
    spread = np.sqrt(np.mean((now - now.mean(axis=0)) ** 2))
    return float(np.sqrt(np.mean((now - before) ** 2)) / max(spread, 1e-12))


def watched_frequencies(box: int, random: np.random.Generator) -> np.ndarray:
    """Random frequencies (k, m, 3), cycles per voxel, in shells from 1 to D / 2."""
    points = random.normal(size=(_SHELLS, _POINTS, 3))
    radius = np.linspace(1, box / 2, _SHELLS) / box
    return points * (radius[:, None, None] / np.linalg.norm(points, axis=2, keepdims=True))
