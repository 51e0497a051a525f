"""Copies of one sequence: the operators that bring them onto each other, pieces that belong to one copy, and residues
that one copy shows and another lacks.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from cryotools.anchors.paths import bond_odds
from cryotools.modelling.plan import ChainPlan, concatenated
from cryotools.modelling.scoring.superpose import Superposition, superposition

_FEWEST = 10  # residues that two pieces must have in common
_NEAR, _CLOSE = 3.0, 1.8  # Å: of residues that are the same in two copies, and root mean square of those
_MOST = 0.6  # share of the residues in common that are
_ROUNDS = 6
_SPAN, _SLACK = 3.8, 3.0  # Å that a residue spans
_CLASH = 2.5  # Å between Cα atoms of different residues
_SEEN = -0.5  # mean log-odds of the bonds of residues that are taken over
_WINDOW = 2  # residues on either side over which they are averaged
_TRUST = 0.9  # × the confidence of the residue that is taken over


def complete_copies(plans: Sequence[ChainPlan], path: np.ndarray, origin: np.ndarray) -> list[ChainPlan]:
    """The chains with pieces of one copy joined, and with the residues that other copies of their sequence have where
    the backbone is seen there, too; longest first.

    Parameters
    ----------
    path : (nz, ny, nx), the backbone channel of the trace network, on voxels of 1 Å
    origin : (3,), the position in Å of its voxel 0
    """
    found: list[ChainPlan] = []
    for _, same in itertools.groupby(sorted(plans, key=lambda one: one.sequence), key=lambda one: one.sequence):
        found += merged(list(same))
    for number, plan in enumerate(found):
        others = [one for one in found if one is not plan]
        for other in (one for one in others if one.sequence == plan.sequence):
            motion = common_motion(other, plan)
            if motion is not None:
                taken = np.concatenate([one.ca for one in others])
                plan = _with_residues(plan, other, motion, taken, path, origin)
        found[number] = plan
    return sorted(found, key=len, reverse=True)


def common_motion(moving: ChainPlan, fixed: ChainPlan) -> Superposition | None:
    """The motion that brings one chain onto another of its sequence, by most of the residues that both have; None if
    they have too few in common or differ.
    """
    _, mine, theirs = np.intersect1d(moving.position, fixed.position, return_indices=True)
    if len(mine) < _FEWEST:
        return None
    here, there = moving.ca[mine], fixed.ca[theirs]
    keep = np.ones(len(here), dtype=bool)
    for _ in range(_ROUNDS):
        found = superposition(here[keep], there[keep])
        apart = np.linalg.norm(found.apply(here) - there, axis=1)
        keep = apart <= max(_NEAR, float(np.median(apart)))
    enough = keep.sum() >= max(_FEWEST, _MOST * len(keep))
    return found if enough and found.rmsd <= _CLOSE else None


def merged(plans: Sequence[ChainPlan]) -> list[ChainPlan]:
    """The chains of one sequence, those joined that are pieces of one copy: a third chain has residues in common with
    both, and the same motion brings them onto it.
    """
    found = sorted(plans, key=len, reverse=True)
    while True:
        for one, other in itertools.combinations(range(len(found)), 2):
            third = [plan for number, plan in enumerate(found) if number not in (one, other)]
            if _can_join(found[one], found[other]) and any(
                _same_copy(found[one], found[other], each) for each in third
            ):
                joined = _joined(found[one], found[other])
                found = [joined, *(plan for number, plan in enumerate(found) if number not in (one, other))]
                break
        else:
            return found


def _same_copy(one: ChainPlan, other: ChainPlan, third: ChainPlan) -> bool:
    first, second = common_motion(one, third), common_motion(other, third)
    if first is None or second is None:
        return False
    ca = np.concatenate([one.ca, other.ca])
    return bool(np.sqrt(np.mean(np.sum((first.apply(ca) - second.apply(ca)) ** 2, axis=1))) <= 2 * _NEAR)


def _can_join(one: ChainPlan, other: ChainPlan) -> bool:
    """Whether no position is in both, and their ends are near enough."""
    if len(np.intersect1d(one.position, other.position)):
        return False
    both = _joined(one, other)
    step = np.linalg.norm(np.diff(both.ca, axis=0), axis=1)
    return bool(np.all(step <= _SPAN * np.diff(both.position) + _SLACK))


def _joined(one: ChainPlan, other: ChainPlan) -> ChainPlan:
    both = concatenated([one, other])
    return both.ordered(np.argsort(both.position, kind="stable"))


def _with_residues(
    plan: ChainPlan, other: ChainPlan, motion: Superposition, taken: np.ndarray, path: np.ndarray, origin: np.ndarray
) -> ChainPlan:
    """The chain with the residues of another copy that it lacks, moved onto it, where these are seen and free."""
    lacking = ~np.isin(other.position, plan.position)
    if not lacking.any():
        return plan
    new = replace(other.part(lacking), ca=motion.apply(other.ca[lacking]))
    both = _joined(plan, new)
    is_new = ~np.isin(both.position, plan.position)
    bonded = np.diff(both.position) == 1
    odds = np.where(bonded, bond_odds(both.ca[:-1] - origin, both.ca[1:] - origin, path), np.nan)
    seen = np.array([_around(odds, at) for at in range(len(both))])
    far = cKDTree(taken).query(both.ca)[0] >= _CLASH if len(taken) else np.ones(len(both), dtype=bool)
    own = cKDTree(plan.ca).query(both.ca)[0] >= _CLASH
    keep = ~is_new | ((seen >= _SEEN) & far & own)
    kept = both.part(keep)
    residue, confidence = kept.residue.copy(), kept.confidence.copy()
    residue[is_new[keep]] = -1
    confidence[is_new[keep]] *= _TRUST
    return replace(kept, residue=residue, confidence=confidence)


def _around(odds: np.ndarray, at: int) -> float:
    """The mean log-odds of the bonds near a residue; minus infinity if it has none."""
    near = odds[max(at - _WINDOW, 0) : at + _WINDOW]
    return float(np.nanmean(near)) if np.isfinite(near).any() else -np.inf
