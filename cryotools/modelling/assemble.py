"""Chains from registered stretches: which stretches belong to one copy of a sequence, and what lies between them.

Stretches of one sequence are joined in order, nearest ends first, as far as a chain can span the residues between them
and no residue is used twice; what is left over starts another copy. What lies between and beyond them is found by walks
over all candidates, and short gaps that remain are searched in the density.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.placement import library
from cryotools.anchors.sequence import SequenceFit
from cryotools.modelling.copies import complete_copies
from cryotools.modelling.fill import Threaded, threaded
from cryotools.modelling.lattice import Lattice
from cryotools.modelling.loops import find_loop
from cryotools.modelling.plan import ChainPlan, concatenated
from cryotools.modelling.stretches import SLACK, SPAN, Stretch

_FARTHEST = 40  # residues, between stretches of one copy of several
_LOOP = 4  # residues that are searched in the density; of longer loops fewer than half are right
_AROUND, _OWN = 30.0, 0.5  # Å, within which a loop minds others, and of its own ends
_ADDED, _FEW = 0.5, 0.9  # how often residues are right that are put between others, and if there are at most two
_EDGE = 0.8  # confidence of a residue at the end of a stretch, below which it is placed anew
_ANCHOR = 3  # residues of a stretch
_LOOSE, _CUTTING = 3, 10.0  # residues at ends that may be wrong, and Å by which joining such ends comes later
_PLACED = -0.03, 0.67  # log-odds that a residue of an unknown chain is in place, by the logarithm of its length
_LEAST = 5  # residues of a registered chain


def registered_chains(
    residues: DetectedResidues,
    fits: Sequence[SequenceFit],
    sequences: Mapping[str, str],
    lattice: Lattice,
    path: np.ndarray,
    to_index: np.ndarray,
) -> list[ChainPlan]:
    """The chains of accepted `fits`, with the residues between and beyond them where these can be found; longest first.

    Parameters
    ----------
    sequences : one-letter codes by the names that the fits use
    lattice : of the same residues
    path : (nz, ny, nx), the backbone channel of the trace network, on voxels of 1 Å
    to_index : (3,), the position in Å of its voxel 0
    """
    stretches = [part for one in fits if one.accepted for part in _sure_parts(residues, one)]
    if not stretches:
        return []
    known = library(sequences)
    letters = {
        name: known.letters[start : start + length]
        for name, start, length in zip(known.names, known.start, known.length, strict=True)
    }
    chains = threaded(_grouped(residues, stretches), letters, lattice)
    plans = [_plan(residues, chain, sequences[chain.sequence], lattice, to_index) for chain in chains]
    plans = complete_copies([plan for plan in plans if len(plan) >= _LEAST], path, to_index)
    plans = [_with_loops(residues, plan, sequences[plan.sequence], path, to_index) for plan in plans]
    return sorted(plans, key=len, reverse=True)


def _sure_parts(residues: DetectedResidues, one: SequenceFit) -> list[Stretch]:
    """A fit's parts without a residue missed or found twice, from their first to their last sure residue."""
    even = (np.diff(one.positions) == 1) & (np.abs(np.diff(one.residues)) == 1)
    parts = []
    for run in np.split(np.arange(len(one)), np.flatnonzero(~even) + 1):
        sure = np.flatnonzero(residues.confidence[one.residues[run]] >= _EDGE)
        if len(sure) and sure[-1] - sure[0] + 1 >= _ANCHOR:
            keep = run[sure[0] : sure[-1] + 1]
            parts.append(Stretch(one.sequence, one.positions[keep], one.residues[keep], one.path, one.score))
    return parts


def _plan(residues: DetectedResidues, chain: Threaded, text: str, lattice: Lattice, to_index: np.ndarray) -> ChainPlan:
    """The residues of a chain that have places."""
    at = np.flatnonzero(chain.place >= 0)
    place, walked = chain.place[at], np.isfinite(chain.confidence[at])
    residue = np.where(place < len(residues), place, -1)
    confidence = np.where(walked, chain.confidence[at], residues.confidence[residue]).astype(np.float64)
    ca = lattice.index[place] + to_index
    return ChainPlan(chain.sequence, at, residue, ca, "".join(text[one] for one in at), confidence)


def _grouped(residues: DetectedResidues, stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Stretches by the chain they belong to, each chain in sequence order."""
    single = {one.sequence for one in stretches} - _repeated(stretches)
    links = []
    for a, one in enumerate(stretches):
        for b, other in enumerate(stretches):
            if a == b or one.sequence != other.sequence or one.position[0] > other.position[0]:
                continue
            between, apart, cut = _between(residues, one, other)
            far = between - 1 > _FARTHEST and one.sequence not in single
            if far or between < 1 or apart > SPAN * between + SLACK:
                continue
            links.append((one.path != other.path, apart + 0.3 * between + _CUTTING * cut, a, b))
    group = list(range(len(stretches)))
    members = {at: [at] for at in group}
    for _, _, a, b in sorted(links):
        first, second = group[a], group[b]
        if first == second:
            continue
        both = sorted(members[first] + members[second], key=lambda at: int(stretches[at].position[0]))
        if not _compatible(residues, [stretches[at] for at in both]):
            continue
        members[first] = both
        for at in members.pop(second):
            group[at] = first
    return [_cut(residues, [stretches[at] for at in each]) for each in members.values()]


def _between(residues: DetectedResidues, one: Stretch, other: Stretch) -> tuple[int, float, bool]:
    """The steps along the sequence from the end of one stretch to the beginning of another, how far apart these are in
    Å, and whether both are shorter by what may be wrong at their ends, since they are too far apart otherwise.
    """
    for cut in (0, _LOOSE):
        if cut and min(len(one.position), len(other.position)) < cut + _ANCHOR:
            break
        between = int(other.position[cut] - one.position[-1 - cut])
        apart = float(np.linalg.norm(residues.ca[other.residue[cut]] - residues.ca[one.residue[-1 - cut]]))
        if between >= 1 and apart <= SPAN * between + SLACK:
            return between, apart, cut > 0
    return 0, np.inf, True


def _cut(residues: DetectedResidues, ordered: Sequence[Stretch]) -> list[Stretch]:
    """The stretches of a chain without what must be wrong at their ends."""
    loose = [_between(residues, one, other)[2] for one, other in itertools.pairwise(ordered)]
    found = []
    for one, before, after in zip(ordered, [False, *loose], [*loose, False], strict=True):
        part = slice(_LOOSE * before, len(one.position) - _LOOSE * after)
        found.append(replace(one, position=one.position[part], residue=one.residue[part]))
    return [one for one in found if len(one.position) >= _ANCHOR]


def _repeated(stretches: Sequence[Stretch]) -> set[str]:
    """The sequences of which a position is found more than once, so that there are copies."""
    found: dict[str, list[int]] = {}
    for one in stretches:
        found.setdefault(one.sequence, []).extend(one.position.tolist())
    return {name for name, positions in found.items() if len(positions) > len(set(positions))}


def _compatible(residues: DetectedResidues, ordered: Sequence[Stretch]) -> bool:
    """Whether stretches can be one chain: no position twice, and ends near enough."""
    return all(_between(residues, one, other)[0] >= 1 for one, other in itertools.pairwise(ordered))


def _with_loops(
    residues: DetectedResidues, plan: ChainPlan, text: str, path: np.ndarray, origin: np.ndarray
) -> ChainPlan:
    """The chain with short gaps closed where density joins their ends."""
    parts, begin, each = [], 0, np.arange(len(plan))
    for at in np.flatnonzero(np.diff(plan.position) > 1).tolist():
        position = np.arange(plan.position[at] + 1, plan.position[at + 1])
        if len(position) > _LOOP or at < 1 or at + 3 > len(plan):
            continue
        ca = _loop(residues, plan.ca[at - 1 : at + 3], len(position), path, origin)
        if ca is None:
            continue
        letters = "".join(text[one] for one in position)
        added, sure = np.full(len(position), -1), np.full(len(position), _FEW if len(position) <= 2 else _ADDED)
        parts += [plan.part((each >= begin) & (each <= at)), ChainPlan("", position, added, ca, letters, sure)]
        begin = at + 1
    parts.append(plan.part(each >= begin))
    return replace(concatenated(parts), sequence=plan.sequence)


def _loop(
    residues: DetectedResidues, around: np.ndarray, missing: int, path: np.ndarray, origin: np.ndarray
) -> np.ndarray | None:
    """The Cα atoms (missing, 3) between the second and the third of four (4, 3); None if they are not found."""
    others = residues.ca[residues.path >= 0]
    others = others[np.linalg.norm(others - (around[1] + around[2]) / 2, axis=1) < _AROUND]
    others = others[np.linalg.norm(others[:, None] - around, axis=2).min(axis=1) > _OWN]
    before, first, last, after = around - origin
    loop = find_loop((first, last), (before, after), missing, path, others - origin)
    return None if loop is None else loop.ca + origin


def unregistered_chains(residues: DetectedResidues, taken: np.ndarray, least: int) -> list[ChainPlan]:
    """Stretches of paths of at least `least` residues that no sequence claims; `taken` bool (n,) are those claimed.
    Their confidence is that of their places.
    """
    plans = []
    free = (residues.path >= 0) & ~taken
    edge = np.flatnonzero(np.diff(np.where(free, residues.path, -1)) != 0) + 1
    for part in np.split(np.arange(len(residues)), edge):
        if len(part) >= least and free[part[0]] and residues.presence[part].mean() >= 0.5:
            plans.append(
                ChainPlan(
                    "",
                    np.arange(len(part)),
                    part,
                    residues.ca[part],
                    "X" * len(part),
                    np.full(len(part), expit(_PLACED[0] + _PLACED[1] * np.log(len(part)))),
                )
            )
    return sorted(plans, key=len, reverse=True)
