"""`cryotools pdb2mrc`: EMAN2's e2pdb2mrc.py without EMAN2."""

from __future__ import annotations

from typing import Annotated

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing, state

NAME = "pdb2mrc"
EPILOG = """PDB (0, 0, 0) is at voxel N // 2 of the box: give --center for a structure that lies far from there. For a
map that overlays its structure wherever it is, use `cryotools struc2map --method pdb2mrc`.

The default box is that of EMAN2 since June 2026, int(1.9 × longest extent / APIX + 2 × RES / APIX) voxels; older
releases, 2.99.72 among them, leave out the first division, so that their box differs unless APIX is 1.
`cryotools docs dropins` lists every difference from e2pdb2mrc.py.

Examples:

cryotools pdb2mrc examples/1gbt.cif eman.mrc --apix 1 --res 4 --center

cryotools pdb2mrc examples/1gbt.cif eman.mrc -A 1.5 -R 6 -B 64 --het --center
"""


def command(
    structure: opt.StructureIn,
    output: opt.MapOut = None,
    apix: Annotated[float, opt.apix("Voxel size, Å.", opt.main)] = 1.0,
    res: opt.Resolution = 2.8,
    box: Annotated[
        str | None,
        opt.main(
            "--box", "-B", metavar="N|X,Y,Z", help="Box size in voxels; default: a cube, as in EMAN2 since June 2026."
        ),
    ] = None,
    het: Annotated[bool, opt.main("--het", metavar="", help="Include HETATM records.")] = False,
    center: Annotated[
        bool, opt.main("--center", metavar="", help="Move the weighted centre of the atoms to the centre of the box.")
    ] = False,
    trans: Annotated[
        str | None, opt.main("--trans", metavar="D|X,Y,Z", help="Translate the atoms by this much, Å.")
    ] = None,
    chains: Annotated[
        str | None, opt.main("--chains", metavar="ABE", help="Use only these chains, given as letters or as A,B2.")
    ] = None,
    model: Annotated[
        int | None, opt.main("--model", metavar="N", help="Use only this model; default: the sum of all.")
    ] = None,
    full: Annotated[bool, opt.main("--full", metavar="", help="Apply the MTRIX symmetry of the file.")] = False,
    output_file: opt.OutputOption = None,
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: Annotated[
        int,
        opt.output("--verbose", "-v", metavar="N", help="Level, as in the original; above 0 prints more detail."),
    ] = 0,
    seed: opt.Seed = 0,
    threads: opt.ClassicalThreads = None,
    omit: Annotated[
        float, opt.advanced("--omit", metavar="PERCENT", help="Leave out this percentage of the atoms at random.")
    ] = 0.0,
    add_pdb_b_factor: Annotated[
        bool,
        opt.advanced(
            "--addpdbbfactor", metavar="", help="Use each atom's B factor as its width, as the original does."
        ),
    ] = False,
    quick: Annotated[
        bool,
        opt.advanced("--quick", metavar="", help="Use the box and the unweighted centre of the original's --quick."),
    ] = False,
    skip_unknown: opt.SkipUnknown = False,
    debug: opt.Debug = False,
) -> None:
    """Make a map as EMAN2's e2pdb2mrc.py does: same box, same values."""
    state.verbose = verbose > 0
    output = opt.one_output(output, output_file)
    if skip_existing(output, no_clobber):
        return
    set_threads(threads, classical=True)
    check_map_output(output, preview, [structure])
    from cryotools.cli.mapresult import MapResult
    from cryotools.simulate.classical.eman import EmanOptions, pdb2mrc

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
        skip_unknown=skip_unknown,
    )
    with progress() as reporter:
        volume, atoms = pdb2mrc(structure, options, reporter)
    result = MapResult(output, volume, atoms, label(f"--res {res:g} --apix {apix:g}"), int(mode.value))
    result.save(preview, json)
