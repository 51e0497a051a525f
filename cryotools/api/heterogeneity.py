"""Continua of volumes from Python: learning, scoring and simulating them."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from cryotools import __version__
from cryotools.api.arguments import Path, joined
from cryotools.core.errors import check_choice
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import StructureLike

if TYPE_CHECKING:
    from cryotools.heterogeneity.ensemble import EnsembleRun
    from cryotools.heterogeneity.particles import Particles
    from cryotools.heterogeneity.scoring.score import EnsembleScores
    from cryotools.heterogeneity.truth import Truth


def train_drgn(
    particles: Path | Particles,
    folder: Path,
    *,
    zdim: int = 8,
    decoder: Literal["network", "linear"] = "network",
    epochs: int | None = None,
    width: int = 256,
    components: int = 8,
    contrast: float | None = None,
    invert: bool | None = None,
    check: bool = True,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> EnsembleRun:
    """Learn a continuum of volumes from particles with poses; returns the finished run in `folder`.

    Parameters
    ----------
    zdim : dimensions of the latent space; 0 is a single volume
    decoder : volumes by a network, or a mean and components, of which every volume is a sum
    epochs : passes over all particles; None is 10, or 30 at most for the linear decoder
    width : of the networks
    components : of the linear subspace that the encoder sees; 0: it sees pixels
    contrast : spread of the images' scales around 1; None is 0, or 0.2 at first for the linear decoder
    invert : negate the images, or not; None: as they look
    check : raise an error if images fit other conventions of rotations or shifts better, as `backproject` does
    resume : continue the run of a network in `folder`

    Raises
    ------
    UsageError
        The particles have no poses, an option is out of range, or `folder` has another run.
    DataError
        An image cannot be read or is not finite, or a loss is not; or another convention fits better.
    """
    from cryotools.core.compute.device import resolve_device
    from cryotools.heterogeneity.learning.run import ReconstructionOptions, epochs_of, train_reconstruction
    from cryotools.heterogeneity.learning.task import ReconstructionTraining
    from cryotools.heterogeneity.linear.run import LinearOptions, train_linear
    from cryotools.heterogeneity.linear.subspace import LinearTraining
    from cryotools.heterogeneity.network import ReconstructionConfig
    from cryotools.heterogeneity.particles import Particles, read_particles
    from cryotools.heterogeneity.runs import open_run

    check_choice("decoder", decoder, ("network", "linear"))
    read = particles if isinstance(particles, Particles) else read_particles(particles)
    if decoder == "linear":
        passes = LinearTraining.sweeps if epochs is None else epochs
        spread = LinearTraining.contrast if contrast is None else contrast
        subspace = LinearTraining(zdim, passes, spread, seed)
        train_linear(read, pathlib.Path(folder), LinearOptions(subspace, invert, check))
        return open_run(folder)
    network = ReconstructionConfig(read.box, zdim, encoder_width=width, decoder_width=width)
    training = ReconstructionTraining(network, seed=seed, contrast=contrast or 0.0)
    loop = epochs_of(10 if epochs is None else epochs, seed=seed, precision=precision)
    options = ReconstructionOptions(training, loop, invert, check, components=components, device=resolve_device(device))
    train_reconstruction(read, pathlib.Path(folder), options, resume=resume)
    return open_run(folder)


def score_drgn(
    run: Path | EnsembleRun,
    truth: Path | Truth,
    *,
    images: int = 100,
    clusters: int | None = None,
    cyclic: bool = False,
    seed: int = 0,
) -> EnsembleScores:
    """How well the volumes and the latent space of a run agree with the truth of a simulated set.

    Parameters
    ----------
    run : folder of train-drgn, or of cryoDRGN
    truth : folder of truth.csv and the maps of the states, or a file of labels
    images : number of random images whose volumes are measured
    clusters : of k-means; None is the number of states
    cyclic : the motion ends where it began

    Raises
    ------
    DataError
        The folder has no finished run, or the truth is broken or of other particles.
    """
    from cryotools.heterogeneity.ensemble import EnsembleRun
    from cryotools.heterogeneity.runs import open_run
    from cryotools.heterogeneity.scoring.score import score_run
    from cryotools.heterogeneity.truth import Truth, read_truth

    found = run if isinstance(run, EnsembleRun) else open_run(run)
    known = truth if isinstance(truth, Truth) else read_truth(truth)
    return score_run(found, known, images=images, clusters=clusters, cyclic=cyclic, seed=seed)


def simulate_particles(
    sources: StructureLike | Volume | Sequence[StructureLike | Volume],
    output: Path,
    *,
    n: int = 5000,
    box: int = 64,
    apix: float | None = None,
    resolution: float | None = None,
    weights: Sequence[float] | None = None,
    rotate: str | None = None,
    angle: tuple[float, float] = (0.0, 360.0),
    states: int = 100,
    hinge: str | Sequence[float] | None = None,
    axis: str | Sequence[float] | None = None,
    subunits: Sequence[str] = (),
    junk: float = 0.0,
    snr: float = 0.1,
    shift: float = 2.0,
    ctf: bool = True,
    defocus: tuple[float, float] = (10_000.0, 25_000.0),
    ctf_from: Path | None = None,
    voltage: float = 300.0,
    cs: float = 2.7,
    amplitude_contrast: float = 0.1,
    bfactor: float = 100.0,
    contrast_spread: float = 0.0,
    pose_error: tuple[float, float] = (0.0, 0.0),
    preferred: float = 0.0,
    seed: int = 0,
) -> Particles:
    """Make a particle set of known truth, as `cryotools simulate-particles` does; returns what it wrote.

    Parameters
    ----------
    sources : structures or maps in one frame, a state each; or one structure, with `rotate` or `subunits`
    output : the .star file; the stack .mrcs and the folder of the truth, NAME_truth, appear beside it
    n, box, apix : images, pixels, Å per pixel; apix None fits the box to the sources
    resolution : of atoms' density, Å; None is two pixels
    weights : how many images the states have, relative to each other
    rotate : chain ids, or a selection in several words, of the part that turns through `angle` (degrees) in so many
        `states`, about the line from `axis` to `hinge`, each (x, y, z) in Å or a selection
    subunits : chains in the order of assembly, "A+B" for several at once
    junk : share of images that are junk
    snr : variance of the signal over the box by that of the noise; infinity adds none
    shift : largest shift, pixels
    ctf, defocus, voltage, cs, amplitude_contrast, bfactor : of the CTF: whether there is one, range in Å, kV, mm, and
        its envelope in Å²
    ctf_from : file to draw CTF parameters from instead
    contrast_spread : standard deviation of the images' contrast around 1
    pose_error : standard deviations of errors in the poses written, degrees and pixels
    preferred : concentration of viewing directions about z

    Raises
    ------
    UsageError
        Options contradict each other or are out of range.
    DataError
        A source is broken, larger than the box or elsewhere, or a file cannot be written.
    """
    from cryotools.core.structures.structure import Structure
    from cryotools.heterogeneity.particles import read_particles
    from cryotools.heterogeneity.simulation.draws import Imaging
    from cryotools.heterogeneity.simulation.states import Motion, make_states
    from cryotools.heterogeneity.simulation.writing import write_simulation

    given = [sources] if isinstance(sources, str | os.PathLike | Structure | Volume) else list(sources)
    points = {
        name: point if isinstance(point, str) else joined(point) for name, point in (("hinge", hinge), ("axis", axis))
    }
    groups = tuple(tuple(group.split("+")) for group in subunits)
    found = make_states(given, Motion(rotate, angle, states, subunits=groups, **points))
    voxel_size = found.suited_voxel_size(box) if apix is None else apix
    imaging = Imaging(
        count=n,
        box=box,
        voxel_size=voxel_size,
        resolution=2 * voxel_size if resolution is None else resolution,
        shift=shift,
        preferred=preferred,
        ctf=ctf,
        ctf_from=ctf_from,
        defocus=defocus,
        voltage=voltage,
        spherical_aberration=cs,
        amplitude_contrast=amplitude_contrast,
        b_factor=bfactor,
        snr=snr,
        contrast_spread=contrast_spread,
        junk=junk,
        weights=None if weights is None else tuple(weights),
        pose_error=pose_error,
        seed=seed,
    )
    write_simulation(output, found, imaging, label=f"cryotools {__version__} simulate_particles")
    return read_particles(output)
