"""`cryotools annotate-sse`: helices, sheets and nucleotides in a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import detail, label, note, print_json, progress, set_threads, skip_existing

if TYPE_CHECKING:
    from cryotools.sse.elements import Element
    from cryotools.sse.predict import Annotation
    from cryotools.sse.score import ResidueScores

NAME = "annotate-sse"
EPILOG = """Writes PREFIX_helix.mrc, PREFIX_sheet.mrc and PREFIX_nucleotide.mrc, the probabilities (0 to 1) of these
classes, and PREFIX_labels.mrc, the most probable one: 0 other, 1 helix, 2 sheet, 3 nucleotide; all on the map's own
grid and at its place. PREFIX.cxc shows them in ChimeraX: helix red, sheet blue, nucleotide orange, the rest grey.

With --structure, PREFIX_residues.csv has a line per residue of the model: the class that DSSP's hydrogen bonds (or the
authors' records) assign to it, the class that the map shows, the probabilities, and the density at its backbone in σ.
Without, PREFIX_elements.csv and PREFIX_elements.pdb hold the axes of helices (chain H) and the points of sheets (chain
S); B factors are confidence × 100, the mean probability around each point.

Tell the resolution where it is known; maps from 2 to 8 Å are what the network knows. Empty solvent costs no time.

Examples:

cryotools annotate-sse map.mrc out --res 3 --preview out.png

cryotools annotate-sse map.mrc out --structure examples/1gbt.cif --rotations 4 --json
"""


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to annotate.")],
    prefix: Annotated[str, typer.Argument(metavar="OUT_PREFIX", help="What the names of the outputs begin with.")],
    resolution: Annotated[
        float | None, opt.main("--resolution", "--res", "-r", "-R", help="Resolution of the map, Å.")
    ] = None,
    structure: Annotated[
        str | None, opt.main("--structure", "-s", metavar="MODEL", help="Compare with this model, residue by residue.")
    ] = None,
    assignment: Annotated[
        str,
        opt.main("--assignment", help="Classes of the model's residues: dssp, or author (HELIX and SHEET records)."),
    ] = "dssp",
    invert: Annotated[bool, opt.main("--invert", metavar="", help="Turn the map's values over first.")] = False,
    weights: Annotated[str | None, opt.main("--weights", metavar="FILE", help="A network made by train-sse.")] = None,
    preview: Annotated[
        str | None, opt.output("--preview", metavar="PNG", help="Draw the classes as a picture.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    device: Annotated[str, opt.compute("--device", "-d", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: opt.Threads = None,
    rotations: Annotated[
        int, opt.compute("--rotations", help="Average over 1, 4 or 24 turns of the map, at as many times the cost.")
    ] = 1,
    apix: Annotated[float | None, opt.advanced("--apix", "-A", help="Voxel size, Å, in place of the header's.")] = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Find helices, sheets and nucleotides in a map."""
    threads = set_threads(threads)
    from cryotools.core.errors import UsageError
    from cryotools.core.output import check_output
    from cryotools.core.picture import check_can_draw
    from cryotools.sse.output import chimerax_script, output_files, write_files

    files = output_files(prefix)
    if skip_existing(files.labels, no_clobber):
        return
    if assignment not in ("dssp", "author"):
        raise UsageError(f"--assignment {assignment}: give dssp or author")
    if assignment == "author" and not structure:
        raise UsageError("--assignment author needs the records; give --structure")
    for output in files.all(bool(structure)):
        check_output(output, [source for source in (map_file, structure, weights) if source])
    if preview:
        check_can_draw(preview)
    from cryotools.core.mapfile import read_map
    from cryotools.core.runner import Compute
    from cryotools.sse.elements import find_elements
    from cryotools.sse.predict import annotate

    volume = read_map(map_file, voxel_size=apix, replace_non_finite=replace_nan)
    if invert:
        volume = volume.with_data(-volume.data)
    model = _read_model(structure, assignment, volume) if structure else None
    with progress() as reporter:
        annotation = annotate(
            volume,
            resolution,
            weights=weights,
            compute=Compute(device=device, threads=threads),
            rotations=rotations,
            progress=reporter,
        )
    found: ResidueScores | list[Element]
    if model:
        from cryotools.sse.score import score_residues

        found = score_residues(annotation.probabilities, volume, *model)
    else:
        found = find_elements(annotation.probabilities, volume.grid)
    script = chimerax_script(
        files, annotation, found, map_file, model_file=None if structure == "-" else structure, inverted=invert
    )
    names = write_files(files, annotation, found, script=script, label=label(f"of {map_file}"))
    if preview:
        from cryotools.sse.preview import draw_annotation

        draw_annotation(preview, annotation, map_file)
        names.append(preview)
    figures = {"map": map_file, "resolution_A": resolution, **_figures(annotation, found), "outputs": names}
    if json:
        print_json(figures)
    _summarise(map_file, figures, found)
    detail(
        f"background {annotation.levels.background:.4g}, strength {annotation.levels.strength:.4g}, {threads} threads"
    )


def _read_model(path: str, assignment: str, volume: Any) -> tuple[Any, Any]:
    """The model and the classes of its residues."""
    from cryotools.core.errors import DataError
    from cryotools.core.structurefile import read_structure
    from cryotools.sse.assign import assign, with_author_records

    atoms = read_structure(path)
    if not volume.grid.contains(atoms.xyz).any():
        raise DataError(f"{path}: no atom lies in the map; see whether the two overlay")
    residues = assign(atoms)
    return atoms, with_author_records(residues, path) if assignment == "author" else residues


def _figures(annotation: Annotation, found: ResidueScores | list[Element]) -> dict[str, Any]:
    """The result in numbers."""
    import numpy as np

    from cryotools.sse.assign import CLASS_NAMES, HELIX, SHEET

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
        note(f"{figures['n_helices']} helices, {figures['helix_length_A']:.0f} A in all; {figures['n_sheets']} sheets")
    else:
        q3 = f"Q3 {figures['q3']:.3f} (majority class {figures['q3_baseline']:.3f}), " if figures["q3"] >= 0 else ""
        scores = f"recall {figures['recall']:.3f}, precision {figures['precision']:.3f}"
        note(f"{q3}{scores} over {figures['n_residues']} residues")
    note(f"written: {', '.join(figures['outputs'])}")
