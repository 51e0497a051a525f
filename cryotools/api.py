"""The functions of `import cryotools as ct`: what the commands do, for notebooks and scripts.

Structures are given as file names or `Structure`, maps as file names, `Volume` or arrays `(nz, ny, nx)` with their
`voxel_size`. Results are objects. Nothing is printed: what is odd is a `CryotoolsWarning`, what is only worth knowing
a `CryotoolsNote`, and what cannot be done raises a `CryotoolsError`.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools import __version__
from cryotools.core.errors import UsageError, check_choice
from cryotools.core.maps.maplike import MapLike, as_volume
from cryotools.core.maps.volume import Grid, Triple, Volume
from cryotools.core.structures.structurefile import StructureLike, as_structure

if TYPE_CHECKING:
    from cryotools.anchors.detected import Detection
    from cryotools.heterogeneity.ensemble import EnsembleRun
    from cryotools.heterogeneity.particles import Particles
    from cryotools.heterogeneity.scoring.score import EnsembleScores
    from cryotools.heterogeneity.truth import Truth
    from cryotools.metrics.compare import Comparison
    from cryotools.realism.predict import Verdict
    from cryotools.sse.predict import Annotation

VoxelSize = float | Triple
Path = str | os.PathLike[str]


def write_map(
    path: Path,
    volume: Volume | np.ndarray,
    *,
    voxel_size: VoxelSize | None = None,
    label: str | None = None,
    mode: Literal[2, 12] = 2,
) -> None:
    """Write a map as MRC2014, whole or not at all; `.gz` or `.bz2` at the end of the name compresses it.

    Parameters
    ----------
    voxel_size : Å, of an array
    label : line in the header, at most 80 characters; None says that cryotools wrote it
    mode : 2 for float32, 12 for float16

    Raises
    ------
    DataError
        The file cannot be written, or values are not finite or do not fit the mode.
    """
    from cryotools.core.maps.mapwrite import write_map as write

    write(path, as_volume(volume, voxel_size), label=label or f"cryotools {__version__}", mode=mode)


def molmap(
    structure: StructureLike,
    resolution: float,
    *,
    grid_spacing: float | None = None,
    edge_padding: float | None = None,
    on_grid: MapLike | Grid | None = None,
    cube: int | bool = False,
    chains: Sequence[str] | None = None,
    selection: str | None = None,
    symmetry: str | None = None,
    axis: str = "z",
    center: Triple = (0.0, 0.0, 0.0),
    cutoff_range: float = 5.0,
    sigma_factor: float | None = None,
    skip_unknown: bool = False,
) -> Volume:
    """The map that ChimeraX's `molmap` makes: same grid, same values; the options are those of `cryotools molmap`.

    Parameters
    ----------
    resolution, grid_spacing, edge_padding : Å; the spacing is a third of the resolution, the margin three times it
    on_grid : use the grid of this map
    cube : True makes all axes equally long; a number is that of voxels along each
    chains, selection : use only these chains, and the atoms that this selection names
    symmetry : Cn, Dn, T, O, I or H,rise,angle,n about `axis` through `center`, or biomt (assembly 1 of a file)

    Raises
    ------
    UsageError
        An option is out of range, or two contradict each other.
    DataError
        The structure is broken, no atom is selected, or none lies in the grid asked for.
    """
    from cryotools.simulate.classical import chimerax

    options = chimerax.MolmapOptions(
        resolution=resolution,
        grid_spacing=grid_spacing,
        edge_padding=edge_padding,
        cutoff_range=cutoff_range,
        sigma_factor=chimerax.SIGMA_PER_RESOLUTION if sigma_factor is None else sigma_factor,
        on_grid=on_grid,
        cube=_cube(cube),
        symmetry=symmetry,
        axis=axis,
        centre=_joined(center) or "",
        chains=_ids(chains),
        selection=selection,
        skip_unknown=skip_unknown,
    )
    return chimerax.molmap(structure, options)[0]


def pdb2mrc(
    structure: StructureLike,
    resolution: float = 2.8,
    *,
    apix: float = 1.0,
    box: int | tuple[int, int, int] | None = None,
    het: bool = False,
    center: bool = False,
    trans: float | Triple | None = None,
    chains: Sequence[str] | None = None,
    model: int | None = None,
    full: bool = False,
    omit: float = 0.0,
    b_factors: bool = False,
    quick: bool = False,
    seed: int = 0,
    skip_unknown: bool = False,
) -> Volume:
    """The map that EMAN2's `e2pdb2mrc.py` makes: same box, same values; the options are those of `cryotools pdb2mrc`.

    Parameters
    ----------
    resolution, trans : Å
    apix : voxel size of the map to make, Å
    box : voxels along each axis, or along x, y and z; (0, 0, 0) is at voxel n // 2
    het : include HETATM records
    center : move the weighted centre of the atoms to (0, 0, 0)
    model : use only this model of a file; None sums all
    full : apply the MTRIX symmetry of a file
    omit : percentage of the atoms to leave out at random, by `seed`
    b_factors : use each atom's B factor as its width, as e2pdb2mrc.py's addpdbbfactor does

    Raises
    ------
    UsageError
        An option is out of range.
    DataError
        The structure is broken, nothing is selected, or no atom lies in the box.
    """
    from cryotools.simulate.classical import eman

    options = eman.EmanOptions(
        apix=apix,
        resolution=resolution,
        box=_joined(box),
        het=het,
        center=center,
        trans=_joined(trans),
        chains=_ids(chains),
        model=model,
        full=full,
        omit=omit,
        add_pdb_b_factor=b_factors,
        quick=quick,
        seed=seed,
        skip_unknown=skip_unknown,
    )
    return eman.pdb2mrc(structure, options)[0]


def simulate_map(
    structure: StructureLike,
    resolution: float = 3.0,
    *,
    method: Literal["gan", "vae-gan", "molmap", "pdb2mrc"] = "gan",
    network: Path | None = None,
    apix: float | None = None,
    box: int | tuple[int, int, int] | None = None,
    like: MapLike | Grid | None = None,
    chains: Sequence[str] | None = None,
    selection: str | None = None,
    model: int | str = "first",
    assembly: str | None = None,
    hydrogens: bool = True,
    waters: bool = False,
    altloc: str = "all",
    occupancy: bool = True,
    b_factors: bool = False,
    weights: Literal["number", "electron"] = "number",
    sharpness: float | None = None,
    match: MapLike | None = None,
    noise: float = 0.0,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    skip_unknown: bool = False,
) -> Volume:
    """A map of a structure as experiments give it, by a network trained on them; what `cryotools struc2map` makes.

    Parameters
    ----------
    resolution : Å
    apix : voxel size of the map to make, Å; None is 1
    method : gan or vae-gan, learned; molmap or pdb2mrc, a Gaussian per atom in the scale of these programs
    network : file made by train-gan, for the learned methods
    box : voxels along each axis, or along x, y and z, centred on the atoms; None leaves a margin of 3 × resolution
    like : use the grid of this map
    chains, selection : use only these chains, and the atoms that this selection names
    model, assembly : of a file: the model's number, "first" or "all", and the biological assembly to build
    hydrogens, waters, altloc, occupancy : which atoms count, and whether their occupancy scales them
    b_factors : also blur each atom by its own B factor
    weights : of the classical methods: "number" (atomic number) or "electron" (electron scattering factor)
    sharpness : Å² relative to molmap; negative values blur
    match : take over the sharpness of this map, which must overlay the structure
    noise : standard deviation of white noise, in units of the mean density at the atoms; `seed` decides it

    Raises
    ------
    UsageError
        Options contradict each other or are out of range.
    DataError
        The structure is broken, nothing is selected, the box holds no atoms, or `match` does not overlay them.
    """
    from cryotools.simulate.atoms import AtomChoice
    from cryotools.simulate.classical.formulas import MapOptions
    from cryotools.simulate.struc2map import GridChoice, Simulation, struc2map

    options = MapOptions(
        resolution=resolution,
        weights=weights,
        occupancy=occupancy,
        b_factors=b_factors,
        device=device,
        precision=precision,
        sharpness=sharpness,
        network=None if network is None else os.fspath(network),
    )
    atoms = AtomChoice(
        model=str(model),
        assembly=assembly,
        chains=_ids(chains),
        selection=selection,
        hydrogens=hydrogens,
        waters=waters,
        altloc=altloc,
        skip_unknown=skip_unknown,
    )
    grid = GridChoice(apix=apix, box=_joined(box), like=like)
    simulation = Simulation(options, method, atoms, grid, noise=noise, match=match, seed=seed)
    return struc2map(structure, simulation).volume


def compare_maps(
    a: MapLike | np.ndarray,
    b: MapLike | np.ndarray,
    *,
    voxel_size: VoxelSize | None = None,
    contour: float | None = None,
    mask: MapLike | np.ndarray | None = None,
    around: StructureLike | None = None,
    radius: float = 3.0,
    interpolation: Literal["fourier", "cubic", "linear"] = "fourier",
) -> Comparison:
    """Scores of map `b` against map `a`, on the grid of `a`: correlations, SSIM and Fourier shell correlation.

    Parameters
    ----------
    voxel_size : Å, of arrays; replaces that of files and volumes
    contour : level in `a` for ChimeraX's correlations; None takes the level at which ChimeraX first shows `a`
    mask : compare inside this map (0 to 1, on the grid of `a`)
    around, radius : compare within so many Å of the atoms of this structure
    interpolation : how `b` is resampled onto the grid of `a`

    Raises
    ------
    UsageError
        Both `mask` and `around` are given, or an option is out of range.
    DataError
        A map is constant, the boxes do not overlap, or nothing is left to compare.
    """
    from cryotools.core.maps.resample import METHODS
    from cryotools.metrics import compare

    if mask is not None and around is not None:
        raise UsageError("`mask` and `around` both define the region to compare; give one")
    check_choice("interpolation", interpolation, METHODS)
    first, second = as_volume(a, voxel_size), as_volume(b, voxel_size)
    region = compare.Region()
    if mask is not None:
        region = compare.region_from_mask(as_volume(mask, voxel_size), first)
    elif around is not None:
        region = compare.region_around(as_structure(around), first, radius)
    return compare.compare_maps(first, second, contour=contour, region=region, method=interpolation)


def annotate_sse(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    bias: float = 0.0,
    device: str = "auto",
    precision: str = "fp32",
) -> Annotation:
    """Helices, sheets and nucleotides in a map: probabilities and labels on its own grid, and its elements.

    Parameters
    ----------
    resolution : Å; None where it is not known
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights : file of a network made by train-sse
    rotations : average over so many rotations of the map, at as many times the cost
    bias : logit bias of helix, sheet and nucleotide: above 0 finds more of them, below 0 fewer

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, or the weights are missing or damaged.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.sse.predict import Annotator

    annotator = Annotator(weights, Compute(device, precision), rotations, bias)
    return annotator.annotate(as_volume(volume, voxel_size), resolution)


def detect_anchors(
    volume: MapLike | np.ndarray,
    resolution: float | None = None,
    *,
    sequences: Mapping[str, str] | Path | None = None,
    voxel_size: VoxelSize | None = None,
    weights: Path | None = None,
    trace_weights: Path | None = None,
    rotations: Literal[1, 4, 24] = 1,
    device: str = "auto",
    precision: str = "fp32",
) -> Detection:
    """The residues of a map: places, chain order, types and confidences; `anchors()` gives those that can be trusted.

    Parameters
    ----------
    resolution : Å; None where it is not known
    sequences : of the map's proteins, one-letter codes by name or a FASTA file: residues that fit get their types from
        there
    voxel_size : Å, of an array; replaces that of a file or a volume
    weights, trace_weights : files of networks made by train-anchors: of amino acids, and of chains
    rotations : average the network of chains over so many rotations of the map, at as many times its cost

    Raises
    ------
    UsageError
        The resolution is not a positive number, or another option is out of range.
    DataError
        The map is constant, thinner than 6 Å or too large for the memory, the sequences are not those of proteins, or
        the weights are missing or damaged.
    """
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.anchors.reweight import with_sequences
    from cryotools.core.compute.runner import Compute
    from cryotools.core.structures.fasta import read_fasta

    known = sequences if sequences is None or isinstance(sequences, Mapping) else read_fasta(sequences)
    detector = AnchorDetector(weights, trace_weights, Compute(device, precision), rotations)
    detection = detector.detect(as_volume(volume, voxel_size), resolution)
    return detection if known is None else with_sequences(detection, known)[0]


def judge_realism(
    volume: MapLike | np.ndarray,
    structure: StructureLike | None = None,
    *,
    voxel_size: VoxelSize | None = None,
    contour: float | None = None,
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "fp32",
) -> Verdict:
    """How much of a map looks experimental to an independent discriminator, in all and residue by residue.

    Parameters
    ----------
    structure : judge the voxels near the atoms of this model
    voxel_size : Å, of an array; replaces that of a file or a volume
    contour : judge the voxels above this level; None takes it from the map's histogram
    weights : file of a discriminator made by train-disc

    Raises
    ------
    DataError
        Nothing exceeds the contour, the structure lies elsewhere, or the weights are missing or damaged.
    """
    from cryotools.core.compute.runner import Compute
    from cryotools.realism.predict import evaluate

    atoms = None if structure is None else as_structure(structure)
    compute = Compute(device, precision)
    density = as_volume(volume, voxel_size)
    return evaluate(density, atoms, contour=contour, weights=weights, compute=compute)


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
    from cryotools.heterogeneity.linear.fit import LinearTraining
    from cryotools.heterogeneity.linear.run import LinearOptions, train_linear
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
        name: point if isinstance(point, str) else _joined(point) for name, point in (("hinge", hinge), ("axis", axis))
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


def _cube(cube: int | bool) -> str | None:
    if cube is True:
        return "true"
    return None if cube is False else str(cube)


def _joined(numbers: float | Sequence[float] | None) -> str | None:
    """One number or several, as the options of commands have them."""
    if numbers is None:
        return None
    return ",".join(str(each) for each in np.atleast_1d(numbers).tolist())


def _ids(chains: Sequence[str] | None) -> tuple[str, ...] | None:
    """Chain ids, given one by one or as "A,B"."""
    if chains is None:
        return None
    return tuple(chains.split(",") if isinstance(chains, str) else chains)
