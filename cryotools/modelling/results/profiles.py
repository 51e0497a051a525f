"""Profiles of chains whose sequence is not known, to search a sequence database with (hmmsearch, or pyhmmer).

A profile hidden Markov model (HMMER 3; S. R. Eddy, PLoS Comput. Biol. 7, e1002195, 2011) has for each residue how
likely each amino acid is there: that of the background × how much likelier the map makes it there than elsewhere, as in
`anchors.placement`; one residue in twenty may look like any other. It is made of sequences that have these
probabilities, so that HMMER itself sets the odds of gaps and what chance scores.
"""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np

from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.core.errors import CryotoolsNote, UsageError
from cryotools.core.files.output import write_text
from cryotools.modelling.build import BuiltModel

_UNLIKE = 0.05  # share of residues that may look like any other
_SEQUENCES = 200  # of which a profile is made
_SEED = 42


def check_can_profile() -> None:
    """Check that profiles can be made.

    Raises
    ------
    UsageError
        pyhmmer is not installed.
    """
    if find_spec("pyhmmer") is None:
        raise UsageError("profiles need pyhmmer; pip install pyhmmer")


def write_profiles(path: str, model: BuiltModel) -> list[str]:
    """Write a profile (HMMER 3, text), called as its chain, for each chain without a sequence; returns the file's name.
    If every chain has a sequence, no file is written, which a note says.
    """
    from pyhmmer import easel, plan7

    chains = {name: plan.residue for name, plan in model.chains.items() if not plan.sequence}
    if not chains:
        text = f"every chain lies on one of the sequences, so {path} with profiles of others is not written"
        warnings.warn(text, CryotoolsNote, stacklevel=2)
        return []
    alphabet = easel.Alphabet.amino()
    background = plan7.Background(alphabet)
    usual = np.array([background.residue_frequencies[alphabet.symbols.index(letter)] for letter in AMINO_ACIDS])
    builder = plan7.Builder(alphabet, weighting="none", effective_number=float(_SEQUENCES), seed=_SEED)
    stream = io.BytesIO()
    for name, residue in chains.items():
        emissions = profile_emissions(model.detection.residues.types, residue, usual)
        profile, *_ = builder.build_msa(_alignment(name, emissions, alphabet), background)
        profile.write(stream)
    write_text(path, stream.getvalue().decode())
    return [path]


def profile_emissions(types: np.ndarray, residue: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Probabilities (k, 20) of AMINO_ACIDS at the residues (k,) of a chain, -1 for those that were not seen.

    Parameters
    ----------
    types : (n, 20), the probabilities of all residues of the map
    usual : (20,), the frequencies of amino acids in proteins
    """
    likelier = types / np.maximum(types.mean(axis=0), 1e-6) * usual
    likelier /= np.maximum(likelier.sum(axis=1, keepdims=True), 1e-9)
    each = np.concatenate([(1 - _UNLIKE) * likelier + _UNLIKE * usual, usual[None]])
    return each[residue]


def _alignment(name: str, emissions: np.ndarray, alphabet: Any) -> Any:
    """Sequences without gaps whose columns have the probabilities `emissions` (k, 20), as a digital alignment."""
    from pyhmmer import easel

    random = np.random.default_rng(_SEED)
    columns = np.stack([random.permutation(_shares(one)) for one in emissions], axis=1)
    letters = np.array(list(AMINO_ACIDS))[columns]
    rows = [easel.TextSequence(name=str(at), sequence="".join(row)) for at, row in enumerate(letters)]
    return easel.TextMSA(name=name, sequences=rows).digitize(alphabet)


def _shares(probability: np.ndarray) -> np.ndarray:
    """Amino acids (`_SEQUENCES`,) in the shares of a distribution (20,), the largest remainders rounded up."""
    exact = _SEQUENCES * probability / probability.sum()
    count = np.floor(exact).astype(int)
    more = np.argsort(count - exact, kind="stable")[: _SEQUENCES - int(count.sum())]
    count[more] += 1
    return np.repeat(np.arange(len(count)), count)
