"""Amino acids from docked homologs: which residues found in a map lie at which letters, and how surely.

A residue found near a Cα atom of a docked homolog is taken to be of the query's amino acid there, by the alignment of
both. Whether that holds is told, by a logistic regression, by how near it lies, whether its neighbours along the path
lie at the neighbouring letters, whether query and homolog have the same amino acid, and by what the network sees: at
the residue itself, and at those before and after it, since a shifted register fits none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cryotools.anchors.confidence import log_odds
from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import log_odds_of_types
from cryotools.anchors.sequence import SequenceFit
from cryotools.core.structures.residues import find_residues
from cryotools.homologs.docking.dock import DockedStructure
from cryotools.homologs.structures import HomologChain
from cryotools.metrics.detection import match_points

FEATURES = ("constant", "distance", "neighbours", "same letter", "network nearby", "network")
# of the logistic regression, fitted to residues of real maps as docs/homologs-notes.md says
WEIGHTS = np.array([1.84, -2.09, 0.54, 0.21, 0.72, 0.27])
REACH = 3.0  # Å between Cα atoms
_WINDOW = 8  # residues on either side whose types tell about the register
_FEW = 4.0  # residues without a say that are added to those of the window
_USUAL = 0.7  # share of letters that are right
_SUREST = 0.98  # probability of a placement
_TRUST = 1.5  # log-odds that a docking is right, for each standard deviation of its agreement
_CHANCE = 0.6  # agreement of unrelated proteins, ± 1.2: what is buried has similar letters everywhere


@dataclass(frozen=True, eq=False)
class DockedLetters:
    """What one docked homolog says of the residues found in a map.

    Attributes
    ----------
    placement : the docked homolog
    query : name of the sequence that the letters are of; the file's name if there is none
    residues : int (k,), residues found, in the order of the homolog's chain
    letters : int (k,), their amino acids, indices in AMINO_ACIDS
    positions : int (k,), their places in the sequence, from 0
    features : float64 (k, 6), as named in FEATURES; the last is the network's log-odds of the letter against any
    agreement : how much better the letters fit the network's types than in random order, in standard deviations
    """

    placement: DockedStructure
    query: str
    residues: np.ndarray
    letters: np.ndarray
    positions: np.ndarray
    features: np.ndarray
    agreement: float

    @property
    def sure(self) -> np.ndarray:
        """The probability (k,) that each residue lies at its letter."""
        return self.right * expit(self.features @ WEIGHTS)

    @property
    def right(self) -> float:
        """The probability that the homolog is docked rightly: that of its placement, after its `agreement`."""
        before = float(log_odds(np.array(min(self.placement.probability, _SUREST))))
        return float(expit(before + _TRUST * (self.agreement - _CHANCE)))


def docked_letters(
    residues: DetectedResidues, placements: Sequence[tuple[DockedStructure, HomologChain]]
) -> list[DockedLetters]:
    """The letters of docked homologs at residues found in the map, the best fitting first: those of the query where
    they are aligned; a homolog that no search has aligned has its own.

    Of placements that overlap, the one whose letters agree better with the network's types is kept: homologs of one
    query often dock where the chain of another is.
    """
    found = [_letters(residues, placement, chain) for placement, chain in placements]
    kept: list[DockedLetters] = []
    for one in sorted(found, key=lambda each: -each.agreement):
        if len(one.residues) and not any(one.placement.overlaps(other.placement) for other in kept):
            kept.append(one)
    return kept


def letter_fits(found: Sequence[DockedLetters], residues: DetectedResidues) -> list[SequenceFit]:
    """The letters as fits of paths to sequences, for `anchors.reweight.apply_sequences`; of a residue in two of them,
    the surer one counts.
    """
    best = np.zeros(len(residues))
    for one in found:
        best[one.residues] = np.maximum(best[one.residues], one.sure)
    fits = []
    for one in found:
        mine = one.sure >= best[one.residues]
        for path in np.unique(residues.path[one.residues[mine]]).tolist():
            fits.append(_fit(one, mine & (residues.path[one.residues] == path), path))
    return fits


def _letters(residues: DetectedResidues, placement: DockedStructure, chain: HomologChain) -> DockedLetters:
    found = find_residues(placement.structure)
    own = np.array([AMINO_ACIDS.find(letter) for letter in found.letters])
    positions, which, letters = np.arange(len(found)), np.arange(len(found)), own
    if chain.sequence:
        positions, which = chain.homolog.aligned_residues(found)
        letters = np.array([AMINO_ACIDS.find(chain.sequence[at]) for at in positions], dtype=int)
    usable = (letters >= 0) & np.isfinite(found.ca[which]).all(axis=1)
    positions, which, letters = positions[usable], which[usable], letters[usable]
    matched = match_points(residues.ca, found.ca[which], REACH)
    order = np.argsort(positions[matched.truth], kind="stable")
    at, to, distance = matched.found[order], matched.truth[order], matched.distance[order]
    positions, letters, same = positions[to], letters[to], own[which[to]] == letters[to]
    usual = residues.types.mean(axis=0) if len(residues) else np.ones(len(AMINO_ACIDS))
    table = log_odds_of_types(residues.types, usual)[at][:, letters]
    odds, near = np.diagonal(table), [distance / REACH, _linked(residues, at, positions)]
    columns = [np.ones(len(at)), *near, same, _nearby(odds, positions), odds]
    name = chain.homolog.query or placement.structure.name
    features = np.stack(columns, axis=1).astype(float)
    return DockedLetters(placement, name, at, letters, positions, features, _agreement(table))


def _agreement(odds: np.ndarray) -> float:
    """How the residues of a table of log-odds (k, k) fit their own letters, in the diagonal, if seven of ten are right:
    in standard deviations over all orders of the letters (W. Hoeffding, Ann. Math. Stat. 22, 558, 1951).
    """
    if len(odds) < 2:
        return 0.0
    each = np.log1p(_USUAL * np.expm1(odds))
    apart = each - each.mean(axis=0) - each.mean(axis=1, keepdims=True) + each.mean()
    spread = np.sqrt((apart**2).sum() / (len(odds) - 1))
    return float(np.trace(apart) / max(spread, 1e-9))


def _linked(residues: DetectedResidues, at: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """How many neighbours on the path, 0 to 2, lie at the neighbouring letters, all in one direction."""
    place = np.full(len(residues) + 1, -(10**6))
    place[at] = positions
    ahead, behind = place[residues.after[at]] - positions, place[residues.before[at]] - positions
    return np.maximum((ahead == 1) * 1 + (behind == -1), (ahead == -1) * 1 + (behind == 1))


def _nearby(odds: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The mean log-odds of the letters up to eight places before and after each, itself left out."""
    near = np.abs(positions[:, None] - positions) <= _WINDOW
    np.fill_diagonal(near, val=False)
    return (near @ odds) / (near.sum(axis=1) + _FEW)


def _fit(one: DockedLetters, mine: np.ndarray, path: int) -> SequenceFit:
    """Those residues of a path, in the direction in which most of them follow the letters."""
    at, positions, letters, sure = (part[mine] for part in (one.residues, one.positions, one.letters, one.sure))
    steps = np.sign(np.diff(at)) * (np.abs(np.diff(positions)) <= 2)
    ahead = float(steps.sum()) if path >= 0 else 0.0
    return SequenceFit(
        path=path,
        residues=at,
        sequence=one.query,
        positions=positions,
        letters="".join(AMINO_ACIDS[letter] for letter in letters),
        forward=ahead >= 0,
        score=abs(ahead),
        expected=0.0,
        posterior=float(expit(abs(ahead))),
        sure=sure,
        identity=0.0,
        accepted=True,
    )
