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
from cryotools.modelling.chains.plan import ChainPlan, concatenated
from cryotools.modelling.scoring.superpose import Superposition, superposition

_FEWEST = 10  # residues that two pieces must have in common
_NEAR, _CLOSE = 3.0, 1.8  # Å: of residues that are the same in two copies, and root mean square of those
_MOST = 0.6  # share of the residues in common that are
_ROUNDS = 6
_OVERLAP = 15  # positions found twice in pieces of a single copy, whose ends may be wrong
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
    both, and the same motion brings them onto it; or hardly a position is found twice, so that there is but one copy.
    """
    found = sorted(plans, key=len, reverse=True)
    _, times = np.unique(np.concatenate([plan.position for plan in plans]), return_counts=True)
    single = np.sum(times > 1) <= _OVERLAP
    while True:
        for one, other in itertools.combinations(found, 2):
            rest = [plan for plan in found if plan is not one and plan is not other]
            both = _either(one, other) if single else _joined(one, other)
            if _is_chain(both) and (single or any(_same_copy(one, other, third) for third in rest)):
                found = sorted([both, *rest], key=len, reverse=True)
                break
        else:
            return found


def _either(one: ChainPlan, other: ChainPlan) -> ChainPlan:
    """Both chains as one, with positions that are in both from the one that is surer of them."""
    _, mine, theirs = np.intersect1d(one.position, other.position, return_indices=True)
    if one.confidence[mine].sum() < other.confidence[theirs].sum():
        return _joined(one.part(~np.isin(np.arange(len(one)), mine)), other)
    return _joined(one, other.part(~np.isin(np.arange(len(other)), theirs)))


def _same_copy(one: ChainPlan, other: ChainPlan, third: ChainPlan) -> bool:
    first, second = common_motion(one, third), common_motion(other, third)
    if first is None or second is None:
        return False
    ca = np.concatenate([one.ca, other.ca])
    return bool(np.sqrt(np.mean(np.sum((first.apply(ca) - second.apply(ca)) ** 2, axis=1))) <= 2 * _NEAR)


def _is_chain(plan: ChainPlan) -> bool:
    """Whether no position is there twice, and residues are near enough to be one chain."""
    step, apart = np.diff(plan.position), np.linalg.norm(np.diff(plan.ca, axis=0), axis=1)
    return bool(np.all(step > 0) and np.all(apart <= _SPAN * step + _SLACK))


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
