"""The files that a user opens: class maps, tables, pseudo-atoms, and a script that shows them in ChimeraX."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError, UsageError
from cryotools.core.files.output import write_text
from cryotools.core.files.table import csv_text
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.write import pdb_text
from cryotools.sse.elements.find import Element
from cryotools.sse.elements.pseudoatoms import ELEMENT_COLUMNS, REMARKS, axis_bonds, element_rows, element_structure
from cryotools.sse.predict import Annotation
from cryotools.sse.score import ResidueScores
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, NUCLEOTIDE, OTHER, SHEET

COLOURS = {OTHER: "#b2b2b2", HELIX: "red", SHEET: "blue", NUCLEOTIDE: "orange"}
CONTOUR = 0.5  # × the molecule's strength: where its surface is drawn

_MAPPED = (HELIX, SHEET, NUCLEOTIDE)


@dataclass(frozen=True)
class Files:
    """The names of what is written, from a prefix."""

    prefix: str

    @property
    def class_maps(self) -> dict[int, str]:
        """Probability maps by class."""
        return {which: f"{self.prefix}_{CLASS_NAMES[which]}.mrc" for which in _MAPPED}

    @property
    def labels(self) -> str:
        """The map of classes, which is written last: where it is, the others are."""
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
    """The files that `prefix` begins the names of.

    Raises
    ------
    UsageError
        The prefix has no name, is standard output, or ends as a map does.
    """
    name = prefix.rsplit(os.sep, 1)[-1]
    if prefix == "-" or name in ("", ".", ".."):
        raise UsageError(f"{prefix}: not a valid prefix for file names; give one such as out or folder/out")
    if name.lower().endswith((".mrc", ".map", ".ccp4", ".gz", ".bz2")):
        raise UsageError(f"{prefix}: is a prefix for several files; leave out the suffix, as in {name.split('.')[0]}")
    return Files(prefix)


def write_files(
    files: Files, annotation: Annotation, found: ResidueScores | list[Element], *, script: str, label: str
) -> list[str]:
    """Write all files, of the residues of a model or of the elements `found`; their names, in order.

    Labels of an earlier run are removed first. Where a file fails, those that were not there before are removed.

    Raises
    ------
    DataError
        A file cannot be written, or the positions do not fit a PDB file.
    """
    names = files.all(isinstance(found, ResidueScores))
    _remove(files.labels)  # else they would vouch for files that are half old, half new where one fails
    with ExitStack() as undo:
        for name in names:
            if not Path(name).exists():
                undo.callback(Path(name).unlink, missing_ok=True)
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
        undo.pop_all()
    return names


@dataclass(frozen=True)
class MapSource:
    """The `file` of a map, and how it was read: with its values turned over, with another voxel size and origin than
    its header says.
    """

    file: str
    inverted: bool = False
    placed: bool = False


def chimerax_script(
    files: Files,
    annotation: Annotation,
    found: ResidueScores | list[Element],
    source: MapSource,
    model_file: str | None = None,
) -> str:
    """Commands for an empty ChimeraX session: the map in grey, the classes in their colours over it.

    File names are relative to the script's folder, where ChimeraX runs it. With a model, its residues have the colours
    of their predicted classes; without, the elements are shown.
    """
    level = annotation.levels.background + CONTOUR * annotation.levels.strength
    folder = Path(files.script).resolve().parent

    def opened(path: str) -> str:
        relative = os.path.relpath(Path(path).resolve(), folder)
        return f'open "{relative}"' if '"' not in relative else f"open '{relative}'"

    lines = [
        "# What annotate-sse of cryotools sees: helices red, sheets blue, nucleotides orange, the rest grey.",
        "# Meant for an empty session: the models are #1 map, #2 helix, #3 sheet, #4 nucleotide, #5 labels,",
        f"# #6 {'model in the colours of its predicted classes' if model_file else 'helix axes and points of sheets'}.",
        opened(source.file),
        *([_placement(annotation.volume)] if source.placed else []),
        f"volume #1 style surface step 1 level {-level if source.inverted else level:.6g} color {COLOURS[OTHER]}",
        "transparency #1 75",
    ]
    for number, (which, name) in enumerate(files.class_maps.items(), start=2):
        lines += [opened(name), f"volume #{number} style surface step 1 level 0.5 color {COLOURS[which]}"]
    lines += [opened(files.labels), "volume #5 hide"]
    if isinstance(found, ResidueScores):
        if model_file:
            lines += [opened(model_file), "hide #6 atoms", "cartoon #6", f"color #6 {COLOURS[OTHER]}"]
            lines += _residue_colours(found)
            lines += ["transparency #2-4 60"]
    elif found:
        lines += [opened(files.pseudo_atoms), "style #6 ball", "size #6 atomRadius 0.6", "show #6 atoms"]
        lines += [f"color #6/H {COLOURS[HELIX]}", f"color #6/S {COLOURS[SHEET]}", "transparency #2-4 60"]
    palette = ":".join(f"{which},{COLOURS[which]}" for which in sorted(COLOURS))
    lines += [
        "# The map's own surface in these colours (between classes they mix):",
        f"# hide #2-4 models; transparency #1 0; color sample #1 map #5 palette {palette}",
        "view",
    ]
    return "\n".join(lines) + "\n"


def _residue_colours(scores: ResidueScores) -> Iterator[str]:
    """Commands that colour the residues of a model by their predicted class, a chain and a class each."""
    residues, predicted = scores.residues, scores.predicted
    there = np.isfinite(scores.probabilities).all(axis=1)
    for chain in dict.fromkeys(residues.chain.tolist()):
        shared = set(residues.residue_number[(residues.chain == chain) & (residues.insertion_code != "")].tolist())
        for which in _MAPPED:
            at = np.flatnonzero((residues.chain == chain) & (predicted == which) & there)
            if len(at):
                names = zip(residues.residue_number[at].tolist(), residues.insertion_code[at].tolist(), strict=True)
                numbers = ",".join(_ranges(dict.fromkeys(names), shared))
                yield f"color #6{f'/{chain}' if chain else ''}:{numbers} {COLOURS[which]}"


def _ranges(names: Iterable[tuple[int, str]], shared: Collection[int]) -> Iterator[str]:
    """Residues (number, insertion code) as ChimeraX writes them: 3-7, 9, 9A.

    Numbers that several residues have are no part of a range, which would hold all of these.
    """
    run: list[int] = []
    for number, code in names:
        if run and (number in shared or number != run[-1] + 1):
            yield _range(run)
            run = []
        if number in shared:
            yield f"{number}{code}"
        else:
            run.append(number)
    if run:
        yield _range(run)


def _range(run: Sequence[int]) -> str:
    return f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}"


def _placement(volume: Volume) -> str:
    size, origin = (",".join(f"{each:.8g}" for each in three) for three in (volume.voxel_size, volume.origin))
    return f"volume #1 voxelSize {size} origin {origin}"


def _remove(name: str) -> None:
    try:
        Path(name).resolve().unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{name}: cannot be replaced: {error.strerror or error}; nothing was changed") from error
