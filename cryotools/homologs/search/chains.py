"""The protein chains of structures as sequences, and the residues at the positions of a sequence."""

from __future__ import annotations

import os
import warnings

import numpy as np

from cryotools.core.errors import CryotoolsWarning
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import PROTEIN
from cryotools.core.structures.structurefile import read_structure

SHORTEST = 10  # residues; shorter chains are peptides, whose similarity means nothing
_WORD = 5  # residues; copies of a chain have most words of this length in common
_COPY = 0.8


def chain_sequences(residues: Residues) -> dict[str, str]:
    """The one-letter codes of the residues that each protein chain has in the first model, in file order, by chain.

    Chains of fewer than 10 residues are left out; X is an unknown residue, and modified ones have their parent's code.
    """
    protein = (residues.kind == PROTEIN) & (residues.model == residues.model[:1])
    letters, chains = residues.letters, residues.chain
    parts: dict[str, list[str]] = {}
    for at in np.flatnonzero(protein):
        parts.setdefault(str(chains[at]), []).append(str(letters[at]))
    return {chain: "".join(part) for chain, part in parts.items() if len(part) >= SHORTEST}


def read_chains(path: str | os.PathLike[str]) -> dict[str, str]:
    """The sequences of the protein chains of a structure file, as `chain_sequences` has them, without its warnings.

    Raises
    ------
    DataError
        The file is not a structure, or is damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryotoolsWarning)
        return chain_sequences(find_residues(read_structure(path, skip_unknown=True)))


def without_copies(sequences: dict[str, str]) -> dict[str, str]:
    """`sequences` with one chain of those that are copies of each other, the longest: four fifths of the words of five
    residues of one are words of the other.
    """
    kept: dict[str, set[str]] = {}
    for chain in sorted(sequences, key=lambda name: -len(sequences[name])):  # stable: the first of equals
        letters = sequences[chain]
        words = {letters[at : at + _WORD] for at in range(len(letters) - _WORD + 1)}
        if all(len(words & others) < _COPY * len(words) for others in kept.values()):
            kept[chain] = words
    return {chain: letters for chain, letters in sequences.items() if chain in kept}


def residues_at(letters: str, residues: Residues, chain: str) -> np.ndarray:
    """The residue of `chain` at each position of the sequence `letters`, int (n,), -1 where the chain has none.

    Residues of the chain are a part of the sequence, or it of them; what is missing or differs is found by a global
    alignment in which only equal letters count. There are no residues if fewer than half of the shorter are equal.
    """
    which = np.flatnonzero((residues.chain == chain) & (residues.kind == PROTEIN))
    which = which[residues.model[which] == residues.model[which[:1]]] if len(which) else which
    seen = "".join(residues.letters[which].tolist())
    found = np.full(len(letters), -1)
    if letters in seen:
        start = seen.index(letters)
        return which[start : start + len(letters)].copy()
    if seen and seen in letters:
        start = letters.index(seen)
        found[start : start + len(seen)] = which
        return found
    at, to = _equal_pairs(letters, seen)
    found[at] = which[to]
    return found


def _equal_pairs(letters: str, seen: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of equal letters in an alignment of both, int (k,) each; none if they are not half of the shorter."""
    from Bio.Align import PairwiseAligner

    if not letters or not seen:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    aligner = PairwiseAligner(mode="global", match_score=2, mismatch_score=-3, open_gap_score=-6, extend_gap_score=0)
    aligner.end_gap_score = 0
    blocks = aligner.align(letters, seen)[0].aligned
    none = np.zeros(0, dtype=int)
    at, to = (np.concatenate([none, *(np.arange(begin, end) for begin, end in side)]) for side in blocks)
    same = np.array(list(letters))[at] == np.array(list(seen))[to]
    if 2 * np.count_nonzero(same) < min(len(letters), len(seen)):
        same[:] = False
    return at[same], to[same]
