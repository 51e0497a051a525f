"""`cryotools molmap`: ChimeraX's command without ChimeraX."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing

NAME = "molmap"
EPILOG = """Lengths are in Å. docs/dropins.md lists every difference from ChimeraX.

Examples:

cryotools molmap examples/1gbt.cif 4 chimerax.mrc --gridSpacing 1

cryotools molmap examples/1gbt.cif 6 ring.mrc --symmetry C3 --centerPoint 0,0,0
"""


def command(
    structure: opt.StructureIn,
    resolution: Annotated[float, typer.Argument(metavar="RESOLUTION", help="Å; sigma = sigmaFactor × RESOLUTION.")],
    output: opt.MapOut,
    grid_spacing: Annotated[
        float | None, opt.main("--gridSpacing", "--grid-spacing", help="Voxel size; default RESOLUTION / 3.")
    ] = None,
    edge_padding: Annotated[
        float | None, opt.main("--edgePadding", "--edge-padding", help="Margin; default 3 RESOLUTION.")
    ] = None,
    on_grid: Annotated[
        str | None, opt.main("--onGrid", "--on-grid", "--like", metavar="MAP", help="Take this map's grid.")
    ] = None,
    cube: Annotated[str | None, opt.main("--cube", metavar="true|N", help="Equal axes, of N voxels if given.")] = None,
    symmetry: Annotated[
        str | None,
        opt.main("--symmetry", metavar="NAME", help="Copies: Cn, Dn, T, O, I, H,rise,angle,n or biomt (assembly 1)."),
    ] = None,
    center: Annotated[
        str, opt.main("--centerPoint", "--center", metavar="X,Y,Z", help="A point on the symmetry axis.")
    ] = "0,0,0",
    axis: Annotated[str, opt.main("--axis", help="Symmetry axis: x, y, z or a,b,c.")] = "z",
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    threads: opt.Threads = None,
    cutoff_range: Annotated[
        float, opt.advanced("--cutoffRange", "--cutoff-range", help="Where Gaussians end, in sigma.")
    ] = 5.0,
    sigma_factor: Annotated[
        float | None, opt.advanced("--sigmaFactor", "--sigma-factor", help="Default 1 / (pi sqrt 2) = 0.2251.")
    ] = None,
    debug: opt.Debug = False,
) -> None:
    """Make a map as ChimeraX's molmap does: same grid, same values."""
    if skip_existing(output, no_clobber):
        return
    set_threads(threads)
    check_map_output(output, preview, [structure, on_grid])
    from cryotools.cli.mapresult import MapResult
    from cryotools.simulate.chimerax import MolmapOptions, molmap
    from cryotools.simulate.gaussians import SIGMA_PER_RESOLUTION

    options = MolmapOptions(
        resolution=resolution,
        grid_spacing=grid_spacing,
        edge_padding=edge_padding,
        cutoff_range=cutoff_range,
        sigma_factor=SIGMA_PER_RESOLUTION if sigma_factor is None else sigma_factor,
        on_grid=on_grid,
        cube=cube,
        symmetry=symmetry,
        axis=axis,
        centre=center,
    )
    with progress() as reporter:
        volume, atoms = molmap(structure, options, reporter)
    result = MapResult(output, volume, atoms, label(f"{resolution:g}"), int(mode.value))
    result.save(preview, json)
