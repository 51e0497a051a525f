"""Move a map to another grid, or change its voxel size.

Grids are parallel to the axes, so interpolation is separable: three matrix products, one weight matrix per axis. The
matrix determines the kind of interpolation: linear, cubic B-spline, or Fourier (trigonometric interpolation of the map
mirrored at its faces, so that density at one face does not leak in at the opposite one). Voxel sizes and positions are
exact, not rounded to integer ratios. Maps are low-pass filtered before they go to coarser grids, except in
`interpolate`.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import check_choice
from cryotools.core.maps.volume import Grid, Volume, shape_of
from cryotools.core.memory import check_grid_fits

SPACING = 1.0  # Å; the voxel size of the maps that all networks take

METHODS = ("fourier", "cubic", "linear")
_ROUNDING = 1e-3  # voxels; header origins are float32


def grid_at_spacing(grid: Grid, spacing: float) -> Grid:
    """The grid of cubic voxels of `spacing` Å that starts at `grid`'s origin and ends at or before its last voxel."""
    counts = [
        int(np.floor((n - 1) * step / spacing + 1e-6)) + 1
        for n, step in zip(grid.shape[::-1], grid.voxel_size, strict=True)
    ]
    return Grid(shape_of(counts[::-1]), (spacing,) * 3, grid.origin)


def resample(volume: Volume, target: Grid, method: str = "fourier") -> Volume:
    """The values of `volume` on `target`; 0 outside the volume's box.

    Raises
    ------
    DataError
        The target grid does not fit into memory.
    """
    check_choice("method", method, METHODS)
    if volume.same_grid_as(target):
        return Volume.on(target, volume.data)
    check_grid_fits(target.shape, copies=2)
    shift = whole_shift(volume.grid, target)
    if shift is not None:
        return Volume.on(target, _shifted(volume.data, target.shape, shift))
    data = volume.data
    axes = sorted(range(3), key=lambda axis: target.shape[axis] / volume.data.shape[axis])  # shrink first, grow last
    for axis in axes:
        weights = axis_weights(volume.grid, target, axis, method)
        data = np.moveaxis(np.tensordot(weights, data, axes=(1, axis)), 0, axis)
    return Volume.on(target, np.ascontiguousarray(data))


def whole_shift(source: Grid, target: Grid) -> tuple[int, int, int] | None:
    """The voxel (z, y, x) of `source`, inside or not, at which `target` starts; None if the voxels do not coincide."""
    first = source.world_to_index(np.array(target.origin))
    last = source.world_to_index(target.index_to_world(np.array(target.shape[::-1]) - 1.0))
    shift = np.rint(first)
    there = shift + np.array(target.shape[::-1]) - 1
    if np.abs(first - shift).max() > _ROUNDING or np.abs(last - there).max() > _ROUNDING:
        return None
    x, y, z = (int(n) for n in shift)
    return z, y, x


def interpolate(volume: Volume, target: Grid) -> Volume:
    """Trilinear values on another grid, without a low-pass filter: they stay within the range of `volume`.

    For probabilities and label weights, which ring under `resample`. Beyond the box, values at its faces are repeated.

    Raises
    ------
    DataError
        The target grid does not fit into memory.
    """
    from scipy.ndimage import affine_transform

    if volume.same_grid_as(target):
        return Volume.on(target, volume.data)
    check_grid_fits(target.shape)
    step = np.divide(target.voxel_size, volume.voxel_size)[::-1]
    first = volume.world_to_index(np.array(target.origin))[::-1]
    return Volume.on(target, affine_transform(volume.data, step, first, target.shape, order=1, mode="nearest"))


def interpolate_each(maps: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Maps (k, *source.shape) on another grid, float32 (k, *target.shape), by `interpolate`: probabilities stay between
    0 and 1 and sum to 1.

    Beyond the source, which may end up to a voxel before the target, the values at its faces are repeated.

    Raises
    ------
    DataError
        The maps do not fit into memory.
    """
    check_grid_fits(target.shape, copies=len(maps))
    result = np.empty((len(maps), *target.shape), dtype=np.float32)
    for one, values in enumerate(maps):
        result[one] = interpolate(Volume.on(source, values), target).data
    return result


def support(volume: Volume, target: Grid) -> np.ndarray:
    """Mask (nz, ny, nx) of the voxels of `target` that are next to a non-zero voxel of `volume`.

    At the others linear interpolation gives 0, Fourier and cubic interpolation small values from ringing.
    """
    near = volume.data != 0
    for axis in range(3):
        at, inside = _places(volume.grid, target, axis)
        below, above = np.floor(at + _ROUNDING).astype(int), np.ceil(at - _ROUNDING).astype(int)
        along = tuple(-1 if a == axis else 1 for a in range(3))
        near = (near.take(below, axis) | near.take(above, axis)) & inside.reshape(along)
    return near


def _shifted(data: np.ndarray, shape: tuple[int, int, int], shift: tuple[int, int, int]) -> np.ndarray:
    """The voxels of `data` from `shift` (z, y, x) onwards, in an array of `shape`, padded with 0."""
    result = np.zeros(shape, dtype=data.dtype)
    low = [max(a, 0) for a in shift]
    high = [max(min(a + n, limit), b) for a, n, limit, b in zip(shift, shape, data.shape, low, strict=True)]
    there = tuple(slice(b - a, c - a) for a, b, c in zip(shift, low, high, strict=True))
    result[there] = data[tuple(slice(b, c) for b, c in zip(low, high, strict=True))]
    return result


def axis_weights(source: Grid, target: Grid, axis: int, method: str) -> np.ndarray:
    """Weights float32 (target voxels, source voxels) along array axis 0 (z), 1 (y) or 2 (x)."""
    n_source = source.shape[axis]
    at, inside = _places(source, target, axis)
    cutoff = min(0.5, 0.5 * source.voxel_size[2 - axis] / target.voxel_size[2 - axis])
    if method == "fourier":
        weights = _fourier_weights(at, n_source, cutoff)
    else:
        weights = _linear_weights(at, n_source) if method == "linear" else _cubic_weights(at, n_source)
        if cutoff < 0.5:
            weights = weights @ _fourier_weights(np.arange(n_source, dtype=float), n_source, cutoff)
    return (weights * inside[:, None]).astype(np.float32)


def _places(source: Grid, target: Grid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of target voxels along an array axis, in source voxels clipped to the box, and which lie inside it."""
    step = source.voxel_size[2 - axis]
    first = (target.origin[2 - axis] - source.origin[2 - axis]) / step
    at = first + np.arange(target.shape[axis]) * (target.voxel_size[2 - axis] / step)
    last = source.shape[axis] - 1
    return np.clip(at, 0, last), (at >= -_ROUNDING) & (at <= last + _ROUNDING)


def _fourier_weights(at: np.ndarray, n: int, cutoff: float) -> np.ndarray:
    """Trigonometric interpolation at `at` (m,), in voxels, of n samples mirrored at both ends; (m, n).

    The mirrored signal has period 2(n-1) and only cosines cos(pi k x / (n-1)), k = 0 … n-1; those above `cutoff`
    cycles per voxel are omitted.
    """
    if n == 1:
        return np.ones((len(at), 1))
    period = 2 * (n - 1)
    highest = min(n - 1, int(np.floor(cutoff * period + 1e-9)))
    waves = np.arange(highest + 1)
    amplitude = np.full(highest + 1, 2.0)
    amplitude[0] = 1.0
    if highest == n - 1:
        amplitude[-1] = 1.0
    end = np.full(n, 2.0)
    end[[0, -1]] = 1.0
    at_target = np.cos(np.pi / (n - 1) * np.outer(at, waves)) * amplitude
    at_source = np.cos(np.pi / (n - 1) * np.outer(waves, np.arange(n))) * end
    return at_target @ at_source / period


def _linear_weights(at: np.ndarray, n: int) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n)))


def _cubic_weights(at: np.ndarray, n: int) -> np.ndarray:
    """Interpolating cubic B-splines (m, n), mirrored at both ends."""
    if n == 1:
        return np.ones((len(at), 1))
    from scipy.ndimage import spline_filter1d

    coefficients = spline_filter1d(np.eye(n), order=3, axis=0, mode="mirror")
    basis = np.zeros((len(at), n))
    left = np.floor(at).astype(int)
    for offset in range(-1, 3):
        distance = np.abs(at - (left + offset))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = np.maximum(2 - distance, 0) ** 3 / 6
        column = np.abs(left + offset)
        column = np.where(column > n - 1, 2 * (n - 1) - column, column)
        np.add.at(basis, (np.arange(len(at)), column), np.where(distance <= 1, near, far))
    return basis @ coefficients
