"""Checks before a model is built: whether the map can show one."""

from __future__ import annotations

import warnings

import numpy as np

from cryotools.anchors.candidates import find_peaks
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.network import C4
from cryotools.anchors.paths import BOND
from cryotools.anchors.predict import TracedMap
from cryotools.core.errors import CryotoolsWarning, DataError

COARSEST = 6.0  # Å
_FEWEST = 12  # residues on paths
# mean confidence of a residue's type: noise has .07 to .09, nucleic acid .08, protein .11 to .5 up to 3.8 Å; at 4.3 Å
# it may be as low as in noise
_LEAST_SURE, _SIDE_CHAINS = 0.1, 4.0
_NUCLEOTIDE, _APART = 0.5, 4.0  # probability, and voxels between
# bond_factor of six experimental maps is .974 to 1.000; with voxels of 0.9 and 1.1 times the size .917 to .988 and
# 1.000 to 1.056, as the network expects bonds of the usual length
_SHORTEST, _LONGEST, _USUAL, _RESPONSE = 0.945, 1.03, 0.99, 2.2


def refuse_coarse(resolution: float | None) -> None:
    """Refuse maps whose chains cannot be seen.

    Raises
    ------
    DataError
        The resolution is 6 Å or worse.
    """
    if resolution is not None and resolution >= COARSEST:
        raise DataError(
            f"at {resolution:g} A no chain can be traced (limit: {COARSEST:g} A); annotate-sse finds its helices and "
            "sheets"
        )


def check_trace(traced: TracedMap, residues: DetectedResidues) -> None:
    """Warn if bond lengths betray a wrong voxel size; refuse maps in which hardly a chain is found.

    Raises
    ------
    DataError
        Fewer than twelve residues are on paths, or their types are as unclear as in noise, although the resolution is
        better than 4 Å.
    """
    on_path = int(np.sum((residues.path >= 0) & (residues.presence >= 0.5)))
    if on_path < _FEWEST:
        nucleic = len(find_peaks(traced.channels[C4], _NUCLEOTIDE, _APART))
        seen = f", but {nucleic} nucleotides are, and nucleic acid is not built" if nucleic > on_path else ""
        raise DataError(
            f"only {on_path} residues are found on likely chains{seen}; check the map's contrast, voxel size and "
            "resolution"
        )
    sure, resolution = float(residues.confidence[residues.path >= 0].mean()), traced.resolution
    if sure < _LEAST_SURE and (resolution is None or resolution < _SIDE_CHAINS):
        raise DataError(
            "no density like a protein's: chains are found, but their amino acids cannot be told apart, as in noise or "
            f"nucleic acid; check the map's contrast, voxel size and hand, and give its resolution if it is worse than "
            f"{_SIDE_CHAINS:g} A"
        )
    factor = bond_factor(traced)
    if not _SHORTEST <= factor <= _LONGEST:
        scale = 1 / (1 + _RESPONSE * (factor - _USUAL))
        warnings.warn(
            f"neighbouring CA atoms are found {factor * BOND:.2f} A apart ({_USUAL * BOND:.2f} A are usual): the voxel "
            f"size may be wrong by a factor of about {1 / scale:.2f}; check it, and correct it with `voxel_size`",
            CryotoolsWarning,
            stacklevel=3,
        )


def bond_factor(traced: TracedMap) -> float:
    """The median distance of bonded candidates, where they were found, over that of Cα atoms in proteins."""
    chain, index = traced.chain, traced.candidates.index
    here = np.flatnonzero(chain.after >= 0)
    if not len(here):
        return 1.0
    one, other = index[chain.candidate[here]], index[chain.candidate[chain.after[here]]]
    return float(np.median(np.linalg.norm(one - other, axis=1)) / BOND)
