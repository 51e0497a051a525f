"""`cryotools eval-disc`: how much of a map looks experimental."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, note, print_json, progress, set_threads, skip_existing

NAME = "eval-disc"
EPILOG = """The voxels judged (of 1 Å) are those above a contour taken from the map's histogram or, with --structure,
those within 3 Å of its atoms. Every map is first resampled, scaled and masked in the same way, so that none of these
shows where it comes from. fraction_real is the fraction of voxels that the discriminator classifies as
experimental;
discriminator_accuracy is its accuracy in telling real maps from molmap's on protein families it was not trained on. It
was measured on maps of protein alone and is left empty, with a warning, where MODEL contains nucleic acid; without
--structure it applies only if the map is of protein.
OUTPUT holds the probability; it is 0 where nothing is judged.

Examples:

cryotools eval-disc map.mrc probability.mrc --csv verdict.csv

cryotools eval-disc map.mrc --structure examples/1gbt.cif --residues residues.csv --json
"""


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to judge.")],
    output: Annotated[
        str | None, typer.Argument(metavar="OUTPUT", help="Map of the probability of being experimental.")
    ] = None,
    structure: Annotated[
        str | None,
        opt.main("--structure", "-s", metavar="MODEL", help="Judge the voxels near the atoms of this model."),
    ] = None,
    contour: Annotated[
        float | None, opt.main("--contour", "-t", metavar="LEVEL", help="Judge the voxels above this level.")
    ] = None,
    weights: Annotated[str | None, opt.weights("train-disc")] = None,
    csv: Annotated[str | None, opt.output("--csv", metavar="FILE", help="The verdict as CSV; - is stdout.")] = None,
    residues: Annotated[
        str | None,
        opt.output("--residues", metavar="FILE", help="The verdict on each residue as CSV (with --structure)."),
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    voxel_size: opt.VoxelSize = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Measure how much of a map looks experimental to an independent discriminator."""
    if output and skip_existing(output, no_clobber):
        return
    threads = set_threads(threads)
    inputs = [map_file, structure, weights]
    if output:
        check_map_output(output, None, inputs)
    from cryotools.core.errors import UsageError
    from cryotools.core.files.output import check_output, output_set, write_text

    if residues and not structure:
        raise UsageError("--residues needs a model; give --structure")
    if json and csv == "-":
        raise UsageError("--json and --csv - both write to standard output; give one")
    for table in (csv, residues):
        if table and table != "-":
            check_output(table, [source for source in inputs if source])
    from cryotools.core.compute.runner import Compute
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.maps.mapwrite import write_map
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.realism.predict import evaluate, residues_csv_text, verdict_csv_text

    volume = read_map(map_file, voxel_size=voxel_size, replace_non_finite=replace_nan)
    atoms = read_structure(structure) if structure else None
    with progress() as reporter:
        compute = Compute(device, precision.value, threads)
        verdict = evaluate(volume, atoms, contour=contour, weights=weights, compute=compute, progress=reporter)
    with output_set():
        if residues:
            write_text(residues, residues_csv_text(verdict))
        if csv and csv != "-":
            write_text(csv, verdict_csv_text(map_file, verdict))
        if output:  # last: if it exists, so do the tables
            write_map(output, verdict.probability, label=label(f"of {map_file}"))
    if json:
        print_json({"map": map_file, **verdict.figures()})
    elif csv == "-":
        typer.echo(verdict_csv_text(map_file, verdict), nl=False)
    note(
        f"{map_file}: {verdict.fraction_real:.1%} of {verdict.n_voxels} voxels look experimental (mean probability "
        f"{verdict.mean_probability:.2f}); the discriminator's own accuracy is {verdict.words()}"
    )
