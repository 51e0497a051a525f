"""Boxes of crystal density (2mFo-DFc), cut and rotated at random like simulated ones.

Crystallographic density is a source domain for cryo-EM maps (M. Rozanov & H. Wolfson): real side chains at real
mobilities, of which there is far more than of cryo-EM maps with side chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial.transform import Rotation

from cryotools.anchors.labels import ResidueTruth, residue_truth, several
from cryotools.anchors.learning.examples import COARSEST, ResidueExample, make_residue_example
from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Grid
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.structurelist import unrelated_structures
from cryotools.simulate.boxes import box_grid, degraded_box, keep_boxes, reaching, without_solvent
from cryotools.training.store import ExampleStore

WAY = "crystals-1"
_FINEST = 1.9  # Å; the limit of voxels of 1 Å
_AMPLITUDE, _PHASE = "FWT", "PHWT"  # columns of an MTZ file
_SAMPLING = 3.0  # voxels per resolution


@dataclass(frozen=True)
class Crystal:
    """A crystal's density and model: `model` and `density` (MTZ with FWT and PHWT, or a map) are files."""

    model: Path
    density: Path


def list_crystals(folder: Path) -> list[Crystal]:
    """The crystals in a folder of folders, each with model.pdb.gz and data.mtz.gz or map.ccp4.gz.

    Raises
    ------
    DataError
        There is none.
    """
    found = [crystal for model in sorted(folder.glob("*/model.*")) if (crystal := _beside(model))]
    if not found:
        raise DataError(f"{folder}: has no crystals (folders with a model and data.mtz or map.ccp4, or these in .gz)")
    return found


def unrelated_crystals(path: str, fold: int | None, *, to_any: bool = False) -> list[Crystal]:
    """The crystals of a folder; or those whose models are in a list, except the related ones, as
    `core.structures.structurelist.unrelated_structures` leaves them out. Density lies beside each model.

    Raises
    ------
    DataError
        There is no such folder or list, it names no usable crystal, or a model without density.
    """
    if Path(path).is_dir():
        return list_crystals(Path(path))
    found = []
    for model in unrelated_structures(path, fold, to_any=to_any):
        crystal = _beside(model)
        if crystal is None:
            raise DataError(f"{model}: has no density beside it (data.mtz or map.ccp4, or these in .gz)")
        found.append(crystal)
    return found


def _beside(model: Path) -> Crystal | None:
    """The crystal of a model, whose density is in the same folder."""
    files = [model.with_name(name) for name in ("data.mtz.gz", "data.mtz", "map.ccp4.gz", "map.ccp4")]
    return next((Crystal(model, file) for file in files if file.exists()), None)


def crystal_examples(
    crystals: Sequence[Crystal], count: int, folder: Path, seed: int = 0, progress: Progress | None = None
) -> Sequence[ResidueExample]:
    """`count` boxes of the crystals' density, stored in `folder`."""
    of_model = {str(crystal.model): crystal for crystal in crystals}
    store = ExampleStore(ResidueExample, folder)

    def make(model: Structure, random: np.random.Generator) -> ResidueExample:
        return crystal_example(of_model[model.name], random)

    return keep_boxes(store, sorted(of_model), count, make, way=WAY, seed=seed, progress=progress)


def crystal_example(crystal: Crystal, random: np.random.Generator) -> ResidueExample:
    """A random box of a crystal's density, at the crystal's resolution or a lower one; molecules related by symmetry
    have their residues, too.

    Raises
    ------
    DataError
        A file cannot be read, or the model has no residues.
    """
    truth, atoms = _model(crystal.model)
    finest = max(_resolution(crystal.density), _FINEST)
    resolution = float(random.uniform(finest, COARSEST) if random.random() < 0.7 else finest)
    density = _density(crystal.density, resolution)
    turn = Rotation.random(random_state=random.integers(2**31)).as_matrix()
    centre = atoms.mean(axis=0)
    around = truth.ca if len(truth) else truth.c4
    middle = 0.9 * ((around[random.integers(len(around))] - centre) @ turn.T)
    grid = box_grid(middle, random)
    data = np.zeros(grid.shape[::-1], dtype=np.float32)  # gemmi's axes are x, y, z
    density.interpolate_values(data, _to_crystal(grid, turn, centre))
    data = np.nan_to_num(data.transpose(2, 1, 0))
    data = np.ascontiguousarray(data) / np.float32(max(np.percentile(data, 99), 1e-6))
    copies = _copies(density, turn.T @ (np.array(grid.origin) + np.array(grid.shape) / 2) + centre, truth, atoms)
    truth = several([one.moved(turn, -turn @ centre) for one, _ in copies])
    xyz = np.concatenate([(places - centre) @ turn.T for _, places in copies])
    volume, seen = degraded_box(data, grid, xyz[reaching(grid, xyz)], resolution, random)
    return make_residue_example(volume.grid, seen, truth, resolution, crystal.model.parent.name)


@lru_cache(maxsize=4)
def _model(path: str | Path) -> tuple[ResidueTruth, np.ndarray]:
    structure = without_solvent(read_structure(path))
    return residue_truth(structure), structure.xyz


def _resolution(path: Path) -> float:
    """The resolution of a crystal's data in Å; a map's is taken from its voxels."""
    if ".mtz" in path.name:
        return float(_mtz(path).resolution_high())
    grid = _map(path).grid
    return _SAMPLING * max(grid.spacing)


def _density(path: Path, resolution: float) -> gemmi.FloatGrid:
    """The unit cell's density, from reflections of at least `resolution` Å."""
    if ".mtz" not in path.name:
        return _map(path).grid
    mtz = gemmi.Mtz(with_base=False)
    source = _mtz(path)
    mtz.spacegroup, mtz.cell = source.spacegroup, source.cell
    mtz.add_dataset("HKL_base")
    for column in source.columns:
        mtz.add_column(column.label, column.type)
    mtz.set_data(source.array[source.make_d_array() >= resolution])
    return mtz.transform_f_phi_to_map(_AMPLITUDE, _PHASE, sample_rate=max(_SAMPLING, resolution / 0.7))


@lru_cache(maxsize=4)
def _mtz(path: Path) -> gemmi.Mtz:
    try:
        mtz = gemmi.read_mtz_file(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as MTZ: {error}") from error
    if not {_AMPLITUDE, _PHASE} <= set(mtz.column_labels()):
        raise DataError(f"{path}: has no columns {_AMPLITUDE} and {_PHASE} (2mFo-DFc)")
    return mtz


@lru_cache(maxsize=4)
def _map(path: Path) -> gemmi.Ccp4Map:
    try:
        found = gemmi.read_ccp4_map(str(path))
        found.setup(float("nan"))
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as a crystal's map: {error}") from error
    return found


def _to_crystal(grid: Grid, turn: np.ndarray, centre: np.ndarray) -> gemmi.Transform:
    """From voxels (x, y, z) of a rotated box to Cartesian positions in the crystal."""
    transform = gemmi.Transform()
    transform.mat.fromlist((turn.T * grid.voxel_size[0]).tolist())
    transform.vec.fromlist((turn.T @ np.array(grid.origin) + centre).tolist())
    return transform


def _copies(
    density: gemmi.FloatGrid, middle: np.ndarray, truth: ResidueTruth, atoms: np.ndarray
) -> list[tuple[ResidueTruth, np.ndarray]]:
    """The molecule and its mates by symmetry that may reach into a box around `middle`, with their atoms."""
    cell = density.unit_cell
    to_fraction, to_cartesian = np.array(cell.frac.mat.tolist()), np.array(cell.orth.mat.tolist())
    centre = atoms.mean(axis=0)
    size = np.linalg.norm(atoms - centre, axis=1).max()
    reach = size + 0.87 * (80 + 10)  # half the diagonal of the box and what reaches into it
    copies = []
    group = density.spacegroup or gemmi.SpaceGroup("P 1")
    steps = np.array(np.meshgrid(*[range(-3, 4)] * 3)).reshape(3, -1).T
    for operation in group.operations():
        rotation = to_cartesian @ (np.array(operation.rot) / operation.DEN) @ to_fraction
        moved = to_cartesian @ (np.array(operation.tran) / operation.DEN)
        for step in steps:
            shift = moved + to_cartesian @ step
            if np.linalg.norm(rotation @ centre + shift - middle) < reach:
                there = atoms @ rotation.T + shift
                if (np.abs(there - middle).max(axis=1) < 80).any():
                    copies.append((truth.moved(rotation, shift), there))
    return copies
