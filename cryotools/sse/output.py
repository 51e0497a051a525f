"""The output files for the user: class maps, tables, pseudo-atoms, and a ChimeraX script that displays them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.core.files.output import check_prefix, output_set, write_text
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.structures.write import pdb_text
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.pseudoatoms import ELEMENT_COLUMNS, REMARKS, axis_bonds, element_rows, element_structure
from cryotools.sse.predict import Annotation
from cryotools.sse.score import ResidueScores
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET
from cryotools.view.chimerax import ChimeraxScript, MapSource, colour_residues

COLOURS = {OTHER: "#b2b2b2", HELIX: "red", SHEET: "blue", NUCLEOTIDE: "orange"}
CONTOUR = 0.5  # × the molecule density: level of the drawn surface

_MAPPED = (HELIX, SHEET, NUCLEOTIDE)


@dataclass(frozen=True)
class Files:
    """The names of the output files, from a prefix."""

    prefix: str

    @property
    def class_maps(self) -> dict[int, str]:
        """Probability maps by class."""
        return {which: f"{self.prefix}_{CLASS_NAMES[which]}.mrc" for which in _MAPPED}

    @property
    def labels(self) -> str:
        """The map of classes, written last: if it exists, so do the others."""
        return f"{self.prefix}_labels.mrc"

    @property
    def residues(self) -> str:
        """The table of a model's residues."""
        return f"{self.prefix}_residues.csv"

    @property
    def elements(self) -> str:
        """The table of elements."""
        return f"{self.prefix}_elements.csv"

    @property
    def pseudo_atoms(self) -> str:
        """The elements as pseudo-atoms."""
        return f"{self.prefix}_elements.pdb"

    @property
    def script(self) -> str:
        """The script for ChimeraX."""
        return f"{self.prefix}.cxc"

    def all(self, with_model: bool) -> list[str]:
        """Every file, in the order of writing."""
        found = [self.residues] if with_model else [self.elements, self.pseudo_atoms]
        return [*found, self.script, *self.class_maps.values(), self.labels]


def output_files(prefix: str) -> Files:
    """The files whose names begin with `prefix`.

    Raises
    ------
    UsageError
        The prefix has no file name, is standard output, or ends with the suffix of a map.
    """
    check_prefix(prefix)
    return Files(prefix)


def write_files(
    files: Files, annotation: Annotation, found: ResidueScores | list[Element], *, script: str, label: str
) -> list[str]:
    """Write all files for `found`, the residues of a model or the elements; returns their names, in order.

    Either all files are written or none: see `core.files.output.output_set`.

    Raises
    ------
    DataError
        A file cannot be written, or the positions do not fit a PDB file.
    """
    with output_set():
        if isinstance(found, ResidueScores):
            rows = found.rows()
            write_text(files.residues, csv_text(list(rows[0]), rows))
        else:
            write_text(files.elements, csv_text(ELEMENT_COLUMNS, element_rows(found)))
            write_text(files.pseudo_atoms, pdb_text(element_structure(found), REMARKS, axis_bonds(found)))
        write_text(files.script, script)
        for which, name in files.class_maps.items():
            words = [label, f"probability of {CLASS_NAMES[which]}, 0 to 1"]
            write_map(
                name, annotation.volume.with_data(annotation.probabilities[which]), label=words[1], labels=words[:1]
            )
        classes = ", ".join(f"{number} {name}" for number, name in enumerate(CLASS_NAMES))
        write_map(files.labels, annotation.volume.with_data(annotation.labels), label=classes, labels=[label])
    return files.all(isinstance(found, ResidueScores))


def chimerax_script(
    files: Files,
    annotation: Annotation,
    found: ResidueScores | list[Element],
    source: MapSource,
    model_file: str | None = None,
) -> str:
    """Commands for an empty ChimeraX session: the map in grey, overlaid with the classes in their colours.

    File names are relative to the script's folder, where ChimeraX runs it. A model is coloured by the predicted classes
    of its residues; without a model, the elements are shown.
    """
    level = annotation.levels.background + CONTOUR * annotation.levels.strength
    script = ChimeraxScript(files.script)
    script.add(
        "# What annotate-sse of cryotools sees: helices red, sheets blue, nucleotides orange, the rest grey.",
        "# Meant for an empty session: the models are #1 map, #2 helix, #3 sheet, #4 nucleotide, #5 labels,",
        f"# #6 {'model in the colours of its predicted classes' if model_file else 'helix axes and points of sheets'}.",
    )
    density = script.open_map(source, annotation.volume, level, COLOURS[OTHER])
    script.add(f"transparency {density} 75")
    for which, name in files.class_maps.items():
        script.surface(script.open(name), 0.5, COLOURS[which])
    labels = script.open(files.labels)
    script.add(f"volume {labels} hide")
    if isinstance(found, ResidueScores):
        if model_file:
            model = script.open(model_file)
            script.cartoon(model, COLOURS[OTHER])
            script.add(*_residue_colours(model, found), "transparency #2-4 60")
    elif found:
        script.points(script.open(files.pseudo_atoms), {"H": COLOURS[HELIX], "S": COLOURS[SHEET]})
        script.add("transparency #2-4 60")
    palette = ":".join(f"{which},{COLOURS[which]}" for which in sorted(COLOURS))
    script.add(
        "# The map's own surface in these colours (between classes they mix):",
        f"# hide #2-4 models; transparency #1 0; color sample #1 map {labels} palette {palette}",
        "view",
    )
    return script.text()


def _residue_colours(model: str, scores: ResidueScores) -> Iterator[str]:
    """Commands that colour the residues of a model by predicted class."""
    residues, predicted = scores.residues, scores.predicted
    there = np.isfinite(scores.probabilities).all(axis=1)
    colour_of = {COLOURS[which]: (predicted == which) & there for which in _MAPPED}
    return colour_residues(model, residues.chain, residues.residue_number, residues.insertion_code, colour_of)
