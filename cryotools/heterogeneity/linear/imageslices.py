"""Images beside slices of volumes: the inner products that a linear fit needs of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cryotools.heterogeneity.learning.dataset import HalfImages
from cryotools.heterogeneity.linear.posterior import InnerProducts
from cryotools.heterogeneity.linear.slices import Corners, SliceGrid

_AT_ONCE = 1 << 18  # Fourier values of images


class ImageSlices:
    """The images within `radius` frequency steps, beside slices of volumes of a box that just holds these."""

    def __init__(self, images: HalfImages, radius: float) -> None:
        distance = np.hypot(*images.frequencies.T)
        self.box = min(images.box, 2 * int(np.ceil(radius + 1)))
        inside = np.flatnonzero((distance <= radius) & (distance < self.box / 2))
        x, y = images.frequencies[inside].T
        self.pixels = inside[np.lexsort((x, y))]  # neighbours in the grid follow one another
        self.images, self.grid = images, SliceGrid(self.box, radius)
        self.frequencies = images.frequencies[self.pixels].astype(np.float32)
        self.noise = images.noise[self.pixels].astype(np.float32)

    def batches(self, which: np.ndarray) -> Iterator[np.ndarray]:
        """Parts of the images with numbers `which`."""
        size = max(1, _AT_ONCE // len(self.pixels))
        return (which[begin : begin + size] for begin in range(0, len(which), size))

    def compare(self, table: Tensor, which: np.ndarray) -> tuple[InnerProducts, Corners, np.ndarray, np.ndarray]:
        """Inner products of images with slices of the volumes in `table`; where the slices lie; the images' values and
        CTF (n, m), divided by the noise, conjugate where the opposite frequency is taken.
        """
        points = self.frequencies @ self.images.rotations[which, :2]
        corners = self.grid.corners(points.reshape(-1, 3))
        values, ctf = (each[:, self.pixels] for each in self.images.take(which))
        shape = values.shape
        values = np.where(corners.opposite.reshape(shape), values.conj(), values)
        ctf = ctf / self.noise
        count = table.shape[1] // 2
        slices = self.grid.slices(table, corners).reshape(*shape, 2, count) * torch.from_numpy(ctf)[..., None, None]
        slices = slices.reshape(shape[0], -1, count)
        image = torch.view_as_real(torch.from_numpy(values)).reshape(shape[0], -1, 1)
        turned = slices.transpose(1, 2)
        found = (turned @ slices, (turned @ image)[..., 0], image.square().sum(dim=(1, 2)))
        return InnerProducts(*(each.double().numpy() for each in found)), corners, values, ctf
