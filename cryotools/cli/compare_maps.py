"""`cryotools compare-maps`: how similar two maps are."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import print_json, set_threads
from cryotools.core.errors import UsageError, check_choice

NAME = "compare-maps"
EPILOG = """B is first resampled onto the grid of A. correlation and correlation_about_mean are those of ChimeraX's
`measure correlation #A inMap #B`; pcc and ssim are struc2mapGAN's, over the strongest tenth of each map; fsc_0.5_A and
fsc_0.143_A are resolutions in Å, empty if the curve never falls that low.

Examples:

cryotools compare-maps map.mrc other.mrc --csv scores.csv --fsc-plot fsc.png

cryotools compare-maps map.mrc other.mrc --around examples/1gbt.cif --radius 4 --json
"""


def command(
    map_a: Annotated[str, typer.Argument(metavar="A", help="The reference map.")],
    map_b: Annotated[str, typer.Argument(metavar="B", help="The map to compare with it.")],
    contour: Annotated[
        float | None,
        opt.main(
            "--contour",
            "-t",
            metavar="LEVEL",
            help="Level in A for ChimeraX's correlations; default: the level that 1 % of voxels exceed.",
        ),
    ] = None,
    mask: Annotated[
        str | None, opt.main("--mask", "-m", metavar="MAP", help="Compare inside this mask (0 to 1).")
    ] = None,
    around: Annotated[
        str | None, opt.main("--around", metavar="MODEL", help="Compare around the atoms of this model.")
    ] = None,
    radius: Annotated[float, opt.main("--radius", metavar="D", help="Distance from the atoms of --around, Å.")] = 3.0,
    csv: Annotated[str | None, opt.output("--csv", metavar="FILE", help="Scores as CSV; - is stdout.")] = None,
    fsc_csv: Annotated[str | None, opt.output("--fsc-csv", metavar="FILE", help="The FSC curve as CSV.")] = None,
    fsc_plot: Annotated[str | None, opt.output("--fsc-plot", metavar="PNG", help="The FSC curve as a plot.")] = None,
    preview: Annotated[str | None, opt.output("--preview", metavar="PNG", help="Both maps in one picture.")] = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    threads: opt.Threads = None,
    interpolation: Annotated[
        str,
        opt.advanced(
            "--interp", metavar="NAME", help="How B is resampled onto the grid of A: fourier, cubic or linear."
        ),
    ] = "fourier",
    voxel_size: Annotated[float | None, opt.apix("Voxel size of both maps, Å, overriding their headers.")] = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Compare two maps: correlations, SSIM and Fourier shell correlation."""
    set_threads(threads)
    if mask and around:
        raise UsageError("--mask and --around both define the region to compare; give one")
    files = [name for name in (csv, fsc_csv, fsc_plot, preview) if name and name != "-"]
    if len({os.path.realpath(name) for name in files}) < len(files):
        raise UsageError("--csv, --fsc-csv, --fsc-plot and --preview name the same file; give each its own")
    if json + (csv == "-") + (fsc_csv == "-") > 1:
        raise UsageError("--json, --csv - and --fsc-csv - all write to standard output; give one")
    from cryotools.core.files.output import check_output
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.maps.resample import METHODS
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.metrics.compare import Region, compare_maps, region_around, region_from_mask
    from cryotools.metrics.report import fsc_csv_text, plot_fsc, scores_csv_text, scores_text
    from cryotools.view.picture import check_can_draw, draw_maps

    check_choice("interpolation", interpolation, METHODS)
    for output in (csv, fsc_csv):
        if output and output != "-":
            check_output(output, [source for source in (map_a, map_b, mask, around) if source])
    for picture in (fsc_plot, preview):
        if picture:
            check_can_draw(picture)
    a, b = (read_map(path, voxel_size=voxel_size, replace_non_finite=replace_nan) for path in (map_a, map_b))
    region = Region()
    if mask:
        region = region_from_mask(read_map(mask, voxel_size=voxel_size, replace_non_finite=replace_nan), a)
    elif around:
        region = region_around(read_structure(around), a, radius)
    comparison = compare_maps(a, b, contour=contour, region=region, method=interpolation)
    if csv:
        _write(csv, scores_csv_text(map_a, map_b, comparison))
    if fsc_csv:
        _write(fsc_csv, fsc_csv_text(comparison.fsc))
    if fsc_plot:
        plot_fsc(fsc_plot, comparison.fsc, f"{map_b} against {map_a}")
    if preview:
        draw_maps(preview, {map_a: a, map_b: b})
    if json:
        print_json({"map_a": map_a, "map_b": map_b, **comparison.scores()})
    elif csv != "-" and fsc_csv != "-" and not quiet:
        typer.echo(scores_text(comparison))


def _write(path: str, text: str) -> None:
    from cryotools.core.files.output import write_text

    if path == "-":
        typer.echo(text, nl=False)
    else:
        write_text(path, text)
