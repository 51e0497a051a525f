"""`cryotools train-drgn`: learn a continuum of volumes from particles with poses."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cryotools.cli import lineardecoder as linear
from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli import trainrun as run
from cryotools.cli.console import note, print_json, progress
from cryotools.core.errors import UsageError

NAME = "train-drgn"
EPILOG = """PARTICLES is a .star file of RELION, a .cs file of cryoSPARC, or a stack with --poses and --ctf of cryoDRGN,
from a refinement: poses stay as they are. Use --downsample 64 or 128 first; larger boxes take longer and rarely show
other states. Every particle gets a place z in a latent space of --zdim dimensions, written to OUT/latent.csv; eval-drgn
makes the volume at any place. With --zdim 0 one volume is learned.

OUT receives model.safetensors, latent.csv, particles.csv, metrics.csv, losses.png, config.json, and state.pt, which
--resume continues. One particle of twenty is not trained on; held_out_error in metrics.csv stops falling when training
longer no longer helps. Errors are squared, in units of the noise: those of perfect volumes and white noise are about 1.
In particles.csv, support is how clearly an image shows its volume, in standard deviations; junk is near 0.
The encoder sees where an image lies in a linear subspace, which is fitted first; --components 0 shows it the pixels.
--refine-angles and --refine-shifts correct poses during training, after the first fifth of the epochs, and
particles.csv has them. torchrun trains on several GPUs.

--decoder linear fits the mean and --zdim components, of which every volume is a sum, in minutes on a CPU: up to 30
passes over the images, from low to high frequencies, with the images' scales (--contrast 0: all are 1).

Examples:

cryotools train-drgn particles.star latent --zdim 8 --epochs 20 --as-is

cryotools train-drgn particles.star single --zdim 0 --epochs 20 --width 64 --as-is --json
"""


class Decoder(StrEnum):
    """What makes a volume from z."""

    network = "network"
    linear = "linear"


def command(
    context: typer.Context,
    particles: Annotated[str, typer.Argument(metavar="PARTICLES", help="Particles with poses: .star, .cs or a stack.")],
    out: run.Out,
    zdim: Annotated[int, opt.main("--zdim", min=0, metavar="N", help="Dimensions of the latent space.")] = 8,
    decoder: Annotated[
        Decoder, opt.main("--decoder", metavar="KIND", help="Volumes by a network, or linear in z: network or linear.")
    ] = Decoder.network,
    epochs: Annotated[int, opt.main("--epochs", min=1, metavar="N", help="Passes over all particles.")] = 10,
    downsample: Annotated[
        int | None, opt.main("--downsample", min=8, metavar="N", help="Box in pixels that images are reduced to.")
    ] = None,
    poses: of.Poses = None,
    ctf: of.Ctf = None,
    passthrough: of.Passthrough = None,
    datadir: of.Datadir = None,
    invert: of.Invert = None,
    width: Annotated[int, opt.main("--width", min=1, metavar="N", help="Width of both networks.")] = 256,
    layers: Annotated[int, opt.main("--layers", min=1, metavar="N", help="Hidden layers of both networks.")] = 3,
    batch: Annotated[int, opt.main("--batch", min=1, metavar="N", help="Images per update.")] = 16,
    learning_rate: run.LearningRate = 1e-3,
    beta: Annotated[
        float | None, opt.main("--beta", min=0, metavar="X", help="Weight of the divergence of z; default: 1.")
    ] = None,
    components: Annotated[
        int,
        opt.main("--components", min=0, metavar="N", help="Of the subspace that the encoder sees; 0: it sees pixels."),
    ] = 8,
    contrast: Annotated[
        float, opt.main("--contrast", metavar="X", help="Spread of the images' scales around 1.")
    ] = 0.0,
    refine_angles: Annotated[
        float, opt.main("--refine-angles", metavar="DEG", help="Correct rotations by about this much.")
    ] = 0.0,
    refine_shifts: Annotated[
        float, opt.main("--refine-shifts", metavar="PX", help="Correct shifts by about so many pixels.")
    ] = 0.0,
    until_converged: Annotated[
        bool, opt.advanced("--until-converged", metavar="", help="End early if nothing improves; --epochs at most.")
    ] = False,
    resume: run.Resume = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.TrainingPrecision = opt.Precision.auto,
    threads: opt.Threads = None,
    check: of.Check = True,
    voxel_size: opt.VoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Learn a continuum of volumes from particles."""
    if decoder is Decoder.linear:
        linear.refuse_network_options(context)
    run.share_threads(threads)
    from cryotools.core.compute.device import resolve_device
    from cryotools.core.memory import described_need
    from cryotools.heterogeneity.learning.dataset import fit_into_memory, kept_bytes
    from cryotools.heterogeneity.learning.run import ReconstructionOptions, epochs_of, train_reconstruction
    from cryotools.heterogeneity.learning.task import ReconstructionTraining
    from cryotools.heterogeneity.network import ReconstructionConfig
    from cryotools.heterogeneity.particles import read_particles
    from cryotools.training import distributed

    if zdim == 0 and beta is not None:
        raise UsageError("--beta weights the latent space, and --zdim 0 has none")
    read = read_particles(
        particles,
        poses=of.pose_files(poses),
        ctf=ctf,
        passthrough=passthrough,
        datadir=datadir,
        voxel_size=voxel_size,
        downsample=downsample,
    )
    if decoder is Decoder.linear:
        linear.fit_subspace(context, read, out)
        return
    place = resolve_device(distributed.local_device(device))
    training = ReconstructionTraining(
        ReconstructionConfig(read.box, zdim, layers, width, layers, width),
        batch,
        beta,
        seed=seed,
        contrast=contrast,
        pose_angle=refine_angles,
        pose_shift=refine_shifts,
    )
    loop = epochs_of(
        epochs,
        learning_rate=learning_rate,
        seed=seed,
        precision=precision.value,
        until_converged=until_converged,
    )
    options = ReconstructionOptions(training, loop, invert, check, components=components, device=place)
    with distributed.joined(place), progress() as reporter:
        keep = fit_into_memory(len(read), read.box)
        kept = "kept in" if keep else "read again in each epoch, as they would take"
        note(f"{particles}: {len(read)} images, {kept} {described_need(kept_bytes(len(read), read.box))}")
        found = train_reconstruction(read, Path(out), options, resume=resume, progress=reporter)
        if not distributed.is_first():
            return
    metrics = found.metrics
    if json:
        print_json({"particles": particles, "n_particles": len(read), "folder": out, **metrics})
    epochs_done = f"{metrics['epoch']:.0f} epoch{'s' * (metrics['epoch'] != 1)}"
    error = f", held-out error {metrics['held_out_error']:.4f}" if "held_out_error" in metrics else ""
    note(f"{out}: {len(read)} particles of {read.box} px, {epochs_done}{error}; {found.advice}")
