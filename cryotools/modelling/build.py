"""From a map, and sequences if there are any, to an atomic model.

Cα atoms, paths and types are those of `detect-anchors`. The backbones of paths are refined in the density, types are
looked up again in the better frames, and what fits the sequences becomes chains of them; other paths become chains of
unknown residues. All get all their atoms.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from cryotools.anchors.candidates import find_candidates
from cryotools.anchors.chain import Chain, trace_chain
from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.hand import HelixHand, warn_if_left_handed
from cryotools.anchors.network import PATH
from cryotools.anchors.placement import library
from cryotools.anchors.predict import AnchorDetector, TracedMap
from cryotools.anchors.reweight import apply_sequences
from cryotools.anchors.sequence import SequenceFit, fit_sequences
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import Structure
from cryotools.modelling.allatoms.fullatoms import broken_bonds, full_atoms, refined_ca
from cryotools.modelling.chains.assemble import registered_chains, unregistered_chains
from cryotools.modelling.chains.lattice import Lattice, build_lattice
from cryotools.modelling.chains.plan import ChainPlan
from cryotools.modelling.check import check_trace, refuse_coarse
from cryotools.modelling.kept import KeptStages
from cryotools.modelling.keptdetector import KeptDetector
from cryotools.modelling.names import chain_name, residue_names
from cryotools.modelling.symmetry import all_copies, averaged, one_unit

_SAME = 2.0  # Å, from a residue that is built, of one that is not another
LEAST = 4  # residues of a chain without a sequence


@dataclass(frozen=True)
class BuiltModel:
    """An atomic model of a map.

    Attributes
    ----------
    structure : all atoms, in Å; B factors are confidence × 100
    residues : of the structure
    chains : by the structure's chain names
    sequences : by the names that the chains' sequences have; equal ones are joined by slashes
    detection : what was found in the map, with what the sequences say of it
    fits : where the sequences fit
    prepared : the map as it was refined in
    hand : of the helices
    """

    structure: Structure
    residues: Residues
    chains: dict[str, ChainPlan]
    sequences: dict[str, str]
    detection: Detection
    fits: list[SequenceFit]
    prepared: Volume
    hand: HelixHand

    def full_sequences(self) -> dict[str, list[str]]:
        """The residue names of each chain's whole sequence; of a chain of unknown ones, those of its residues."""
        known = {name: residue_names(letters) for name, letters in self.sequences.items()}
        return {name: known.get(plan.sequence, residue_names(plan.letters)) for name, plan in self.chains.items()}


def build_in_map(
    detector: AnchorDetector,
    volume: Volume,
    resolution: float | None = None,
    sequences: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    operators: np.ndarray | None = None,
    work: str | os.PathLike[str] | None = None,
) -> BuiltModel:
    """Build an atomic model into a map.

    Parameters
    ----------
    sequences : one-letter codes by name, a record for each copy or one for all; None for a model of unknown sequence,
        whose residues have their most probable types
    operators : (m, 3, 4), of the map's symmetry, identity first: one unit is built, and its copies are the others
    work : a folder for what is found on the way, from which an interrupted build goes on

    Raises
    ------
    DataError
        No chain of a protein is found in the map, its resolution is too low, a sequence has letters that are none, or
        the folder cannot be made.
    """
    refuse_coarse(resolution)
    kept = KeptStages(work)
    detector = KeptDetector(detector, kept) if work is not None else detector
    known = _by_names(sequences) if sequences else {}
    traced = detector.traced(volume, resolution, progress)
    if operators is not None:
        traced = _symmetrised(traced, operators)
    residues, _ = detector.named(traced)
    check_trace(traced, residues)
    (chain,) = kept.of(
        "refined",
        [traced.prepared.volume.data, traced.chain, residues],
        (Chain,),
        lambda: [_with_refined(traced, residues).chain],
    )
    traced = replace(traced, chain=chain)
    residues, _ = detector.named(traced)
    hand = warn_if_left_handed(residues)
    planned = kept.of(
        "plans",
        [traced.prepared.volume.data, traced.channels, traced.chain, residues, dict(sequences or {})],
        (DetectedResidues, SequenceFit, ChainPlan),
        lambda: _planned(detector, traced, residues, sequences, known),
    )
    residues = planned[0]
    fits = [one for one in planned if isinstance(one, SequenceFit)]
    plans = [one for one in planned if isinstance(one, ChainPlan)]
    if not plans:
        raise DataError(
            "no chain of a protein is found; check the map's voxel size, contrast and hand, or whether it is one of "
            "nucleic acid"
        )
    if operators is not None:
        plans = one_unit(plans, operators, LEAST)
    structure, plans = _built(plans, traced.prepared.volume, progress)
    if operators is not None:
        structure, plans = all_copies(structure, plans, operators)
    detection = Detection(volume, residues, detector.nucleotides(traced), traced.prepared.levels, resolution)
    chains = {chain_name(number): plan for number, plan in enumerate(plans)}
    return BuiltModel(structure, find_residues(structure), chains, known, detection, fits, traced.prepared.volume, hand)


def _planned(
    detector: AnchorDetector,
    traced: TracedMap,
    residues: DetectedResidues,
    sequences: Mapping[str, str] | None,
    known: Mapping[str, str],
) -> list[DetectedResidues | SequenceFit | ChainPlan]:
    """The residues, with what the sequences say of them, where these fit, and the chains to build."""
    background = residues.types.mean(axis=0)
    fits: list[SequenceFit] = []
    if sequences:
        fits = fit_sequences(residues, sequences, gapped=True)
        residues, fits = apply_sequences(residues, fits, sequences)
    lattice = build_lattice(detector, traced, residues, background) if any(one.accepted for one in fits) else None
    return [residues, *fits, *_plans(residues, fits, known, traced, lattice)]


def _by_names(sequences: Mapping[str, str]) -> dict[str, str]:
    """Sequences by the names of the fits."""
    names = library(sequences).names
    plain = {name: "".join(text.split()).upper() for name, text in sequences.items()}
    return {joined: next(text for name, text in plain.items() if name == _first(joined, plain)) for joined in names}


def _first(joined: str, plain: Mapping[str, str]) -> str:
    """The first of the names that are joined by slashes; names may have slashes themselves."""
    return next(name for name in plain if joined == name or joined.startswith(f"{name}/"))


def _symmetrised(traced: TracedMap, operators: np.ndarray) -> TracedMap:
    """The traced map, with what the network sees in one copy seen in all."""
    volume = traced.prepared.volume
    channels = averaged(traced.channels, volume.grid, operators)
    candidates, chain = trace_chain(find_candidates(channels, volume.data), channels, volume.data)
    return replace(traced, channels=channels, candidates=candidates, chain=chain)


def _with_refined(traced: TracedMap, residues: DetectedResidues) -> TracedMap:
    """The traced map with Cα atoms where the refinement of their paths puts them."""
    plans = [
        ChainPlan("", np.arange(len(at)), at, residues.ca[at], "X" * len(at), np.ones(len(at)))
        for at in (np.flatnonzero(residues.path == number) for number in range(int(residues.path.max(initial=-1)) + 1))
        if len(at) >= 4
    ]
    if not plans:
        return traced
    volume, chain = traced.prepared.volume, traced.chain
    ca = residues.ca.copy()
    ca[np.concatenate([plan.residue for plan in plans])] = refined_ca(plans, volume)
    order = cKDTree(residues.ca).query(volume.grid.index_to_world(chain.here))[1]
    here = volume.grid.world_to_index(ca)[order]
    previous = np.where((chain.before >= 0)[:, None], here[chain.before], chain.previous)
    following = np.where((chain.after >= 0)[:, None], here[chain.after], chain.following)
    return replace(traced, chain=replace(chain, here=here, previous=previous, following=following))


def _plans(
    residues: DetectedResidues,
    fits: list[SequenceFit],
    known: Mapping[str, str],
    traced: TracedMap,
    lattice: Lattice | None,
) -> list[ChainPlan]:
    plans = []
    if lattice is not None:
        origin = np.array(traced.prepared.volume.origin)
        plans = registered_chains(residues, fits, known, lattice, traced.channels[PATH], origin)
    taken = np.zeros(len(residues), dtype=bool)
    for plan in plans:
        taken[plan.residue[plan.residue >= 0]] = True
        taken |= cKDTree(plan.ca).query(residues.ca)[0] < _SAME
    others = unregistered_chains(residues, taken, LEAST)
    if not known:
        others = [_with_types(one, residues) for one in others]
    return plans + others


def _with_types(plan: ChainPlan, residues: DetectedResidues) -> ChainPlan:
    """A chain of detected residues with their most probable types, and the confidence of these."""
    letters = "".join(residues.letters[at] for at in plan.residue)
    return replace(plan, letters=letters, confidence=residues.confidence[plan.residue].astype(np.float64))


def _built(plans: list[ChainPlan], prepared: Volume, progress: Progress | None) -> tuple[Structure, list[ChainPlan]]:
    """All atoms, without added residues whose bonds cannot be closed."""
    structure, bonded = full_atoms(plans, prepared, progress)
    bad = broken_bonds(structure, bonded)
    if not bad.any():
        return structure, plans
    pruned, begin = [], 0
    for plan in plans:
        keep = np.ones(len(plan), dtype=bool)
        added = plan.residue < 0
        for at in np.flatnonzero(bad[begin : begin + len(plan)]):
            for way in (np.arange(at, -1, -1), np.arange(at + 1, len(plan))):
                for one in way:
                    if not added[one]:
                        break
                    keep[one] = False
        begin += len(plan)
        pruned.append(plan.part(keep))
    if all(len(a) == len(b) for a, b in zip(plans, pruned, strict=True)):
        return structure, plans
    warnings.warn(
        f"{sum(map(len, plans)) - sum(map(len, pruned))} residues between ends too far apart are left out",
        CryotoolsWarning,
        stacklevel=3,
    )
    return full_atoms(pruned, prepared, progress)[0], pruned
