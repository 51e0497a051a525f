"""From class maps to elements, without a model: helix axes and sheet points, as pseudo-atoms.

Points on the ridges of the class maps (`sse.elements.ridges`) are joined into helix axes, which are split at branches
and sharp bends, or thinned to the points of a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree

from cryotools.core.compute.tiles import bounding_box
from cryotools.core.maps.volume import Grid, Volume
from cryotools.sse.elements.ridges import CONFIDENT, mean_confidence, ridge_points
from cryotools.sse.truth.assign import CLASS_NAMES, HELIX, SHEET

RISE = 1.5  # Å along a helix per residue, and between the points of its axis
STRAND_RISE = 3.3  # Å along a strand per residue, and the least distance between points of a sheet
SHORTEST_HELIX = 4.5  # Å: four residues
FEWEST_STRAND_POINTS = 4

_SMOOTHING = {HELIX: 2.5, SHEET: 2.0}  # Å: the radius of a helix, and slightly under half the thickness of a sheet
_ACROSS = {HELIX: 2, SHEET: 1}  # number of directions across a curve and across a surface
_LINK = 2.5  # Å between neighbours on one ridge
_SAME_AXIS = 4.0  # Å; points this close to a helix axis belong to it
_BEND = np.cos(np.radians(50.0))  # over 6 Å on either side; helices curve but have no sharp bends


@dataclass(frozen=True, eq=False, repr=False)
class Element:
    """A helix or a sheet: `which` (HELIX or SHEET); `points` (n, 3) in Å, along the axis if a helix; `confidence` (n,),
    the mean of the class probabilities of at least 0.5 around each point; `length` in Å, along the axis of a helix, or
    the longest extent of a sheet.
    """

    which: int
    points: np.ndarray
    confidence: np.ndarray
    length: float

    def __repr__(self) -> str:
        return f"<Element: {CLASS_NAMES[self.which]} of {self.length:.1f} A, confidence {self.confidence.mean():.2f}>"


def find_elements(probabilities: np.ndarray, grid: Grid) -> list[Element]:
    """Helices, then sheets, the longest of each first, in class maps (4, nz, ny, nx) in the order of
    `sse.truth.assign`; the list may be empty.

    An axis extends to the ends of the voxels that are more likely helix than not; in Haruspex's labels these reach up
    to 3 Å beyond the last atoms.
    """
    found = []
    for which, trace in ((HELIX, _axes), (SHEET, _sheets)):
        volume = _around_confident(Volume.on(grid, probabilities[which]))
        if volume is not None:
            confidence = mean_confidence(volume, _SMOOTHING[which])
            scattered = ridge_points(volume, _SMOOTHING[which], _ACROSS[which])
            elements = [_element(which, points, confidence) for points in trace(scattered)]
            found += sorted(elements, key=lambda one: (-one.length, *one.points[0]))
    return found


def along_longest(points: np.ndarray) -> np.ndarray:
    """Coordinates (n,) of points (n, 3) along their longest extent."""
    centred = points - points.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][0]


def _element(which: int, points: np.ndarray, confidence: Volume) -> Element:
    if which == HELIX:
        length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    else:
        length = float(np.ptp(along_longest(points)))
    return Element(which, points, confidence.sample(points), length)


def _around_confident(volume: Volume) -> Volume | None:
    """The part of a class map that contains confident voxels, with a margin for smoothing; None if there are none."""
    box = bounding_box(volume.data >= CONFIDENT)
    if box is None:
        return None
    margins = [int(np.ceil(4 * max(_SMOOTHING.values()) / step)) for step in volume.voxel_size[::-1]]
    start = [max(0, part.start - margin) for part, margin in zip(box, margins, strict=True)]
    stop = [min(n, part.stop + m) for n, part, m in zip(volume.data.shape, box, margins, strict=True)]
    return volume.crop(tuple(start), tuple(np.subtract(stop, start).tolist()))


def _axes(points: np.ndarray) -> list[np.ndarray]:
    """Axes, each (n, 3) with a point every 1.5 Å, through points (m, 3) scattered around them."""
    found, waiting = [], _parts(points, _LINK)
    while waiting:
        part = waiting.pop()
        path = _longest_path(part)
        if _length(path) < SHORTEST_HELIX:
            continue
        for axis in _straight_parts(_spaced(path)):
            if _length(axis) >= SHORTEST_HELIX - 1e-6:
                found.append(axis)
        away, _ = cKDTree(path).query(part)
        waiting += _parts(part[away > _SAME_AXIS], _LINK)  # the branches
    return found


def _sheets(points: np.ndarray) -> list[np.ndarray]:
    """The points of each sheet, (n, 3), at least 3.3 Å apart, selected from points (m, 3) scattered over all sheets."""
    thinned = [_thinned(part) for part in _parts(points, _LINK)]
    return [points for points in thinned if len(points) >= FEWEST_STRAND_POINTS]


def _thinned(points: np.ndarray) -> np.ndarray:
    """A subset of `points` over 3.3 Å apart, earlier ones first."""
    kept = np.ones(len(points), dtype=bool)
    tree = cKDTree(points)
    for number in range(len(points)):
        if kept[number]:
            near = tree.query_ball_point(points[number], STRAND_RISE)
            kept[[other for other in near if other > number]] = False
    return points[kept]


def _links(points: np.ndarray, reach: float) -> coo_array:
    """Distances between points at most `reach` Å apart, as a sparse matrix (n, n)."""
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
    pairs = pairs[np.lexsort(pairs.T[::-1])].astype(np.int32)  # accepted by scipy's graph functions in every version
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return coo_array((np.maximum(distance, 1e-6), pairs.T), shape=(len(points), len(points)))


def _parts(points: np.ndarray, reach: float) -> list[np.ndarray]:
    """Groups of points, each at most `reach` Å from another one of its group."""
    if not len(points):
        return []
    count, part = connected_components(_links(points, reach), directed=False)
    return [points[part == number] for number in range(count)]


def _longest_path(points: np.ndarray) -> np.ndarray:
    """The longest path (k, 3) through the minimum spanning tree of connected points."""
    tree = minimum_spanning_tree(_links(points, _LINK).tocsr())
    end = int(np.argmax(dijkstra(tree, directed=False, indices=0)))
    far, before = dijkstra(tree, directed=False, indices=end, return_predecessors=True)
    at, path = int(np.argmax(far)), []
    while at >= 0:
        path.append(at)
        at = int(before[at])
    return points[path]


def _spaced(path: np.ndarray) -> np.ndarray:
    """A path (k, 3), smoothed and resampled to a point every 1.5 Å."""
    fine = _at_every(path, RISE / 3)
    return _at_every(gaussian_filter1d(fine, 3, axis=0, mode="nearest"), RISE)


def _at_every(path: np.ndarray, spacing: float) -> np.ndarray:
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    rest = along[-1] % spacing
    at = np.arange(rest / 2, along[-1] + 1e-9, spacing)
    return np.stack([np.interp(at, along, column) for column in path.T], axis=1)


def _straight_parts(axis: np.ndarray) -> list[np.ndarray]:
    """An axis (n, 3) split at its sharp bends."""
    span = round(6 / RISE)
    if len(axis) <= 2 * span:
        return [axis]
    before, after = axis[span:-span] - axis[: -2 * span], axis[2 * span :] - axis[span:-span]
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    cosine = (before * after).sum(axis=1) / np.maximum(norms, 1e-9)
    sharpest = int(np.argmin(cosine))
    if cosine[sharpest] >= _BEND:
        return [axis]
    corner = sharpest + span
    return [*_straight_parts(axis[:corner]), *_straight_parts(axis[corner + 1 :])]


def _length(path: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
