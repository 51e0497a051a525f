"""`cryotools molmap`: ChimeraX's molmap command without ChimeraX."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

NAME = "molmap"
EPILOG = f"""Lengths are in Å. RESOLUTION may also be given by --res. `cryotools docs dropins` lists every
difference from ChimeraX.

{opt.SELECTION}

Examples:

cryotools molmap examples/1gbt.cif 4 chimerax.mrc --gridSpacing 1

cryotools molmap examples/1gbt.cif 6 ring.mrc --select protein --symmetry C3 --centerPoint 0,0,0
"""


def command(
    structure: opt.StructureIn,
    resolution: Annotated[
        str | None,
        typer.Argument(metavar="RESOLUTION", help="Å; the Gaussians have a sigma of sigmaFactor × RESOLUTION."),
    ] = None,
    output: opt.MapOut = None,
    res: Annotated[float | None, opt.resolution("Another way to give RESOLUTION.")] = None,
    grid_spacing: Annotated[
        float | None,
        opt.main("--gridSpacing", "--grid-spacing", metavar="APIX", help="Voxel size; default: RESOLUTION / 3."),
    ] = None,
    edge_padding: Annotated[
        float | None,
        opt.main(
            "--edgePadding", "--edge-padding", metavar="D", help="Margin around the atoms; default: 3 × RESOLUTION."
        ),
    ] = None,
    on_grid: Annotated[
        str | None, opt.main("--onGrid", "--on-grid", "--like", metavar="MAP", help="Use the grid of this map.")
    ] = None,
    cube: Annotated[
        str | None,
        opt.main("--cube", metavar="true|N", help="Make all axes equally long, with N voxels each if N is given."),
    ] = None,
    chains: opt.Chains = None,
    select: opt.Select = None,
    symmetry: Annotated[
        str | None,
        opt.main(
            "--symmetry",
            metavar="NAME",
            help="Add symmetry copies: Cn, Dn, T, O, I, H,rise,angle,n or biomt (assembly 1).",
        ),
    ] = None,
    center: Annotated[
        str, opt.main("--centerPoint", "--center", metavar="X,Y,Z", help="A point on the symmetry axis.")
    ] = "0,0,0",
    axis: Annotated[str, opt.main("--axis", metavar="AXIS", help="Symmetry axis: x, y, z or a,b,c.")] = "z",
    output_file: opt.OutputOption = None,
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    threads: opt.ClassicalThreads = None,
    cutoff_range: Annotated[
        float,
        opt.advanced("--cutoffRange", "--cutoff-range", metavar="N", help="Cut the Gaussians off at N sigma."),
    ] = 5.0,
    sigma_factor: Annotated[
        float | None,
        opt.advanced(
            "--sigmaFactor", "--sigma-factor", metavar="F", help="Sigma over RESOLUTION; default: 1 / (π√2) = 0.2251."
        ),
    ] = None,
    skip_unknown: opt.SkipUnknown = False,
    debug: opt.Debug = False,
) -> None:
    """Make a map as ChimeraX's molmap does: same grid, same values."""
    angstroms, output = _told(resolution, output, res, output_file)
    if skip_existing(output, no_clobber):
        return
    set_threads(threads, classical=True)
    check_map_output(output, preview, [structure, on_grid])
    from cryotools.cli.mapresult import MapResult
    from cryotools.core.maps.splat import SIGMA_PER_RESOLUTION
    from cryotools.simulate.classical.chimerax import MolmapOptions, molmap

    options = MolmapOptions(
        resolution=angstroms,
        grid_spacing=grid_spacing,
        edge_padding=edge_padding,
        cutoff_range=cutoff_range,
        sigma_factor=SIGMA_PER_RESOLUTION if sigma_factor is None else sigma_factor,
        on_grid=on_grid,
        cube=cube,
        symmetry=symmetry,
        axis=axis,
        centre=center,
        chains=opt.chain_ids(chains),
        selection=select,
        skip_unknown=skip_unknown,
    )
    with progress() as reporter:
        volume, atoms = molmap(structure, options, reporter)
    result = MapResult(output, volume, atoms, label(f"{angstroms:g}"), int(mode.value))
    result.save(preview, json)


def _told(first: str | None, second: str | None, res: float | None, output_file: str | None) -> tuple[float, str]:
    """Resolution and output: two arguments, each of which may be replaced by an option."""
    if res is not None:
        if second:
            raise UsageError(f"RESOLUTION ({first}) and --res {res:g} are two resolutions; give one")
        return res, opt.one_output(first, output_file)
    if first is None:
        raise UsageError(f"no RESOLUTION is given; see `cryotools {NAME} --help`")
    try:
        return float(first), opt.one_output(second, output_file)
    except ValueError:
        raise UsageError(f"RESOLUTION {first}: give a number of angstroms") from None
