"""Maps of structures from Python, learned and classical."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from cryotools.api.arguments import Path, chain_ids, cube_text, joined
from cryotools.core.maps.maplike import MapLike
from cryotools.core.maps.volume import Grid, Triple, Volume
from cryotools.core.structures.structurefile import StructureLike


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
        cube=cube_text(cube),
        symmetry=symmetry,
        axis=axis,
        centre=joined(center) or "",
        chains=chain_ids(chains),
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
        box=joined(box),
        het=het,
        center=center,
        trans=joined(trans),
        chains=chain_ids(chains),
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
        chains=chain_ids(chains),
        selection=selection,
        hydrogens=hydrogens,
        waters=waters,
        altloc=altloc,
        skip_unknown=skip_unknown,
    )
    grid = GridChoice(apix=apix, box=joined(box), like=like)
    simulation = Simulation(options, method, atoms, grid, noise=noise, match=match, seed=seed)
    return struc2map(structure, simulation).volume
