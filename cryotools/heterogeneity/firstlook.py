"""What a sample of the images tells before the long computation: their sign, and whether they fit their poses."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.heterogeneity.contrast import ImageContrast, image_contrast
from cryotools.heterogeneity.conventions import AS_GIVEN, ConventionCheck, check_conventions
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.sample import take_sample


@dataclass(frozen=True, eq=False)
class FirstLook:
    """`sign` is what images are to be multiplied with; `contrast` and `check` are None if they were not looked at."""

    sign: int
    contrast: ImageContrast | None
    check: ConventionCheck | None


def first_look(particles: Particles, *, invert: bool | None = None, check: bool = True) -> FirstLook:
    """Look at a sample of particles with poses.

    Parameters
    ----------
    invert : multiply images by -1, or not; None lets the images decide, see `image_contrast`
    check : raise an error if the images fit other conventions of rotations or shifts better, and warn if they fit their
        poses no better than those of other particles; see `check_conventions`

    Raises
    ------
    UsageError
        The particles have no poses.
    DataError
        Another convention fits better, or an image cannot be read.
    """
    contrast, checked = None, None
    if check or invert is None:
        sample = take_sample(particles)
        if check:
            checked = check_conventions(sample)
            _judge(checked, particles.name)
        if invert is None:
            contrast = image_contrast(sample)
            _tell(contrast, particles.name)
    return FirstLook(contrast.sign if contrast else (-1 if invert else 1), contrast, checked)


def _judge(check: ConventionCheck, name: str) -> None:
    better = check.better
    if better:
        raise DataError(
            f"{name}: the images fit their poses better with {better}: correlation {check.mean(better):.3f} instead of "
            f"{check.mean(AS_GIVEN):.3f}; correct the poses, or `check=False` takes them as they are"
        )
    if not check.is_informative:
        warnings.warn(
            f"{name}: images fit their own poses no better than those of other particles; do they belong together, in "
            "this order?",
            CryotoolsWarning,
            stacklevel=4,
        )


def _tell(contrast: ImageContrast, name: str) -> None:
    if contrast.is_clear:
        warnings.warn(f"{name}: {contrast}", CryotoolsNote, stacklevel=4)
    else:
        warnings.warn(
            f"{name}: it is not clear whether particles are light or dark ({contrast.evidence:.1f} standard errors); "
            f"{contrast.decision}, and `invert` decides it",
            CryotoolsWarning,
            stacklevel=4,
        )
