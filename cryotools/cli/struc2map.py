"""`cryotools struc2map`: make a map from a structure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import progress, set_threads, skip_existing
from cryotools.cli.structurelist import HELP as LIST_HELP
from cryotools.cli.structurelist import check_list_options, make_list
from cryotools.core.errors import UsageError

NAME = "struc2map"
EPILOG = f"""{opt.SELECTION}

{LIST_HELP}

Examples:

cryotools struc2map examples/1gbt.cif map.mrc --res 3 --apix 1

cryotools struc2map --list examples maps --method molmap --res 4 --apix 1.5 --shard 1/2 --no-clobber

cryotools struc2map examples/1gbt.cif site.mrc --method molmap --res 2 --apix 0.7 --weights electron
--select "ligand or residue 40-60"
"""


AUTO = "auto"


class Method(StrEnum):
    """Ways to make density, as in `simulate.methods`."""

    molmap = "molmap"
    pdb2mrc = "pdb2mrc"
    gan = "gan"
    vae_gan = "vae-gan"


class Weights(StrEnum):
    """How atoms are weighted."""

    number = "number"
    electron = "electron"


_METHOD_HELP = (
    "gan, vae-gan: learned from experimental maps; molmap: ChimeraX's Gaussians, the map integrates to the sum of the "
    "weights; pdb2mrc: EMAN2's, an isolated atom peaks at its weight."
)


def command(
    structure: Annotated[
        str | None,
        typer.Argument(
            metavar="STRUCTURE", help=f"{opt.STRUCTURE_HELP} With --list: the folder for the maps, OUT_DIR."
        ),
    ] = None,
    output: opt.MapOut = None,
    listed: Annotated[
        str | None,
        opt.main("--list", metavar="PATH", help="Make maps of many structures: a folder or a list; see below."),
    ] = None,
    method: Annotated[Method, opt.main("--method", metavar="NAME", help=_METHOD_HELP)] = Method.gan,
    network: Annotated[
        str | None, opt.main("--network", metavar="FILE", help="Network trained by train-gan, for gan or vae-gan.")
    ] = None,
    res: opt.Resolution = 3.0,
    apix: Annotated[float | None, opt.apix("Voxel size, Å; default: 1.", opt.main)] = None,
    box: Annotated[
        str | None,
        opt.main(
            "--box",
            "-B",
            metavar="N|X,Y,Z",
            help="Box size in voxels, centred on the atoms; default: the atoms with a margin of 3 × RES.",
        ),
    ] = None,
    center: Annotated[
        bool, opt.main("--center", metavar="", help="Move the weighted centre of the atoms to (0, 0, 0).")
    ] = False,
    like: Annotated[str | None, opt.main("--like", metavar="MAP", help="Use the grid of this map.")] = None,
    chains: opt.Chains = None,
    select: opt.Select = None,
    model: Annotated[
        str, opt.main("--model", metavar="N", help="Model to use: its number, first, or all (summed).")
    ] = "first",
    assembly: Annotated[
        str | None, opt.main("--assembly", metavar="ID", help="Build this biological assembly first.")
    ] = None,
    hydrogens: Annotated[
        bool, opt.main("--hydrogens/--no-hydrogens", metavar="", help="Ignore the hydrogens in the file.")
    ] = True,
    waters: Annotated[
        bool, opt.main("--waters", metavar="", help="Include water molecules, which are ignored by default.")
    ] = False,
    output_file: opt.OutputOption = None,
    mode: opt.Mode = opt.MapMode.float32,
    preview: opt.Preview = None,
    half_maps: Annotated[
        bool,
        opt.output(
            "--half-maps",
            metavar="",
            help="Also write two half maps whose FSC falls to 0.143 at RES; OUTPUT is their mean.",
        ),
    ] = False,
    sample: Annotated[
        int, opt.output("--sample", metavar="N", min=0, help="Also write N random samples of the vae-gan.")
    ] = 0,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: Annotated[
        int | None, opt.threads("CPU threads; default: 1 (gan and vae-gan: SLURM_CPUS_PER_TASK, else all available).")
    ] = None,
    shard: opt.Shard = None,
    altloc: Annotated[
        str,
        opt.advanced(
            "--altloc", metavar="NAME", help="Alternate locations to use: all, highest (occupancy), or a letter."
        ),
    ] = "all",
    occupancy: Annotated[
        bool, opt.advanced("--occupancy/--no-occupancy", metavar="", help="Do not scale atoms by their occupancy.")
    ] = True,
    bfactor: Annotated[
        bool, opt.advanced("--bfactor", metavar="", help="Also blur each atom by its own B factor.")
    ] = False,
    weights: Annotated[
        Weights,
        opt.advanced(
            "--weights",
            metavar="NAME",
            help="Weight of an atom: number (atomic number) or electron (electron scattering factor).",
        ),
    ] = Weights.number,
    sharpen: Annotated[
        float | None,
        opt.advanced("--sharpen", metavar="B", help="Sharpen by B, Å², relative to molmap; negative values blur."),
    ] = None,
    match: Annotated[
        str | None,
        opt.advanced("--match", metavar="MAP", help="Match the sharpness of this map, which must overlay the model."),
    ] = None,
    noise: Annotated[
        str,
        opt.advanced(
            "--noise",
            metavar="L",
            help="Add white noise with a standard deviation of L times the mean density at the atoms; auto: the noise "
            "of --half-maps.",
        ),
    ] = "0",
    skip_unknown: opt.SkipUnknown = False,
    debug: opt.Debug = False,
) -> None:
    """Make a density map from an atomic model."""
    if listed is not None:
        check_list_options(output, preview)
        structure, output = listed, opt.one_output(structure, output_file, "OUT_DIR")
    elif shard is not None:
        raise UsageError("--shard takes a part of a list; add --list")
    elif structure is None:
        raise UsageError(f"no STRUCTURE is given; see `cryotools {NAME} --help`")
    else:
        output = opt.one_output(output, output_file)
        if skip_existing(output, no_clobber):
            return
    set_threads(threads, classical=method in (Method.molmap, Method.pdb2mrc))
    from cryotools.cli.mapwriter import MapWriter
    from cryotools.core.files.shards import parse_shard
    from cryotools.simulate.atoms import AtomChoice
    from cryotools.simulate.batch import Job
    from cryotools.simulate.classical.formulas import MapOptions
    from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

    atoms = AtomChoice(
        model=model,
        assembly=assembly,
        chains=opt.chain_ids(chains),
        selection=select,
        hydrogens=hydrogens,
        waters=waters,
        altloc=altloc,
        skip_unknown=skip_unknown,
    )
    simulation = Simulation(
        options=MapOptions(
            resolution=res,
            weights=weights.value,
            occupancy=occupancy,
            b_factors=bfactor,
            device=device,
            precision=precision.value,
            sharpness=sharpen,
            network=network,
        ),
        method=method.value,
        atoms=atoms,
        grid=GridChoice(apix=apix, box=box, center=center, like=like),
        noise=_noise_level(noise),
        half_maps=half_maps or noise == AUTO,
        match=match,
        samples=sample,
        seed=seed,
    )
    writer = MapWriter(int(mode.value), half_maps, no_clobber, make_folders=listed is not None)
    if listed is not None:
        make_list(listed, output, simulation, writer, parse_shard(shard), json)
        return
    job = Job(structure, output, simulation)
    writer.check(job, preview)
    with progress() as reporter:
        made = struc2map(structure, simulation, reporter)
    writer.result(job, made).save(preview, json)


def _noise_level(text: str) -> float:
    try:
        return 0.0 if text == AUTO else float(text)
    except ValueError:
        raise UsageError(f"--noise {text}: give a number, or auto") from None
