"""`cryotools struc2map`: a structure becomes a map."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing

NAME = "struc2map"
EPILOG = """A selection (--select) joins terms by not, and, or and parentheses. Terms: chain A,B; residue 10-50,60;
resname HEM; atom CA; element FE; altloc A; protein; nucleic; polymer; ligand; water; hydrogen; hetero; backbone; all.

Examples:

cryotools struc2map examples/1gbt.cif map.mrc --res 3 --apix 1

cryotools struc2map examples/1gbt.cif site.mrc --res 2 --apix 0.7 --weights electron --select "ligand or residue 40-60"
"""


class Method(StrEnum):
    """Ways to make density, as in `simulate.methods`."""

    molmap = "molmap"
    pdb2mrc = "pdb2mrc"
    gan = "gan"


class Weights(StrEnum):
    """What an atom weighs."""

    number = "number"
    electron = "electron"


_METHOD_HELP = (
    "molmap: integrates to the weights. pdb2mrc: a lone atom peaks at its weight. gan: learned from real maps."
)


def command(
    structure: opt.StructureIn,
    output: opt.MapOut,
    method: Annotated[Method, opt.main("--method", help=_METHOD_HELP)] = Method.molmap,
    res: Annotated[float, opt.main("--res", "-R", help="Resolution, Å (1/e of the transform at 1/RES).")] = 3.0,
    apix: Annotated[
        float | None, opt.main("--apix", "-A", "--angpix", "--voxel-size", help="Voxel size, Å; default 1.")
    ] = None,
    box: Annotated[
        str | None,
        opt.main("--box", "-B", metavar="N|X,Y,Z", help="Voxels, around the atoms; default: a margin of 3 RES."),
    ] = None,
    center: Annotated[bool, opt.main("--center", metavar="", help="Move the centre of weight to (0, 0, 0).")] = False,
    like: Annotated[str | None, opt.main("--like", metavar="MAP", help="Take this map's grid.")] = None,
    chains: Annotated[
        str | None, opt.main("--chains", metavar="A,B", help="Chains to keep; _ is the blank one.")
    ] = None,
    select: Annotated[str | None, opt.main("--select", metavar="TEXT", help="Atoms to keep; see below.")] = None,
    model: Annotated[str, opt.main("--model", help="Model number, first or all.")] = "first",
    assembly: Annotated[str | None, opt.main("--assembly", metavar="ID", help="Build a biological assembly.")] = None,
    hydrogens: Annotated[
        bool, opt.main("--hydrogens/--no-hydrogens", metavar="", help="Count the file's hydrogens.")
    ] = True,
    waters: Annotated[bool, opt.main("--waters", metavar="", help="Count waters, which are left out else.")] = False,
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: Annotated[
        str, opt.compute("--device", "-d", help="auto (the CPU, but for gan), cpu, cuda, cuda:N or mps.")
    ] = "auto",
    threads: opt.Threads = None,
    altloc: Annotated[str, opt.advanced("--altloc", help="Alternate locations: all, highest, or a letter.")] = "all",
    occupancy: Annotated[
        bool, opt.advanced("--occupancy/--no-occupancy", metavar="", help="Scale atoms by occupancy.")
    ] = True,
    bfactor: Annotated[
        bool, opt.advanced("--bfactor", metavar="", help="Blur each atom by its own B factor too.")
    ] = False,
    weights: Annotated[
        Weights, opt.advanced("--weights", help="Atomic number, or electron scattering factor.")
    ] = Weights.number,
    noise: Annotated[
        float, opt.advanced("--noise", min=0, help="White noise of this many times the mean density at the atoms.")
    ] = 0.0,
    skip_unknown: Annotated[
        bool, opt.advanced("--skip-unknown", metavar="", help="Leave out atoms of unknown element.")
    ] = False,
    debug: opt.Debug = False,
) -> None:
    """Make a density map from an atomic model."""
    if skip_existing(output, no_clobber):
        return
    set_threads(threads)
    check_map_output(output, preview, [structure, like])
    from cryotools.cli.mapresult import MapResult
    from cryotools.simulate.atoms import AtomChoice
    from cryotools.simulate.methods import MapOptions
    from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

    atoms = AtomChoice(
        model=model,
        assembly=assembly,
        chains=None if chains is None else tuple(chains.split(",")),
        selection=select,
        hydrogens=hydrogens,
        waters=waters,
        altloc=altloc,
        skip_unknown=skip_unknown,
    )
    simulation = Simulation(
        options=MapOptions(
            resolution=res, weights=weights.value, occupancy=occupancy, b_factors=bfactor, device=device
        ),
        method=method.value,
        atoms=atoms,
        grid=GridChoice(apix=apix, box=box, center=center, like=like),
        noise=noise,
        seed=seed,
    )
    with progress() as reporter:
        volume, kept = struc2map(structure, simulation, reporter)
    result = MapResult(
        output,
        volume,
        kept,
        label(_made_of(structure, f"--method {method.value} --res {res:g}", weights.value, bfactor)),
        int(mode.value),
    )
    result.save(preview, json)


def _made_of(structure: str, how: str, weights: str, bfactor: bool) -> str:
    """The options that decide the values, and the structure, for the header's label."""
    extras = " --bfactor" * bfactor
    return f"{Path(structure).name} {how} --weights {weights}{extras}"
