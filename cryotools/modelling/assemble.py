"""Chains from registered stretches: which stretches belong to one copy of a sequence, and what lies between them.

Stretches of one sequence are joined in order, nearest ends first, as far as a chain can span the residues between them
and no residue is used twice; what is left over starts another copy. Missing residues are taken from the path that joins
two stretches, or searched in the density.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.placement import library
from cryotools.anchors.sequence import SequenceFit
from cryotools.modelling.context import placed_in_context
from cryotools.modelling.loops import find_loop, respaced
from cryotools.modelling.stretches import SLACK, SPAN, Stretch

_FARTHEST = 40  # residues, between stretches of one copy of several
_LOOP = 10  # residues that are searched in the density
_AROUND, _OWN = 30.0, 0.5  # Å, within which a loop minds others, and of its own ends
_BY_CHAIN, _ADDED = 0.85, 0.5  # how often residues are right that are placed by their chain, or put between others
_LEAST = 5  # residues of a registered chain


@dataclass(frozen=True)
class ChainPlan:
    """The residues of a chain that are to be built, from N to C.

    Attributes
    ----------
    sequence : the name of its sequence; '' if it is not known, and then it has no gaps
    position : int (n,), in the sequence, from 0; consecutive ones are bonded
    residue : int (n,), among those detected; -1 if it was added
    ca : float64 (n, 3), Å
    letters : str of n one-letter codes, X for unknown
    confidence : float64 (n,), the probability that the residue is there and of this type
    """

    sequence: str
    position: np.ndarray
    residue: np.ndarray
    ca: np.ndarray
    letters: str
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    @property
    def bonded(self) -> np.ndarray:
        """Whether each residue is bonded to the next, bool (n,); False for the last."""
        return np.append(np.diff(self.position) == 1, np.zeros(min(len(self), 1), dtype=bool))

    def part(self, keep: np.ndarray) -> ChainPlan:
        """The residues selected by a mask (n,)."""
        text = "".join(one for one, there in zip(self.letters, keep, strict=True) if there)
        return ChainPlan(
            self.sequence, self.position[keep], self.residue[keep], self.ca[keep], text, self.confidence[keep]
        )


def registered_chains(
    residues: DetectedResidues,
    fits: Sequence[SequenceFit],
    sequences: Mapping[str, str],
    path: np.ndarray,
    to_index: np.ndarray,
) -> list[ChainPlan]:
    """The chains of accepted `fits`, with the residues between them where these can be found; longest first.

    Parameters
    ----------
    sequences : one-letter codes by the names that the fits use
    path : (nz, ny, nx), the backbone channel of the trace network, on voxels of 1 Å
    to_index : (3,), the position in Å of its voxel 0
    """
    stretches = [
        Stretch(one.sequence, one.positions, one.residues, one.path, one.score) for one in fits if one.accepted
    ]
    if not stretches:
        return []
    fitted = np.zeros(len(residues), dtype=bool)
    fitted[np.concatenate([one.residue for one in stretches])] = True
    groups = placed_in_context(residues, _grouped(residues, stretches), sequences, library(sequences))
    plans = []
    for group in groups:
        plan = _joined(residues, group, sequences[group[0].sequence], path, to_index)
        plan = replace(plan, confidence=_confidence(residues, plan, fitted))
        if len(plan) >= _LEAST:
            plans.append(plan)
    return sorted(plans, key=len, reverse=True)


def _grouped(residues: DetectedResidues, stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Stretches by the chain they belong to, each chain in sequence order."""
    single = {one.sequence for one in stretches} - _repeated(stretches)
    links = []
    for a, one in enumerate(stretches):
        for b, other in enumerate(stretches):
            between = int(other.position[0] - one.position[-1])
            if one.sequence != other.sequence or between < 1:
                continue
            apart = float(np.linalg.norm(residues.ca[other.residue[0]] - residues.ca[one.residue[-1]]))
            far = between - 1 > _FARTHEST and one.sequence not in single
            if far or apart > SPAN * between + SLACK:
                continue
            same = one.path == other.path
            links.append((not same, apart + 0.3 * between, a, b))
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


def _repeated(stretches: Sequence[Stretch]) -> set[str]:
    """The sequences of which a position is found more than once, so that there are copies."""
    found: dict[str, list[int]] = {}
    for one in stretches:
        found.setdefault(one.sequence, []).extend(one.position.tolist())
    return {name for name, positions in found.items() if len(positions) > len(set(positions))}


def _compatible(residues: DetectedResidues, ordered: Sequence[Stretch]) -> bool:
    """Whether stretches can be one chain: no position twice, and ends near enough."""
    for one, other in itertools.pairwise(ordered):
        between = int(other.position[0] - one.position[-1])
        apart = np.linalg.norm(residues.ca[other.residue[0]] - residues.ca[one.residue[-1]])
        if between < 1 or apart > SPAN * between + SLACK:
            return False
    return True


def _joined(
    residues: DetectedResidues, group: Sequence[Stretch], letters: str, path: np.ndarray, origin: np.ndarray
) -> ChainPlan:
    """The chain of stretches in sequence order, with what can be found between them."""
    position, residue, ca = _filled(residues, group[0])
    for other in group[1:]:
        following = _filled(residues, other)
        missing = int(following[0][0] - position[-1] - 1)
        found = _missing(residues, (residue, ca), following[1:], missing, path, origin) if missing else None
        if found is not None:
            position = np.concatenate([position, position[-1] + 1 + np.arange(missing)])
            residue, ca = np.concatenate([residue, found[0]]), np.concatenate([ca, found[1]])
        position = np.concatenate([position, following[0]])
        residue, ca = np.concatenate([residue, following[1]]), np.concatenate([ca, following[2]])
    text = "".join(letters[at] for at in position)
    return ChainPlan(group[0].sequence, position, residue, ca, text, np.ones(len(position)))


def _confidence(residues: DetectedResidues, plan: ChainPlan, fitted: np.ndarray) -> np.ndarray:
    """The probability (n,) that each residue is there and of its type: that of the fit to the sequence; of residues
    placed by the rest of their chain, and of added ones, how often such are right.
    """
    traced = plan.residue >= 0
    by_fit = residues.confidence[plan.residue]
    by_chain = _BY_CHAIN * residues.presence[plan.residue]
    return np.where(traced, np.where(fitted[plan.residue], by_fit, by_chain), _ADDED).astype(np.float64)


def _missing(
    residues: DetectedResidues,
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    missing: int,
    path: np.ndarray,
    origin: np.ndarray,
) -> tuple[np.ndarray, np.ndarray] | None:
    """The residues (k,), -1 if they are not on the path, and Cα atoms (k, 3) between two pieces of a chain, each given
    by its residues and Cα atoms; None if they are not found.
    """
    (residue, ca), (following, there) = before, after
    added = np.full(missing, -1)
    between = _between(residues, residue, following, missing)
    if between is not None:
        if len(between) == missing:
            return between, residues.ca[between]
        return added, respaced(np.concatenate([ca[-1:], residues.ca[between], there[:1]]), missing)
    if missing > _LOOP or len(ca) < 2 or len(there) < 2:
        return None
    others = residues.ca[residues.path >= 0]
    others = others[np.linalg.norm(others - (ca[-1] + there[0]) / 2, axis=1) < _AROUND]
    own = np.concatenate([ca[-2:], there[:2]])
    others = others[np.linalg.norm(others[:, None] - own, axis=2).min(axis=1) > _OWN]
    loop = find_loop(
        (ca[-1] - origin, there[0] - origin), (ca[-2] - origin, there[1] - origin), missing, path, others - origin
    )
    return None if loop is None else (added, loop.ca + origin)


def _filled(residues: DetectedResidues, one: Stretch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, residues and Cα atoms of a stretch without gaps: what it skips is spread along its path."""
    position, residue = one.position, one.residue
    step = np.diff(position)
    if np.all(step == 1) and np.all(np.abs(np.diff(residue)) == 1):
        return position, residue, residues.ca[residue]
    whole = np.arange(position[0], position[-1] + 1)
    at = np.full(len(whole), -1)
    at[position - position[0]] = residue
    ca = np.full((len(whole), 3), np.nan)
    ca[at >= 0] = residues.ca[at[at >= 0]]
    uneven = np.flatnonzero((step != 1) | (np.abs(np.diff(residue)) != 1))
    for k in uneven.tolist():  # spread two residues on either side, too
        low, high = max(k - 2, 0), min(k + 3, len(position) - 1)
        begin, end = int(residue[low]), int(residue[high])
        way = 1 if end > begin else -1
        rows = np.arange(begin, end + way, way)
        first, last = int(position[low] - position[0]), int(position[high] - position[0])
        ca[first + 1 : last] = respaced(residues.ca[rows], last - first - 1)
    return whole, at, ca


def _between(residues: DetectedResidues, one: np.ndarray, other: np.ndarray, missing: int) -> np.ndarray | None:
    """The residues (k,) of the path between two stretches of it, if about as many as are missing; else None."""
    a, b = int(one[-1]), int(other[0])
    if a < 0 or b < 0 or residues.path[a] != residues.path[b] or residues.path[a] < 0:
        return None
    step = 1 if b > a else -1
    between = np.arange(a + step, b, step)
    return between if abs(len(between) - missing) <= max(1, missing // 5) else None


def unregistered_chains(residues: DetectedResidues, taken: np.ndarray, least: int) -> list[ChainPlan]:
    """Stretches of paths of at least `least` residues that no sequence claims; `taken` bool (n,) are those claimed."""
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
                    residues.confidence[part].astype(np.float64),
                )
            )
    return sorted(plans, key=len, reverse=True)
