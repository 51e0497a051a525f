"""Look at a finished run: which particles, places and volumes tell what is in it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.analysis.clusters import Clusters, k_means
from cryotools.heterogeneity.analysis.components import (
    LatentComponents,
    latent_components,
    umap_is_possible,
    umap_of,
)
from cryotools.heterogeneity.analysis.landscape import Landscape, volume_landscape
from cryotools.heterogeneity.analysis.traversal import LatentGraph, Traversal, along_component
from cryotools.heterogeneity.ensemble import EnsembleRun, rows_said

_LANDSCAPE_BOX = 64  # voxels
_FEWEST = 3  # particles of which there is anything to see


@dataclass(frozen=True)
class AnalysisOptions:
    """What is looked at.

    Attributes
    ----------
    clusters : by k-means, each with a volume
    components : principal components that are followed
    steps : volumes along each way
    path : rows of particles through which the way from particle to particle leads; empty: the ends of the data
    landscape : volumes that are compared; 0 leaves that out
    conformations : groups of these volumes; None: as many as fit best
    umap : also a map in two dimensions, if umap-learn is installed and there are more than two
    """

    clusters: int = 20
    components: int = 2
    steps: int = 10
    path: tuple[int, ...] = ()
    landscape: int = 100
    conformations: int | None = None
    umap: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Analysis:
    """What was found about n particles, in `rows` (n,) of the metadata file; `trajectories` has pc1, pc2, … and path;
    `umap` is (n, 2).
    """

    rows: np.ndarray
    latent: np.ndarray
    clusters: Clusters
    components: LatentComponents
    umap: np.ndarray | None
    trajectories: dict[str, Traversal]
    landscape: Landscape | None


def analyze_run(run: EnsembleRun, options: AnalysisOptions, progress: Progress | None = None) -> Analysis:
    """Clusters, components, ways and the landscape of a finished run.

    Raises
    ------
    DataError
        The run has a single volume, or fewer than three particles.
    UsageError
        The options do not fit the run.
    """
    progress = progress or NoProgress()
    if not run.zdim:
        raise DataError(f"{run.folder}: the run has a single volume, and nothing to analyze; look at the volume itself")
    latent = run.latent()
    if len(latent) < _FEWEST:
        raise DataError(f"{run.folder}: has {len(latent)} particles; there is nothing to see in fewer than {_FEWEST}")
    rows = run.rows()
    path = _places_of(options.path, rows)
    clusters = k_means(latent, options.clusters, options.seed)
    components = latent_components(latent)
    trajectories = {
        f"pc{number + 1}": along_component(latent, components, number, options.steps)
        for number in range(min(options.components, run.zdim))
    }
    graph = LatentGraph(latent, np.union1d(clusters.representatives, path).astype(int), options.seed)
    if len(clusters) > 1:
        trajectories["path"] = graph.way(path or graph.ends(clusters.representatives), options.steps)
    return Analysis(
        rows,
        latent,
        clusters,
        components,
        _umap(latent, options),
        trajectories,
        _landscape(run, latent, options, progress) if options.landscape else None,
    )


def _places_of(path: tuple[int, ...], rows: np.ndarray) -> tuple[int, ...]:
    """Where among the particles those are that `path` names by their rows."""
    if len(path) == 1:
        raise ArgumentError("path", path[0], "give two or more particles, separated by commas")
    places = {int(row): place for place, row in enumerate(rows)}
    for particle in path:
        if particle not in places:
            raise ArgumentError("path", particle, f"the run has {rows_said(rows)}")
    return tuple(places[particle] for particle in path)


def _umap(latent: np.ndarray, options: AnalysisOptions) -> np.ndarray | None:
    if not options.umap or latent.shape[1] < 3:
        return None
    if not umap_is_possible():
        warnings.warn("UMAP is left out: umap-learn is not installed", CryotoolsNote, stacklevel=3)
        return None
    return umap_of(latent, options.seed)


def _landscape(run: EnsembleRun, latent: np.ndarray, options: AnalysisOptions, progress: Progress) -> Landscape | None:
    """The landscape; None, with a warning, if there are too few places to compare volumes at."""
    distinct = len(np.unique(latent, axis=0))
    if distinct < _FEWEST:
        warnings.warn(
            f"{run.folder}: its particles lie at {distinct} different place{'s' * (distinct > 1)}; no volumes are "
            "compared, and no states are told apart",
            CryotoolsWarning,
            stacklevel=3,
        )
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsNote)  # fewer particles than volumes are no news
        clusters = k_means(latent, options.landscape, options.seed)
    box = min(run.box - run.box % 2, _LANDSCAPE_BOX)
    progress.start(len(clusters), "volumes of the landscape")

    def volume(place: np.ndarray) -> np.ndarray:
        made = run.volume_of_box(place, box).data
        progress.advance()
        return made

    return volume_landscape(latent, clusters, volume, options.conformations)
