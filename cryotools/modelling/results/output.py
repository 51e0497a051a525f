"""The files of a model that is built: mmCIF, a table of its residues and a ChimeraX script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.errors import UsageError
from cryotools.core.files.output import output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.structures.write import cif_text
from cryotools.modelling.build import BuiltModel
from cryotools.modelling.geometry.ramachandran import VERDICTS, ramachandran_scores
from cryotools.modelling.names import residue_names
from cryotools.view.chimerax import ChimeraxScript, MapSource

COLUMNS = (
    *("chain", "number", "residue", "sequence", "x_A", "y_A", "z_A", "confidence", "presence", "source", "density"),
    *("ramachandran", "first", "first_p", "second", "second_p", "third", "third_p"),
)
TRACED, ADDED = "traced", "added"
REMARKS = (
    "Built into a map by build-model of cryotools.",
    "B factors are confidence x 100: the probability in percent that a residue of this type is at this place.",
    "UNK are residues of chains that could not be placed on a sequence.",
)
_CONTOUR = 0.5  # × the molecule density
_PALETTE = "0,#b2182b:50,#fddbc7:80,#92c5de:100,#2166ac"  # by B factor


def check_name(path: str) -> None:
    """Check that the name of a model ends in .cif.

    Raises
    ------
    UsageError
        It does not.
    """
    if not _plain(path).lower().endswith(".cif"):
        raise UsageError(f"{path}: the name must end in .cif (.gz or .bz2 may follow)")


def beside(path: str, suffix: str) -> str:
    """The name of a file beside the model."""
    return str(Path(_plain(path)).with_suffix(suffix))


def _plain(path: str) -> str:
    return path[: -len(Path(path).suffix)] if Path(path).suffix in (".gz", ".bz2") else path


def write_model(path: str, model: BuiltModel, source: MapSource, *, flipped: bool = False) -> list[str]:
    """Write the model, its table and the ChimeraX script, all or none, the model last; returns their names.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    names = [beside(path, ".csv"), beside(path, ".cxc"), path]
    text = cif_text(model.structure, REMARKS, model.full_sequences(), numbered=True)
    with output_set():
        write_text(names[0], csv_text(COLUMNS, residue_rows(model)))
        write_text(names[1], model_script(names[1], path, model, source, flipped=flipped))
        write_text(path, text)
    return names


def residue_rows(model: BuiltModel) -> Iterator[dict[str, Any]]:
    """A row of COLUMNS for each residue. `first` to `third` are the types that the map and the sequences suggest, the
    map alone for added residues: none.
    """
    detected, residues = model.detection.residues, model.residues
    density = residue_density(model)
    verdict = ramachandran_scores(residues).verdict
    at = 0
    for name, plan in model.chains.items():
        names = residue_names(plan.letters)
        for k in range(len(plan)):
            row: dict[str, Any] = {"chain": name, "number": int(plan.position[k]) + 1, "residue": names[k]}
            row |= {"sequence": plan.sequence or None}
            row |= {f"{axis}_A": float(place) for axis, place in zip("xyz", residues.ca[at], strict=True)}
            row |= {"confidence": float(plan.confidence[k]), "density": float(density[at])}
            row |= {"ramachandran": VERDICTS[verdict[at]] or None}
            one = int(plan.residue[k])
            row |= {"source": TRACED if one >= 0 else ADDED}
            if one >= 0:
                row["presence"] = float(detected.presence[one])
                order = np.argsort(-detected.types[one], kind="stable")[:3]
                for label, kind in zip(("first", "second", "third"), order.tolist(), strict=True):
                    row |= {label: residue_names(AMINO_ACIDS[kind])[0], f"{label}_p": float(detected.types[one, kind])}
            yield row
            at += 1


def residue_density(model: BuiltModel) -> np.ndarray:
    """The mean prepared density at the atoms of each residue, (m,): 1 is that of the molecule as a whole."""
    value, owner = model.prepared.sample(model.structure.xyz), model.residues.of_atom
    return np.bincount(owner, value, len(model.residues)) / np.maximum(np.bincount(owner), 1)


def model_script(path: str, cif: str, model: BuiltModel, source: MapSource, *, flipped: bool = False) -> str:
    """Commands for an empty ChimeraX session: the map as a transparent surface, and the model from red (uncertain) to
    blue (certain).
    """
    script = ChimeraxScript(path)
    script.add(
        "# What build-model of cryotools built, from red (uncertain) to blue (certain).",
        "# Meant for an empty session: the models are #1 map, #2 model.",
    )
    levels = model.detection.levels
    height = levels.background + _CONTOUR * levels.strength
    density = script.open_map(source, model.detection.volume, height, "#b2b2b2")
    if flipped:
        script.add(f"# the model is that of the map's mirror image along x: hide {density}, and show the mirror image")
        script.add(f"volume flip {density} axis x")
    else:
        script.add(f"transparency {density} 70")
    script.open(cif)
    shown = "#3" if flipped else "#2"
    script.add(f"color byattribute bfactor {shown} palette {_PALETTE}", "view")
    return script.text()
