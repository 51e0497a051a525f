"""`cryotools pdb2mrc`: EMAN2's e2pdb2mrc.py without EMAN2."""

from __future__ import annotations

from typing import Annotated

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing, state

NAME = "pdb2mrc"
EPILOG = """The box is laid so that PDB (0, 0, 0) is voxel n // 2: give --center for a structure far from there. A map
that overlays its structure wherever it lies comes from `cryotools struc2map --method pdb2mrc`. docs/dropins.md lists
every difference from e2pdb2mrc.py.

Examples:

cryotools pdb2mrc examples/1gbt.cif eman.mrc --apix 1 --res 4 --center

cryotools pdb2mrc examples/1gbt.cif eman.mrc -A 1.5 -R 6 -B 64 --het --center
"""


def command(
    structure: opt.StructureIn,
    output: opt.MapOut,
    apix: Annotated[float, opt.main("--apix", "-A", help="Voxel size, Å.")] = 1.0,
    res: Annotated[float, opt.main("--res", "-R", help="Resolution, Å (1/e of the transform at 1/RES).")] = 2.8,
    box: Annotated[
        str | None,
        opt.main("--box", "-B", metavar="N|X,Y,Z", help="Voxels; default a cube of 1.9 × the longest extent."),
    ] = None,
    het: Annotated[bool, opt.main("--het", metavar="", help="Count HETATM records too.")] = False,
    center: Annotated[
        bool, opt.main("--center", metavar="", help="Move the centre of weight to the box's centre.")
    ] = False,
    trans: Annotated[str | None, opt.main("--trans", metavar="D|X,Y,Z", help="Move the atoms by this, Å.")] = None,
    chains: Annotated[
        str | None, opt.main("--chains", metavar="ABE", help="Chains to keep, as letters or A,B2.")
    ] = None,
    model: Annotated[int | None, opt.main("--model", help="Keep one model; default all, summed.")] = None,
    full: Annotated[bool, opt.main("--full", metavar="", help="Apply the file's MTRIX symmetry.")] = False,
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: Annotated[
        int, opt.output("--verbose", "-v", help="A level, as the original takes it; above 0 says how long it took.")
    ] = 0,
    seed: opt.Seed = 0,
    threads: opt.Threads = None,
    omit: Annotated[float, opt.advanced("--omit", help="Leave out this percentage of atoms at random.")] = 0.0,
    add_pdb_b_factor: Annotated[
        bool,
        opt.advanced("--addpdbbfactor", metavar="", help="Take each atom's B for its width, as the original does."),
    ] = False,
    quick: Annotated[
        bool, opt.advanced("--quick", metavar="", help="The original's quick box and unweighted centre.")
    ] = False,
    debug: opt.Debug = False,
) -> None:
    """Make a map as EMAN2's e2pdb2mrc.py does: same box, same values."""
    state.verbose = verbose > 0
    if skip_existing(output, no_clobber):
        return
    set_threads(threads)
    check_map_output(output, preview, [structure])
    from cryotools.cli.mapresult import MapResult
    from cryotools.simulate.eman import EmanOptions, pdb2mrc

    options = EmanOptions(
        apix=apix,
        resolution=res,
        box=box,
        het=het,
        center=center,
        trans=trans,
        chains=chains,
        model=model,
        full=full,
        omit=omit,
        add_pdb_b_factor=add_pdb_b_factor,
        quick=quick,
        seed=seed,
    )
    with progress() as reporter:
        volume, atoms = pdb2mrc(structure, options, reporter)
    result = MapResult(output, volume, atoms, label(f"--res {res:g} --apix {apix:g}"), int(mode.value))
    result.save(preview, json)
