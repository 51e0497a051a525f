"""Other programs on the same maps, and what their authors publish.

The values of Q3 are measured, not published: each program was run with the weights that its authors give, residues
classified at the Cα positions of the model, truth by mkdssp. They flatter the programs where they depend on a choice:
HaPi's probabilities were read out in two ways, and the one kept was the better of the two; the low-pass of apoferritin
was tried on apoferritin after DeepMM had failed there. Which of the maps they were trained on is not known. Of TRPV1
the membrane domain was given to them: 310 residues, 229 of them helix and none sheet. There are 310 from number 383 on,
too, 230 of them helix and none sheet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.structure import PROTEIN
from cryotools.curation.pairlist import Entry
from cryotools.sse.score import ResidueScores

HARUSPEX = "recall 95.1 %, precision 80.3 % over 122 maps up to 4 Å (P. Mostosi et al., Angew. Chem. 59, 14788, 2020)"


@dataclass(frozen=True)
class Peer:
    """A program's Q3 on a map, over `residues` residues: those numbered within `span`, or all."""

    program: str
    q3: float
    residues: int
    remark: str = ""
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        remark = f", {self.remark}" if self.remark else ""
        remark += f", {self.span[0]} to {self.span[1]}" if self.span else ""
        return f"{self.program} {self.q3:.3f} ({self.residues} residues{remark})"


PEERS: dict[str, tuple[Peer, ...]] = {  # by number of the EMDB
    "5778": (Peer("DeepMM", 0.887, 310, span=(383, 752)), Peer("HaPi", 0.742, 310, span=(383, 752))),
    "20026": (
        Peer("DeepMM", 0.901, 172, "low-passed to 3.2 Å"),
        Peer("DeepMM", 0.355, 172, "as deposited"),
        Peer("HaPi", 0.738, 172),
    ),
    "35448": (Peer("HaPi", 0.630, 932), Peer("DeepMM", 0.611, 932), Peer("HaPi", 0.702, 339, "a crop")),
}


def q3_within(residues: ResidueScores, span: tuple[int, int] | None) -> float:
    """Q3 of the amino acids scored whose numbers lie in `span`, or of all; NaN where there are none."""
    within = residues.scored & (residues.residues.kind == PROTEIN)
    if span:
        number = residues.residues.residue_number
        within &= (number >= span[0]) & (number <= span[1])
    right = residues.predicted[within] == residues.residues.classes[within]
    return float(np.mean(right)) if len(right) else float("nan")


def peers_of(entry: Entry) -> tuple[Peer, ...]:
    """What is known of the map of `entry`, by its EMDB id or the number in its own id."""
    numbers = re.findall(r"\d+", f"{entry.emdb} {re.split('[_]', entry.id)[0]}")
    return next((PEERS[each] for each in numbers if each in PEERS), ())
