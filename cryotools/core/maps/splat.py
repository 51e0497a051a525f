"""Sum Gaussians on a grid, to turn atoms into density.

A Gaussian is a product of three one-dimensional profiles. Atoms are sorted into blocks of voxels, and the density of a
block with its margin is one matrix product, (amplitudes × z profiles)ᵀ · (y ⊗ x profiles): exact, without a Fourier
grid, and as fast as the machine multiplies matrices. The same code runs on numpy arrays, so that classical maps do not
need to import torch, and on torch tensors, for GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from cryotools.core.maps.volume import Grid, shape_of
from cryotools.core.progress import NoProgress, Progress

_BLOCK = (16, 8, 16)  # voxels (z, y, x): wide enough that margins do not dominate, small enough for the cache
_CHUNK_VALUES = 1 << 19  # float32 values of y ⊗ x profiles at a time: 2 MB stay in cache
SIGMA_PER_RESOLUTION = 1 / (np.pi * np.sqrt(2))
_RADIUS_STEP = 1.3  # atoms share blocks when their cut-off radii are within this factor


def sigma_of_resolution(resolution: float) -> float:
    """Standard deviation in Å of the Gaussian blur for a resolution in Å, as molmap and e2pdb2mrc.py define it: its
    Fourier transform falls to 1/e at 1/resolution, so sigma = resolution / (pi sqrt(2)) = 0.2251 resolution.
    """
    return resolution * SIGMA_PER_RESOLUTION


@dataclass(frozen=True)
class Gaussians:
    """Isotropic Gaussians: `xyz` (n, 3) Å, `amplitude` (n,) at the centre, `sigma` (n,) standard deviation in Å."""

    xyz: np.ndarray
    amplitude: np.ndarray
    sigma: np.ndarray

    def __len__(self) -> int:
        return len(self.xyz)

    def __getitem__(self, which: np.ndarray) -> Gaussians:
        return Gaussians(self.xyz[which], self.amplitude[which], self.sigma[which])


def splat(
    gaussians: Gaussians,
    grid: Grid,
    *,
    cutoff: float = 5.0,
    backend: ModuleType = np,
    device: Any = None,
    progress: Progress | None = None,
) -> Any:
    """The sum of `gaussians` at every voxel centre of `grid`.

    Parameters
    ----------
    cutoff : where a Gaussian is truncated, in its standard deviations along each axis (a cube, as in ChimeraX's molmap)
    backend : numpy or torch
    device : torch device; unused with numpy

    Returns
    -------
    float32 array (numpy) or tensor (torch) of `grid.shape` (nz, ny, nx).
    """
    progress = progress or NoProgress()
    density = backend.zeros(grid.shape, dtype=backend.float32, **({} if device is None else {"device": device}))
    near = _reaching(gaussians, grid, cutoff)
    progress.start(len(near), "density")
    for group in _groups(near):
        for chunk in _chunks(group, grid, cutoff):
            _add_chunk(density, chunk, backend)
            progress.advance(chunk.n_atoms)
    return density


@dataclass(frozen=True)
class _Chunk:
    """Blocks with atoms padded to a common number k: `starts` (b, 3) first voxel of each block (z, y, x),
    `shape` voxels of a block with margins, `centres` (3, b, k) in voxels from the start (z, y, x), `amplitude` (b, k),
    `precision` (3, b, k) 1 / (2 sigma²) in voxels⁻², `reach` (3, b, k) cut-off in voxels.
    """

    starts: np.ndarray
    shape: tuple[int, int, int]
    centres: np.ndarray
    amplitude: np.ndarray
    precision: np.ndarray
    reach: np.ndarray
    n_atoms: int


def _reaching(gaussians: Gaussians, grid: Grid, cutoff: float) -> Gaussians:
    """The Gaussians that reach into the grid."""
    index = grid.world_to_index(gaussians.xyz)
    reach = cutoff * gaussians.sigma[:, None] / np.array(grid.voxel_size)
    inside = np.all((index + reach >= 0) & (index - reach <= np.array(grid.shape[::-1]) - 1), axis=1)
    inside &= gaussians.amplitude != 0
    return gaussians if inside.all() else gaussians[inside]


def _groups(gaussians: Gaussians) -> Iterator[Gaussians]:
    """Groups of Gaussians of similar width, so that narrow ones do not get the margins of wide ones."""
    if not len(gaussians):
        return
    narrowest = gaussians.sigma.min()
    classes = np.floor(np.log(gaussians.sigma / narrowest) / np.log(_RADIUS_STEP)).astype(int)
    if not classes.any():
        yield gaussians
        return
    for which in np.unique(classes):
        yield gaussians[classes == which]


def _chunks(gaussians: Gaussians, grid: Grid, cutoff: float) -> Iterator[_Chunk]:
    step = np.array(grid.voxel_size[::-1])
    index = grid.world_to_index(gaussians.xyz)[:, ::-1]
    widest = cutoff * gaussians.sigma.max() / step
    below, above = np.floor(widest).astype(int), np.ceil(widest).astype(int)
    shape = shape_of(np.array(_BLOCK) + below + above)

    block = np.floor(index / _BLOCK).astype(np.int64)
    lowest = block.min(axis=0)
    span = block.max(axis=0) - lowest + 1
    key = np.ravel_multi_index(tuple((block - lowest).T), tuple(span))
    order = np.argsort(key, kind="stable")
    _, first, count = np.unique(key[order], return_index=True, return_counts=True)
    by_count = np.argsort(count, kind="stable")  # chunks of blocks with similar atom counts need the least padding
    first, count = first[by_count], count[by_count]

    begin = 0
    while begin < len(count):
        end = _chunk_end(count, begin, shape[1] * shape[2])
        slots = first[begin:end, None] + np.arange(count[end - 1])
        real = np.arange(count[end - 1]) < count[begin:end, None]
        atoms = order[np.where(real, slots, first[begin:end, None])]
        starts = block[atoms[:, 0]] * _BLOCK - below
        scaled = gaussians.sigma[atoms] / step[:, None, None]
        yield _Chunk(
            starts=starts,
            shape=shape,
            centres=(index[atoms] - starts[:, None]).transpose(2, 0, 1).astype(np.float32),
            amplitude=np.where(real, gaussians.amplitude[atoms], 0).astype(np.float32),
            precision=(0.5 / scaled**2).astype(np.float32),
            reach=(cutoff * scaled).astype(np.float32),
            n_atoms=int(count[begin:end].sum()),
        )
        begin = end


def _chunk_end(count: np.ndarray, begin: int, plane: int) -> int:
    """End of a chunk of blocks, sorted by atom count, that holds as many as fit without too much padding."""
    most = max(1, _CHUNK_VALUES // (plane * int(count[begin])))
    end = int(np.searchsorted(count, max(count[begin] * 1.25, count[begin] + 2), side="right"))
    return min(begin + most, end, len(count))


def _add_chunk(density: Any, chunk: _Chunk, backend: ModuleType) -> None:
    put = (lambda a: a) if backend is np else (lambda a: backend.as_tensor(a, device=density.device))
    z, y, x = (
        _profiles(
            put(chunk.centres[axis]), put(chunk.precision[axis]), put(chunk.reach[axis]), chunk.shape[axis], backend
        )
        for axis in range(3)
    )
    z = z * put(chunk.amplitude)[..., None]
    n_blocks, k, ny = y.shape
    plane = backend.einsum("bky,bkx->bkyx", y, x).reshape(n_blocks, k, -1)
    blocks = backend.matmul(backend.swapaxes(z, 1, 2), plane).reshape(n_blocks, z.shape[2], ny, x.shape[2])
    size = np.array(density.shape)
    lows = np.maximum(chunk.starts, 0)
    highs = np.minimum(chunk.starts + chunk.shape, size)
    inner = (lows - chunk.starts).tolist()
    outer = (highs - chunk.starts).tolist()
    for number, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
        (z0, y0, x0), (z1, y1, x1) = inner[number], outer[number]
        if z1 > z0 and y1 > y0 and x1 > x0:
            density[low[0] : high[0], low[1] : high[1], low[2] : high[2]] += blocks[number, z0:z1, y0:y1, x0:x1]


def _profiles(centres: Any, precision: Any, reach: Any, length: int, backend: ModuleType) -> Any:
    """One-dimensional Gaussian profiles (b, k, length), zero beyond the cut-off."""
    where = backend.arange(length, dtype=backend.float32, **({} if backend is np else {"device": centres.device}))
    square = where - centres[..., None]
    square *= square
    profile = backend.exp(square * -precision[..., None])
    profile *= square <= (reach * reach)[..., None]
    return profile
