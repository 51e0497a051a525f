"""Fits of paths to sequences as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.sequence import SequenceFit

FIT_COLUMNS = (
    *("path", "first_residue", "last_residue", "residues", "direction", "sequence", "first", "last"),
    *("score", "expected_by_chance", "posterior", "identity", "accepted"),
)


def fit_rows(fits: Sequence[SequenceFit], residues: DetectedResidues) -> Iterator[dict[str, Any]]:
    """A row of FIT_COLUMNS for each stretch: paths, residues (as in the pseudo-atoms) and letters count from 1, the
    first residue is the one nearest to the N terminus.
    """
    for one in fits:
        first, last = residues.numbers[one.residues[[0, -1]]].tolist()
        yield {
            "path": one.path + 1,
            "first_residue": first,
            "last_residue": last,
            "residues": len(one),
            "direction": "forward" if one.forward else "backward",
            "sequence": one.sequence,
            "first": int(one.positions[0]) + 1,
            "last": int(one.positions[-1]) + 1,
            "score": one.score,
            "expected_by_chance": f"{one.expected:.2g}",
            "posterior": one.posterior,
            "identity": one.identity,
            "accepted": "yes" if one.accepted else "no",
        }
