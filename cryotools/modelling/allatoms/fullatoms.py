"""All atoms of planned chains: backbone, refinement, the backbone once more from better Cα atoms, side chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure
from cryotools.modelling.allatoms.atoms import BuiltChain, structure_of_chains
from cryotools.modelling.allatoms.backbone import backbone_from_ca
from cryotools.modelling.allatoms.rotamers import place_side_chains
from cryotools.modelling.chains.plan import ChainPlan
from cryotools.modelling.names import UNKNOWN, chain_name, residue_names
from cryotools.modelling.refine.run import RefinementPlan, refine

_TRACE = RefinementPlan(steps=200, tether=0.5, map_weight=0.006)
# clashes of side chains must not push the chain out of its density
_WHOLE = RefinementPlan(blurs=(0.5, 0.0), steps=300, ramachandran=6.0, tether=0.25)
_ALANINE = "ALA"
_BROKEN = 1.8  # Å, of a peptide bond that refinement could not close


def full_atoms(
    plans: Sequence[ChainPlan], prepared: Volume, progress: Progress | None = None
) -> tuple[Structure, np.ndarray]:
    """The atoms of the chains, in order, refined in a prepared map; and whether each residue is bonded to the next
    (n,).
    """
    bonded = np.concatenate([plan.bonded for plan in plans])
    ca = refined_ca(plans, prepared)
    backbone = _backbones(plans, ca, prepared)
    structure = refine(_built(plans, backbone, prepared, sides=False), prepared, _TRACE, bonded)
    backbone = find_residues(structure).backbone
    structure = refine(_built(plans, backbone, prepared, sides=True), prepared, _WHOLE, bonded)
    return _named(structure, plans), bonded


def refined_ca(plans: Sequence[ChainPlan], prepared: Volume) -> np.ndarray:
    """The Cα atoms (n, 3) of the chains after refinement of their backbones."""
    bonded = np.concatenate([plan.bonded for plan in plans])
    backbone = _backbones(plans, np.concatenate([plan.ca for plan in plans]), prepared)
    structure = refine(_built(plans, backbone, prepared, sides=False), prepared, _TRACE, bonded)
    return structure.xyz[structure.atom_name == "CA"]


def broken_bonds(structure: Structure, bonded: np.ndarray) -> np.ndarray:
    """Which residues (n,) are `bonded` to the next but too far from it."""
    backbone = find_residues(structure).backbone
    length = np.linalg.norm(backbone[1:, 0] - backbone[:-1, 2], axis=1)
    return np.append(bonded[:-1] & (length > _BROKEN), np.zeros(min(len(bonded), 1), dtype=bool))


def _backbones(plans: Sequence[ChainPlan], ca: np.ndarray, prepared: Volume) -> np.ndarray:
    """N, CA, C and O (n, 4, 3) of all residues, stretch by stretch."""
    parts, begin = [], 0
    for plan in plans:
        for piece in np.split(np.arange(len(plan)), np.flatnonzero(~plan.bonded[:-1]) + 1):
            letters = "".join(plan.letters[at] for at in piece)
            parts.append(backbone_from_ca(ca[begin + piece], letters, prepared.sample))
        begin += len(plan)
    return np.concatenate(parts)


def _built(plans: Sequence[ChainPlan], backbone: np.ndarray, prepared: Volume, *, sides: bool) -> Structure:
    """Atoms as they are placed, with whole side chains or with Cβ alone; unknown residues are alanine, of which alone
    the geometry is known.
    """
    flat = [_ALANINE if one == UNKNOWN else one for plan in plans for one in residue_names(plan.letters)]
    if not sides:
        flat = [one if one in ("GLY", "PRO") else _ALANINE for one in flat]
    atoms = place_side_chains(backbone, flat, prepared.sample)
    built, begin = [], 0
    for number, plan in enumerate(plans):
        part = slice(begin, begin + len(plan))
        begin += len(plan)
        built.append(
            BuiltChain(chain_name(number), flat[part], plan.position + 1, backbone[part], atoms[part], plan.confidence)
        )
    return structure_of_chains(built)


def _named(structure: Structure, plans: Sequence[ChainPlan]) -> Structure:
    """The structure with the residue names of the chains."""
    names = np.array([one for plan in plans for one in residue_names(plan.letters)])
    return replace(structure, residue_name=names[np.cumsum(structure.atom_name == "N") - 1])
