"""Points on the ridge of a class map: a curve along helices, a surface through the middle of sheets.

Points climb from the confident voxels, but only across the ridge: by Newton steps along the directions in which the
logarithm of the smoothed map has the most negative curvature (U. Ozertem and D. Erdogmus, J. Mach. Learn. Res. 12,
1249, 2011).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.volume import Volume

CONFIDENT = 0.5  # probability
_MOST_SEEDS = 100_000
_STEPS = 12
_LONGEST_STEP, _ARRIVED, _FARTHEST = 1.0, 0.1, 6.0  # Å
_FLAT = 0.02  # Å⁻², curvature of the logarithm; anything flatter is not a ridge
_MERGED = 0.75  # Å; points within one cube of this size are merged


def ridge_points(volume: Volume, smoothing: float, across: int) -> np.ndarray:
    """Points (n, 3) in Å on the ridge of a class map, about one per cube of 0.75 Å that the ridge passes through.

    Parameters
    ----------
    volume : the class's probabilities
    smoothing : Å, standard deviation of the Gaussian used to smooth the map
    across : number of directions across the ridge: 2 for a curve, 1 for a surface
    """
    smooth = _continued(volume, smoothing)
    smooth = smooth.with_data(_smoothed(smooth, smoothing, smooth.data))
    seeds = np.argwhere(volume.data >= CONFIDENT)[:, ::-1]
    seeds = volume.grid.index_to_world(seeds[:: max(1, -(-len(seeds) // _MOST_SEEDS))])
    points = seeds
    for _ in range(_STEPS):
        step, curvature = _newton_step(smooth, points, across)
        points = points + step
    ridge = (np.linalg.norm(step, axis=1) < _ARRIVED) & (curvature < -_FLAT)
    ridge &= (np.linalg.norm(points - seeds, axis=1) < _FARTHEST) & volume.grid.contains(points)
    return _merged(points[ridge])


def _continued(volume: Volume, smoothing: float) -> Volume:
    """A map padded with the values at its faces, so that the faces are not edges."""
    z, y, x = (int(np.ceil(4 * smoothing / step)) for step in volume.voxel_size[::-1])
    data = np.pad(volume.data, ((z, z), (y, y), (x, x)), mode="edge")
    return Volume(data, volume.voxel_size, tuple(volume.grid.index_to_world(np.array((-x, -y, -z)))))


def mean_confidence(volume: Volume, smoothing: float) -> Volume:
    """The mean of the confident values of a class map within about `smoothing` Å of each voxel, 0 if there are none.

    A sharp map may itself have a hole along the axis of a helix.
    """
    confident = volume.data >= CONFIDENT
    weight = _smoothed(volume, smoothing, confident)
    values = _smoothed(volume, smoothing, np.where(confident, volume.data, np.float32(0)))
    return volume.with_data(np.divide(values, weight, out=np.zeros_like(values), where=weight > 1e-3))


def _newton_step(smooth: Volume, points: np.ndarray, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Uphill steps (n, 3) in Å along the `across` directions of most negative curvature of the logarithm of `smooth`,
    and the weakest of these curvatures (n,), Å⁻², negative on a ridge.
    """
    gradient, hessian = _derivatives(smooth, points)
    curvature, direction = np.linalg.eigh(hessian)  # ascending: the sharpest ridge first
    curvature, direction = curvature[:, :across], direction[:, :, :across]
    slope = np.einsum("nak,na->nk", direction, gradient)
    step = np.einsum("nak,nk->na", direction, slope / np.maximum(np.abs(curvature), _FLAT))
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return step * np.minimum(1, _LONGEST_STEP / np.maximum(length, 1e-9)), curvature[:, -1]


def _derivatives(smooth: Volume, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient (n, 3) and Hessian (n, 3, 3) of the logarithm of `smooth` at `points`, by central differences."""
    h = max(1.0, *smooth.voxel_size)  # Å; trilinear interpolation has no curvature within a voxel
    offsets = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    used = offsets[np.abs(offsets).sum(axis=1) <= 2]  # the centre, 6 faces and 12 edges of a cube
    value = {tuple(at.tolist()): np.log(smooth.sample(points + h * at) + 1e-3) for at in used}
    axes = np.eye(3, dtype=int)
    gradient, hessian = np.empty((len(points), 3)), np.empty((len(points), 3, 3))
    for a in range(3):
        up, down = value[tuple(axes[a])], value[tuple(-axes[a])]
        gradient[:, a] = (up - down) / (2 * h)
        hessian[:, a, a] = (up - 2 * value[0, 0, 0] + down) / h**2
        for b in range(a):
            corners = [s * t * value[tuple(s * axes[a] + t * axes[b])] for s in (1, -1) for t in (1, -1)]
            hessian[:, a, b] = hessian[:, b, a] = sum(corners) / (4 * h**2)
    return gradient, hessian


def _merged(points: np.ndarray) -> np.ndarray:
    """The mean of the points (n, 3) in each cube of 0.75 Å."""
    _, cube = np.unique(np.floor(points / _MERGED).astype(int), axis=0, return_inverse=True)
    many = np.bincount(cube.ravel())
    return np.stack([np.bincount(cube.ravel(), weights=column) / many for column in points.T], axis=1)


def _smoothed(volume: Volume, smoothing: float, data: np.ndarray) -> np.ndarray:
    sigma = np.divide(smoothing, volume.voxel_size)[::-1]
    return gaussian_filter(data, sigma, mode="nearest", output=np.float32)
