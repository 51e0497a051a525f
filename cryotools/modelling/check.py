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
_NUCLEOTIDE, _APART = 0.5, 4.0  # probability, and voxels between
_SCALE = 0.03  # relative error of the voxel size that is told


def check_resolution(resolution: float | None) -> None:
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
        Fewer than twelve residues are on paths.
    """
    on_path = int(np.sum((residues.path >= 0) & (residues.presence >= 0.5)))
    if on_path < _FEWEST:
        nucleic = len(find_peaks(traced.channels[C4], _NUCLEOTIDE, _APART))
        seen = f", but {nucleic} nucleotides are, and nucleic acid is not built" if nucleic > on_path else ""
        raise DataError(
            f"only {on_path} residues are found on likely chains{seen}; check the map's contrast, voxel size and "
            "resolution"
        )
    factor = bond_factor(traced)
    if abs(factor - 1) > _SCALE:
        warnings.warn(
            f"neighbouring CA atoms are {factor * BOND:.2f} A apart, {factor:.3f} times as far as in proteins: the "
            f"voxel size is probably {1 / factor:.3f} times that of the header; correct it with `voxel_size`",
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
