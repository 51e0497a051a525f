"""`cryotools score-model`: how good an atomic model is, by itself, against another one and against a map."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import note, print_json, progress, set_threads, skip_existing

NAME = "score-model"
EPILOG = """Without anything else: Ramachandran plot, peptide bonds, Cβ positions, bond lengths and angles, planes,
chirality, and clashes of heavy atoms. With --reference, a model in the same frame: Cα recall and precision within 1, 2
and 3 Å one-to-one, chain direction, sequence, TM-score, lDDT, and the scores of phenix.chain_comparison. With --map:
Q-scores, and with --res the correlation with the map that the model would make.

Examples:

cryotools score-model examples/1gbt.cif --reference examples/1gbt.cif -o residues.csv

cryotools score-model examples/1gbt.cif --map map.mrc --res 3 --json
"""


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=opt.STRUCTURE_HELP)],
    reference: Annotated[
        str | None, opt.main("--reference", metavar="FILE", help="A model in the same frame, to compare with.")
    ] = None,
    superpose: Annotated[
        bool,
        opt.main("--superpose", metavar="", help="First superpose MODEL on --reference by sequence."),
    ] = False,
    confidence: Annotated[
        bool, opt.main("--confidence", metavar="", help="Judge B factors as confidences (%), against --reference.")
    ] = False,
    map_file: Annotated[str | None, opt.main("--map", metavar="FILE", help="The map that MODEL should fit.")] = None,
    res: opt.ReportedResolution = None,
    output: Annotated[
        str | None, opt.output("--output", "-o", metavar="CSV", help="A row for each residue; - is standard output.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    threads: opt.ClassicalThreads = None,
    q_sigma: Annotated[
        float,
        opt.advanced("--q-sigma", metavar="S", help="Width of the Q-score's Gaussian, Å; 0.4 as in EMDB's reports."),
    ] = 0.6,
    voxel_size: opt.VoxelSize = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Score an atomic model of a protein: geometry, agreement with a reference, fit to a map."""
    from cryotools.core.errors import UsageError

    if output and output != "-" and skip_existing(output, no_clobber):
        return
    if json and output == "-":
        raise UsageError("--json and --output - both write to standard output; give one")
    if res is not None and map_file is None:
        raise UsageError("--res is the resolution of a map; give --map")
    for name, wanted in (("--superpose", superpose), ("--confidence", confidence)):
        if wanted and reference is None:
            raise UsageError(f"{name} needs --reference")
    set_threads(threads, classical=True)
    from cryotools.core.files.output import check_output, write_text
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.modelling.scoring.report import scores_report
    from cryotools.modelling.scoring.score import score_structure

    if output and output != "-":
        check_output(output, [source for source in (model, reference, map_file) if source and source != "-"])
    structure = read_structure(model)
    other = None if reference is None else read_structure(reference)
    volume = None
    if map_file is not None:
        volume = read_map(map_file, voxel_size=voxel_size, replace_non_finite=replace_nan)
    with progress() as reporter:
        scores = score_structure(
            structure,
            reference=other,
            volume=volume,
            resolution=res,
            q_sigma=q_sigma,
            superpose=superpose,
            confidence=confidence,
            progress=reporter,
        )
    if output == "-":
        typer.echo(scores.csv_text(), nl=False)
    elif output:
        write_text(output, scores.csv_text())
        note(f"written: {output}")
    if json:
        print_json({"model": model, "reference": reference, "map": map_file, **_nested(scores.figures())})
    elif output != "-" and not quiet:
        typer.echo(scores_report(scores))


def _nested(figures: dict[str, object]) -> dict[str, object]:
    """The figures with names that those of files do not take."""
    return {{"reference": "agreement", "map": "fit"}.get(name, name): value for name, value in figures.items()}
