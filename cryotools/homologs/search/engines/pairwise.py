"""Biopython's aligner, which needs nothing else: every query with every sequence, for small databases.

Scores are those of BLOSUM62 with gaps of 11 + 1 per residue. A score S has the E-value K m n exp(-λ S), for m letters
of the query and n of the database, with BLAST's λ = 0.267 and K = 0.041 for this matrix and these gaps (S. Karlin and
S. Altschul, PNAS 87, 2264, 1990; S. Altschul et al., Nucleic Acids Res. 25, 3389, 1997). Lengths are not corrected for
edge effects and composition is not, so that E-values of short sequences are too large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from cryotools.core.progress import Progress
from cryotools.homologs.search.engines.interface import Match, SearchTask

_LAMBDA, _K = 0.267, 0.041
_OPEN, _EXTEND = -12.0, -1.0  # of the first residue of a gap, and of each further one
_STANDARD = str.maketrans("UOJ", "CKL")  # BLOSUM62 has no letters for these


class PairwiseEngine:
    """Smith-Waterman alignment by Biopython."""

    name = "biopython"
    has_iterations = False

    def missing(self) -> str:
        """Nothing: Biopython is always there."""
        return ""

    def version(self) -> str:
        """Biopython's."""
        return version("biopython")

    def search(self, task: SearchTask, reporter: Progress) -> Iterator[tuple[str, list[Match]]]:
        """The matches of each query, one after another."""
        aligner = _aligner()
        targets = [letters.translate(_STANDARD) for letters in task.targets]
        total = sum(map(len, targets))
        reporter.start(len(task.queries), "sequences searched")
        for name, given in task.queries.items():
            letters = given.translate(_STANDARD)
            least = least_score(task.evalue, len(letters), total)
            matches = []
            for index, target in enumerate(targets):
                score = aligner.score(letters, target)
                if score >= least:
                    bits = (_LAMBDA * score - math.log(_K)) / math.log(2)
                    expected = expected_hits(score, len(letters), total)
                    aligned = _alignment(aligner, letters, target, given, task.targets[index])
                    matches.append(Match(name, index, expected, bits, *aligned))
            reporter.advance()
            if matches:
                yield name, matches


def expected_hits(score: float, query_length: int, database_length: int) -> float:
    """The E-value of a score of BLOSUM62 with gaps of 11 + 1 per residue."""
    return _K * query_length * database_length * math.exp(-_LAMBDA * score)


def least_score(evalue: float, query_length: int, database_length: int) -> float:
    """The score of this E-value."""
    return math.log(_K * query_length * database_length / evalue) / _LAMBDA


def _aligner() -> Any:
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="local", open_gap_score=_OPEN, extend_gap_score=_EXTEND)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    return aligner


def _alignment(aligner: Any, query: str, target: str, above: str, below: str) -> tuple[int, int, str, str]:
    """Where the best alignment begins, and its letters, spelled as in `above` and `below`."""
    best = aligner.align(query, target)[0]
    (first, *_), (other, *_) = best.aligned
    tops, bottoms = "", ""
    at, to = int(first[0]), int(other[0])
    for (begin, end), (start, stop) in zip(*best.aligned, strict=True):
        tops += above[at:begin] + "-" * int(start - to) + above[begin:end]
        bottoms += "-" * int(begin - at) + below[to:start] + below[start:stop]
        at, to = int(end), int(stop)
    return int(first[0]), int(other[0]), tops, bottoms
