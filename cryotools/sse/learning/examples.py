"""Labelled maps for training the network: experimental maps in several versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import Levels
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.residues import polymer_backbone
from cryotools.core.structures.structure import Structure
from cryotools.sse.truth.assign import NUCLEOTIDE, OTHER, ClassedResidues, assign
from cryotools.sse.truth.labels import label_voxels
from cryotools.training.augment import lowered, random_b
from cryotools.training.pairs import Pair
from cryotools.training.seeds import random_for

ELSEWHERE, CHAIN = 1, 2  # voxels that count: off the backbone, and at it; 0 does not count
_AT_CHAIN = 1.5  # Å from a backbone atom, within which its class applies whatever the density
_NEAR_CHAIN = 2.5  # Å, within which weak density is neither inside nor outside an element
_COARSEST = 8.5  # Å


@dataclass(frozen=True)
class ClassifierExample:
    """A labelled map in the common form of `core.maps.prepare`, ready to be cut into cubes.

    Attributes
    ----------
    density : float16 (nz, ny, nx)
    classes : uint8 (nz, ny, nx)
    counts : uint8 (nz, ny, nx): 0, ELSEWHERE or CHAIN
    resolution : Å
    centres : int16 (n, 3), the voxels (z, y, x) around which cubes are drawn
    """

    density: np.ndarray
    classes: np.ndarray
    counts: np.ndarray
    resolution: float
    centres: np.ndarray


def make_classifier_example(
    volume: Volume,
    density: np.ndarray,
    structure: Structure,
    residues: ClassedResidues,
    resolution: float,
    weight: np.ndarray | None = None,
) -> ClassifierExample:
    """`volume` labelled by its model, with the prepared `density` that is the network's input, both on voxels of 1 Å;
    voxels whose `weight` is 0 do not count.

    Claimed voxels have the class of the nearest backbone atom, and at the backbone this holds even where density is
    weak: the network is to predict the class of the chain, not that of the density.

    Raises
    ------
    DataError
        No atom of the model's backbone lies in the map.
    """
    labels = label_voxels(volume, structure, residues, conflicts="nearest")
    classes, counts = labels.classes, np.where(labels.counted, ELSEWHERE, 0).astype(np.uint8)
    belongs = (residues.of_atom >= 0) & (structure.element != 1)
    which = np.where(belongs, residues.classes[residues.of_atom], OTHER)
    backbone = belongs & (polymer_backbone(structure) | (which == NUCLEOTIDE))
    known = backbone & residues.known[residues.of_atom] & volume.grid.contains(structure.xyz)
    if not known.any():
        raise DataError(f"{structure.name}: no atom of its backbone lies in the map")
    voxels = _around(volume, structure.xyz[known])
    tree = cKDTree(structure.xyz[known])
    distance, nearest = tree.query(volume.grid.index_to_world(voxels[:, ::-1]), distance_upper_bound=_NEAR_CHAIN)
    reached = np.isfinite(distance)
    voxels, distance, nearest = voxels[reached], distance[reached], nearest[reached]
    nearest_class, counted = which[known][nearest], counts[tuple(voxels.T)] > 0
    core = (distance <= _AT_CHAIN) & counted
    at = voxels[core]
    classes[tuple(at.T)] = nearest_class[core]
    counts[tuple(voxels[counted & ~core & (nearest_class != OTHER)].T)] = 0  # weak density: neither inside nor outside
    counts[(classes != OTHER) & labels.counted] = ELSEWHERE
    counts[tuple(at.T)] = CHAIN
    if weight is not None:
        counts[weight == 0] = 0
    centres = at if len(at) else voxels
    return ClassifierExample(density.astype(np.float16), classes, counts, float(resolution), centres.astype(np.int16))


def experimental_examples(pair: Pair, versions: int, seed: int = 0) -> Iterator[ClassifierExample]:
    """`pair` as it is, and `versions` - 1 copies that are rotated at random, blurred or sharpened, and some of them
    low-pass filtered to 8.5 Å at worst; random numbers depend on the seed and the pair's id.

    Raises
    ------
    DataError
        The pair has no protein or nucleic acid.
    """
    random = random_for(seed, pair.id)
    residues = assign(pair.structure)
    prepared = prepare_map(pair.target, pair.resolution)
    seen = prepared.volume.data
    yield make_classifier_example(pair.target, seen, pair.structure, residues, pair.resolution, pair.weight)
    for _ in range(versions - 1):
        resolution = pair.resolution
        if resolution < _COARSEST and random.random() < 0.5:
            resolution = random.uniform(resolution, _COARSEST)
        volume, weight, structure = _turned(pair, prepared.levels, random)
        emptied = volume.data == 0
        volume = lowered(volume, pair.resolution, resolution, random_b(resolution, random))
        if prepared.levels.filling is not None:  # masked voxels stay masked
            volume = volume.with_data(np.where(emptied, 0, volume.data))
        seen = prepare_map(volume, resolution).volume.data
        yield make_classifier_example(volume, seen, structure, residues, resolution, weight)


def _around(volume: Volume, xyz: np.ndarray) -> np.ndarray:
    """The voxels (n, 3), z, y, x, within about 4 Å of positions (k, 3)."""
    reach = int(np.ceil(_NEAR_CHAIN)) + 1
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[(offsets**2).sum(axis=1) <= reach**2]
    near = np.zeros(volume.data.shape, dtype=bool)
    index = np.rint(volume.grid.world_to_index(xyz)).astype(int)[:, ::-1]
    for offset in offsets:
        place = index + offset
        place = place[np.all((place >= 0) & (place < near.shape), axis=1)]
        near[tuple(place.T)] = True
    return np.argwhere(near)


def _turned(pair: Pair, levels: Levels, random: np.random.Generator) -> tuple[Volume, np.ndarray, Structure]:
    """Map (background at 0), weight and model, rotated together around the centre of the box by a uniformly distributed
    random rotation. Voxels from outside the box do not count.
    """
    turn = Rotation.random(random_state=random.integers(2**31)).as_matrix()  # of (x, y, z)
    volume = pair.target.with_data(pair.target.data - np.float32(levels.background))
    middle = (np.array(volume.data.shape) - 1) / 2
    back = turn[::-1, ::-1].T  # of (z, y, x)
    place = {"matrix": back, "offset": middle - back @ middle, "mode": "constant"}
    data = affine_transform(volume.data, order=3, **place)
    weight = affine_transform(pair.weight, order=1, **place) > 0.5
    if levels.filling is not None:
        data[affine_transform((volume.data != 0).astype(np.float32), order=1, **place) < 0.5] = 0
    centre = volume.grid.index_to_world(middle[::-1])
    xyz = (pair.structure.xyz - centre) @ turn.T + centre
    return volume.with_data(data), weight.astype(np.float32), pair.structure.with_xyz(xyz)
