"""Whether images fit their poses, and whether they would fit better if the poses were meant in another convention.

Of a sample, half the images make a volume at low resolution, and the others are compared with its projections, for each
way to read the poses. What is inherent in single-particle images cannot be told: the handedness of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.heterogeneity.deposits import Deposits
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.poses import Poses
from cryotools.heterogeneity.sample import ImageSample

AS_GIVEN, NO_SHIFTS, SHUFFLED = "as given", "no shifts", "poses of other particles"
_CLEAR, _BETTER = 6.0, 1.02  # standard errors and ratio by which another convention must fit better
_FEWEST = 20  # images that must be compared for a verdict
_NOTICEABLE = 0.05  # pixels of the sample: shifts below that are not tested
_NOISE = 1.0  # noise-to-signal ratio assumed of the sample's volumes


@dataclass(frozen=True, eq=False)
class ConventionCheck:
    """`scores`: for each way to read the poses, the correlation (n,) of each image with a projection of a volume made
    from other images.
    """

    scores: dict[str, np.ndarray]

    def mean(self, name: str) -> float:
        """The mean correlation."""
        return float(self.scores[name].mean())

    @property
    def best(self) -> str:
        """The convention that fits best."""
        return max((name for name in self.scores if name != SHUFFLED), key=self.mean)

    @property
    def better(self) -> str | None:
        """The best convention if it fits clearly better than what is given."""
        best = self.best
        apart = self._apart(best, AS_GIVEN) > _CLEAR
        return best if apart and self.mean(best) > _BETTER * self.mean(AS_GIVEN) else None

    @property
    def is_informative(self) -> bool:
        """Whether images fit their own poses better than those of other particles, or are too few to tell."""
        return len(self.scores[AS_GIVEN]) < _FEWEST or self._apart(self.best, SHUFFLED) > _CLEAR

    def __str__(self) -> str:
        others = {name: self.mean(name) for name in self.scores if name not in (AS_GIVEN, SHUFFLED)}
        next_best = max(others, key=lambda name: others[name])
        return (
            f"correlation of images with projections {self.mean(AS_GIVEN):.3f}, with {next_best} "
            f"{others[next_best]:.3f}, with {SHUFFLED} {self.mean(SHUFFLED):.3f}"
        )

    def _apart(self, a: str, b: str) -> float:
        """By how many standard errors convention `a` fits better than `b`; 0 if too few images were compared."""
        difference = self.scores[a] - self.scores[b]
        if len(difference) < _FEWEST:
            return 0.0
        error = difference.std() / np.sqrt(len(difference))
        return float(difference.mean() / error) if error > 0 else 0.0


def check_conventions(sample: ImageSample, seed: int = 0) -> ConventionCheck:
    """Try other conventions for rotations, each with several for shifts; then other lengths of shifts for the best."""
    ways = {
        _named(turned, moved): Poses(poses.rotations, shifts)
        for turned, poses in _rotations(sample.poses)
        for moved, shifts in _shifts(poses.shifts, sample.box)
    }
    scores = {name: _score(sample, poses) for name, poses in ways.items()}
    best = ConventionCheck(scores).best
    order = np.random.default_rng(seed).permutation(len(sample))
    scores[SHUFFLED] = _score(sample, Poses(ways[best].rotations[order], ways[best].shifts))
    shifted = max((name for name in ways if NO_SHIFTS not in name), key=lambda name: scores[name].mean())
    for moved, shifts in _lengths(ways[shifted].shifts, sample):
        scores[_named(shifted, moved)] = _score(sample, Poses(ways[shifted].rotations, shifts))
    return ConventionCheck(scores)


def _rotations(given: Poses) -> Iterator[tuple[str, Poses]]:
    rotations, shifts = given.rotations, given.shifts
    yield AS_GIVEN, given
    yield "transposed rotations", Poses(rotations.swapaxes(1, 2), shifts)
    yield "images mirrored", Poses(np.diag([1, -1, -1]) @ rotations, shifts * [1, -1])
    exchanged = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    yield "images with x and y exchanged", Poses(exchanged @ rotations, shifts[:, ::-1])
    angles = given.euler()
    if np.abs(angles).max(initial=0) <= 2 * np.pi:
        yield "angles in radians", Poses.from_euler(np.rad2deg(angles), shifts)


def _shifts(given: np.ndarray, box: int) -> Iterator[tuple[str, np.ndarray]]:
    yield AS_GIVEN, given
    if np.abs(given).max(initial=0) * box > _NOTICEABLE:
        yield "opposite shifts", -given
        yield "shifts of x and y exchanged", given[:, ::-1]
        yield NO_SHIFTS, np.zeros_like(given)


def _lengths(given: np.ndarray, sample: ImageSample) -> Iterator[tuple[str, np.ndarray]]:
    if np.abs(given).max(initial=0) * sample.box <= _NOTICEABLE:
        return
    factors = {"shifts twice as long": 2.0, "shifts half as long": 0.5}
    if not 0.9 < sample.voxel_size < 1.1:
        factors |= {"shifts in pixels, not Å": sample.voxel_size, "shifts in Å, not pixels": 1 / sample.voxel_size}
    for name, factor in factors.items():
        if np.abs(given * factor).max() < 0.5:
            yield name, given * factor


def _named(*parts: str) -> str:
    """One name for several deviations from what is given."""
    return " and ".join(part for part in parts if part != AS_GIVEN) or AS_GIVEN


def _score(sample: ImageSample, poses: Poses) -> np.ndarray:
    """The correlation (n / 2,) of the images with odd numbers with projections of a volume made from the others."""
    grid, deposits = HalfGrid(sample.box), Deposits.on(HalfGrid(sample.box))
    values, points = sample.moved(poses.shifts), slice_frequencies(sample.frequencies, poses.rotations)
    used, judged = slice(0, None, 2), slice(1, None, 2)
    deposits.add(values[used], sample.ctf[used], points[used])
    spectrum = grid.spectrum(deposits.volume(_NOISE))
    found = grid.slices(spectrum, points[judged]) * sample.ctf[judged]
    product = (found.conj() * values[judged]).real.sum(axis=1)
    size = np.linalg.norm(found, axis=1) * np.linalg.norm(values[judged], axis=1)
    return np.divide(product, size, out=np.zeros_like(product), where=size > 0)
