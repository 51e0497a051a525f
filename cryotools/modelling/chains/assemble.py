"""Chains from registered stretches: which stretches belong to one copy of a sequence, and what lies between them.

Stretches of one sequence are joined in order, nearest ends first, as far as a chain can span the residues between them
and no residue is used twice; what is left over starts another copy. What lies between and beyond them is found by walks
over all candidates, and short gaps that remain are searched in the density.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.placement import library
from cryotools.anchors.sequence import SequenceFit
from cryotools.modelling.chains.copies import complete_copies
from cryotools.modelling.chains.fill import Threaded, threaded
from cryotools.modelling.chains.grouping import group_stretches, sure_parts
from cryotools.modelling.chains.lattice import Lattice
from cryotools.modelling.chains.loops import find_loop, respaced
from cryotools.modelling.chains.plan import ChainPlan, concatenated

_LOOP = 4  # residues that are searched in the density; of longer loops fewer than half are right
_AROUND, _OWN = 30.0, 0.5  # Å, within which a loop minds others, and of its own ends
_CROWDED, _NEIGHBOURS, _ASIDE = 2, 4.4, 2  # residues missing between ends so near in Å; residues spread on either side
_ADDED, _FEW = 0.5, 0.9  # how often residues are right that are put between others, and if there are at most two
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
    stretches = [part for one in fits if one.accepted for part in sure_parts(residues, one)]
    if not stretches:
        return []
    known = library(sequences)
    letters = {
        name: known.letters[start : start + length]
        for name, start, length in zip(known.names, known.start, known.length, strict=True)
    }
    chains = threaded(group_stretches(residues, stretches), letters, lattice)
    plans = [_plan(residues, chain, sequences[chain.sequence], lattice, to_index) for chain in chains]
    plans = complete_copies([plan for plan in plans if len(plan) >= _LEAST], path, to_index)
    plans = [_with_loops(residues, plan, sequences[plan.sequence], path, to_index) for plan in plans]
    return sorted(plans, key=len, reverse=True)


def _plan(residues: DetectedResidues, chain: Threaded, text: str, lattice: Lattice, to_index: np.ndarray) -> ChainPlan:
    """The residues of a chain that have places."""
    at = np.flatnonzero(chain.place >= 0)
    place, walked = chain.place[at], np.isfinite(chain.confidence[at])
    residue = np.where(place < len(residues), place, -1)
    confidence = np.where(walked, chain.confidence[at], residues.confidence[residue]).astype(np.float64)
    ca = lattice.index[place] + to_index
    return ChainPlan(chain.sequence, at, residue, ca, "".join(text[one] for one in at), confidence)


def _with_loops(
    residues: DetectedResidues, plan: ChainPlan, text: str, path: np.ndarray, origin: np.ndarray
) -> ChainPlan:
    """The chain with short gaps closed: where density joins their ends, and where ends are neighbours in the map, since
    there the residues missing are crowded out.
    """
    found, each = [], np.arange(len(plan))
    for at in np.flatnonzero(np.diff(plan.position) > 1).tolist():
        position = np.arange(plan.position[at] + 1, plan.position[at + 1])
        if len(position) > _LOOP or at < 1 or at + 3 > len(plan):
            continue
        sure = _FEW if len(position) <= _CROWDED else _ADDED
        if len(position) <= _CROWDED and np.linalg.norm(plan.ca[at + 1] - plan.ca[at]) < _NEIGHBOURS:
            plan, ca = _spread(plan, at, len(position))
            sure = _ADDED
        elif (loop := _loop(residues, plan.ca[at - 1 : at + 3], len(position), path, origin)) is not None:
            ca = loop
        else:
            continue
        letters, none = "".join(text[one] for one in position), np.full(len(position), -1)
        found.append((at + 1, ChainPlan("", position, none, ca, letters, np.full(len(position), sure))))
    parts, begin = [], 0
    for at, loop_plan in found:
        parts += [plan.part((each >= begin) & (each < at)), loop_plan]
        begin = at
    return replace(concatenated([*parts, plan.part(each >= begin)]), sequence=plan.sequence)


def _spread(plan: ChainPlan, at: int, missing: int) -> tuple[ChainPlan, np.ndarray]:
    """The chain with the residues around the bond after `at` spread along it, and Cα atoms (missing, 3) between."""
    before, after = _bonded_to(plan, at, -1), _bonded_to(plan, at + 1, 1)
    low, high = at - min(_ASIDE, before), at + 1 + min(_ASIDE, after)
    inside = respaced(plan.ca[low : high + 1], high - low - 1 + missing)
    ca = plan.ca.copy()
    ca[low + 1 : at + 1] = inside[: at - low]
    ca[at + 1 : high] = inside[at - low + missing :]
    return replace(plan, ca=ca), inside[at - low : at - low + missing]


def _bonded_to(plan: ChainPlan, at: int, way: int) -> int:
    """How many residues follow one without a gap, at most `_ASIDE`."""
    count = 0
    while count < _ASIDE and 0 <= at + way < len(plan) and plan.position[at + way] == plan.position[at] + way:
        at, count = at + way, count + 1
    return count


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
