"""Restraints on the geometry of a model as one differentiable energy, for refinement in torch.

Each term is a sum of squared departures in standard deviations (of the values that `targets` gives), so that an ideal
model has none and every term counts the same by nature; half of it is in nats. The Ramachandran term is a negative log
density, relative to the densest point of its class, in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from cryotools.core.structures.residues import Residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.torsions import backbone_torsions
from cryotools.modelling.geometry.clashes import NonbondedPairs
from cryotools.modelling.geometry.measuretorch import (
    squares_from_plane,
    torch_angles,
    torch_lengths,
    torch_torsions,
    torch_volumes,
)
from cryotools.modelling.geometry.ramachandran import ramachandran_classes
from cryotools.modelling.geometry.ramachandransurface import RamachandranSurface
from cryotools.modelling.geometry.targets import AtomTable, Targets, geometry_targets

TERMS = ("bonds", "angles", "planes", "chirality", "omega", "ramachandran", "nonbonded")
WEIGHTS: Mapping[str, float] = MappingProxyType(dict.fromkeys(TERMS, 1.0))
_OMEGA_SIGMA = np.radians(5.0)
_CIS = 90.0  # degrees
_BLUR = 6.0  # degrees, of the Ramachandran plot
_CONTACT = 0.2  # Å that atoms are kept farther apart than where they clash
CONTACT_SIGMA = 0.1  # Å
_DISULFIDE = 2.0  # Å: sulfurs may come so near, as a bond between them may be meant
_REACH = 2.0  # Å: pairs that may come in contact before they are looked up again


class GeometryRestraints:
    """The restraints of one model, whose atoms may move; hydrogens and ligands' own geometry are free.

    Peptide bonds are held trans, before proline to what they are nearer to at the beginning. Pairs of atoms that may
    clash are looked up at the beginning and by `update`, which has to be called before atoms have moved by more than
    1 Å.

    Parameters
    ----------
    structure, residues : the model; all of it is taken, so give one of several models
    device, dtype : of the positions that will be given
    """

    def __init__(
        self,
        structure: Structure,
        residues: Residues,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._device, self._dtype = device, dtype
        targets, table = geometry_targets(structure, residues), AtomTable(structure, residues)
        self._bonds, self._angles = self._put(targets.bonds), self._put(targets.angles, np.pi / 180)
        self._chiral = self._put(targets.chiral)
        self._planes = [self._put(planes) for planes in targets.planes]
        self._set_torsions(residues, table)
        self._nonbonded = NonbondedPairs(structure, residues, targets.bonds.atoms)
        self._sulfur = structure.element == 16
        self.update(structure.xyz)

    def update(self, xyz: np.ndarray) -> None:
        """Look up again which atoms may clash, at positions `xyz` (n, 3)."""
        pairs, least = self._nonbonded.within(np.asarray(xyz, dtype=np.float64), _CONTACT + _REACH)
        least = np.where(self._sulfur[pairs].all(axis=1), _DISULFIDE, least + _CONTACT)
        self._pairs, self._least = self._tensor(pairs), self._tensor(least)

    def terms(self, xyz: Tensor) -> dict[str, Tensor]:
        """The energies of the TERMS, a scalar each, at positions `xyz` (n, 3) of all atoms of the structure, in Å."""
        return {name: self._term(name, xyz) for name in TERMS}

    def energy(self, xyz: Tensor, weights: Mapping[str, float] = WEIGHTS) -> Tensor:
        """The sum of all terms by their `weights`; those not named have none."""
        return torch.stack([self._term(name, xyz) * weight for name, weight in weights.items()]).sum()

    def bond_rmsd(self, xyz: Tensor) -> float:
        """By how many Å bonds are too long or short at positions `xyz` (n, 3), root mean square; NaN without any."""
        atoms, value, _ = self._bonds
        return float((torch_lengths(xyz, atoms) - value).square().mean().sqrt())

    def _term(self, name: str, xyz: Tensor) -> Tensor:
        kinds: dict[str, Callable[[Tensor], Tensor]] = {
            "bonds": lambda here: _squares(torch_lengths, here, self._bonds),
            "angles": lambda here: _squares(torch_angles, here, self._angles),
            "planes": self._flatness,
            "chirality": lambda here: _squares(torch_volumes, here, self._chiral),
            "omega": self._turns,
            "ramachandran": self._ramachandran,
            "nonbonded": self._contacts,
        }
        return kinds[name](xyz)

    def _flatness(self, xyz: Tensor) -> Tensor:
        each = [(squares_from_plane(xyz, atoms) / sigma**2).sum() for atoms, _, sigma in self._planes]
        return torch.stack(each).sum() if each else xyz.sum() * 0

    def _turns(self, xyz: Tensor) -> Tensor:
        # 2 - 2 cos is the square of small angles, and periodic
        return (2 - 2 * self._trans * torch.cos(torch_torsions(xyz, self._omega))).sum() / _OMEGA_SIGMA**2

    def _contacts(self, xyz: Tensor) -> Tensor:
        apart = (self._least - torch_lengths(xyz, self._pairs)).clamp_min(0)
        return (apart / CONTACT_SIGMA).square().sum()

    def _set_torsions(self, residues: Residues, table: AtomTable) -> None:
        """The atoms and targets of ω, φ and ψ."""
        before = np.flatnonzero(residues.linked & (residues.kind == PROTEIN))
        omega = table.find(before, ("CA", "C", "+N", "+CA"))
        turn = backbone_torsions(residues).omega[before + 1]
        cis = (residues.letters[before + 1] == "P") & (np.abs(turn) < _CIS)
        whole = (omega >= 0).all(axis=1)
        self._omega = self._tensor(omega[whole])
        self._trans = self._tensor(np.where(cis, 1.0, -1.0)[whole])
        classes = ramachandran_classes(residues)
        rated = np.flatnonzero(classes >= 0)
        tail = table.find(rated - 1, ("C",))
        middle = table.find(rated, ("N", "CA", "C", "+N"))
        self._phi = self._tensor(np.concatenate([tail, middle[:, :3]], axis=1))
        self._psi = self._tensor(middle)
        self._surface = RamachandranSurface(classes[rated], self._device, self._dtype, _BLUR)

    def _ramachandran(self, xyz: Tensor) -> Tensor:
        return self._surface(torch_torsions(xyz, self._phi), torch_torsions(xyz, self._psi)).sum()

    def _put(self, targets: Targets, unit: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        return tuple(map(self._tensor, (targets.atoms, targets.value * unit, targets.sigma * unit)))  # type: ignore[return-value]  # three

    def _tensor(self, values: np.ndarray) -> Tensor:
        whole = np.issubdtype(values.dtype, np.integer)
        return torch.as_tensor(values, dtype=torch.int64 if whole else self._dtype, device=self._device)


def _squares(measure: object, xyz: Tensor, targets: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    atoms, value, sigma = targets
    return ((measure(xyz, atoms) - value) / sigma).square().sum()  # type: ignore[operator]
