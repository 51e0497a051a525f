"""Which placed stretches are one chain: those of a single copy that fit together, or of several copies the nearest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.sequence import SequenceFit
from cryotools.modelling.chains.stretches import SLACK, SPAN, Stretch

_FARTHEST = 40  # residues, between stretches of one copy of several
_EDGE = 0.8  # confidence of a residue at the end of a stretch, below which it is placed anew
_ANCHOR = 3  # residues of a stretch
_TWICE = 15  # positions found twice in stretches of a single copy, of which some are wrong
_COPY = 10  # residues of stretches that do not fit the others of a single copy, and may be another one
_LOOSE, _CUTTING = 3, 10.0  # residues at ends that may be wrong, and Å by which joining such ends comes later


def sure_parts(residues: DetectedResidues, one: SequenceFit) -> list[Stretch]:
    """A fit's parts without a residue missed or found twice, from their first to their last sure residue."""
    even = (np.diff(one.positions) == 1) & (np.abs(np.diff(one.residues)) == 1)
    parts = []
    for run in np.split(np.arange(len(one)), np.flatnonzero(~even) + 1):
        sure = np.flatnonzero(residues.confidence[one.residues[run]] >= _EDGE)
        if len(sure) and sure[-1] - sure[0] + 1 >= _ANCHOR:
            keep = run[sure[0] : sure[-1] + 1]
            parts.append(Stretch(one.sequence, one.positions[keep], one.residues[keep], one.path, one.score))
    return parts


def group_stretches(residues: DetectedResidues, stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Stretches by the chain they belong to, each chain in sequence order."""
    groups = []
    for name in sorted({one.sequence for one in stretches}):
        same = [one for one in stretches if one.sequence == name]
        _, times = np.unique(np.concatenate([one.position for one in same]), return_counts=True)
        if np.sum(times > 1) > _TWICE:
            found = _nearest(residues, same)
        else:
            best = _best_chain(residues, same)
            others = _nearest(residues, [one for one in same if all(one is not each for each in best)])
            found = [best, *(group for group in others if sum(len(one.position) for one in group) >= _COPY)]
        groups += [_cut(residues, group) for group in found]
    return [group for group in groups if group]


def _best_chain(residues: DetectedResidues, stretches: Sequence[Stretch]) -> list[Stretch]:
    """Of the stretches of a single copy those with the most residues that can be one chain."""
    ordered = sorted(stretches, key=lambda one: int(one.position[0]))
    size = [len(one.position) for one in ordered]
    before = [-1] * len(ordered)
    for at, other in enumerate(ordered):
        possible = [k for k in range(at) if _between(residues, ordered[k], other)[0] >= 1]
        if possible:
            before[at] = max(possible, key=lambda k: size[k])
            size[at] += size[before[at]]
    at, chain = int(np.argmax(size)), []
    while at >= 0:
        chain.append(ordered[at])
        at = before[at]
    return chain[::-1]


def _nearest(residues: DetectedResidues, stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Stretches of several copies, each joined to the nearest that can follow it."""
    links = []
    for a, one in enumerate(stretches):
        for b, other in enumerate(stretches):
            if a == b or one.position[0] > other.position[0]:
                continue
            between, apart, cut = _between(residues, one, other)
            if 1 <= between <= _FARTHEST:
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
    return [[stretches[at] for at in each] for each in members.values()]


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


def _compatible(residues: DetectedResidues, ordered: Sequence[Stretch]) -> bool:
    """Whether stretches can be one chain: no position twice, and ends near enough."""
    return all(_between(residues, one, other)[0] >= 1 for one, other in itertools.pairwise(ordered))
