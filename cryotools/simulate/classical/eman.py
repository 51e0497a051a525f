"""EMAN2's `e2pdb2mrc.py` from the command line: its options, its box, its values.

ATOM records are used, HETATM records only with `het`; every alternate location and every model is summed with its
atomic number; occupancy is ignored. The default box is that of EMAN2 since June 2026. Where the original loses
atoms or writes an empty map, this version does not: docs/dropins.md.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError
from cryotools.core.maps.splat import Gaussians, sigma_of_resolution, splat
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.progress import Progress
from cryotools.core.structures.selection import in_chains
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import StructureLike, as_structure
from cryotools.simulate.classical.gaussians import unit_height
from cryotools.simulate.layout import check_inside, check_sampling, make_grid, parse_box

# the original ends each profile where exp(-r²/w²) falls to 1e-7, w = sqrt(2) sigma
CUTOFF = float(np.sqrt(-2 * np.log(1e-7)))
_KNOWN_TO_ORIGINAL = (1, 6, 7, 8, 15, 16, 19, 79)  # it reads W as a water bead of weight 18


@dataclass(frozen=True)
class EmanOptions:
    """The options of `e2pdb2mrc.py`, lengths in Å.

    `box` is "n" or "x,y,z", `trans` "d" or "x,y,z", `omit` a percentage, `chains` letters as "ABE", ids as "A,B2" or
    a tuple of ids; `seed` determines what `omit` leaves out. Without `skip_unknown` unknown elements are an error.
    """

    apix: float = 1.0
    resolution: float = 2.8
    box: str | None = None
    het: bool = False
    center: bool = False
    trans: str | None = None
    chains: str | tuple[str, ...] | None = None
    model: int | None = None
    full: bool = False
    omit: float = 0.0
    add_pdb_b_factor: bool = False
    quick: bool = False
    seed: int = 0
    skip_unknown: bool = False


def pdb2mrc(source: StructureLike, options: EmanOptions, progress: Progress | None = None) -> tuple[Volume, Structure]:
    """The `e2pdb2mrc.py` map of a structure, from a file or in memory, and its atoms, shifted like the map.

    Raises
    ------
    UsageError
        An option is out of range.
    DataError
        The structure is invalid, nothing is selected, or no atom lies in the box.
    """
    check_sampling(options.apix, options.resolution)
    box = parse_box(options.box)
    shift = _parse_shift(options.trans)
    if not 0 <= options.omit < 100:
        raise ArgumentError("omit", f"{options.omit:g}", "give a percentage, at least 0 and below 100")
    structure = _choose_atoms(source, options)
    if options.center:
        weight = None if options.quick else structure.element.astype(float)
        structure = structure.with_xyz(structure.xyz - np.average(structure.xyz, axis=0, weights=weight))
    structure = structure.with_xyz(structure.xyz + shift)
    grid = _grid(structure, options, box)
    check_inside(structure, grid)
    gaussians = _gaussians(structure, options)
    return Volume.on(grid, splat(gaussians, grid, cutoff=CUTOFF, progress=progress)), structure


def _choose_atoms(source: StructureLike, options: EmanOptions) -> Structure:
    model = "all" if options.model is None else options.model
    structure = as_structure(source, model=model, ncs=options.full, skip_unknown=options.skip_unknown)
    name = structure.name
    models = np.unique(structure.model)
    if len(models) > 1:
        _warn(f"{name}: the density of {len(models)} models is summed, as in e2pdb2mrc.py; `model=1` takes one")
    keep = np.ones(len(structure), dtype=bool) if options.het else ~structure.hetero
    if options.het and structure.hetero.any():
        _warn(
            f"{name}: `het` adds {int(structure.hetero.sum())} HETATM atoms, which e2pdb2mrc.py counts but never draws"
        )
    if options.chains:
        keep &= in_chains(structure, _present_chains(structure, options.chains))
    if options.omit:
        keep &= np.random.default_rng(options.seed).random(len(structure)) >= options.omit / 100
    if not keep.any():
        hint = ": it has HETATM records only; include them with `het=True`" if structure.hetero.all() else ""
        raise DataError(f"{name}: none of its {len(structure)} atoms is selected{hint}")
    structure = structure[keep]
    dropped = int((~np.isin(structure.element, _KNOWN_TO_ORIGINAL)).sum())
    if dropped:
        _warn(
            f"{name}: {dropped} atoms are of elements that e2pdb2mrc.py drops or mistakes (metals, halogens, Se); "
            "they count here"
        )
    return structure


def _present_chains(structure: Structure, chains: str | tuple[str, ...]) -> tuple[str, ...]:
    """The requested chains that exist, with a warning about the others; all of them if none exists."""
    ids = tuple(chains.split(",") if isinstance(chains, str) and "," in chains else chains)
    present = [chain for chain in ids if chain in structure.chain]
    if present and len(present) < len(ids):
        _warn(f"{structure.name}: has no chain {', '.join(sorted(set(ids) - set(present)))}; the others are used")
    return tuple(present) or ids


def _grid(structure: Structure, options: EmanOptions, box: tuple[int, int, int] | None) -> Grid:
    """The grid on which PDB (0, 0, 0) is voxel n // 2 along each axis."""
    low, high = structure.bounds()
    extent = (high - low) / options.apix
    margin = 2 * options.resolution / options.apix
    if box is not None:
        counts = np.array(box)
        if len(set(box)) > 1 and not options.quick:
            _warn(f"`box` {options.box}: used as given; e2pdb2mrc.py would make a cube of {max(box)} voxels")
    elif options.quick:
        counts = extent.astype(int) + int(margin)
        counts += counts % 2
    else:
        counts = np.full(3, int(1.9 * extent.max() + margin))
    counts = np.maximum(counts, 1)
    return make_grid(counts, (options.apix,) * 3, -(counts // 2) * options.apix)


def _gaussians(structure: Structure, options: EmanOptions) -> Gaussians:
    weight = structure.element.astype(np.float64)
    if not options.add_pdb_b_factor:
        sigma = np.full(len(structure), sigma_of_resolution(options.resolution))
        return Gaussians(structure.xyz, weight, sigma)
    # the original treats B as a length: each atom is a normalised Gaussian of width B / (4 sqrt(2) pi) Å
    sigma = structure.b_factor / (4 * np.sqrt(2) * np.pi)
    narrow = sigma < options.apix / 2
    if narrow.any():
        _warn(f"`add_pdb_b_factor`: {int(narrow.sum())} atoms are narrower than half a voxel and are widened to that")
    sigma = np.maximum(sigma, options.apix / 2)
    return Gaussians(structure.xyz, weight * unit_height(sigma), sigma)


def _parse_shift(text: str | None) -> np.ndarray:
    try:
        shift = np.array([float(part) for part in (text or "0").split(",")])
    except ValueError:
        shift = np.zeros(0)
    if len(shift) not in (1, 3) or not np.isfinite(shift).all():
        raise ArgumentError("trans", text, "give one length, or three as x,y,z, in angstroms")
    return shift if len(shift) == 3 else np.repeat(shift, 3)


def _warn(text: str) -> None:
    warnings.warn(text, CryotoolsWarning, stacklevel=3)
