"""Checks of a map before a network is trusted with it: noise, inverted contrast, voxels that are no cubes.

Each check only warns, and none rejects a map: one that looks like any of these may still be fine.
"""

from __future__ import annotations

import warnings

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.levels import Levels, block_means, block_size, find_levels
from cryotools.core.maps.volume import Volume

_SAME_STEP = 0.01  # relative difference allowed between the voxel sizes along the axes
_SKEWED = 0.3  # all of 32 experimental maps are above 0.5, noise in boxes of 60 voxels or more is within 0.15
_NOISE_CONTRAST = 3.0  # noise gives 0.3 to 2.6 by chance; one experimental map has 1.2


def check_voxels(volume: Volume) -> None:
    """Warn if voxels deviate from cubes by more than 1 %."""
    if max(volume.voxel_size) > (1 + _SAME_STEP) * min(volume.voxel_size):
        size = " x ".join(f"{step:.4g}" for step in volume.voxel_size)
        _warn(
            f"voxels measure {size} A and are resampled to cubes; if that is wrong, correct the header, or give "
            "`voxel_size`"
        )


def warn_of_wrong_hand(evidence: str) -> None:
    """Warn that the map seems to be a mirror image, for this reason."""
    _warn(f"helices look left-handed ({evidence}): the map probably has the wrong handedness; flip it along one axis")


def check_values(volume: Volume) -> Levels:
    """The levels of a map; warns if it looks inverted or like noise.

    Density is strong and fills little of its box, so the means of blocks of about 4 Å are skewed towards high values;
    those of an inverted map are equally skewed towards low values, and those of noise are symmetric. The blocks
    of the whole map and those without the mask value are examined: both must look inverted, or either like noise, and
    the contrast between the strongest and the weakest blocks must agree.

    Raises
    ------
    DataError
        The map is constant, or nothing in it is above its background.
    """
    skewness = _skewness(volume)
    try:
        levels = find_levels(volume)
    except DataError as error:
        if skewness[0] < -_SKEWED:
            raise DataError(
                "no density is above the background, but much is below it: the map is inverted; give `invert=True`"
            ) from error
        raise
    if max(skewness) < -_SKEWED and levels.contrast < 1:
        _warn(
            "the map looks inverted (the molecule is darker than the solvent); invert it with `invert=True` "
            "(or leave that out if it is given)"
        )
    elif min(skewness) < _SKEWED and levels.contrast < _NOISE_CONTRAST:
        _warn("the map looks like noise: nothing stands out; inspect it before trusting what is found")
    return levels


def _skewness(volume: Volume) -> tuple[float, float]:
    """Skewness of the means of all blocks, and of those blocks that do not consist of the mask value alone."""
    blocks = block_means(volume.data, 0.0, block_size(volume)).ravel().astype(np.float64)
    values, counts = np.unique(blocks, return_counts=True)
    filling = values[np.argmax(counts)]
    rest = blocks[blocks != filling] if counts.max() > 1 else blocks
    return _third_moment(blocks), _third_moment(rest)


def _third_moment(values: np.ndarray) -> float:
    centred = values - values.mean() if len(values) else values
    spread = float(np.sqrt(np.mean(centred**2))) if len(values) else 0.0
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def _warn(text: str) -> None:
    warnings.warn(text, CryotoolsWarning, stacklevel=3)
