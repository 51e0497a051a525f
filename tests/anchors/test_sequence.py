"""The fit of paths to sequences: right ones are found, and wrong ones are not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from found_residues import found_residues, random_sequence, seen_types

from cryotools.anchors.detected import DetectedResidues
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.sequence import SequenceFit, fit_sequences
from cryotools.anchors.sequencetable import FIT_COLUMNS, fit_rows
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.files.table import csv_text


def accepted(residues: DetectedResidues, sequences: dict[str, str], **options: bool | int) -> list[SequenceFit]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        return [one for one in fit_sequences(residues, sequences, **options) if one.accepted]


@pytest.fixture(scope="module")
def sequences() -> dict[str, str]:
    rng = np.random.default_rng(0)
    return {"first": random_sequence(300, rng), "second": random_sequence(200, rng)}


@pytest.fixture(scope="module")
def residues(sequences: dict[str, str]) -> DetectedResidues:
    """Letters 41-100 of the first sequence, 91-50 of the second backwards, and 20 residues of neither, isolated."""
    rng = np.random.default_rng(1)
    parts = [sequences["first"][40:100], sequences["second"][90:49:-1], random_sequence(20, rng)]
    return found_residues(seen_types("".join(parts), 2.0, rng), [60, 41])


def test_paths_are_found_in_their_sequences_in_either_direction(sequences, residues) -> None:
    fits = fit_sequences(residues, sequences)
    assert [one.accepted for one in fits[:2]] == [True, True]
    first, second = sorted(fits[:2], key=lambda one: one.path)
    assert (first.sequence, first.forward) == ("first", True)
    assert (second.sequence, second.forward) == ("second", False)
    assert np.all(np.diff(second.residues) == -1)
    assert np.count_nonzero(first.positions == 40 + first.residues) > 50
    assert np.count_nonzero(second.positions == 50 + 100 - second.residues) > 33
    for one in (first, second):
        assert one.expected < 1e-6
        assert one.posterior > 0.999
        assert 0.4 < one.identity < 0.8
        assert np.all(one.sure[8:-8] > 0.95)
        assert one.sure[0] < one.sure[8]
        assert one.sure[-1] < one.sure[-8]
        assert one.letters == "".join(sequences[one.sequence][at] for at in one.positions)


def test_no_residue_is_in_two_stretches(sequences) -> None:
    rng = np.random.default_rng(2)
    letters = sequences["second"][10:50] + sequences["first"][200:240]  # one path through two chains
    fits = accepted(found_residues(seen_types(letters, 2.4, rng), [80]), sequences)
    assert sorted(one.sequence for one in fits) == ["first", "second"]
    used = np.concatenate([one.residues for one in fits])
    assert len(np.unique(used)) == len(used) > 70


def test_unrelated_sequences_are_hardly_ever_accepted() -> None:
    """1 % of maps at most; of 90, up to 4 may be so by chance."""
    rng = np.random.default_rng(3)
    wrong = 0
    for number in range(90):
        lengths = [60, 30, 20, 10] if number % 2 else [120]
        types = seen_types(random_sequence(sum(lengths), rng), (1.0, 1.6, 2.4)[number % 3], rng)
        unrelated = {"A": random_sequence(150, rng), "B": random_sequence(100, rng)}
        wrong += bool(accepted(found_residues(types, lengths), unrelated, gapped=number % 4 < 2))
    assert wrong <= 4


def test_a_sequence_of_another_map_is_told(residues) -> None:
    other = {"other": random_sequence(400, np.random.default_rng(4))}
    with pytest.warns(CryotoolsWarning, match="no stretch of the 121 residues found fits the sequences") as told:
        fits = fit_sequences(residues, other)
    assert len(told) == 1
    assert not any(one.accepted for one in fits)


def test_places_that_fit_alike_share_the_probability(residues, sequences) -> None:
    like = list(sequences["first"])
    old, like[70] = like[70], "W" if like[70] != "W" else "C"  # one letter in the path, which lies at 40 to 99
    both = next(one for one in accepted(residues, {"a": sequences["first"], "b": "".join(like)}) if one.path == 0)
    ratio = residues.types[30] / residues.types.mean(axis=0)
    a, b = (0.95 * ratio[AMINO_ACIDS.index(letter)] + 0.05 for letter in (old, like[70]))
    assert both.sequence == ("a" if a > b else "b")
    assert both.posterior == pytest.approx(max(a, b) / (a + b), abs=1e-3)
    like[70], like[5] = old, "W" if like[5] != "W" else "C"  # where the path does not lie
    both = next(one for one in accepted(residues, {"a": sequences["first"], "b": "".join(like)}) if one.path == 0)
    assert both.posterior > 0.999  # the letters are the same, whichever the place


def test_as_many_copies_are_placed_as_there_are(sequences) -> None:
    rng = np.random.default_rng(5)
    letters = sequences["first"][100:140]
    residues = found_residues(seen_types(letters * 3, 2.4, rng), [40, 40, 40])
    assert len(accepted(residues, sequences)) == 3
    assert len(accepted(residues, sequences, copies=2)) == 2
    assert len(accepted(residues, {"a": sequences["first"], "b": sequences["first"]}, copies=1)) == 2
    assert accepted(residues, {"a": sequences["first"], "b": sequences["first"]})[0].sequence == "a/b"


def test_the_direction_of_a_path_counts_as_far_as_it_is_known(sequences) -> None:
    rng = np.random.default_rng(6)
    types = seen_types(sequences["first"][40:70], 2.0, rng)
    score = {forward: accepted(found_residues(types, [30], forward), sequences)[0].score for forward in (0.5, 0.9, 0.1)}
    assert score[0.9] == pytest.approx(score[0.5] + np.log(1.8), abs=1e-5)
    assert score[0.1] == pytest.approx(score[0.5] + np.log(0.2), abs=1e-5)


def test_rows_count_from_one_as_files_do(sequences, residues) -> None:
    rows = list(fit_rows(accepted(residues, sequences), residues))
    assert all(tuple(row) == FIT_COLUMNS for row in rows)
    backward = next(row for row in rows if row["direction"] == "backward")
    assert backward["path"] == 2
    assert backward["first_residue"] > backward["last_residue"] >= 62
    assert 51 <= backward["first"] < backward["last"] <= 91
    assert float(backward["expected_by_chance"]) < 1e-6
    assert csv_text(FIT_COLUMNS, rows).startswith("path,first_residue")


def test_nothing_found_fits_nothing(sequences) -> None:
    with pytest.warns(CryotoolsWarning, match="no stretch of the 0 residues"):
        assert fit_sequences(found_residues(np.zeros((0, 20)), []), sequences) == []
