"""An analysis as tables: rows per particle, cluster and step of a trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np

from cryotools.heterogeneity.analysis.analyze import Analysis

CLUSTER, CONFORMATION = "cluster", "conformation"
Rows = list[dict[str, Any]]


def tables_of(found: Analysis) -> dict[str, Rows]:
    """The tables by name. Particles have the `index` of their row in the metadata file, from 0; clusters, volumes and
    conformations are numbered from 1, as in the names of files.
    """
    tables = {
        "clusters": [{"index": at, CLUSTER: int(label) + 1} for at, label in enumerate(found.clusters.labels)],
        "components": _components(found),
        "centres": _centres(found),
        "trajectories": _trajectories(found),
    }
    return tables if found.landscape is None else {**tables, "landscape": _landscape(found)}


def _components(found: Analysis) -> Rows:
    rows: Rows = [{"index": at, **_columns("pc", scores)} for at, scores in enumerate(found.components.scores)]
    if found.umap is not None:
        rows = [{**row, **_columns("umap", place)} for row, place in zip(rows, found.umap, strict=True)]
    return rows


def _centres(found: Analysis) -> Rows:
    clusters = found.clusters
    counted = zip(clusters.counts(), clusters.representatives, clusters.centres, strict=True)
    return [
        {CLUSTER: at + 1, "n_particles": int(count), "index": int(particle)}
        | _columns("centre_z", centre)
        | _columns("z", found.latent[particle])
        for at, (count, particle, centre) in enumerate(counted)
    ]


def _trajectories(found: Analysis) -> Rows:
    return [
        {"volume": f"{name}_{at + 1:02d}", "index": int(particle) if particle >= 0 else None, **_columns("z", place)}
        for name, way in found.trajectories.items()
        for at, (particle, place) in enumerate(zip(way.particles, way.places, strict=True))
    ]


def _landscape(found: Analysis) -> Rows:
    land = found.landscape
    assert land is not None
    return [
        {"index": at, "volume": int(volume) + 1, CONFORMATION: int(label) + 1, **_columns("volume_pc", place)}
        for at, (volume, label, place) in enumerate(zip(land.clusters.labels, land.labels(), land.places, strict=True))
    ]


def _columns(name: str, values: np.ndarray) -> dict[str, float]:
    return {f"{name}_{number}": float(value) for number, value in enumerate(values, start=1)}
