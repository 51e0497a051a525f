"""`cryotools annotate-sse`: helices, sheets and nucleotides in a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli import sserun
from cryotools.cli.console import detail, label, note, print_json, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    from cryotools.core.maps.volume import Volume
    from cryotools.core.structures.structure import Structure
    from cryotools.sse.elements.find import Element
    from cryotools.sse.evaluate import Reading
    from cryotools.sse.output import Files
    from cryotools.sse.predict import Annotation
    from cryotools.sse.score import ResidueScores
    from cryotools.sse.truth.assign import ClassedResidues

NAME = "annotate-sse"
EPILOG = """Writes PREFIX_helix.mrc, PREFIX_sheet.mrc and PREFIX_nucleotide.mrc, the probabilities (0 to 1) of these
classes, and PREFIX_labels.mrc, the most probable class: 0 other, 1 helix, 2 sheet, 3 nucleotide. All of them overlay
the input map, on its grid. PREFIX.cxc shows them in ChimeraX: helix red, sheet blue, nucleotide orange, the rest grey.

With --structure, PREFIX_residues.csv has one line per residue of the model: its class by DSSP's hydrogen bonds (or the
author's records), its class in the map, the probabilities, and the density at its backbone in σ. Without it,
PREFIX_elements.csv and PREFIX_elements.pdb hold helix axes (chain H) and points on sheets (chain S); their B factors
are confidence × 100, the mean probability around each point.

Give the resolution if it is known. The network was trained on maps from 2 to 8 Å. Empty solvent costs no time.

--homologs is a folder made by `cryotools find-homologs`, or of structures, and needs --res. They are docked rigidly;
where they fit significantly, their classes replace the network's, or with --method both the two are multiplied. With
--method finetune the network is fitted to the map instead, and kept in the user's cache folder for the next call.

Examples:

cryotools annotate-sse map.mrc out --res 3 --preview out.png

cryotools annotate-sse map.mrc out --structure examples/1gbt.cif --rotations 4 --json
"""


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to annotate.")],
    prefix: Annotated[str, typer.Argument(metavar="OUT_PREFIX", help="Prefix of the output file names.")],
    resolution: opt.ReportedResolution = None,
    structure: Annotated[
        str | None, opt.main("--structure", "-s", metavar="MODEL", help="Compare with this model residue by residue.")
    ] = None,
    assignment: sserun.Assignment = sserun.Classes.dssp,
    invert: opt.Invert = False,
    weights: Annotated[str | None, opt.weights("train-sse")] = None,
    bias: opt.Bias = 0.0,
    preview: Annotated[
        str | None, opt.output("--preview", metavar="PNG", help="Also draw the classes as a picture.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    rotations: opt.Rotations = 1,
    homologs: Annotated[
        str | None, opt.main("--homologs", metavar="FOLDER", help="Also use these structures of homologs; see below.")
    ] = None,
    method: Annotated[
        sserun.Method,
        opt.main("--method", metavar="NAME", help="How homologs are used: dock, both or finetune; see below."),
    ] = sserun.Method.dock,
    copies: Annotated[
        int | None,
        opt.main("--copies", min=1, metavar="N", help="Copies of each homolog to dock; default: all significant."),
    ] = None,
    voxel_size: opt.VoxelSize = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Find helices, sheets and nucleotides in a map."""
    if homologs and resolution is None:
        raise UsageError("--homologs needs the map's resolution; give --res")
    if not homologs and copies is not None:
        raise UsageError("--copies is for homologs that are docked; add --homologs")
    threads = set_threads(threads)
    from cryotools.sse.output import output_files

    files = output_files(prefix)
    if skip_existing(files.labels, no_clobber):
        return
    _check_arguments(files, map_file, structure, weights, preview, by_author=assignment == "author")
    from cryotools.core.compute.runner import Compute
    from cryotools.core.errors import naming
    from cryotools.sse.evaluate import Reading
    from cryotools.sse.predict import Annotator

    annotator = Annotator(weights, Compute(device, precision.value, threads), rotations, bias)
    reading = Reading(voxel_size, replace_nan, invert, by_author=assignment == "author")
    volume = reading.volume(map_file)
    model = _read_model(structure, reading, volume) if structure else None
    with progress() as reporter, naming(map_file):
        if homologs:
            used = sserun.HomologUse(homologs, method, copies, weights)
            annotation, told = used.annotate(annotator, volume, resolution, reporter)
        else:
            annotation, told = annotator.annotate(volume, resolution, reporter), {}
    found = _find(annotation, model)
    names = _write(files, annotation, found, map_file, structure, reading)
    if preview:
        from cryotools.sse.preview import draw_annotation

        draw_annotation(preview, annotation, map_file)
        names.append(preview)
    figures = {"map": map_file, "resolution_A": resolution, **told, **_figures(annotation, found), "outputs": names}
    if json:
        print_json(figures)
    _summarise(map_file, figures, found)
    detail(
        f"background {annotation.levels.background:.4g}, molecule density {annotation.levels.strength:.4g}, "
        f"{threads} threads"
    )


def _check_arguments(
    files: Files, map_file: str, structure: str | None, weights: str | None, preview: str | None, *, by_author: bool
) -> None:
    """Reject arguments that make no sense, before reading anything."""
    from cryotools.core.files.output import check_output
    from cryotools.view.picture import check_can_draw

    if by_author and not structure:
        raise UsageError("--assignment author needs a model with HELIX and SHEET records; give --structure")
    if by_author and structure == "-":
        raise UsageError("--assignment author reads the model twice; give a file instead of -")
    inputs = [source for source in (map_file, structure, weights) if source and source != "-"]
    for output in files.all(bool(structure)):
        check_output(output, inputs)
    if preview:
        check_can_draw(preview)
        check_output(preview, inputs)


def _read_model(path: str, reading: Reading, volume: Volume) -> tuple[Structure, ClassedResidues]:
    """The model and the classes of its residues."""
    from cryotools.core.errors import DataError

    atoms, residues = reading.model(path)
    if not volume.grid.contains(atoms.xyz).any():
        raise DataError(f"{path}: no atom lies in the map; check that model and map overlay")
    return atoms, residues


def _find(annotation: Annotation, model: tuple[Structure, ClassedResidues] | None) -> ResidueScores | list[Element]:
    """Predictions for the residues of a model, or, without one, the elements."""
    if model:
        from cryotools.sse.score import score_residues

        return score_residues(annotation.probabilities, annotation.volume, *model)
    return annotation.elements


def _write(
    files: Files,
    annotation: Annotation,
    found: ResidueScores | list[Element],
    map_file: str,
    structure: str | None,
    reading: Reading,
) -> list[str]:
    """Write the files that begin with the prefix; returns their names."""
    from cryotools.sse.output import chimerax_script, write_files
    from cryotools.view.chimerax import MapSource

    source = MapSource(map_file, reading.invert, placed=reading.voxel_size is not None)
    script = chimerax_script(files, annotation, found, source, None if structure == "-" else structure)
    return write_files(files, annotation, found, script=script, label=label(f"of {map_file}"))


def _figures(annotation: Annotation, found: ResidueScores | list[Element]) -> dict[str, Any]:
    """The result in numbers."""
    import numpy as np

    from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, SHEET

    voxel = float(np.prod(annotation.volume.voxel_size))
    counts = np.bincount(annotation.labels.ravel(), minlength=len(CLASS_NAMES))
    figures: dict[str, Any] = {f"{CLASS_NAMES[k]}_A3": float(counts[k] * voxel) for k in range(1, len(CLASS_NAMES))}
    if isinstance(found, list):
        helices = [one for one in found if one.which == HELIX]
        figures |= {"n_helices": len(helices), "helix_length_A": float(sum(one.length for one in helices))}
        return {**figures, "n_sheets": sum(one.which == SHEET for one in found)}
    from dataclasses import asdict

    from cryotools.sse.score import score_map

    return {**figures, **asdict(score_map(found))}


def _summarise(map_file: str, figures: dict[str, Any], found: ResidueScores | list[Element]) -> None:
    volumes = ", ".join(f"{name} {figures[f'{name}_A3']:.0f}" for name in ("helix", "sheet", "nucleotide"))
    note(f"{map_file}: {volumes} A^3")
    if isinstance(found, list):
        note(
            f"{figures['n_helices']} helices, {figures['helix_length_A']:.0f} A in total; {figures['n_sheets']} sheets"
        )
    else:
        names = ("q3", "q3_baseline", "recall", "precision")
        q3, baseline, recall, precision = (sserun.score(figures[name]) for name in names)
        scores = f"Q3 {q3} (majority class {baseline}), recall {recall}, precision {precision}"
        note(f"{scores} over {figures['n_residues']} residues")
    note(f"written: {', '.join(figures['outputs'])}")
