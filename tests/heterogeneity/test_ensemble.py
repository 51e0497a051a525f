"""What all runs have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blob_ensemble import BallRun

from cryotools.core.errors import DataError
from cryotools.heterogeneity.ensemble import EnsembleRun


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BallRun:
    """A run of two dimensions whose places are in a file."""
    monkeypatch.setattr(BallRun, "latent", EnsembleRun.latent)
    return BallRun(tmp_path, np.zeros((3, 2)))


def test_places_are_read_in_their_order(stored: BallRun) -> None:
    (stored.folder / "latent.csv").write_text("index,z_1,z_2\n0,1,-2\n1,0.5,3e-3\n")
    assert stored.latent().tolist() == [[1, -2], [0.5, 3e-3]]
    assert stored.latent_of(1).tolist() == [0.5, 3e-3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not hold places of 2 dimensions"),
        ("index,z_1,z_2\n0,1,x\n", "is damaged .*'x'"),
        ("index,z_1,z_2\n0,1,2\n1,3\n", "is damaged"),
        ("index,z_1\n0,1\n", "does not hold places of 2 dimensions; is it of this run?"),
        ("index,z_1,z_2\n0,1,nan\n", "has places that are not numbers"),
        ("\xff\n", "is damaged"),
    ],
)
def test_a_damaged_file_of_places_is_refused(stored: BallRun, text: str, words: str) -> None:
    (stored.folder / "latent.csv").write_bytes(text.encode("latin1"))
    with pytest.raises(DataError, match=rf"latent\.csv: {words}"):
        stored.latent()


def test_a_run_of_a_single_volume_has_no_places(stored: BallRun) -> None:
    with pytest.raises(DataError, match="the run has a single volume"):
        stored.latent()
