"""Residues of maps from Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.errors import UsageError, check_choice
from cryotools.core.maps.maplike import MapLike, as_volume

if TYPE_CHECKING:
    from cryotools.anchors.detected import Detection


def detect_anchors(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    sequences: Mapping[str, str] | Path | None = None,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    trace_weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    homologs: Path | None = None,
    method: Literal["dock", "finetune"] = "dock",
    device: str = "auto",
    precision: str = "fp32",
) -> Detection:
    """The residues of a map: places, chain order, types and confidences; `anchors()` gives those that can be trusted.

    Parameters
    ----------
    resolution : Å; None where it is not known
    sequences : of the map's proteins, one-letter codes by name or a FASTA file: residues that fit get their types from
        there
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights, trace_weights : files of networks made by train-anchors: of amino acids, and of chains
    rotations : average the network of chains over so many rotations of the map, at as many times its cost
    homologs : folder of homologs that help, made by find-homologs or of structures; it needs the resolution
    method : dock them, so that residues near them get the amino acids of the query, or fit the network of chains

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, the sequences are not those of proteins, or
        the weights are missing or damaged.
    """
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.anchors.reweight import with_sequences
    from cryotools.core.compute.runner import Compute
    from cryotools.core.structures.fasta import read_fasta

    known = sequences if sequences is None or isinstance(sequences, Mapping) else read_fasta(sequences)
    check_choice("method", method, ("dock", "finetune"))
    detector = AnchorDetector(weights, trace_weights, Compute(device, precision), rotations)
    given = as_volume(volume, voxel_size)
    if homologs is None:
        detection = detector.detect(given, resolution)
        return detection if known is None else with_sequences(detection, known)[0]
    if resolution is None:
        raise UsageError("homologs need the map's resolution; give `resolution`")
    from cryotools.homologs.detect import tuned_detector, with_docked_homologs
    from cryotools.homologs.structures import homolog_chains

    chains = homolog_chains(homologs)
    if method == "finetune" and chains:
        files = {"weights": weights, "trace_weights": trace_weights}
        detector = tuned_detector(detector, given, resolution, chains, **files)[0]  # type: ignore[arg-type]
    detection = detector.detect(given, resolution)
    fits = None
    if known is not None:
        detection, fits = with_sequences(detection, known)
    return detection if method == "finetune" else with_docked_homologs(detection, chains, fits=fits).detection
