"""What a model is made of, as far as a network's accuracy depends on it."""

from __future__ import annotations

from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure

PROTEINS, NUCLEIC_ACID, BOTH = "protein", "nucleic acid", "protein and nucleic acid"
_FEW = 0.05  # of the atoms of polymers; less is a peptide beside RNA, or a primer beside an enzyme


def molecule_of(structure: Structure) -> str | None:
    """PROTEINS, NUCLEIC_ACID or BOTH, by the atoms of polymers; None where there are none."""
    protein, nucleic = (int((structure.kind == kind).sum()) for kind in (PROTEIN, NUCLEIC))
    if not protein + nucleic:
        return None
    share = nucleic / (protein + nucleic)
    return PROTEINS if share < _FEW else NUCLEIC_ACID if share > 1 - _FEW else BOTH
