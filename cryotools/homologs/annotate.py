"""Secondary structure of a map with the help of homologs: by docking, by a fine-tuned network, or without any."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryotools.core.compute.runner import Compute
from cryotools.core.errors import check_choice
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.homologs.adapt.conditions import check_simulated_resolution
from cryotools.homologs.adapt.finetune import FineTune
from cryotools.homologs.adapt.kept import tuned_network
from cryotools.homologs.docking.dock import DockedStructure, dock
from cryotools.homologs.docking.transfer import docked_classes, with_docked
from cryotools.sse.predict import Annotation, Annotator

DOCK, BOTH, FINETUNE = "dock", "both", "finetune"
METHODS = (DOCK, BOTH, FINETUNE)
_MOST = 3  # homologs that are docked


@dataclass(frozen=True)
class HomologAnnotation:
    """Class maps of a map, and what homologs contributed: docked `placements`, or the `weights` file of a fine-tuned
    network and whether it was there already (`cached`).
    """

    annotation: Annotation
    placements: tuple[DockedStructure, ...] = ()
    weights: Path | None = None
    cached: bool = False


def annotate_with_homologs(
    volume: Volume,
    resolution: float,
    homologs: Sequence[Structure],
    *,
    method: str = DOCK,
    copies: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    compute: Compute | None = None,
    rotations: int = 1,
    bias: float = 0.0,
    settings: FineTune | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> HomologAnnotation:
    """The classes of a map's voxels, with `homologs`, the best first; without any, the network's alone.

    `dock` puts the classes of homologs that dock significantly in the place of the network's, `both` multiplies the
    probabilities of the two, and elsewhere the network's stay. `finetune` applies a network fitted to homologs and map,
    kept in `cache` (None: the user's cache folder) under a name made from all that it depends on.

    Raises
    ------
    DataError
        The map or the weights are broken.
    UsageError
        There is no such method, or the resolution is not between 1.5 and 10 Å.
    """
    check_choice("method", method, METHODS)
    check_simulated_resolution(resolution)
    compute = compute or Compute()
    if method == FINETUNE and homologs:
        chosen = replace(
            settings or FineTune(), task="sse", weights=os.fspath(weights) if weights else None, device=compute.device
        )
        path, cached = tuned_network(volume, resolution, homologs, chosen, cache, progress)
        found = Annotator(path, compute, rotations, bias).annotate(volume, resolution, progress)
        return HomologAnnotation(found, weights=path, cached=cached)
    found = Annotator(weights, compute, rotations, bias).annotate(volume, resolution, progress)
    if not homologs:
        return HomologAnnotation(found)
    placements = place_homologs(volume, resolution, homologs, copies=copies, progress=progress)
    if not placements:
        return HomologAnnotation(found)
    both = with_docked(found.probabilities, docked_classes(placements, volume.grid), only_docked=method == DOCK)
    return HomologAnnotation(replace(found, probabilities=both), tuple(placements))


def place_homologs(
    volume: Volume,
    resolution: float,
    homologs: Sequence[Structure],
    *,
    copies: int | None = None,
    progress: Progress | None = None,
) -> list[DockedStructure]:
    """The best three homologs docked into a map; of overlapping placements that of the higher correlation is kept, and
    none that is not significant.
    """
    prepared = prepare_map(volume, resolution).volume
    found = [
        one
        for structure in homologs[:_MOST]
        for one in dock(prepared, structure, resolution, copies=copies, progress=progress)
        if one.significant
    ]
    kept: list[DockedStructure] = []
    for one in sorted(found, key=lambda each: -each.correlation):
        if not any(one.overlaps(other) for other in kept):
            kept.append(one)
    return kept
