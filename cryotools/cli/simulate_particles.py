"""`cryotools simulate-particles`: images of known states, poses and CTF, to test reconstruction with."""

from __future__ import annotations

from typing import Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import label, note, print_json, progress, set_threads, skip_existing

NAME = "simulate-particles"
EPILOG = """SOURCES are structures or maps in one frame, a state each; or a single structure, of which --rotate turns a
part in equal steps (chain ids, or a selection as of struc2map), or to which --subunits are added. By default a part
turns about the line from the centre of the other atoms to the middle of the contact; --hinge and --axis are two other
points of that line, each x,y,z or a selection, whose centre is taken. All states have one centre.

Particles are light on dark. Images of the states are divided by the noise's standard deviation. A third of the junk is
noise alone, a third random blobs, a third particles far from the centre.

Writes OUT.star, OUT.mrcs, and the folder OUT_truth with truth.csv (state of each image, -1 for junk; its place 0 to 1
on the motion; its contrast), the map of each state, and, with --pose-error, the true poses.

Examples:

cryotools simulate-particles examples/1gbt.cif turning.star --rotate "residue 16-120" --states 4 --n 40 --box 24

cryotools simulate-particles map.mrc other.mrc mixed.star --weights 3,1 --n 40 --box 24 --junk 0.1 --json
"""


def command(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCES...", help="Structures (PDB, mmCIF) or maps.")],
    output: Annotated[str, typer.Argument(metavar="OUT", help="The .star file to write.")],
    n: Annotated[int, opt.main("--n", "-n", min=1, metavar="N", help="Images of all states together.")] = 5000,
    box: Annotated[int, opt.main("--box", "-B", min=8, metavar="N", help="Box, pixels.")] = 64,
    apix: Annotated[
        float | None,
        opt.apix("Pixel size, Å; default: atoms take up 65 % of the box, or the box is as large as the map.", opt.main),
    ] = None,
    res: Annotated[float | None, opt.resolution("Resolution of atoms' density, Å; default: two pixels.")] = None,
    weights: Annotated[
        str | None, opt.main("--weights", metavar="W,W", help="How many images states have, relative to each other.")
    ] = None,
    rotate: Annotated[str | None, opt.main("--rotate", metavar="TEXT", help="Turn this part in steps.")] = None,
    angle: Annotated[
        str, opt.main("--angle", metavar="LOW:HIGH", help="From and to where it turns, degrees.")
    ] = "0:360",
    states: Annotated[int, opt.main("--states", min=2, metavar="N", help="Number of its steps.")] = 100,
    hinge: Annotated[str | None, opt.main("--hinge", metavar="POINT", help="Point that it turns about.")] = None,
    axis: Annotated[str | None, opt.main("--axis", metavar="POINT", help="Another point of the axis.")] = None,
    subunits: Annotated[
        str | None,
        opt.main("--subunits", metavar="A,B+C", help="Chains in the order of assembly; + joins those of one step."),
    ] = None,
    junk: Annotated[float, opt.main("--junk", metavar="SHARE", help="Share of images that are junk.")] = 0.0,
    snr: Annotated[
        float, opt.main("--snr", metavar="X", help="Variance of the signal in the box by that of noise; inf: no noise.")
    ] = 0.1,
    shift: Annotated[float, opt.main("--shift", metavar="PX", help="Largest shift in x and y, pixels.")] = 2.0,
    ctf: Annotated[bool, opt.main("--ctf/--no-ctf", metavar="", help="Images without a CTF.")] = True,
    defocus: Annotated[str, opt.main("--defocus", metavar="LOW:HIGH", help="Range of the defocus, Å.")] = "10000:25000",
    ctf_from: Annotated[
        str | None, opt.main("--ctf-from", metavar="FILE", help="Draw CTFs from this .star, .cs or .pkl file.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    seed: opt.Seed = 0,
    threads: opt.ClassicalThreads = None,
    voltage: Annotated[float, opt.advanced("--voltage", metavar="KV", help="Voltage, kV.")] = 300.0,
    cs: Annotated[float, opt.advanced("--cs", metavar="MM", help="Spherical aberration, mm.")] = 2.7,
    amplitude_contrast: Annotated[
        float, opt.advanced("--amplitude-contrast", metavar="X", help="Amplitude contrast.")
    ] = 0.1,
    bfactor: Annotated[float, opt.advanced("--bfactor", metavar="B", help="Envelope of the CTF, Å².")] = 100.0,
    contrast_spread: Annotated[
        float, opt.advanced("--contrast-spread", metavar="X", help="Standard deviation of images' contrast around 1.")
    ] = 0.0,
    pose_error: Annotated[
        str,
        opt.advanced(
            "--pose-error", metavar="DEG,PX", help="Standard deviations of errors of angles and shifts in OUT."
        ),
    ] = "0,0",
    preferred: Annotated[
        float,
        opt.advanced("--preferred", metavar="K", help="Concentration of views along z (von Mises-Fisher); 0: none."),
    ] = 0.0,
    debug: opt.Debug = False,
) -> None:
    """Make a particle set of known truth from structures or maps."""
    if skip_existing(output, no_clobber):
        return
    set_threads(threads, classical=True)
    from cryotools.core.files.output import check_output
    from cryotools.heterogeneity.simulation.draws import Imaging, parse_numbers
    from cryotools.heterogeneity.simulation.states import Motion, make_states
    from cryotools.heterogeneity.simulation.writing import simulation_files, write_simulation

    stack, _ = simulation_files(output)
    for name in (output, stack):
        check_output(name, [*sources, *([ctf_from] if ctf_from else [])])
    groups = tuple(tuple(group.split("+")) for group in subunits.split(",")) if subunits else ()
    low, high = parse_numbers("angle", angle, ":", 2)
    motion = Motion(rotate, (low, high), states, hinge, axis, groups)
    found = make_states(sources, motion)
    voxel_size = found.suited_voxel_size(box) if apix is None else apix
    least, most = parse_numbers("defocus", defocus, ":", 2)
    degrees, pixels = parse_numbers("pose_error", pose_error, ",", 2)
    imaging = Imaging(
        count=n,
        box=box,
        voxel_size=voxel_size,
        resolution=2 * voxel_size if res is None else res,
        shift=shift,
        preferred=preferred,
        ctf=ctf,
        ctf_from=ctf_from,
        defocus=(least, most),
        voltage=voltage,
        spherical_aberration=cs,
        amplitude_contrast=amplitude_contrast,
        b_factor=bfactor,
        snr=snr,
        contrast_spread=contrast_spread,
        junk=junk,
        weights=None if weights is None else parse_numbers("weights", weights, ","),
        pose_error=(degrees, pixels),
        seed=seed,
    )
    with progress() as reporter:
        done = write_simulation(output, found, imaging, label=label(f"of {sources[0]}"), progress=reporter)
    *counts, n_junk = done.counts
    if json:
        print_json(
            {
                "n_images": n,
                "n_states": len(found),
                "n_per_state": counts,
                "n_junk": n_junk,
                "box": box,
                "voxel_size_A": voxel_size,
                "diameter_A": found.radius and 2 * found.radius,
                "scale": done.scale,
                "outputs": [output, str(stack), done.folder],
            }
        )
    across = f", {2 * found.radius:.0f} A across" if found.radius else ""
    note(
        f"{n} images of {box} px at {voxel_size:g} A, {n_junk} of them junk, of {len(found)} states{across}, "
        f"{min(counts)} to {max(counts)} images each"
    )
    note(f"written: {output}, {stack}, {done.folder}")
