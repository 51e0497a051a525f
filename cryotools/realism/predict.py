"""Apply the evaluation discriminator: which part of a map looks experimental?"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cryotools.core.compute.checkpoint import load_shipped, shipped
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.table import csv_text
from cryotools.core.maps.distance import near_points, nearest_points
from cryotools.core.maps.resample import interpolate
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import WATER, Structure
from cryotools.realism.inputs import mask_map
from cryotools.realism.molecules import molecule_of
from cryotools.realism.network import EVALUATOR

_SHIPPED = "evaluation-discriminator"
NEAR = 3.0  # Å from an atom: density that belongs to the model


@dataclass(frozen=True)
class ResidueVerdict:
    """The verdict over the structured voxels whose nearest atom, within 3 Å, belongs to this residue."""

    chain: str
    residue_number: int
    insertion_code: str
    residue_name: str
    n_voxels: int
    fraction_real: float
    mean_probability: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """How real a map looks: `probability` on the map's own grid, 0 in voxels that are not judged.

    `n_voxels` of 1 Å were judged: those above `contour` and, with a structure, within 3 Å of its atoms; the network
    calls `fraction_real` of them real. `accuracy` is the network's accuracy on held-out maps of the molecule types in
    `accuracy_holds_for`; it is NaN if the network's file does not state it, or if `molecule`, the structure's type, is
    not among these.
    """

    probability: Volume
    n_voxels: int
    fraction_real: float
    mean_probability: float
    contour: float
    accuracy: float
    residues: tuple[ResidueVerdict, ...] = field(default=(), repr=False)
    molecule: str | None = None
    accuracy_holds_for: tuple[str, ...] = ()

    def figures(self) -> dict[str, Any]:
        """The verdict in numbers, as in the CSV."""
        return {
            "fraction_real": self.fraction_real,
            "mean_probability": self.mean_probability,
            "n_voxels": self.n_voxels,
            "contour": self.contour,
            "discriminator_accuracy": self.accuracy,
            "accuracy_holds_for": ", ".join(self.accuracy_holds_for) or None,
            "molecule": self.molecule,
        }

    def words(self) -> str:
        """How reliable the discriminator itself is, as the end of a sentence."""
        known = "unknown" if np.isnan(self.accuracy) else f"{self.accuracy:.0%}"
        if self.molecule or not self.accuracy_holds_for:
            return f"{known} on maps of {self.molecule}" if self.molecule else known
        measured = " and of ".join(self.accuracy_holds_for)
        return f"{known} on maps of {measured}, and unknown on others (give `structure` to say which this is)"


def evaluate(
    volume: Volume,
    structure: Structure | None = None,
    *,
    contour: float | None = None,
    weights: str | os.PathLike[str] | None = None,
    compute: Compute | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """The evaluation discriminator's verdict on a map; `weights` is a file made by train-disc, or None (shipped).

    Raises
    ------
    DataError
        Nothing exceeds the contour, the structure lies elsewhere, or the weights are missing or damaged.
    """
    network, _, about = load_shipped(_SHIPPED, [EVALUATOR], weights)
    prepared = mask_map(volume, contour)
    logits = apply_network(network, prepared.volume.data[None], compute=compute, progress=progress)[0]
    probability = np.where(prepared.structured, 1 / (1 + np.exp(-logits)), np.float32(0))
    judged = prepared.structured
    residues: tuple[ResidueVerdict, ...] = ()
    if structure is not None:
        structure = structure[structure.kind != WATER]
        judged, owner = _near(prepared.structured, prepared.volume, structure)
        residues = tuple(_by_residue(structure, probability[judged], owner))
    molecule = molecule_of(structure) if structure is not None else None
    measured = tuple(filter(None, about.get("held_out_molecules", "").split(", ")))
    on_unit_grid = prepared.volume.with_data(probability)
    return Verdict(
        probability=interpolate(on_unit_grid, volume.grid),
        n_voxels=int(judged.sum()),
        fraction_real=float((probability[judged] > 0.5).mean()),
        mean_probability=float(probability[judged].mean()),
        contour=prepared.contour,
        accuracy=_accuracy(about, molecule, measured, str(weights or shipped(_SHIPPED))),
        residues=residues,
        molecule=molecule,
        accuracy_holds_for=measured,
    )


def _accuracy(about: Mapping[str, str], molecule: str | None, measured: tuple[str, ...], weights: str) -> float:
    """The discriminator's accuracy on held-out maps of `molecule`, NaN if it was not measured; warns if it is unknown
    or low.
    """
    if molecule and measured and molecule not in measured:
        seen = about.get(f"seen_{molecule}", "")
        warnings.warn(
            f"{weights}: this discriminator's accuracy was measured on maps of {' and of '.join(measured)} and is "
            f"unknown on {molecule}{': ' if seen else ''}{seen}; do not rely on its verdict",
            CryotoolsWarning,
            stacklevel=3,
        )
        return float("nan")
    accuracy = float(about.get("held_out_accuracy", "nan"))
    if not accuracy >= 0.9:
        known = "unknown" if np.isnan(accuracy) else f"{accuracy:.0%}"
        warnings.warn(
            f"{weights}: this discriminator's own accuracy on held-out maps is {known}; do not rely on its verdict",
            CryotoolsWarning,
            stacklevel=3,
        )
    return accuracy


def verdict_csv_text(name: str, verdict: Verdict) -> str:
    """A header and one line, for the map `name`."""
    row = {"map": name, **verdict.figures()}
    return csv_text(list(row), [row])


def residues_csv_text(verdict: Verdict) -> str:
    """A header and a line per residue; scores are empty if no voxel of the residue exceeds the contour."""
    rows = [asdict(residue) for residue in verdict.residues]
    return csv_text(list(rows[0]), rows)


def _near(structured: np.ndarray, volume: Volume, structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Mask (nz, ny, nx) of the structured voxels within 3 Å of an atom, and the nearest atom of each (n,)."""
    judged = structured & near_points(volume.grid, structure.xyz, NEAR)
    if not judged.any():
        raise DataError(f"{structure.name}: no density above the contour lies within 3 A of its atoms")
    return judged, nearest_points(volume.grid, judged, structure.xyz)[1]


def _by_residue(structure: Structure, probability: np.ndarray, owner: np.ndarray) -> list[ResidueVerdict]:
    residue = structure.residue_index()
    count = int(residue[-1]) + 1
    voxels = np.bincount(residue[owner], minlength=count)
    sums = np.bincount(residue[owner], weights=probability, minlength=count)
    real = np.bincount(residue[owner], weights=probability > 0.5, minlength=count)
    first = np.searchsorted(residue, np.arange(count))
    return [
        ResidueVerdict(
            chain=str(structure.chain[at]),
            residue_number=int(structure.residue_number[at]),
            insertion_code=str(structure.insertion_code[at]),
            residue_name=str(structure.residue_name[at]),
            n_voxels=int(voxels[number]),
            fraction_real=float(real[number] / voxels[number]) if voxels[number] else float("nan"),
            mean_probability=float(sums[number] / voxels[number]) if voxels[number] else float("nan"),
        )
        for number, at in enumerate(first)
    ]
