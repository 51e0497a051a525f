"""The geometry of a model, residue by residue and as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.torsions import BackboneTorsions, backbone_torsions
from cryotools.modelling.geometry import measure
from cryotools.modelling.geometry.clashes import Clashes, find_clashes
from cryotools.modelling.geometry.ramachandran import (
    ALLOWED,
    FAVOURED,
    OUTLIER,
    RamachandranScores,
    ramachandran_scores,
)
from cryotools.modelling.geometry.targets import AtomTable, GeometryTargets, Targets, geometry_targets

CBETA_OUTLIER = 0.25  # Å
CIS, TWISTED = 30.0, 150.0  # degrees: an omega within the first is cis, between the two twisted
_SIGMAS = 4.0  # from which a bond or an angle is an outlier
_FLAT = 4.0  # times PLANE_SIGMA, root mean square
TRANS, CIS_BOND, TWISTED_BOND = "trans", "cis", "twisted"


@dataclass(frozen=True)
class GeometrySummary:
    """The geometry of a model in figures; fractions and means are NaN where there is nothing to look at.

    Attributes
    ----------
    ramachandran : residues with φ and ψ; favoured, allowed and outliers are fractions of them
    cis, cis_proline, twisted : peptide bonds before other residues than proline that are cis, before proline that are
        cis, and within 30° to 150° of either
    cbeta_outliers : residues whose Cβ is 0.25 Å or more from its place, of `cbeta` with one
    bond_rmsd, angle_rmsd : Å and degrees from ideal values; bond_rmsz and angle_rmsz in standard deviations, and
        outliers of more than four
    nonplanar : peptide bonds and side chains more than 0.08 Å (rms) from their plane
    mirrored : chiral centres of the wrong hand
    clashes : pairs of heavy atoms that overlap by 0.4 Å or more; clashscore: per 1,000 heavy atoms
    """

    ramachandran: int
    favoured: float
    allowed: float
    outliers: float
    cis: int
    cis_proline: int
    twisted: int
    cbeta: int
    cbeta_outliers: int
    bond_rmsd: float
    bond_rmsz: float
    bond_outliers: int
    angle_rmsd: float
    angle_rmsz: float
    angle_outliers: int
    nonplanar: int
    mirrored: int
    clashes: int
    clashscore: float


@dataclass(frozen=True)
class Geometry:
    """The geometry of the m residues of a model, as `find_residues` finds them.

    `bond_z`, `angle_z` (m,) are the largest departures of a residue's bonds and angles in standard deviations,
    `cbeta` (m,) in Å; NaN where there is nothing to measure. `nonplanar` and `mirrored` (m,) are numbers of planes and
    centres that are wrong.
    """

    torsions: BackboneTorsions
    ramachandran: RamachandranScores
    cbeta: np.ndarray
    bond_z: np.ndarray
    angle_z: np.ndarray
    nonplanar: np.ndarray
    mirrored: np.ndarray
    clashes: Clashes
    clashing: np.ndarray
    summary: GeometrySummary

    @property
    def peptides(self) -> np.ndarray:
        """Whether the peptide bond before each residue is trans, cis or twisted; str (m,), '' without one."""
        return _peptides(self.torsions)


def check_geometry(structure: Structure, residues: Residues) -> Geometry:
    """Measure the geometry of one model; its alternate locations but the most occupied are ignored."""
    torsions, table = backbone_torsions(residues), AtomTable(structure, residues)
    targets = geometry_targets(structure, residues)
    rama = ramachandran_scores(residues, torsions)
    bonds = measure.lengths(structure.xyz, targets.bonds.atoms) - targets.bonds.value
    angles = measure.angles(structure.xyz, targets.angles.atoms) - targets.angles.value
    cbeta = measure.cbeta_deviations(structure.xyz, residues, table)
    count = len(residues)
    nonplanar = _nonplanar(structure.xyz, targets, count)
    volume = measure.chiral_volumes(structure.xyz, targets.chiral.atoms)
    wrong = np.sign(volume) != np.sign(targets.chiral.value)
    mirrored = np.bincount(targets.chiral.residue[wrong], minlength=count)
    clashes = find_clashes(structure, residues, targets.bonds.atoms)
    owner = residues.of_atom[clashes.atoms]
    clashing = np.bincount(np.append(owner[owner >= 0], []).astype(int), minlength=count)
    bond_z, angle_z = bonds / targets.bonds.sigma, angles / targets.angles.sigma
    peptides, proline = _peptides(torsions), residues.letters == "P"
    summary = GeometrySummary(
        ramachandran=int(np.sum(rama.classes >= 0)),
        favoured=rama.share(FAVOURED),
        allowed=rama.share(ALLOWED),
        outliers=rama.share(OUTLIER),
        cis=int(np.sum((peptides == CIS_BOND) & ~proline)),
        cis_proline=int(np.sum((peptides == CIS_BOND) & proline)),
        twisted=int(np.sum(peptides == TWISTED_BOND)),
        cbeta=int(np.sum(np.isfinite(cbeta))),
        cbeta_outliers=int(np.sum(cbeta >= CBETA_OUTLIER)),
        bond_rmsd=_rms(bonds),
        bond_rmsz=_rms(bond_z),
        bond_outliers=int(np.sum(np.abs(bond_z) > _SIGMAS)),
        angle_rmsd=_rms(angles),
        angle_rmsz=_rms(angle_z),
        angle_outliers=int(np.sum(np.abs(angle_z) > _SIGMAS)),
        nonplanar=int(nonplanar.sum()),
        mirrored=int(mirrored.sum()),
        clashes=len(clashes),
        clashscore=clashes.per_thousand,
    )
    return Geometry(
        torsions=torsions,
        ramachandran=rama,
        cbeta=cbeta,
        bond_z=_largest(bond_z, targets.bonds, count),
        angle_z=_largest(angle_z, targets.angles, count),
        nonplanar=nonplanar,
        mirrored=mirrored,
        clashes=clashes,
        clashing=clashing,
        summary=summary,
    )


def _peptides(torsions: BackboneTorsions) -> np.ndarray:
    turn = np.abs(torsions.omega)
    with np.errstate(invalid="ignore"):
        kind = np.where(turn <= CIS, CIS_BOND, np.where(turn < TWISTED, TWISTED_BOND, TRANS))
    return np.where(np.isnan(turn), "", kind)


def _nonplanar(xyz: np.ndarray, targets: GeometryTargets, count: int) -> np.ndarray:
    """The number of planes of each residue (count,) whose atoms lie off it by more than four standard deviations."""
    number = np.zeros(count, dtype=int)
    for planes in targets.planes:
        rms = np.sqrt(np.mean(measure.plane_deviations(xyz, planes.atoms) ** 2, axis=1))
        number += np.bincount(planes.residue[rms > _FLAT * planes.sigma], minlength=count)
    return number


def _largest(z: np.ndarray, targets: Targets, count: int) -> np.ndarray:
    """The departure (count,) farthest from 0 of each residue, with its sign; NaN without any."""
    found = np.full(count, np.nan)
    order = np.argsort(np.abs(z), kind="stable")
    found[targets.residue[order]] = z[order]  # the last one written is the largest
    return found


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")
