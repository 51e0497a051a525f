"""The output files: anchors as pseudo-atoms or as a table, and a ChimeraX script that shows them in the map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
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
from cryotools.view.chimerax import ChimeraxScript, MapSource

FORMATS = (".pdb", ".cif", ".csv")
COLUMNS = (
    *("x_A", "y_A", "z_A", "residue", "confidence"),
    *("second", "second_confidence", "third", "third_confidence"),
)
ALL_COLUMNS = (
    *(*COLUMNS, "atom", "path", "before", "after", "presence", "forward", "density"),
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
    """The format of an output file from its suffix, one of FORMATS; `.gz` or `.bz2` may follow it.

    Raises
    ------
    UsageError
        The suffix is none of these.
    """
    suffix = Path(_unpacked(path)).suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(
            f"{path}: the name must end in .pdb, .cif or .csv, which decides the format (.gz or .bz2 may follow)"
        )
    return suffix


def script_file(path: str) -> str | None:
    """The name of the ChimeraX script beside a structure; None for tables, which have none."""
    return None if check_format(path) == ".csv" else str(Path(_unpacked(path)).with_suffix(".cxc"))


def _unpacked(path: str) -> str:
    return path[: -len(Path(path).suffix)] if Path(path).suffix in (".gz", ".bz2") else path


def write_anchors(
    path: str, detection: Detection, which: np.ndarray, source: MapSource, *, every_head: bool = False
) -> list[str]:
    """Write the residues `which` (k,) of a detection, in chain order, in the format of the suffix of `path`, and for
    structures a ChimeraX script beside them; returns the files' names.

    Either all files are written or none, `path` last. `every_head` adds everything known of each residue to a table,
    and the atoms of nucleotides.

    Raises
    ------
    DataError
        A file cannot be written, or the positions do not fit a PDB file.
    """
    which, script = np.sort(which), script_file(path)
    if script is None:
        rows = anchor_rows(detection.residues, which, every_head=every_head)
        columns = ALL_COLUMNS if every_head else COLUMNS
        write_text(path, csv_text(columns, chain(rows, nucleotide_rows(detection) if every_head else ())))
        return [path]
    text = anchor_text(detection.residues, which, path)
    with output_set():
        write_text(script, anchor_script(script, path if len(which) else None, detection, source))
        write_text(path, text)
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
            row |= {"atom": "CA", "path": int(residues.path[at]) + 1 or None}
            row |= {name: number.get(int(getattr(residues, name)[at])) for name in ("before", "after")}
            row |= {name: float(getattr(residues, name)[at]) for name in ("presence", "forward", "density")}
            row |= {f"mass_{axis}_A": float(place) for axis, place in zip("xyz", residues.mass[at], strict=True)}
            row |= dict(zip(("other", "helix", "strand"), map(float, residues.state[at]), strict=True))
            row |= {f"p_{letter}": float(p) for letter, p in zip(AMINO_ACIDS, residues.types[at], strict=True)}
        yield row


def nucleotide_rows(detection: Detection) -> Iterator[dict[str, Any]]:
    """A row of ALL_COLUMNS for each atom found of a nucleotide, with its probability as `presence`."""
    for name, (places, probabilities) in detection.nucleotides.items():
        for place, probability in zip(places, probabilities, strict=True):
            at = {f"{axis}_A": float(x) for axis, x in zip("xyz", place, strict=True)}
            yield {**dict.fromkeys(ALL_COLUMNS), **at, "atom": name, "presence": float(probability)}


def anchor_text(residues: DetectedResidues, which: np.ndarray, path: str) -> str:
    """The residues `which` (k,) as PDB or mmCIF text, by the suffix of `path`; without any, a file without atoms."""
    structure = anchor_structure(residues, which, path)
    if check_format(path) == ".pdb":
        return pdb_text(structure, REMARKS)
    return cif_text(structure, REMARKS) if len(structure) else f"data_no_anchors\n# {REMARKS[0]}\n"


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


def anchor_script(script_path: str, path: str | None, detection: Detection, source: MapSource) -> str:
    """Commands for an empty ChimeraX session: the map as a transparent surface, and the anchors of the file `path`, if
    there are any, as balls from red (uncertain) to blue (certain), labelled by residue.
    """
    script = ChimeraxScript(script_path)
    script.add(
        "# What detect-anchors of cryotools finds: a ball for each residue, from red (uncertain) to blue (certain).",
        "# Meant for an empty session: the models are #1 map, #2 anchors.",
    )
    levels = detection.levels
    density = script.open_map(source, detection.volume, levels.background + CONTOUR * levels.strength, "#b2b2b2")
    script.add(f"transparency {density} 70")
    if path is not None:
        anchors = script.open(path)
        script.add(
            f"hide {anchors} cartoons",
            f"style {anchors} ball",
            f"size {anchors} atomRadius 1",
            f"show {anchors} atoms",
            f"color byattribute bfactor {anchors} palette {_PALETTE}",
            f'label {anchors} residues text "{{0.name}}" height 1.2',
        )
    script.add("view")
    return script.text()
