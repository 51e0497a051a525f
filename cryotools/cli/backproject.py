"""`cryotools backproject`: the map that posed particles are projections of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli.console import check_map_output, label, note, print_json, progress, set_threads, skip_existing

if TYPE_CHECKING:
    from cryotools.heterogeneity.backproject import Reconstruction

NAME = "backproject"
_LEVELS = ("0.5", "0.143")  # of the FSC
EPILOG = """Writes OUT.mrc, filtered by what its halves share (Wiener filter), OUT_half1.mrc and OUT_half2.mrc, the
unfiltered maps of the even and odd images, and OUT_fsc.csv, their Fourier shell correlation. The poses are those given,
so the halves are not independent refinements. The maps overlay those of RELION and cryoSPARC.

Before that, up to 1000 images at 32 pixels show whether particles are light or dark, and whether images fit their poses
better in another convention (transposed rotations, mirrored images, shifts of other sign or unit); if so, that is
named, and nothing is written. The hand of the map cannot be told from images.

Examples:

cryotools backproject particles.star reconstruction.mrc --preview reconstruction.png

cryotools backproject particles.cs reconstruction.mrc --no-check --as-is --json
"""


def command(
    particles_file: Annotated[
        str, typer.Argument(metavar="PARTICLES", help="RELION's .star, cryoSPARC's .cs, or a stack (.mrcs, .txt).")
    ],
    output: Annotated[str, typer.Argument(metavar="OUT", help="Map to write: .mrc, .map or .ccp4, also .gz or .bz2.")],
    invert: of.Invert = None,
    downsample: Annotated[
        int | None, opt.main("--downsample", min=2, metavar="N", help="Reduce images to N pixels while reading.")
    ] = None,
    poses: of.Poses = None,
    ctf: of.Ctf = None,
    passthrough: of.Passthrough = None,
    datadir: of.Datadir = None,
    preview: opt.Preview = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    threads: opt.ClassicalThreads = None,
    check: of.Check = True,
    window: Annotated[
        bool, opt.advanced("--window/--no-window", metavar="", help="Keep what lies outside the circle in the box.")
    ] = True,
    voxel_size: Annotated[float | None, opt.apix("Pixel size of the stored images, Å, overriding the files'.")] = None,
    debug: opt.Debug = False,
) -> None:
    """Reconstruct one map from particles with poses, to check that they are read rightly."""
    if skip_existing(output, no_clobber):
        return
    set_threads(threads, classical=True)
    inputs = [particles_file, *(of.pose_files(poses) or ()), ctf, passthrough]
    check_map_output(output, preview, inputs)
    from cryotools.core.files.output import check_output
    from cryotools.core.memory import described_need
    from cryotools.heterogeneity.backproject import backproject, reconstruction_bytes
    from cryotools.heterogeneity.output import draw_reconstruction, reconstruction_files, write_reconstruction
    from cryotools.heterogeneity.particles import read_particles

    for name in reconstruction_files(output):
        check_output(name, [source for source in inputs if source])
    particles = read_particles(
        particles_file,
        poses=of.pose_files(poses),
        ctf=ctf,
        passthrough=passthrough,
        datadir=datadir,
        voxel_size=voxel_size,
        downsample=downsample,
    )
    need = described_need(reconstruction_bytes(particles.box))
    note(f"{particles_file}: {len(particles)} images; the map takes {need}")
    with progress() as reporter:
        found = backproject(particles, invert=invert, check=check, window=window, progress=reporter)
    names = write_reconstruction(output, found, label(f"of {particles_file}"))
    if preview:
        draw_reconstruction(preview, found, output)
        names.append(preview)
    figures = {"particles": particles_file, "n_particles": len(particles), **_figures(found), "outputs": names}
    if json:
        print_json(figures)
    _summarise(particles_file, figures, found)


def _figures(found: Reconstruction) -> dict[str, Any]:
    """The result in numbers."""
    figures: dict[str, Any] = {
        "box": found.volume.data.shape[0],
        "voxel_size_A": found.volume.voxel_size[0],
        "inverted": found.sign < 0,
        **{f"resolution_{name}_A": found.fsc.resolution_at(float(name)) for name in _LEVELS},
    }
    if found.check:
        figures["correlations"] = {name: found.check.mean(name) for name in found.check.scores}
    return figures


def _summarise(particles_file: str, figures: dict[str, Any], found: Reconstruction) -> None:
    if found.check:
        note(f"{particles_file}: {found.check}")
    shown = [f"{value:.2f} A" if value else "not reached" for value in (figures[f"resolution_{t}_A"] for t in _LEVELS)]
    note(
        f"{figures['n_particles']} images of {figures['box']} px at {figures['voxel_size_A']:.4g} A; FSC of the halves "
        f"falls below 0.5: {shown[0]}, below 0.143: {shown[1]}"
    )
    note(f"written: {', '.join(figures['outputs'])}")
