"""Real-space refinement: atoms move up the density as far as their stereochemistry allows.

The map is blurred at first, so that atoms find density from farther away. Its weight follows from gradients: the
map's is a small part of that of the stereochemistry of a model that is shaken by 0.1 Å. If bonds end up too far from
ideal, the rest is done again at half the weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import Structure
from cryotools.modelling.geometry.restraints import CONTACT_SIGMA, GeometryRestraints
from cryotools.modelling.refine.mapterm import MapTerm

# half of squared departures is in nats
_SHAPE = dict.fromkeys(("bonds", "angles", "planes", "chirality", "omega"), 0.5)
_SHAKE = 0.1  # Å
_UPDATE = 20  # steps between searches for neighbours
_SOFT, _HARD = (
    0.15,
    0.05,
)  # Å, of repulsion: at first, so that clashes do not push chains out of density, and at the end
_MASS = {1: 1, 6: 12, 7: 14, 8: 16, 16: 32}


@dataclass(frozen=True)
class RefinementPlan:
    """How to refine.

    Attributes
    ----------
    blurs : Å, standard deviations of the Gaussians by which the map is blurred in turn
    steps : in all
    rate : Å, of the first steps; it falls to a twentieth
    map_weight : gradient of the map × that of the geometry of a shaken model
    ramachandran : weight of the Ramachandran term
    tether : Å, standard deviation by which Cα atoms may leave their places; None for no limit
    bond_limit : Å, above which the weight of the map is halved
    """

    blurs: tuple[float, ...] = (1.0, 0.5, 0.0)
    steps: int = 300
    rate: float = 0.05
    map_weight: float = 0.003
    ramachandran: float = 1.0
    tether: float | None = 1.5
    bond_limit: float = 0.018


def refine(
    structure: Structure, volume: Volume, plan: RefinementPlan | None = None, bonded: np.ndarray | None = None
) -> Structure:
    """The atoms of `structure`, moved into the density of a prepared map; positions in Å.

    `bonded` (m,) tells which residues are bonded to the next, whatever their distance; None to tell by that.
    """
    plan = plan or RefinementPlan()
    if len(structure) < 3:
        return structure
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small
    try:
        return structure.with_xyz(_refined(_Engine(structure, volume, plan, bonded), plan))
    finally:
        torch.set_num_threads(threads)


def _refined(engine: _Engine, plan: RefinementPlan) -> np.ndarray:
    """The positions (n, 3) after all steps."""
    engine.relax(60)
    weight = plan.map_weight * engine.balance()
    each = max(plan.steps // (len(plan.blurs) + 1), 1)
    rates = np.geomspace(plan.rate, plan.rate / 20, each * (len(plan.blurs) + 1))
    for turn, blur in enumerate(plan.blurs):
        engine.blur(blur)
        engine.descend(weight, rates[turn * each : (turn + 1) * each])
    for _ in range(4):
        engine.descend(weight, rates[-2 * each :], _HARD)
        if engine.bond_rmsd() <= plan.bond_limit:
            break
        weight /= 2
    return engine.positions()


class _Engine:
    """Positions and the terms that move them."""

    def __init__(self, structure: Structure, volume: Volume, plan: RefinementPlan, bonded: np.ndarray | None) -> None:
        residues = find_residues(structure)
        if bonded is not None:
            residues = replace(residues, linked=bonded)
        self.plan, self.volume = plan, volume
        self.restraints = GeometryRestraints(structure, residues)
        self.mass = np.array([_MASS.get(number, 2 * number) for number in range(256)])[structure.element] / 12
        self.ca = torch.from_numpy(np.flatnonzero(structure.atom_name == "CA"))
        self.xyz = torch.from_numpy(structure.xyz.astype(np.float32))
        self.start = self.xyz[self.ca].clone()
        self.blur(plan.blurs[0])

    def blur(self, sigma: float) -> None:
        """Blur the map by `sigma` Å."""
        data = self.volume.data
        if sigma > 0:
            data = gaussian_filter(data, [sigma / step for step in self.volume.voxel_size[::-1]], mode="constant")
        size, origin = np.array(self.volume.voxel_size), np.array(self.volume.origin)
        self.map = MapTerm(data, size, origin, self.mass)

    def relax(self, steps: int) -> None:
        """Improve the stereochemistry alone."""
        self.descend(0.0, np.geomspace(0.03, 0.005, steps))

    def balance(self) -> float:
        """The weight of the map at which its gradient is as large as that of the geometry of shaken positions."""
        generator = torch.Generator().manual_seed(0)
        shaken = self.xyz + _SHAKE * torch.randn(self.xyz.shape, generator=generator)
        of_shape = _slope(lambda here: self.restraints.energy(here, _SHAPE), shaken)
        of_map = _slope(self.map, self.xyz)
        return float(of_shape.norm() / of_map.norm().clamp(min=1e-9))

    def descend(self, weight: float, rates: np.ndarray, repel: float = _SOFT) -> None:
        """Take a step of each of the `rates` (k,), by Adam; `repel` is the softness of repulsion in Å."""
        xyz = self.xyz.clone().requires_grad_()
        optimizer = torch.optim.Adam([xyz], lr=float(rates[0]), betas=(0.8, 0.98))
        contacts = 0.5 * (CONTACT_SIGMA / repel) ** 2
        weights = _SHAPE | {"ramachandran": self.plan.ramachandran, "nonbonded": contacts}
        for step, rate in enumerate(rates):
            if step % _UPDATE == 0:
                self.restraints.update(xyz.detach().numpy())
            optimizer.param_groups[0]["lr"] = float(rate)
            optimizer.zero_grad()
            energy = self.restraints.energy(xyz, weights)
            if weight > 0:
                energy = energy + weight * self.map(xyz)
            if self.plan.tether:
                energy = energy + 0.5 * (((xyz[self.ca] - self.start) / self.plan.tether) ** 2).sum()
            energy.backward()
            optimizer.step()
        self.xyz = xyz.detach()

    def bond_rmsd(self) -> float:
        """Å."""
        return self.restraints.bond_rmsd(self.xyz)

    def positions(self) -> np.ndarray:
        """Å, float64 (n, 3)."""
        return self.xyz.numpy().astype(np.float64)


def _slope(term: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    xyz = at.clone().requires_grad_()
    term(xyz).backward()
    assert xyz.grad is not None
    return xyz.grad
