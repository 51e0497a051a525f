"""An analysis as tables: rows per particle, cluster and step of a trajectory."""

from __future__ import annotations

from collections.abc import Iterator
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
        "clusters": [row | {CLUSTER: int(label) + 1} for row, label in _numbered(found, found.clusters.labels)],
        "components": _components(found),
        "centres": _centres(found),
        "trajectories": _trajectories(found),
    }
    return tables if found.landscape is None else {**tables, "landscape": _landscape(found)}


def _components(found: Analysis) -> Rows:
    rows: Rows = [row | _columns("pc", scores) for row, scores in _numbered(found, found.components.scores)]
    if found.umap is not None:
        rows = [{**row, **_columns("umap", place)} for row, place in zip(rows, found.umap, strict=True)]
    return rows


def _centres(found: Analysis) -> Rows:
    clusters = found.clusters
    counted = zip(clusters.counts(), clusters.representatives, clusters.centres, strict=True)
    return [
        {CLUSTER: at + 1, "n_particles": int(count), "index": int(found.rows[particle])}
        | _columns("centre_z", centre)
        | _columns("z", found.latent[particle])
        for at, (count, particle, centre) in enumerate(counted)
    ]


def _trajectories(found: Analysis) -> Rows:
    return [
        {
            "volume": f"{name}_{at + 1:02d}",
            "index": int(found.rows[particle]) if particle >= 0 else None,
            **_columns("z", place),
        }
        for name, way in found.trajectories.items()
        for at, (particle, place) in enumerate(zip(way.particles, way.places, strict=True))
    ]


def _landscape(found: Analysis) -> Rows:
    land = found.landscape
    assert land is not None
    return [
        row | {"volume": int(volume) + 1, CONFORMATION: int(label) + 1, **_columns("volume_pc", place)}
        for row, volume, label, place in _numbered(found, land.clusters.labels, land.labels(), land.places)
    ]


def _numbered(found: Analysis, *values: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """The first column of each particle, its row in the metadata file, and its values."""
    return zip(({"index": int(row)} for row in found.rows), *values, strict=True)


def _columns(name: str, values: np.ndarray) -> dict[str, float]:
    return {f"{name}_{number}": float(value) for number, value in enumerate(values, start=1)}
