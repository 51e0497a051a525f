"""A picture of binding sites over projections of the map, from three directions."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cryotools.core.compute.tiles import bounding_box
from cryotools.sites.labels import SITE_NAMES
from cryotools.sites.output import DRAWN, SITE_COLOURS
from cryotools.sites.predict import LocatedSites
from cryotools.view.picture import save_figure

_SHOWN = 0.3  # × the molecule density: what the picture is cropped to
_DARKEST = 0.55
_MARGIN = 4  # voxels
_NUMBERED = 12  # centres


def draw_sites(path: str, located: LocatedSites, title: str) -> None:
    """Draw the projected map, viewed down the z, x and y axes, and over it where sites have a probability of at least
    0.4, in their colours, with the number of each centre in the table.
    """
    levels, volume = located.levels, located.volume
    height = (volume.data - np.float32(levels.background)) / np.float32(levels.strength)
    box = bounding_box((height > _SHOWN) | (located.probabilities.max(axis=0) >= DRAWN))
    low = [max(0, (part.start or 0) - _MARGIN) for part in box] if box else [0, 0, 0]
    high = [part.stop + _MARGIN for part in box] if box else list(height.shape)
    crop = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    height, sites = np.clip(height[crop], 0, 2), located.probabilities[(slice(None), *crop)]
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    for panel, depth, name in zip(figure.subplots(1, 3), (0, 2, 1), "zxy", strict=True):
        up, right = (axis for axis in range(3) if axis != depth)
        panel.imshow(_picture(height, sites, depth), origin="lower", interpolation="bilinear")
        for number, one in enumerate(located.centres[:_NUMBERED], start=1):
            at = volume.grid.world_to_index(one.xyz)[::-1] - np.array(low)
            panel.text(at[right], at[up], str(number), fontsize=8, ha="center", va="center", weight="bold")
        panel.set_title(f"seen along {name}", fontsize=9)
        panel.axis("off")
    patches = [Patch(color=colour, label=SITE_NAMES[site]) for site, colour in SITE_COLOURS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _picture(height: np.ndarray, sites: np.ndarray, depth: int) -> np.ndarray:
    """RGB of the projected map, and over it the highest probability along the depth, from 0.4 to 1."""
    shadow = height.mean(axis=depth)
    shadow = np.clip(shadow / max(float(np.quantile(shadow, 0.995)), 1e-6), 0, 1) ** 0.8
    picture = np.repeat(1 - _DARKEST * shadow[..., None], 3, axis=2)
    for site, colour in SITE_COLOURS.items():
        highest = sites[site].max(axis=depth)
        cover = np.where(highest >= DRAWN, 0.25 + 0.6 * (highest - DRAWN) / (1 - DRAWN), 0)[..., None]
        picture = picture * (1 - cover) + np.array(to_rgb(colour)) * cover
    return np.clip(picture, 0, 1)
