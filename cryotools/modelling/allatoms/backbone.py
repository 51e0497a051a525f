"""N, C, O and Cβ of a chain whose Cα atoms are known: each peptide plane is free to turn about the line between two Cα.

All planes of a stretch are decided together: the best sequence of turns, by dynamic programming, of how well O, C and N
lie in density, how common the φ and ψ are that two neighbouring planes give the residue between them, how far its angle
N-CA-C is from 111°, and how often planes are turned so between Cα atoms that lie so (`turns.npz`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cryotools.core.structures.torsions import torsion_angles
from cryotools.modelling.allatoms.turns import STATES, turn_odds
from cryotools.modelling.geometry.measure import placed_atoms
from cryotools.modelling.geometry.ramachandran import CLASSES, ramachandran_table

Sampler = Callable[[np.ndarray], np.ndarray]
_CIS = 3.3  # Å; closer Cα atoms are joined by a cis peptide
_TAU, _TAU_SPREAD = 111.0, 4.0  # degrees, N-CA-C
_PER_DENSITY = 3.0  # nats per unit of prepared density at O, and half as much at C and N
_LEAST_RAMA = -12.0  # nats below the commonest φ and ψ; errors of Cα atoms make worse ones possible
_TABLE = 1.0  # weight of the table of turns


@dataclass(frozen=True)
class _Peptide:
    """Places of C, O and N in the plane of a peptide, Å: along the line of its Cα atoms, and across it towards O."""

    length: float
    c: tuple[float, float]
    o: tuple[float, float]
    n: tuple[float, float]


# from bonds and angles of Engh and Huber: CA-C 1.525, C-O 1.231, C-N 1.336, N-CA 1.459; CA-C-N 117.2, CA-C-O 120.1,
# C-N-CA 121.7
TRANS = _Peptide(3.819, (1.434, 0.520), (1.651, 1.732), (2.413, -0.389))
CIS = _Peptide(2.802, (0.752, 1.327), (0.130, 2.389), (2.087, 1.272))


def backbone_from_ca(ca: np.ndarray, letters: str, density: Sampler | None = None) -> np.ndarray:
    """N, CA, C and O (n, 4, 3) in Å of bonded residues with Cα at `ca` (n, 3), of types `letters` (X for unknown).

    `density` gives the values (k,) of a prepared map at positions (k, 3). N of the first residue and C and O of the
    last are placed by the bond angles alone, and turned to the density.
    """
    count = len(ca)
    atoms = np.full((count, 4, 3), np.nan)
    atoms[:, 1] = ca
    if count < 2:
        return _lone(atoms)
    choices = _choices(ca)
    unary = _TABLE * turn_odds(ca)
    if density is not None:
        seen = density(choices.reshape(-1, 3)).reshape(choices.shape[:-1])
        unary = unary + _PER_DENSITY * (seen[..., 1] + 0.5 * seen[..., 0] + 0.5 * seen[..., 2])
    best = _best_turns(ca, letters, choices, unary)
    each = np.arange(count - 1)
    atoms[:-1, 2], atoms[:-1, 3], atoms[1:, 0] = (choices[each, best, k] for k in range(3))
    return _with_ends(atoms, density)


def _choices(ca: np.ndarray) -> np.ndarray:
    """C, O and N (n - 1, STATES, 3, 3) of each peptide in each of its turns."""
    along, across, third = turn_frames(ca)
    apart = np.linalg.norm(ca[1:] - ca[:-1], axis=1)
    angle = 2 * np.pi * np.arange(STATES) / STATES
    aside = np.cos(angle)[:, None] * across[:, None] + np.sin(angle)[:, None] * third[:, None]  # (n - 1, STATES, 3)
    places = []
    for name in ("c", "o", "n"):
        flat = np.where((apart > _CIS)[:, None], getattr(TRANS, name), getattr(CIS, name))
        usual = np.where(apart > _CIS, TRANS.length, CIS.length)
        stretched = flat[:, 0] + (apart - usual) / 2  # the plane keeps its shape; both bonds to Cα share the rest
        places.append(ca[:-1, None] + stretched[:, None, None] * along[:, None] + flat[:, 1, None, None] * aside)
    return np.stack(places, axis=2)


def turn_frames(ca: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axes (n - 1, 3) of the lines between consecutive Cα atoms (n, 3): along, across (in the plane of the Cα before,
    towards it; after, for the first), and perpendicular to both.
    """
    along = _unit(ca[1:] - ca[:-1])
    other = np.empty_like(along)
    other[1:] = ca[:-2] - ca[1:-1]
    other[0] = ca[2] - ca[1] if len(ca) > 2 else np.eye(3)[np.abs(along[0]).argmin()]
    across = _unit(other - np.einsum("ni,ni->n", other, along)[:, None] * along)
    return along, across, np.cross(along, across)


def ramachandran_kinds(letters: str) -> np.ndarray:
    """The class of each residue in `ramachandran_table`, with every proline trans."""
    kinds = []
    for letter, following in zip(letters, letters[1:] + "X", strict=True):
        name = "before proline" if following == "P" else "Ile or Val" if letter in "IV" else "general"
        kinds.append(CLASSES.index({"G": "glycine", "P": "trans-proline"}.get(letter, name)))
    return np.array(kinds, dtype=int)


def _best_turns(ca: np.ndarray, letters: str, choices: np.ndarray, unary: np.ndarray) -> np.ndarray:
    """The turn of each peptide, int (n - 1,), with the highest sum."""
    total, came = unary[0], []
    kinds = ramachandran_kinds(letters)
    for at in range(1, len(ca) - 1):  # the residue between peptides at - 1 and at
        odds = _pair_odds(ca[at], choices[at - 1], choices[at], int(kinds[at]))
        whole = total[:, None] + odds
        came.append(whole.argmax(axis=0))
        total = whole.max(axis=0) + unary[at]
    turns = [int(total.argmax())]
    for back in reversed(came):
        turns.append(int(back[turns[-1]]))
    return np.array(turns[::-1])


def _pair_odds(ca: np.ndarray, before: np.ndarray, after: np.ndarray, kind: int) -> np.ndarray:
    """Nats (STATES, STATES) of the φ, ψ and N-CA-C that turns `before` and `after` a residue give it."""
    shape = (STATES, STATES, 3)
    previous, n = (np.broadcast_to(before[:, None, k], shape).reshape(-1, 3) for k in (0, 2))
    c, following = (np.broadcast_to(after[None, :, k], shape).reshape(-1, 3) for k in (0, 2))
    here = np.broadcast_to(ca, n.shape)
    phi, psi = torsion_angles(previous, n, here, c), torsion_angles(n, here, c, following)
    table = ramachandran_table()
    common = table.log_density(np.full(len(phi), kind), phi, psi) - table.values[kind].max()
    cosine = np.einsum("ni,ni->n", _unit(n - here), _unit(c - here))
    tau = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    odds = np.maximum(common, _LEAST_RAMA) - 0.5 * np.minimum(((tau - _TAU) / _TAU_SPREAD) ** 2, 40)
    return odds.reshape(STATES, STATES)


def _with_ends(atoms: np.ndarray, density: Sampler | None) -> np.ndarray:
    """The backbone with N of its first residue and C and O of its last."""
    n, ca, c, o = (atoms[:, k] for k in range(4))
    trial = np.linspace(-180, 180, STATES, endpoint=False)
    first = placed_atoms(*_repeated(atoms[1, 0], c[0], ca[0]), 1.459, 111.0, trial)
    score = _values(density, first)
    helix = np.abs((trial + 40 + 180) % 360 - 180)  # ψ of a helix if the density does not tell
    n[0] = first[int(np.argmax(_PER_DENSITY * score - helix / 180))]
    last = placed_atoms(*_repeated(c[-2], n[-1], ca[-1]), 1.525, 111.0, trial)
    score = _values(density, last)
    helix = np.abs((trial + 63 + 180) % 360 - 180)
    c[-1] = last[int(np.argmax(_PER_DENSITY * score - helix / 180))]
    final = placed_atoms(*_repeated(n[-1], ca[-1], c[-1]), 1.231, 120.1, trial)
    score = _values(density, final)
    helix = np.abs((trial - 140 + 180) % 360 - 180)
    o[-1] = final[int(np.argmax(_PER_DENSITY * score - helix / 180))]
    return atoms


def _lone(atoms: np.ndarray) -> np.ndarray:
    """A single residue, in an arbitrary orientation."""
    shape = np.array([[-1.459, 0, 0], [0, 0, 0], [0.547, 1.424, 0], [1.75, 1.6, 0]])
    return atoms[:, 1:2] + shape if len(atoms) else atoms


def _repeated(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three points (3,) for each turn."""
    shape = (STATES, 3)
    return np.broadcast_to(a, shape), np.broadcast_to(b, shape), np.broadcast_to(c, shape)


def _values(density: Sampler | None, places: np.ndarray) -> np.ndarray:
    return np.zeros(len(places)) if density is None else density(places)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
