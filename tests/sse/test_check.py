from __future__ import annotations

import warnings

import numpy as np
import pytest

from cryotools.core.errors import CryotoolsWarning
from cryotools.sse.check import check_confidence, check_resolution
from cryotools.sse.truth.assign import HELIX, OTHER


def test_coarse_maps_are_told_and_others_not():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for resolution in (None, 2.0, 8.0):
            check_resolution(resolution)
    with pytest.warns(CryotoolsWarning, match="at 10 A"):
        check_resolution(10.0)


def class_maps(helix: np.ndarray) -> np.ndarray:
    maps = np.zeros((4, *helix.shape), dtype=np.float32)
    maps[HELIX], maps[OTHER] = helix, 1 - helix
    return maps


def test_a_map_without_a_confident_class_is_told():
    helix = np.full((30, 30, 30), 0.45, dtype=np.float32)
    with pytest.warns(CryotoolsWarning, match="with confidence"):
        check_confidence(class_maps(helix), 1.0)
    helix[:5, :5, :5] = 0.9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_confidence(class_maps(helix), 1.0)
