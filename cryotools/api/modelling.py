"""Atomic models from Python: built into maps, and how good one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.maps.maplike import MapLike, as_volume
from cryotools.core.structures.structurefile import StructureLike, as_structure

if TYPE_CHECKING:
    from cryotools.modelling.build import BuiltModel
    from cryotools.modelling.scoring.score import ModelScores


def score_model(
    structure: StructureLike,
    *,
    reference: StructureLike | None = None,
    volume: MapLike | np.ndarray | None = None,
    resolution: float | None = None,
    voxel_size: VoxelSize | None = None,
    q_sigma: float = 0.6,
    superpose: bool = False,
    confidence: bool = False,
) -> ModelScores:
    """Scores of a protein model: its geometry, and its agreement with a reference and with a map.

    Parameters
    ----------
    reference : a model in the same frame: positions, chain direction, sequence, TM-score and lDDT are compared
    volume, resolution : a map, and its resolution in Å: Q-scores, and with the resolution correlations with the map
        that the model would make
    voxel_size : Å, of an array; replaces that of a file or a volume
    q_sigma : Å, width of the Q-score's reference Gaussian; EMDB's reports have 0.4
    superpose : first bring the model onto the reference by their sequences
    confidence : judge the B factors of Cα atoms as confidences in per cent, against the reference

    Raises
    ------
    UsageError
        There is a resolution without a map, `superpose` or `confidence` without a reference, or an option is out of
        range.
    DataError
        A structure has no Cα, lies outside the map altogether, or cannot be superposed, or its B factors are no
        percentages.
    """
    from cryotools.modelling.scoring.score import score_structure

    return score_structure(
        as_structure(structure),
        reference=None if reference is None else as_structure(reference),
        volume=None if volume is None else as_volume(volume, voxel_size),
        resolution=resolution,
        q_sigma=q_sigma,
        superpose=superpose,
        confidence=confidence,
    )


def build_model(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    sequences: Mapping[str, str] | Path | None = None,
    symmetry: str | None = None,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    trace_weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    device: str = "auto",
    precision: str = "fp32",
) -> BuiltModel:
    """An atomic model of the proteins in a map: `.structure` has its atoms, `.chains` the confidence of each residue.

    Parameters
    ----------
    resolution : Å; None where it is not known
    sequences : of the map's proteins, one-letter codes by name or a FASTA file; None for most probable types
    symmetry : Cn, Dn, T, O or I about the map's centre, or a file of operators: one unit is built, and copied
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights, trace_weights : files of networks made by train-anchors: of amino acids, and of chains
    rotations : average the network of chains over so many rotations of the map, at as many times its cost

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map does not have the symmetry, no chain of a protein is found, the resolution is 6 Å or worse, the
        sequences are not those of proteins, or the weights are missing or damaged.
    """
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.compute.runner import Compute
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.modelling.build import build_in_map
    from cryotools.modelling.symmetry import find_operators

    density = as_volume(volume, voxel_size)
    operators = None if symmetry is None else find_operators(symmetry, density)
    known = sequences if sequences is None or isinstance(sequences, Mapping) else read_fasta(sequences)
    detector = AnchorDetector(weights, trace_weights, Compute(device, precision), rotations)
    return build_in_map(detector, density, resolution, known, operators=operators)
