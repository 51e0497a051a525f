"""A model against a reference in the same frame: positions, chain direction, sequence and fold."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cryotools.metrics.detection import Matching, match_points
from cryotools.modelling.scoring.chaincomparison import ChainComparison, compare_chains
from cryotools.modelling.scoring.lddt import ca_lddt
from cryotools.modelling.scoring.tm import TmScore, tm_score
from cryotools.modelling.scoring.trace import ModelTrace

RADII = (1.0, 2.0, 3.0)  # Å
_FEWEST = 3  # matched residues of a piece or chain for it to count as part of a chain


@dataclass(frozen=True)
class ChainAgreement:
    """One chain of the reference: its residues, those found within 3 Å, those of the right type, the pieces of the
    model it is found in, and the TM-scores of the model's chain that fits best.
    """

    chain: str
    residues: int
    found: int
    right: int
    pieces: int
    tm: TmScore

    def figures(self) -> dict[str, Any]:
        """All figures by name, for JSON."""
        return {**asdict(self), "tm": self.tm.in_place, "tm_superposed": self.tm.superposed}


@dataclass(frozen=True)
class Agreement:
    """A model of n residues against a reference of m; fractions are NaN without anything to count.

    Attributes
    ----------
    matching : one-to-one pairs of Cα within 3 Å
    right : bool (n,), residues of the model that are matched and have the reference's type
    recall, precision : of Cα within 1, 2 and 3 Å, one-to-one
    rmsd, mean_distance : Å, of the pairs within 3 Å
    forward, backward, astray : fractions of bonded pairs of residues, both matched, whose partners follow one another
        in the same order, in the other order, or not
    match : fraction of the matched residues of known type that have the reference's type
    sequence_recall : residues matched with the right type, relative to those of the reference
    longest_run : residues of the longest stretch of the model that follows the reference with the right types
    lddt, lddt_matched : mean over the reference, what is missing counting 0, and over matched residues among themselves
    lddt_residue : float (m,), the first, residue by residue
    chains : of the reference
    phenix : the scores of phenix.chain_comparison
    """

    n_model: int
    n_reference: int
    matching: Matching
    right: np.ndarray
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    rmsd: float
    mean_distance: float
    forward: float
    backward: float
    astray: float
    match: float
    sequence_recall: float
    longest_run: int
    lddt: float
    lddt_matched: float
    lddt_residue: np.ndarray
    chains: tuple[ChainAgreement, ...]
    phenix: ChainComparison

    def figures(self) -> dict[str, Any]:
        """All figures by name, for JSON."""
        found: dict[str, Any] = {"n_model": self.n_model, "n_reference": self.n_reference}
        for radius, recall, precision in zip(RADII, self.recall, self.precision, strict=True):
            both = recall + precision
            f1 = 2 * recall * precision / both if both else 0.0
            found |= {f"recall_{radius:g}": recall, f"precision_{radius:g}": precision, f"f1_{radius:g}": f1}
        keys = ("rmsd", "mean_distance", "forward", "backward", "astray", "match", "sequence_recall", "longest_run")
        found |= {key: getattr(self, key) for key in (*keys, "lddt", "lddt_matched")}
        found |= {"tm": self.mean_tm.in_place, "tm_superposed": self.mean_tm.superposed, "pieces": self.pieces}
        found["phenix"] = asdict(self.phenix)
        found["chains"] = [one.figures() for one in self.chains]
        return found

    @property
    def mean_tm(self) -> TmScore:
        """The mean of the chains' TM-scores, by their lengths."""
        weight = [one.residues for one in self.chains]
        in_place, superposed = zip(*((one.tm.in_place, one.tm.superposed) for one in self.chains), strict=True)
        return TmScore(*(float(np.average(values, weights=weight)) for values in (in_place, superposed)))

    @property
    def pieces(self) -> float:
        """Mean number of pieces of the model that a chain of the reference is found in, of the chains found at all."""
        found = [one.pieces for one in self.chains if one.pieces]
        return float(np.mean(found)) if found else float("nan")


def agreement(model: ModelTrace, reference: ModelTrace) -> Agreement:
    """Compare `model` with `reference`."""
    matched = [match_points(model.ca, reference.ca, radius) for radius in RADII]
    near = matched[-1]
    partner = np.full(len(model) + 1, -1)
    partner[near.found] = near.truth
    named = (model.letters[near.found] != "X") & (reference.letters[near.truth] != "X")
    right = np.zeros(len(model), dtype=bool)
    right[near.found] = named & (model.letters[near.found] == reference.letters[near.truth])
    forward, backward, astray = _directions(model, reference, partner)
    lddt = _lddt(model, reference, near)
    among = ca_lddt(reference.ca[near.truth], model.ca[near.found]) if len(near) else np.zeros(0)
    return Agreement(
        n_model=len(model),
        n_reference=len(reference),
        matching=near,
        right=right,
        recall=tuple(len(one) / len(reference) for one in matched),
        precision=tuple(len(one) / len(model) for one in matched),
        rmsd=float(np.sqrt(np.mean(near.distance**2))) if len(near) else float("nan"),
        mean_distance=_mean(near.distance),
        forward=forward,
        backward=backward,
        astray=astray,
        match=float(right.sum() / named.sum()) if named.any() else float("nan"),
        sequence_recall=float(right.sum() / len(reference)),
        longest_run=_longest_run(model, reference, partner, right),
        lddt=_mean(lddt),
        lddt_matched=_mean(among),
        lddt_residue=lddt,
        chains=tuple(_chain(model, reference, at, partner, right) for at in reference.chains().values()),
        phenix=compare_chains(model, reference),
    )


def _directions(model: ModelTrace, reference: ModelTrace, partner: np.ndarray) -> tuple[float, float, float]:
    here, there = partner[:-1], partner[model.after]
    known = (model.after >= 0) & (here >= 0) & (there >= 0)
    here, there = here[known], there[known]
    if not len(here):
        return (float("nan"),) * 3
    forward, backward = (float(np.mean(ahead[here] == there)) for ahead in (reference.after, reference.before))
    return forward, backward, 1 - forward - backward


def _longest_run(model: ModelTrace, reference: ModelTrace, partner: np.ndarray, right: np.ndarray) -> int:
    """The longest stretch of right residues, each bonded to the next, whose partners follow one another as well."""
    follows = np.zeros(len(model), dtype=bool)
    later = np.flatnonzero((model.before >= 0) & right)
    before = model.before[later]
    follows[later] = right[before] & (reference.after[partner[before]] == partner[later])
    run = longest = 0
    for good, joined in zip(right.tolist(), follows.tolist(), strict=True):
        run = (run + 1 if joined else 1) if good else 0
        longest = max(longest, run)
    return longest


def _lddt(model: ModelTrace, reference: ModelTrace, matching: Matching) -> np.ndarray:
    placed = np.full((len(reference), 3), np.nan)
    placed[matching.truth] = model.ca[matching.found]
    return ca_lddt(reference.ca, placed)


def _chain(
    model: ModelTrace, reference: ModelTrace, at: np.ndarray, partner: np.ndarray, right: np.ndarray
) -> ChainAgreement:
    """What the model has of the reference's residues `at`, one of its chains."""
    mine = np.flatnonzero(np.isin(partner[:-1], at))
    pieces, chains = (Counter(names[mine].tolist()) for names in (model.piece, model.chain))
    scores = [
        tm_score(model.ca[model.chain == name], reference.ca[at]) for name, count in chains.items() if count >= _FEWEST
    ]
    return ChainAgreement(
        chain=str(reference.chain[at[0]]),
        residues=len(at),
        found=len(mine),
        right=int(right[mine].sum()),
        pieces=sum(count >= _FEWEST for count in pieces.values()),
        tm=max(scores, key=lambda one: one.in_place, default=TmScore(0.0, 0.0)),
    )


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
