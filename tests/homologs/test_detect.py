"""A network of chains fitted to a map is kept, and used again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from anchor_networks import untrained

from cryotools.anchors.predict import AnchorDetector
from cryotools.core.compute.runner import Compute
from cryotools.core.errors import UsageError
from cryotools.core.maps.mapfile import read_map
from cryotools.homologs.adapt.finetune import FineTune
from cryotools.homologs.detect import tuned_detector, with_docked_homologs
from cryotools.homologs.structures import homolog_chains

REAL = Path(__file__).parents[1] / "data" / "emd_3488_crop.mrc.gz"


@pytest.mark.learning
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cryotools.core.errors.CryotoolsNote")
def test_a_network_fitted_before_is_taken_from_the_cache(trypsin, tmp_path):
    types, trace = untrained(tmp_path)
    volume, chains = read_map(REAL), homolog_chains(trypsin.parent)
    detector = AnchorDetector(types, trace, Compute("cpu"))
    settings = FineTune(boxes=4, steps=1, batch=1)
    asked = {"weights": types, "trace_weights": trace, "settings": settings, "cache": tmp_path / "cache"}
    tuned, path, cached = tuned_detector(detector, volume, 3.2, chains, **asked)
    assert not cached
    assert path.exists()
    assert tuned.trace is not detector.trace
    assert tuned.types is detector.types
    assert tuned_detector(detector, volume, 3.2, chains, **asked)[1:] == (path, True)
    other = asked | {"settings": replace(settings, learning_rate=2e-3)}
    assert tuned_detector(detector, volume, 3.2, chains, **other)[1] != path


def test_the_resolution_must_be_known(tmp_path):
    detector = AnchorDetector(*untrained(tmp_path), Compute("cpu"))
    detection = detector.detect(read_map(REAL))
    with pytest.raises(UsageError, match="resolution"):
        with_docked_homologs(detection, [])
