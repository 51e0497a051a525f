"""Side chains from a library of rotamers: for each residue one that density and neighbours allow, and that is common.

The library (`rotamers.npz`) has for each amino acid the commonest conformations of crystal structures and their shares;
docs/build-model-notes.md says how it is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from scipy.spatial import cKDTree

from cryotools.modelling.allatoms.backbone import Sampler

SIDE_CHAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ALA": ("CB",),
        "ARG": ("CB", "CG", "CD", "NE", "CZ", "NH1", "NH2"),
        "ASN": ("CB", "CG", "OD1", "ND2"),
        "ASP": ("CB", "CG", "OD1", "OD2"),
        "CYS": ("CB", "SG"),
        "GLN": ("CB", "CG", "CD", "OE1", "NE2"),
        "GLU": ("CB", "CG", "CD", "OE1", "OE2"),
        "GLY": (),
        "HIS": ("CB", "CG", "ND1", "CD2", "CE1", "NE2"),
        "ILE": ("CB", "CG1", "CG2", "CD1"),
        "LEU": ("CB", "CG", "CD1", "CD2"),
        "LYS": ("CB", "CG", "CD", "CE", "NZ"),
        "MET": ("CB", "CG", "SD", "CE"),
        "PHE": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
        "PRO": ("CB", "CG", "CD"),
        "SER": ("CB", "OG"),
        "THR": ("CB", "OG1", "CG2"),
        "TRP": ("CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
        "TYR": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ", "OH"),
        "VAL": ("CB", "CG1", "CG2"),
        "UNK": ("CB",),
    }
)
_PER_DENSITY = 2.0  # nats per unit of prepared density at each atom beyond Cβ
_CLASH, _PER_CLASH = 3.2, 6.0  # Å from which atoms repel one another, and nats per Å nearer, of each pair
_SWEEPS = 4


@dataclass(frozen=True)
class Rotamers:
    """The conformations of an amino acid: `share` (k,) of each, and `atoms` (k, a, 3) in Å in the frame of the backbone
    (`backbone_axes`), in the order of SIDE_CHAINS.
    """

    share: np.ndarray
    atoms: np.ndarray


@cache
def rotamers(name: str) -> Rotamers:
    """The rotamers of a residue by its three-letter name; of an unknown one, alanine's Cβ."""
    if not SIDE_CHAINS[name]:
        return Rotamers(np.ones(1), np.zeros((1, 0, 3)))
    stored = "ALA" if name == "UNK" else name
    with (files("cryotools.modelling.allatoms") / "rotamers.npz").open("rb") as stream, np.load(stream) as library:
        share, atoms = (library[f"{stored}_{what}"].astype(np.float64) for what in ("share", "atoms"))
    return Rotamers(share, atoms)


def backbone_axes(n: np.ndarray, ca: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The axes (k, 3, 3), as rows, in which rotamers are stored: from Cα to N, in the plane of C, and across it."""
    first, other = n - ca, c - ca
    first = first / np.linalg.norm(first, axis=-1, keepdims=True)
    third = np.cross(first, other)
    third /= np.maximum(np.linalg.norm(third, axis=-1, keepdims=True), 1e-9)
    return np.stack([first, np.cross(third, first), third], axis=1)


def place_side_chains(backbone: np.ndarray, names: Sequence[str], density: Sampler | None = None) -> list[np.ndarray]:
    """The side chain atoms (a, 3) of each residue, in the order of SIDE_CHAINS.

    Each residue takes the rotamer of the best score: the density at its atoms, the logarithm of its share, and clashes
    with the backbone; then, over a few sweeps, with the side chains that its neighbours took.

    Parameters
    ----------
    backbone : (n, 4, 3), N, CA, C and O
    names : three-letter codes (n,), UNK for unknown ones
    density : values (k,) of a prepared map at positions (k, 3)
    """
    axes = backbone_axes(backbone[:, 0], backbone[:, 1], backbone[:, 2])
    trials = [
        backbone[at, 1] + rotamers(name).atoms @ axes[at] for at, name in enumerate(names)
    ]  # (rotamers, atoms, 3) of each residue
    scores = [_own_score(name, trial, density) for name, trial in zip(names, trials, strict=True)]
    fixed, owner = backbone.reshape(-1, 3), np.repeat(np.arange(len(names)), 4)
    scores = [
        score - _clashes(trial, at, fixed, owner, own=0)
        for at, (score, trial) in enumerate(zip(scores, trials, strict=True))
    ]
    chosen = np.array([int(score.argmax()) for score in scores], dtype=int)
    for _ in range(_SWEEPS):
        chosen, changed = _sweep(trials, scores, chosen)
        if not changed:
            break
    return [trial[one] for trial, one in zip(trials, chosen, strict=True)]


def _own_score(name: str, trial: np.ndarray, density: Sampler | None) -> np.ndarray:
    """Nats (k,) of each rotamer by its share and its density."""
    score = np.log(rotamers(name).share)
    if density is not None and trial.shape[1] > 1:
        beyond = trial[:, 1:]
        score = score + _PER_DENSITY * density(beyond.reshape(-1, 3)).reshape(beyond.shape[:2]).sum(axis=1)
    return score


def _clashes(trial: np.ndarray, at: int, others: np.ndarray, owner: np.ndarray, own: int) -> np.ndarray:
    """Nats (k,) lost by each rotamer of residue `at` to atoms `others` (m, 3) of residues `owner` (m,); atoms of
    residues nearer than `own` + 1 along the chain are its own.
    """
    if trial.shape[1] < 2:
        return np.zeros(len(trial))
    beyond = trial[:, 1:]
    use = np.abs(owner - at) > own
    centre = beyond.reshape(-1, 3).mean(axis=0)
    use &= ((others - centre) ** 2).sum(axis=1) < 144
    if not use.any():
        return np.zeros(len(trial))
    apart = np.linalg.norm(beyond[:, :, None] - others[use], axis=3)
    return _PER_CLASH * np.maximum(_CLASH - apart, 0).sum(axis=(1, 2))


def _sweep(trials: list[np.ndarray], scores: list[np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, bool]:
    """Choose again, residue by residue, with the others as they are; and whether anything changed."""
    now = [trial[one] for trial, one in zip(trials, chosen, strict=True)]
    owner = np.repeat(np.arange(len(now)), [len(one) for one in now])
    atoms = np.concatenate(now) if len(owner) else np.zeros((0, 3))
    begin = np.concatenate([[0], np.cumsum([len(one) for one in now])])
    changed = False
    order = np.argsort([-_margin(score) for score in scores], kind="stable")
    near = cKDTree(atoms) if len(atoms) else None
    for at in order:
        trial = trials[at]
        if near is None or len(trial) < 2:
            continue
        mine = near.query_ball_point(trial.reshape(-1, 3).mean(axis=0), 12.0)
        which = np.array([one for one in mine if owner[one] != at], dtype=int)
        score = scores[at] - _clashes(trial, int(at), atoms[which], owner[which], own=0)
        best = int(score.argmax())
        if best != chosen[at]:
            chosen[at], changed = best, True
            atoms[begin[at] : begin[at + 1]] = trial[best]
    return chosen, changed


def _margin(score: np.ndarray) -> float:
    """How much better the best rotamer is than the second."""
    return float(np.subtract(*np.sort(score)[-1:-3:-1])) if len(score) > 1 else np.inf
