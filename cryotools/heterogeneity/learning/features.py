"""What the encoder of a reconstruction sees of an image: its place in a linear subspace, rather than its pixels.

An encoder of pixels has to find the state in an image whose pose it does not know, and learns the noise of a few
thousand images by heart. The posterior of an image in a linear subspace (`heterogeneity.linear`), computed with its
pose, CTF and the noise's spectrum, is short and says nearly all that the image knows of its state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryotools.core.files.arrayfile import arrays_in, save_arrays
from cryotools.core.progress import Progress
from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.linear.fit import fit_linear
from cryotools.heterogeneity.linear.imageslices import ImageSlices
from cryotools.heterogeneity.linear.posterior import posterior
from cryotools.heterogeneity.linear.subspace import LinearTraining, Subspace
from cryotools.training import distributed

_FILE, _ARRAY = "features.npz", "features"


def run_features(
    folder: Path,
    images: HalfImages,
    used: np.ndarray,
    components: int,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> np.ndarray:
    """`subspace_features` of a run in `folder`, computed by its first process, unless it has them and is resumed."""
    path = folder / _FILE
    distributed.on_first(_store, path, images, used, components, resume, progress)
    with arrays_in(path, "the features of this run", "start a new run") as stored:
        return stored[_ARRAY]


def subspace_features(
    images: HalfImages, used: np.ndarray, components: int, progress: Progress | None = None
) -> np.ndarray:
    """Mean and standard deviation of the posterior of every image (n, 2 × components), in a subspace fitted to those
    with indices `used`.
    """
    subspace = fit_linear(images.part(used), LinearTraining(components), progress=progress)
    return describe(images, subspace)


def describe(images: HalfImages, subspace: Subspace) -> np.ndarray:
    """Mean and standard deviation of the posterior of every image (n, 2 q) in a subspace."""
    slices, parts = ImageSlices(images, images.box / 2), []
    table = slices.grid.table(subspace.volumes)
    for which in slices.batches(np.arange(len(images))):
        found = posterior(slices.compare(table, which)[0], subspace.spread)
        variance = np.einsum("nii->ni", found.second) - found.mean**2
        parts.append(np.concatenate([found.mean, np.sqrt(np.maximum(variance, 0))], axis=1))
    return np.concatenate(parts).astype(np.float32)


def _store(
    path: Path, images: HalfImages, used: np.ndarray, components: int, resume: bool, progress: Progress | None
) -> None:
    if resume and path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    save_arrays(path, {_ARRAY: subspace_features(images, used, components, progress)})
