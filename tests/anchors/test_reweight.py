"""Amino acids, directions and confidence after a fit to sequences, on residues whose truth is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from found_residues import found_residues, random_sequence, seen_types

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.reweight import apply_sequences, reweighted_types
from cryotools.anchors.sequence import fit_sequences
from cryotools.core.errors import CryotoolsWarning

RNG = np.random.default_rng(0)
SEQUENCE = random_sequence(300, RNG).replace("W", "F").replace("C", "S")
TRUE = SEQUENCE[40:90] + SEQUENCE[190:140:-1] + random_sequence(40, RNG).replace("W", "F").replace("C", "S")
RESIDUES = found_residues(seen_types(TRUE, 1.8, RNG), [50, 50, 20], forward=0.6)
FITS = fit_sequences(RESIDUES, {"A": SEQUENCE})


def right(types: np.ndarray, true: str = TRUE) -> np.ndarray:
    return types.argmax(axis=1) == [AMINO_ACIDS.index(letter) for letter in true]


def test_types_of_placed_residues_are_the_sequences() -> None:
    types = reweighted_types(RESIDUES, FITS, {"A": SEQUENCE})
    assert np.allclose(types.sum(axis=1), 1)
    assert np.mean(right(RESIDUES.types)[:100]) < 0.7
    assert np.mean(right(types)[:100]) > 0.95
    assert types[5:45].max(axis=1).min() > 0.95


def test_types_that_the_sequences_lack_are_left_out() -> None:
    types = reweighted_types(RESIDUES, FITS, {"A": SEQUENCE})
    lacking = [AMINO_ACIDS.index(letter) for letter in "CW"]
    assert RESIDUES.types[:, lacking].max() > 0.1
    assert np.all(types[:, lacking] == 0)
    assert np.all(types[120:, lacking[0] + 1] > 0)


def test_unrelated_sequences_change_nothing() -> None:
    other = {"B": random_sequence(300, np.random.default_rng(1))}
    with pytest.warns(CryotoolsWarning, match="no stretch"):
        fits = fit_sequences(RESIDUES, other)
    assert np.array_equal(reweighted_types(RESIDUES, fits, other), RESIDUES.types)
    assert apply_sequences(RESIDUES, fits, other)[0] is RESIDUES


def test_paths_that_run_backwards_are_turned_round() -> None:
    found, fits = apply_sequences(RESIDUES, FITS, {"A": SEQUENCE})
    assert np.array_equal(found.ca[50:100], RESIDUES.ca[50:100][::-1])
    assert np.array_equal(found.ca[:50], RESIDUES.ca[:50])
    assert np.array_equal(found.ca[100:], RESIDUES.ca[100:])
    assert np.array_equal(found.before, RESIDUES.before)  # neighbours by place: in order, as they were
    assert np.array_equal(found.after, RESIDUES.after)
    assert np.all(found.forward[:100] > 0.99)
    assert found.forward[110] == np.float32(0.6)
    for one in fits:
        assert not one.accepted or one.forward
        assert not one.accepted or np.all(np.diff(one.residues) == 1)
    true = TRUE[:50] + TRUE[99:49:-1] + TRUE[100:]
    assert np.mean(right(found.types, true)[:100]) > 0.95


def test_confidence_is_of_place_and_type() -> None:
    found, fits = apply_sequences(RESIDUES, FITS, {"A": SEQUENCE})
    assert np.all(found.confidence <= found.presence + 1e-6)
    assert found.confidence[5:45].min() > 0.95  # in place and of the sequence's type
    assert found.presence[5:45].min() > 0.95
    assert found.presence[100:] == pytest.approx(0.9)
    assert found.confidence[120:] == pytest.approx(0.9 * found.types[120:].max(axis=1), abs=1e-5)
    assert len(fits) == len(FITS)


def test_confidence_stays_calibrated() -> None:
    """Types are right at least as often as the confidence says, and not much more often, if places are sure."""
    rng = np.random.default_rng(2)
    said, was = [], []
    for clear in (1.0, 1.3, 1.6) * 8:
        sequence = random_sequence(400, rng)
        true = sequence[100:160] + random_sequence(20, rng) + sequence[250:280]
        types, there = seen_types(true, clear, rng), np.ones(110, dtype=np.float32)
        seen = found_residues(types, [80, 30], presence=there, confidence=types.max(axis=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryotoolsWarning)
            found, _ = apply_sequences(seen, fit_sequences(seen, {"A": sequence}), {"A": sequence})
        said.append(found.confidence)
        was.append(right(found.types, true))
    said, was = np.concatenate(said), np.concatenate(was)
    for low, high in ((0.0, 0.5), (0.5, 0.95), (0.95, 1.01)):
        among = (said >= low) & (said < high)
        assert np.count_nonzero(among) > 100
        assert -0.05 < np.mean(was[among]) - np.mean(said[among]) < 0.15
    assert abs(np.mean(was) - np.mean(said)) < 0.04
