"""What a user should be told of a map before its annotation is believed: noise, inverted, the wrong hand, too coarse.

Each check warns and none refuses: a map that looks like one of these may still be right.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.levels import Levels, block_means, block_size, find_levels
from cryotools.core.volume import Volume
from cryotools.sse.assign import HELIX, OTHER
from cryotools.training.cubes import cut

COARSEST = 8.0  # Å; the network was trained on finer maps
FINE_FOR_HANDS = 4.5  # Å; beyond, a helix and its mirror image look alike
LEFT_HANDED = 2.0  # × as much helix in the mirror image as in the map is clear evidence

_SAME_STEP = 0.01  # voxel sizes along the axes may differ by as much, relatively
_SKEWED = 0.3  # of 32 experimental maps all are above 0.5, noise in boxes of 60 voxels and more is within 0.15
_NOISE_CONTRAST = 3.0  # that of noise is from 0.3 to 2.6, by chance; one experimental map has 1.2
_CONFIDENT = 0.5  # probability
_LEAST_VOLUME = 100.0  # Å3 of one class: about a turn of a helix
_LEAST_HELIX = 500.0  # Å3 in the mirror image: some three turns
_CUBE, _INNER, _MOST_CUBES = 64, 48, 3  # voxels, voxels, and how many to look at
_SHARE = 10  # no more than a tenth of the map is computed again

Classify = Callable[[np.ndarray], np.ndarray]  # prepared cubes (n, z, y, x) -> probabilities (n, 4, z, y, x)


def check_voxels(volume: Volume) -> None:
    """Warn where voxels are no cubes, by more than 1 %."""
    if max(volume.voxel_size) > (1 + _SAME_STEP) * min(volume.voxel_size):
        size = " x ".join(f"{step:.4g}" for step in volume.voxel_size)
        _warn(f"voxels measure {size} A and are resampled to cubes; if the header is wrong, mend it or give --apix")


def check_values(volume: Volume) -> Levels:
    """The levels of a map, and a warning where it looks inverted or like noise.

    Density is rare and strong in its box, so the means of blocks of some 4 Å are skewed to high values; those of an
    inverted map are skewed to low ones by as much, and noise is even. Both all blocks and those that no mask has
    emptied have to say so, and the contrast between the strongest and the weakest blocks, too.

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
                "no density is above the background, much is below; the map is inverted: --invert"
            ) from error
        raise
    if max(skewness) < -_SKEWED and levels.contrast < 1:
        _warn(
            "the map looks inverted (its molecule is darker than its solvent); turn it over by --invert, or if that "
            "was given, leave it out"
        )
    elif min(skewness) < _SKEWED and levels.contrast < _NOISE_CONTRAST:
        _warn("the map looks like noise: nothing in it stands out of the rest; look at it before believing any class")
    return levels


def check_resolution(resolution: float | None) -> None:
    """Warn of maps coarser than 8 Å."""
    if resolution is not None and resolution > COARSEST:
        _warn(
            f"at {resolution:g} A secondary structure is beyond what the network can tell ({COARSEST:g} A); "
            "low confidence is all to expect"
        )


def check_confidence(probabilities: np.ndarray, voxel_volume: float) -> None:
    """Warn where hardly a voxel (of `voxel_volume` Å3) of class maps (4, nz, ny, nx) has a class."""
    confident = sum(int(np.count_nonzero(plane >= _CONFIDENT)) for one in probabilities[1:] for plane in one)
    if confident * voxel_volume < _LEAST_VOLUME:
        _warn(
            "no helix, sheet or nucleic acid is told with confidence: the map is beyond what the network can tell, "
            "or it holds none; check its resolution, voxel size and hand"
        )


def check_hand(classify: Classify, density: np.ndarray, probabilities: np.ndarray) -> float:
    """Warn where the mirror image of a map shows far more helix than the map; the ratio of both, NaN without helices.

    Looks at up to three cubes of 64 voxels where the class maps have most helices, sheets and nucleotides, at a tenth
    of the map at most, but at one.

    Parameters
    ----------
    density : prepared map (nz, ny, nx) on voxels of 1 Å
    probabilities : class maps on the same grid
    """
    cubes = _rich_cubes(density, probabilities)
    helix, mirrored = (_helix_volume(classify(one)) for one in (cubes, cubes[..., ::-1]))
    ratio = mirrored / helix if helix else (np.inf if mirrored else np.nan)
    if mirrored >= _LEAST_HELIX and ratio >= LEFT_HANDED:
        _warn(
            "helices look left-handed: the mirror image of the map shows "
            + (f"{ratio:.1f} times as much helix" if np.isfinite(ratio) else "helices, the map shows none")
            + "; the map has probably the wrong hand, so flip it along one axis"
        )
    return float(ratio)


def _skewness(volume: Volume) -> tuple[float, float]:
    """Skewness of the means of all blocks, and of those that hold more than one value's filling."""
    blocks = block_means(volume.data, 0.0, block_size(volume)).ravel().astype(np.float64)
    values, counts = np.unique(blocks, return_counts=True)
    filling = values[np.argmax(counts)]
    rest = blocks[blocks != filling] if counts.max() > 1 else blocks
    return _third_moment(blocks), _third_moment(rest)


def _third_moment(values: np.ndarray) -> float:
    centred = values - values.mean() if len(values) else values
    spread = float(np.sqrt(np.mean(centred**2))) if len(values) else 0.0
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def _rich_cubes(density: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cubes (n, 64, 64, 64) of a prepared map around the blocks of 48³ voxels with most of some class."""
    some = 1 - probabilities[OTHER]
    starts = [np.arange(0, n, _INNER) for n in some.shape]
    for axis, along in enumerate(starts):
        some = np.add.reduceat(some, along, axis=axis)
    count = int(np.clip(density.size / (_SHARE * _CUBE**3), 1, min(_MOST_CUBES, some.size)))
    best = np.argsort(-some, axis=None, kind="stable")[:count]
    places = np.stack(np.unravel_index(best, some.shape), axis=1) * _INNER - (_CUBE - _INNER) // 2
    return np.stack([cut(density, place, _CUBE) for place in places])


def _helix_volume(probabilities: np.ndarray) -> float:
    """Å3 of helix in the middle of cubes (n, 4, 64, 64, 64) of 1 Å voxels."""
    margin = (_CUBE - _INNER) // 2
    middle = probabilities[:, HELIX, margin:-margin, margin:-margin, margin:-margin]
    return float(np.count_nonzero(middle >= _CONFIDENT))


def _warn(text: str) -> None:
    warnings.warn(text, CryotoolsWarning, stacklevel=3)
