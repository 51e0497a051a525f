"""`cryotools analyze-drgn`: what is in a trained reconstruction, as tables, volumes, pictures and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli.console import detail, label, note, print_json, progress, set_threads
from cryotools.core.errors import UsageError

NAME = "analyze-drgn"
EPILOG = """RUN is the folder of train-drgn, or of cryoDRGN; OUT receives report.html, a page to open in any browser,
with all that follows in it: clusters of particles and their volumes, volumes along principal components of the latent
space and along a way from particle to particle, conformations found by comparing volumes, and what to do next. Tables
(clusters.csv, components.csv, landscape.csv) have a row per particle, numbered as in the metadata file from 0, and
filter-particles takes them. Volumes are in OUT/volumes, and volumes.cxc opens them in ChimeraX.

Examples:

cryotools analyze-drgn latent analysis --clusters 4 --landscape 6

cryotools analyze-drgn latent analysis --path 0,3,5 --steps 6 --no-volumes --landscape 0 --json
"""


def command(
    folder: of.Run,
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder to write to.")],
    clusters: Annotated[int, opt.main("--clusters", min=1, metavar="N", help="Clusters of particles.")] = 20,
    components: Annotated[
        int, opt.main("--components", min=0, metavar="N", help="Principal components with a trajectory.")
    ] = 2,
    steps: Annotated[int, opt.main("--steps", min=2, metavar="N", help="Volumes along each trajectory.")] = 10,
    path: Annotated[
        str | None,
        opt.main(
            "--path",
            metavar="A,B,C",
            help="Particles that a trajectory passes, by row from 0; default: from one end of the data to the other.",
        ),
    ] = None,
    landscape: Annotated[
        int, opt.main("--landscape", min=0, metavar="M", help="Volumes that are compared; 0: none.")
    ] = 100,
    conformations: Annotated[
        int | None,
        opt.main("--conformations", min=1, metavar="K", help="Groups of these volumes; default: as many as fit best."),
    ] = None,
    box: Annotated[
        int | None, opt.main("--box", "-B", min=2, metavar="N", help="Voxels of smaller volumes, a Fourier crop.")
    ] = None,
    volumes: Annotated[bool, opt.output("--volumes/--no-volumes", metavar="", help="Write the volumes.")] = True,
    umap: Annotated[
        bool, opt.main("--umap/--no-umap", metavar="", help="Also UMAP, if umap-learn is installed.")
    ] = True,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    voxel_size: of.RunVoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Show what is in a trained reconstruction, on one page."""
    set_threads(threads)
    anchors = _particles(path)
    from cryotools.core.compute.device import in_precision, resolve_device
    from cryotools.heterogeneity.analysis.analyze import AnalysisOptions, analyze_run
    from cryotools.heterogeneity.analysis.output import AnalysisFiles, analysis_summary, write_analysis
    from cryotools.heterogeneity.runs import open_run

    where = resolve_device(device)
    networks = in_precision(precision.value, where)
    found = open_run(folder, where, voxel_size)
    options = AnalysisOptions(clusters, components, steps, anchors, landscape, conformations, umap, seed)
    files = AnalysisFiles(Path(out), box if volumes else 0, label(f"of {folder}"))
    files.check(found)
    with progress() as reporter, networks:
        analysis = analyze_run(found, options, reporter)
        names = write_analysis(files, found, analysis, reporter)
    figures = analysis_summary(found, analysis, names)
    if json:
        print_json({**figures, "folder": out})
    note(f"{folder}: {figures['n_particles']} particles in {figures['n_clusters']} clusters")
    if analysis.landscape is not None:
        note(f"{figures['n_conformations']} conformations, separation {analysis.landscape.separation:.2f}")
    shown = "report.html" if "report.html" in names else "no pictures, for want of matplotlib"
    note(f"{out}: {len(names)} files written: {shown}")
    detail(", ".join(names))


def _particles(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(f"--path {text}: give the numbers of particles, separated by commas") from None
