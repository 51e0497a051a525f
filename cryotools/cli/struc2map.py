"""`cryotools struc2map`: a structure becomes a map."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cryotools.cli import options as opt
from cryotools.cli.console import check_map_output, label, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    from cryotools.simulate.struc2map import Simulation

NAME = "struc2map"
EPILOG = """A selection (--select) joins terms by not, and, or and parentheses. Terms: chain A,B; residue 10-50,60;
resname HEM; atom CA; element FE; altloc A; protein; nucleic; polymer; ligand; water; hydrogen; hetero; backbone; all.

Examples:

cryotools struc2map examples/1gbt.cif map.mrc --res 3 --apix 1

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
    """What an atom weighs."""

    number = "number"
    electron = "electron"


_METHOD_HELP = (
    "gan and vae-gan: learned from experimental maps. molmap: integrates to the weights. pdb2mrc: a lone atom peaks at "
    "its weight."
)


def command(
    structure: opt.StructureIn,
    output: opt.MapOut,
    method: Annotated[Method, opt.main("--method", help=_METHOD_HELP)] = Method.gan,
    network: Annotated[
        str | None, opt.main("--network", metavar="FILE", help="Weights by train-gan, for gan or vae-gan.")
    ] = None,
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
    half_maps: Annotated[
        bool,
        opt.output(
            "--half-maps", metavar="", help="Write OUTPUT's half maps too, of FSC 0.143 at RES; OUTPUT is their mean."
        ),
    ] = False,
    sample: Annotated[
        int, opt.output("--sample", metavar="N", min=0, help="Draw N more maps of the vae-gan beside OUTPUT.")
    ] = 0,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: Annotated[
        str, opt.compute("--device", "-d", help="auto (the CPU, but for learned methods), cpu, cuda, cuda:N or mps.")
    ] = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
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
    sharpen: Annotated[
        float | None, opt.advanced("--sharpen", metavar="B", help="Sharpness over molmap, Å²; below 0 blurs.")
    ] = None,
    match: Annotated[
        str | None, opt.advanced("--match", metavar="MAP", help="Take the sharpness of this map of the structure.")
    ] = None,
    noise: Annotated[
        str,
        opt.advanced(
            "--noise",
            metavar="L|auto",
            help="White noise of L times the mean density at the atoms; auto: that of --half-maps.",
        ),
    ] = "0",
    skip_unknown: Annotated[
        bool, opt.advanced("--skip-unknown", metavar="", help="Leave out atoms of unknown element.")
    ] = False,
    debug: opt.Debug = False,
) -> None:
    """Make a density map from an atomic model."""
    if skip_existing(output, no_clobber):
        return
    set_threads(threads)
    check_map_output(output, preview, [structure, like, match, network])
    from cryotools.cli.mapresult import MapResult, beside

    halves = beside(output, "half", 2) if half_maps else []
    samples = beside(output, "sample", sample) if sample else []
    for companion in (*halves, *samples):
        check_map_output(companion, None, [structure, like, match, network])
    from cryotools.simulate.atoms import AtomChoice
    from cryotools.simulate.classical import MapOptions
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
    with progress() as reporter:
        made = struc2map(structure, simulation, reporter)
    companions = {"half": (halves, made.halves), "sample": (samples, made.samples)}
    wanted = {
        kind: [(path, each) for path, each in zip(*pair, strict=True) if not skip_existing(path, no_clobber)]
        for kind, pair in companions.items()
        if pair[0]
    }
    result = MapResult(
        output,
        made.volume,
        made.atoms,
        label(_made_of(structure, f"--method {method.value} --res {res:g}", weights.value)),
        int(mode.value),
        more=_refinements(simulation, made.sharpness),
        companions=wanted,
        sharpness=made.sharpness,
    )
    result.save(preview, json)


def _noise_level(text: str) -> float:
    try:
        return 0.0 if text == AUTO else float(text)
    except ValueError:
        raise UsageError(f"--noise {text}: give a number, or auto") from None


def _refinements(simulation: Simulation, sharpness: float | None) -> str:
    """The header's second line: these options where they were given."""
    words = ["--bfactor"] * simulation.options.b_factors
    if sharpness is not None:
        words.append(f"--sharpen {sharpness:.4g}")
    if simulation.match:
        words.append(f"(of {Path(simulation.match).name[:30]})")
    if simulation.half_maps or simulation.noise:
        level = AUTO if simulation.half_maps else f"{simulation.noise:g}"
        words.append(f"--noise {level} --seed {simulation.seed}")
    return " ".join(words)


def _made_of(structure: str, how: str, weights: str) -> str:
    """The structure and the options that every map has, for the header's label."""
    return f"{Path(structure).name} {how} --weights {weights}"
