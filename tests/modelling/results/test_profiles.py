"""Profiles of chains of unknown sequence."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.errors import CryotoolsNote
from cryotools.modelling.chains.assemble import ChainPlan
from cryotools.modelling.results.profiles import profile_emissions, write_profiles

easel = pytest.importorskip("pyhmmer.easel")
LETTERS = "MKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQCPFEDHVK"


def model(sequence: str = "") -> SimpleNamespace:
    """A chain whose residues look like LETTERS, the first not seen, after ten residues of another chain."""
    types = np.full((10 + len(LETTERS), 20), 0.02)
    types[10 + np.arange(len(LETTERS)), [AMINO_ACIDS.index(one) for one in LETTERS]] = 0.62
    types[:10, 0] = 0.62
    at = 10 + np.arange(len(LETTERS))
    at[0] = -1
    plan = ChainPlan(sequence, at, at, np.zeros((len(at), 3)), "X" * len(at), np.ones(len(at)))
    residues = SimpleNamespace(types=types)
    return SimpleNamespace(chains={"A": plan}, detection=SimpleNamespace(residues=residues))


def test_a_profile_finds_its_sequence_among_shuffled_ones(tmp_path):
    from pyhmmer import hmmer, plan7

    assert write_profiles(str(tmp_path / "chains.hmm"), model()) == [str(tmp_path / "chains.hmm")]
    with plan7.HMMFile(tmp_path / "chains.hmm") as stream:
        (profile,) = stream
    assert (profile.name, profile.M, profile.consensus.upper()[1:]) == ("A", len(LETTERS), LETTERS[1:])
    random = np.random.default_rng(0)
    names = {str(k): "".join(random.permutation(list(LETTERS))) for k in range(50)} | {"it": "GSHM" + LETTERS + "AA"}
    alphabet = easel.Alphabet.amino()
    block = easel.DigitalSequenceBlock(
        alphabet, [easel.TextSequence(name=name, sequence=text).digitize(alphabet) for name, text in names.items()]
    )
    (hits,) = hmmer.hmmsearch([profile], block, E=0.01)
    assert [hit.name for hit in hits] == ["it"]


def test_emissions_are_the_likelier_than_usual_and_the_usual_where_nothing_was_seen():
    usual = np.full(20, 0.05)
    types = np.full((2, 20), 0.05)
    types[0, :2] = 0.1, 0.0
    found = profile_emissions(types, np.array([0, 1, -1]), usual)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert found[0, 0] > found[0, 2] > found[0, 1] > 0
    assert found[1, 1] > found[1, 0]
    assert found[2] == pytest.approx(usual)


def test_without_a_chain_of_unknown_sequence_no_file_is_written(tmp_path):
    with pytest.warns(CryotoolsNote, match="is not written"):
        assert write_profiles(str(tmp_path / "chains.hmm"), model("protein")) == []
    assert not list(tmp_path.iterdir())
