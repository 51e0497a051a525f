"""Amino acids of a homolog that was put where the residues are."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from found_residues import found_residues, random_sequence, seen_types
from scipy.special import expit

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.placement import log_odds_of_types
from cryotools.anchors.reweight import apply_sequences
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.docking.dock import DockedStructure
from cryotools.homologs.docking.letters import FEATURES, WEIGHTS, DockedLetters, docked_letters, letter_fits
from cryotools.homologs.search.hits import Homolog
from cryotools.homologs.structures import HomologChain

NAMES = [field.name for field in fields(DockedLetters)]
COUNT, SKIPPED = 60, 7  # residues of the homolog, letters of the query before it


@pytest.fixture
def homolog(trypsin):
    """A piece of trypsin, docked, whose query has seven letters more, and another letter at every third residue."""
    structure = read_structure(trypsin)
    structure = structure[(structure.kind == PROTEIN) & (structure.element != 1)]
    residues = find_residues(structure)
    structure = structure[np.isin(residues.of_atom, np.arange(20, 20 + COUNT))]
    own = "".join(find_residues(structure).letters.tolist())
    letters = "".join("A" if at % 3 == 0 else letter for at, letter in enumerate(own))
    ends = {"query_from": SKIPPED + 1, "query_to": SKIPPED + COUNT, "target_from": 1, "target_to": COUNT}
    hit = Homolog("q", trypsin, str(structure.chain[0]), query_aligned=letters, target_aligned=own, **ends)
    chain = HomologChain(structure, hit, "GGGGGGG" + letters)
    return DockedStructure(structure, 0.5, 0.4), chain, letters


def residues_at(structure, letters, clear=1.6, **known):
    """Residues found 0.5 Å beside the Cα atoms of a structure, in one path, and a few elsewhere."""
    ca = np.concatenate(
        [find_residues(structure).ca + np.array([0.0, 0.5, 0.0]), np.arange(15.0).reshape(5, 3) * 9 + 300]
    )
    rng = np.random.default_rng(3)
    types = seen_types(letters + random_sequence(5, rng), clear, rng)
    return found_residues(types, [len(letters)], forward=0.55, ca=ca, **known)


def test_letters_are_the_querys_by_the_alignment(homolog):
    placement, chain, letters = homolog
    (found,) = docked_letters(residues_at(placement.structure, letters), [(placement, chain)])
    assert found.residues.tolist() == list(range(COUNT)), "those far away are left alone"
    assert "".join(AMINO_ACIDS[at] for at in found.letters) == letters
    assert found.positions.tolist() == list(range(SKIPPED, SKIPPED + COUNT))
    columns = dict(zip(FEATURES, found.features.T, strict=True))
    assert columns["distance"] == pytest.approx(0.5 / 3)
    assert columns["neighbours"].tolist() == [1, *[2] * (COUNT - 2), 1]
    own = find_residues(placement.structure).letters
    assert columns["same letter"].tolist() == [float(a == b) for a, b in zip(letters, own, strict=True)]
    assert found.sure == pytest.approx(found.right * expit(found.features @ WEIGHTS))


def test_residues_get_the_letters_as_surely_as_they_fit_and_paths_are_turned(homolog):
    placement, chain, letters = homolog
    seen = residues_at(placement.structure, letters)
    backwards = replace(seen, **{name: getattr(seen, name).copy() for name in ("ca", "mass", "types", "presence")})
    for name in ("ca", "mass", "types", "presence"):
        getattr(backwards, name)[:COUNT] = getattr(seen, name)[:COUNT][::-1]
    found = docked_letters(backwards, [(placement, chain)])
    after, _ = apply_sequences(backwards, letter_fits(found, backwards), None)
    assert after.ca == pytest.approx(seen.ca)
    assert after.letters[:COUNT] == letters
    assert np.array_equal(after.types[COUNT:], seen.types[COUNT:])
    assert after.confidence[:COUNT].mean() > seen.confidence[:COUNT].mean() + 0.2
    assert after.forward[0] > 0.95


def test_letters_that_the_map_contradicts_are_hardly_believed(homolog):
    placement, chain, letters = homolog
    wrong = random_sequence(COUNT, np.random.default_rng(8))
    right, against = (
        docked_letters(residues_at(placement.structure, given, clear=2.4), [(placement, chain)])[0]
        for given in (letters, wrong)
    )
    assert right.agreement > 10
    assert right.right == pytest.approx(1)
    assert abs(against.agreement) < 3
    backwards = DockedLetters(*[getattr(right, name) for name in NAMES[:-1]], agreement=-8.0)
    assert backwards.sure.max() < 0.01


def test_agreement_is_counted_in_standard_deviations_over_orders_of_the_letters(homolog):
    placement, chain, letters = homolog
    seen = residues_at(placement.structure, letters, clear=0.6)
    (found,) = docked_letters(seen, [(placement, chain)])
    odds = log_odds_of_types(seen.types, seen.types.mean(axis=0))[found.residues]
    each, rng = np.log1p(0.7 * np.expm1(odds)), np.random.default_rng(0)
    rows = np.arange(COUNT)
    by_chance = [each[rows, rng.permutation(found.letters)].sum() for _ in range(4000)]
    expected = (each[rows, found.letters].sum() - np.mean(by_chance)) / np.std(by_chance)
    assert found.agreement == pytest.approx(expected, rel=0.05)


def test_of_placements_in_one_place_the_one_that_fits_is_kept(homolog):
    placement, chain, letters = homolog
    shifted = replace(chain, sequence="GGGGGG" + letters[3:] + "GGGG")
    seen = residues_at(placement.structure, letters)
    better = replace(placement, correlation=0.9)
    (kept,) = docked_letters(seen, [(better, shifted), (placement, chain)])
    assert kept.placement is placement


def test_a_structure_that_no_search_has_aligned_has_its_own_letters(homolog):
    placement, chain, letters = homolog
    plain = HomologChain(chain.structure, Homolog("", chain.homolog.path, chain.homolog.chain))
    (found,) = docked_letters(residues_at(placement.structure, letters), [(placement, plain)])
    own = "".join(find_residues(placement.structure).letters.tolist())
    assert "".join(AMINO_ACIDS[at] for at in found.letters) == own
    assert not docked_letters(_none(), [(placement, plain)])


def _none():
    return found_residues(np.zeros((0, 20)), [])
