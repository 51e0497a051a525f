"""Residues of a map with the help of homologs: amino acids of docked ones, or chains by a fine-tuned network."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryotools.anchors.detected import Detection
from cryotools.anchors.predict import AnchorDetector
from cryotools.anchors.reweight import apply_sequences, with_sequences
from cryotools.anchors.sequence import SequenceFit
from cryotools.core.errors import ArgumentError, CryotoolsWarning
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.homologs.adapt.conditions import check_simulated_resolution
from cryotools.homologs.adapt.finetune import FineTune
from cryotools.homologs.adapt.kept import tuned_network
from cryotools.homologs.annotate import place_homologs
from cryotools.homologs.docking.dock import DockedStructure
from cryotools.homologs.docking.letters import DockedLetters, docked_letters, letter_fits
from cryotools.homologs.structures import HomologChain


@dataclass(frozen=True)
class HomologDetection:
    """The residues of a map, what docked homologs say of them, and `fits` to sequences, whose residues are those of
    this detection.
    """

    detection: Detection
    docked: tuple[DockedLetters, ...] = ()
    fits: tuple[SequenceFit, ...] = ()


def with_docked_homologs(
    detection: Detection,
    homologs: Sequence[HomologChain],
    *,
    copies: int | None = None,
    fits: Sequence[SequenceFit] | None = None,
    progress: Progress | None = None,
) -> HomologDetection:
    """A detection with the amino acids of homologs that dock significantly.

    The best three homologs of each query are docked. Their letters, the query's at aligned residues, replace
    the network's amino acids with the probability that they are right (`docking.letters`), and paths that run against
    a docked chain are turned round. Before that, the queries' sequences are placed without homologs, as far as they fit
    (`anchors.sequence`), unless that was done with any: `fits` of such a detection are kept and follow the residues.

    Raises
    ------
    ArgumentError
        The resolution of the detection is unknown.
    UsageError
        It is not between 1.5 and 10 Å.
    """
    volume, resolution = detection.volume, detection.resolution
    if resolution is None:
        raise ArgumentError("resolution", None, "homologs need the map's resolution")
    check_simulated_resolution(resolution)
    if fits is None:
        detection, fits = _with_queries(detection, homologs)
    placed: list[tuple[DockedStructure, HomologChain]] = []
    for query in dict.fromkeys(one.homolog.query for one in homologs):
        mine = {_key(one.structure): one for one in homologs if one.homolog.query == query}
        structures = [one.structure for one in mine.values()]
        found = place_homologs(volume, resolution, structures, copies=copies, progress=progress)
        placed += [(one, mine[_key(one.structure)]) for one in found]
    letters = docked_letters(detection.residues, placed)
    if not letters:
        return HomologDetection(detection, fits=tuple(fits))
    new = letter_fits(letters, detection.residues)
    known = [replace(one, accepted=False) for one in fits]
    residues, moved = apply_sequences(detection.residues, [*new, *known], None)
    kept = [replace(one, accepted=old.accepted) for one, old in zip(moved[len(new) :], fits, strict=True)]
    return HomologDetection(replace(detection, residues=residues), tuple(letters), tuple(kept))


def tuned_detector(
    detector: AnchorDetector,
    volume: Volume,
    resolution: float,
    homologs: Sequence[HomologChain],
    *,
    weights: str | os.PathLike[str] | None = None,
    trace_weights: str | os.PathLike[str] | None = None,
    settings: FineTune | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[AnchorDetector, Path, bool]:
    """A detector like the one given, made with `weights` and `trace_weights`, whose network of chains is fitted to a
    map and homologs; its file, and whether it was there already. Networks are kept in `cache` (None: the user's cache
    folder) under a name made from all that they depend on.

    Raises
    ------
    DataError, UsageError
        As `homologs.adapt.finetune.finetune` does.
    """
    start = os.fspath(trace_weights) if trace_weights else None
    chosen = replace(settings or FineTune(), task="anchors", weights=start, device=detector.compute.device)
    structures = [one.structure for one in homologs]
    path, cached = tuned_network(volume, resolution, structures, chosen, cache, progress)
    return AnchorDetector(weights, path, detector.compute, detector.rotations), path, cached


def _with_queries(detection: Detection, homologs: Sequence[HomologChain]) -> tuple[Detection, list[SequenceFit]]:
    """The detection with the queries' sequences where they fit; that they fit nowhere is no reason for a warning."""
    sequences = {one.homolog.query: one.sequence for one in homologs if one.sequence}
    if not sequences:
        return detection, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        return with_sequences(detection, sequences)


def _key(structure: Structure) -> tuple[str, str]:
    """What tells the chains of homologs apart, docked or not."""
    return structure.name, str(structure.chain[0])
