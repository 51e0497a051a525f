"""The output files: anchors as pseudo-atoms or as a table, and a ChimeraX script that shows them in the map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from cryotools.anchors.detected import DetectedResidues, Detection
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.errors import UsageError
from cryotools.core.files.output import output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.write import cif_text, pdb_text
from cryotools.view.chimerax import ChimeraxScript

FORMATS = (".pdb", ".cif", ".csv")
COLUMNS = (
    *("x_A", "y_A", "z_A", "residue", "confidence"),
    *("second", "second_confidence", "third", "third_confidence"),
)
ALL_COLUMNS = (
    *(*COLUMNS, "path", "before", "after", "presence", "forward", "density"),
    *("mass_x_A", "mass_y_A", "mass_z_A", "other", "helix", "strand"),
    *(f"p_{letter}" for letter in AMINO_ACIDS),
)
NAMES = tuple(gemmi.expand_one_letter_sequence(AMINO_ACIDS, gemmi.ResidueKind.AA))
REMARKS = (
    "Residues found in a map by detect-anchors of cryotools: one CA per residue, named after its most probable type.",
    "B factors are confidence x 100: the probability in percent that a residue of this type is at this place.",
)
CONTOUR = 0.5  # × the molecule density: level of the drawn surface
_PALETTE = "0,#b2182b:50,#fddbc7:80,#92c5de:100,#2166ac"  # by B factor


def check_format(path: str) -> str:
    """The format of an output file from its suffix, one of FORMATS.

    Raises
    ------
    UsageError
        The suffix is none of these.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"{path}: the name must end in .pdb, .cif or .csv, which decides the format")
    return suffix


def script_file(path: str) -> str:
    """The name of the ChimeraX script beside an output file."""
    return str(Path(path).with_suffix(".cxc"))


def write_anchors(
    path: str, detection: Detection, which: np.ndarray, map_file: str, *, every_head: bool = False
) -> list[str]:
    """Write the residues `which` (k,) of a detection, in chain order, in the format of the suffix of `path`, and for
    structures a ChimeraX script beside them; returns the files' names.

    Either all files are written or none. `every_head` adds everything known of each residue to a table.

    Raises
    ------
    DataError
        A file cannot be written, or the positions do not fit a PDB file.
    """
    which, suffix = np.sort(which), check_format(path)
    if suffix == ".csv":
        columns = ALL_COLUMNS if every_head else COLUMNS
        write_text(path, csv_text(columns, anchor_rows(detection.residues, which, every_head=every_head)))
        return [path]
    structure = anchor_structure(detection.residues, which, path)
    text = pdb_text(structure, REMARKS) if suffix == ".pdb" else cif_text(structure, REMARKS)
    script = script_file(path)
    with output_set():
        write_text(path, text)
        write_text(script, anchor_script(script, path, detection, map_file))
    return [path, script]


def anchor_rows(residues: DetectedResidues, which: np.ndarray, *, every_head: bool = False) -> Iterator[dict[str, Any]]:
    """A row of COLUMNS for each of the residues `which` (k,), or of ALL_COLUMNS; neighbours are row numbers from 1.

    The confidences of second and third types are scaled like that of the first.
    """
    number = {int(at): row for row, at in enumerate(which, 1)}
    order = np.argsort(-residues.types, axis=1, kind="stable")
    for at in which.tolist():
        first, second, third = order[at, :3].tolist()
        scale = residues.confidence[at] / max(float(residues.types[at, first]), 1e-6)
        row: dict[str, Any] = {f"{axis}_A": float(place) for axis, place in zip("xyz", residues.ca[at], strict=True)}
        row |= {"residue": NAMES[first], "confidence": float(residues.confidence[at])}
        for name, one in (("second", second), ("third", third)):
            row |= {name: NAMES[one], f"{name}_confidence": float(scale * residues.types[at, one])}
        if every_head:
            row |= {"path": int(residues.path[at]) + 1 or None}
            row |= {name: number.get(int(getattr(residues, name)[at])) for name in ("before", "after")}
            row |= {name: float(getattr(residues, name)[at]) for name in ("presence", "forward", "density")}
            row |= {f"mass_{axis}_A": float(place) for axis, place in zip("xyz", residues.mass[at], strict=True)}
            row |= dict(zip(("other", "helix", "strand"), map(float, residues.state[at]), strict=True))
            row |= {f"p_{letter}": float(p) for letter, p in zip(AMINO_ACIDS, residues.types[at], strict=True)}
        yield row


def anchor_structure(residues: DetectedResidues, which: np.ndarray, name: str = "") -> Structure:
    """The residues `which` (k,) as one CA atom each, with confidence × 100 as B factor. Residues are numbered along the
    paths found, whether or not those between are written; between paths at least one number is skipped.
    """
    n = len(which)
    blank = np.full(n, "")
    return Structure(
        xyz=residues.ca[which],
        element=np.full(n, 6, dtype=np.uint8),
        atom_name=np.full(n, "CA"),
        residue_name=np.array(NAMES)[residues.amino[which]] if n else np.zeros(0, dtype="U3"),
        chain=np.full(n, "A"),
        residue_number=residues.numbers[which].astype(np.int32),
        insertion_code=blank,
        altloc=blank,
        occupancy=np.ones(n, dtype=np.float32),
        b_factor=(100 * residues.confidence[which]).astype(np.float32),
        hetero=np.zeros(n, dtype=bool),
        kind=np.full(n, PROTEIN, dtype=np.uint8),
        model=np.ones(n, dtype=np.int32),
        name=name,
    )


def anchor_script(script_path: str, path: str, detection: Detection, map_file: str) -> str:
    """Commands for an empty ChimeraX session: the map as a transparent surface, and the anchors as balls from red
    (uncertain) to blue (certain), labelled by residue.
    """
    script = ChimeraxScript(script_path)
    script.add(
        "# What detect-anchors of cryotools finds: a ball for each residue, from red (uncertain) to blue (certain).",
        "# Meant for an empty session: the models are #1 map, #2 anchors.",
    )
    density = script.open(map_file)
    levels = detection.levels
    script.surface(density, levels.background + CONTOUR * levels.strength, "#b2b2b2")
    anchors = script.open(path)
    script.add(
        f"transparency {density} 70",
        f"style {anchors} ball",
        f"size {anchors} atomRadius 1",
        f"show {anchors} atoms",
        f"hide {anchors} cartoons",
        f"color byattribute bfactor {anchors} palette {_PALETTE}",
        f'label {anchors} residues text "{{0.name}}" height 1.2',
        "view",
    )
    return script.text()


def nucleotide_counts(detection: Detection) -> dict[str, int]:
    """The number of P, C4' and C1' atoms found."""
    return {name: len(places) for name, (places, _) in detection.nucleotides.items()}
