"""The type of molecule in a model, which a network's accuracy depends on."""

from __future__ import annotations

from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure

PROTEINS, NUCLEIC_ACID, BOTH = "protein", "nucleic acid", "protein and nucleic acid"
_FEW = 0.05  # of polymer atoms; a smaller share is a peptide bound to RNA, or a primer bound to an enzyme


def molecule_of(structure: Structure) -> str | None:
    """PROTEINS, NUCLEIC_ACID or BOTH, from the polymer atoms; None if there are none."""
    protein, nucleic = (int((structure.kind == kind).sum()) for kind in (PROTEIN, NUCLEIC))
    if not protein + nucleic:
        return None
    share = nucleic / (protein + nucleic)
    return PROTEINS if share < _FEW else NUCLEIC_ACID if share > 1 - _FEW else BOTH
