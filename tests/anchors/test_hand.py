"""The hand of paths, on ideal helices and strands whose hand is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from found_residues import found_residues

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.hand import HelixHand, helix_hand, warn_if_left_handed
from cryotools.anchors.labels import HELIX, STRAND
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.structures.torsions import torsion_angles


def helix(count: int, rise: float = 1.5, turn: float = 100.0, radius: float = 2.3) -> np.ndarray:
    """Cα atoms of an ideal right-handed helix, by default an α helix."""
    angle = np.radians(turn) * np.arange(count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), rise * np.arange(count)], axis=1)


def paths(ca: list[np.ndarray], state: int = HELIX, noise: float = 0.0) -> DetectedResidues:
    where = np.concatenate(ca)
    where = where + noise * np.random.default_rng(0).standard_normal(where.shape)
    states = np.full((len(where), 3), 0.1, dtype=np.float32)
    states[:, state] = 0.8
    return found_residues(np.full((len(where), 20), 0.05), [len(one) for one in ca], ca=where, state=states)


def mirrored(ca: np.ndarray) -> np.ndarray:
    return ca * np.array([1.0, 1.0, -1.0])


def test_an_ideal_helix_turns_by_fifty_degrees() -> None:
    ca = helix(8)
    assert torsion_angles(ca[:-3], ca[1:-2], ca[2:-1], ca[3:]) == pytest.approx(50, abs=1)
    back = mirrored(ca)[::-1]
    assert torsion_angles(back[:-3], back[1:-2], back[2:-1], back[3:]) == pytest.approx(-50, abs=1)


def test_torsion_angles_have_the_sign_of_chemistry() -> None:
    a, b, c = np.array([[1.0, 0, 0]]), np.array([[0.0, 0, 0]]), np.array([[0.0, 0, 1]])
    for degrees in (-120.0, 30.0, 90.0, 179.0):
        d = np.array([[np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 1.0]])
        assert torsion_angles(a, b, c, d) == pytest.approx(degrees)


def test_helices_are_counted_by_their_hand_and_not_across_paths() -> None:
    assert helix_hand(paths([helix(12)])) == HelixHand(9, 0)
    assert helix_hand(paths([helix(12), mirrored(helix(10))])) == HelixHand(9, 7)
    assert helix_hand(paths([helix(12)[::-1]])) == HelixHand(9, 0)
    assert helix_hand(paths([helix(3)])) == HelixHand(0, 0)
    assert helix_hand(paths([np.zeros((0, 3))])) == HelixHand(0, 0)


def test_a_mirror_image_is_told_even_if_atoms_are_off() -> None:
    with pytest.warns(CryotoolsWarning, match="helices look left-handed .* flip it along one axis"):
        warn_if_left_handed(paths([mirrored(helix(15))] * 5, noise=0.4))


@pytest.mark.parametrize(
    "found",
    [
        paths([helix(15)] * 5, noise=0.4),
        paths([mirrored(helix(15))] * 5, state=STRAND),
        paths([helix(20, rise=3.3, turn=-170.0, radius=0.9)] * 5),
        paths([mirrored(helix(8))]),  # too little to tell
    ],
    ids=["right", "strands", "strands called helices", "few"],
)
def test_other_maps_are_not_complained_of(found: DetectedResidues) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_left_handed(found)
