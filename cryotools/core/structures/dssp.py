"""Secondary structure from the backbone's hydrogen bonds (W. Kabsch and C. Sander, Biopolymers 22, 2577, 1983).

An electrostatic energy determines which N-H and C=O are bonded; bond patterns define turns and bridges, and these
define helices and sheets. As in DSSP 4, π helices take precedence over α helices. Neighbours come from a tree and bonds
are looked up in a list, so time and memory scale with the number of residues, not of pairs. Bends and turns are not
distinguished from coil.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.structures.residues import PEPTIDE_BOND

COIL = "-"

_NEIGHBOURS = 9.0  # Å between Cα atoms; no bond is possible at longer distances
_CHARGES = 27.888  # kcal/mol Å: 332 times the charges 0.42 and 0.20 of C=O and N-H
_BONDED, _CLASH = -0.5, -9.9  # kcal/mol: bonds lie below the first; atoms closer than 0.5 Å get the second


def dssp(backbone: np.ndarray, chain: np.ndarray, proline: np.ndarray) -> np.ndarray:
    """DSSP's letter of each residue, str (n,): H, G, I, E, B, or - for the rest.

    Parameters
    ----------
    backbone : (n, 4, 3), Å, positions of N, CA, C and O, in chain order; finite
    chain : (n,), any labels; sheets may span several chains, helices lie within one
    proline : bool (n,); a proline has no hydrogen to donate
    """
    count = len(backbone)
    gap = np.linalg.norm(backbone[1:, 0] - backbone[:-1, 2], axis=1)
    linked = (gap <= PEPTIDE_BOND) & (chain[1:] == chain[:-1])
    segment = np.cumsum(np.append(False, ~linked)[:count])
    bonds = _bonds(backbone, linked, proline)
    code = np.full(count, COIL)
    _set_sheets(code, _merged(_ladders(_bridges(bonds, linked)), segment))
    _set_helices(code, bonds, segment)
    return code


@dataclass(frozen=True)
class _Bonds:
    """Hydrogen bonds from the N-H of residue `donor` (k,) to the C=O of `acceptor` (k,); `count` residues in all."""

    donor: np.ndarray
    acceptor: np.ndarray
    count: int

    def has(self, donor: np.ndarray, acceptor: np.ndarray) -> np.ndarray:
        """True where there is a bond; indices from 0 to count - 1."""
        return np.isin(donor * self.count + acceptor, self.donor * self.count + self.acceptor)


def _bonds(backbone: np.ndarray, linked: np.ndarray, proline: np.ndarray) -> _Bonds:
    """The bonds; each N-H keeps at most its two strongest."""
    n, ca, c, o = backbone.swapaxes(0, 1)
    second = np.flatnonzero(linked) + 1
    hydrogen = np.full_like(n, np.nan)
    hydrogen[second] = n[second] + _unit(c[second - 1] - o[second - 1])  # 1 Å from N, opposite to the preceding C=O
    hydrogen[proline] = np.nan
    pairs = cKDTree(ca).query_pairs(_NEIGHBOURS, output_type="ndarray") if len(ca) else np.empty((0, 2), dtype=int)
    donor, acceptor = np.concatenate([pairs, pairs[:, ::-1]]).T.astype(np.int64)
    able = np.isfinite(hydrogen[donor, 0]) & (donor != acceptor + 1)
    donor, acceptor = donor[able], acceptor[able]
    energy = _energy(n[donor], hydrogen[donor], c[acceptor], o[acceptor])
    strong = energy < _BONDED
    donor, acceptor, energy = donor[strong], acceptor[strong], energy[strong]
    order = np.lexsort((energy, donor))
    donor, acceptor = donor[order], acceptor[order]
    third = np.append([False, False], donor[2:] == donor[:-2])[: len(donor)]  # or later bond of its donor
    return _Bonds(donor[~third], acceptor[~third], len(backbone))


def _energy(n: np.ndarray, h: np.ndarray, c: np.ndarray, o: np.ndarray) -> np.ndarray:
    """Energies (k,) in kcal/mol between N-H and C=O groups at these positions (k, 3), to DSSP's three decimals."""
    on, ch, oh, cn = (np.linalg.norm(a - b, axis=1) for a, b in ((o, n), (c, h), (o, h), (c, n)))
    closest = np.minimum.reduce([on, ch, oh, cn])
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = np.round(_CHARGES * (1 / on + 1 / ch - 1 / oh - 1 / cn), 3)
    return np.where(closest < 0.5, _CLASH, np.maximum(energy, _CLASH))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _bridges(bonds: _Bonds, linked: np.ndarray) -> np.ndarray:
    """Bridges (b, 3): residues i < j, and 1 if antiparallel; sorted by i, then j."""
    donor, acceptor, count = bonds.donor, bonds.acceptor, bonds.count
    inner = np.zeros(count + 1, dtype=bool)  # residues with both neighbours; indices -1 and count are outside
    inner[1 : count - 1] = linked[:-1] & linked[1:]
    found = []
    # each pattern has two bonds: one is from the list, the other is looked up
    for i, j, other, antiparallel in (
        (donor - 1, acceptor, (acceptor, donor - 2), 0),  # i + 1 to j, j to i - 1
        (donor - 1, acceptor + 1, (acceptor + 2, donor - 2), 1),  # i + 1 to j - 1, j + 1 to i - 1
        (donor, acceptor, (acceptor, donor), 1),  # i to j, j to i
    ):
        possible = inner[i] & inner[j] & (np.abs(i - j) >= 3)
        possible[possible] = bonds.has(other[0][possible], other[1][possible])
        low, high = np.minimum(i, j)[possible], np.maximum(i, j)[possible]
        found.append(np.stack([low, high, np.full_like(low, antiparallel)], axis=1))
    each = np.unique(np.concatenate(found), axis=0)
    again = np.append(False, np.all(each[1:, :2] == each[:-1, :2], axis=1))[: len(each)]
    return each[~again]  # a pair of both kinds counts as parallel


@dataclass
class _Ladder:
    """Consecutive bridges between residues `i[0]` to `i[1]` and `j[0]` to `j[1]` on another strand, both ascending."""

    antiparallel: int
    i: list[int]
    j: list[int]
    bridges: int = 1


def _ladders(bridges: np.ndarray) -> list[_Ladder]:
    """Runs of consecutive bridges of one kind, in the order of their first residue."""
    ladders: list[_Ladder] = []
    ends: dict[tuple[int, int, int], _Ladder] = {}
    for i, j, antiparallel in bridges.tolist():
        before = ends.pop((antiparallel, i - 1, j + 1 if antiparallel else j - 1), None)
        ladder = before or _Ladder(antiparallel, [i, i], [j, j])
        if before:
            ladder.i[1] = i
            ladder.j[0 if antiparallel else 1] = j
            ladder.bridges += 1
        else:
            ladders.append(ladder)
        ends[antiparallel, i, j] = ladder
    return ladders


def _merged(ladders: list[_Ladder], segment: np.ndarray) -> list[_Ladder]:
    """Ladders joined across bulges: at most one more residue on one strand, four on the other."""
    gone: set[int] = set()
    for at, ladder in enumerate(ladders):
        if at in gone:
            continue
        for later in range(at + 1, len(ladders)):
            following = ladders[later]
            if following.i[0] - ladder.i[1] >= 6:
                break
            if later not in gone and _bulge_between(ladder, following, segment):
                ladder.i[1] = max(ladder.i[1], following.i[1])
                ladder.j = [min(ladder.j[0], following.j[0]), max(ladder.j[1], following.j[1])]
                ladder.bridges += following.bridges
                gone.add(later)
    return [ladder for at, ladder in enumerate(ladders) if at not in gone]


def _bulge_between(one: _Ladder, two: _Ladder, segment: np.ndarray) -> bool:
    i_gap = two.i[0] - one.i[1]
    j_gap = one.j[0] - two.j[1] if one.antiparallel else two.j[0] - one.j[1]
    if one.antiparallel != two.antiparallel or i_gap <= 0 or j_gap < 0:
        return False
    unbroken = (
        segment[one.i[0]] == segment[two.i[1]] and segment[min(one.j[0], two.j[0])] == segment[max(one.j[1], two.j[1])]
    )
    return bool(unbroken) and ((j_gap < 6 and i_gap < 3) or j_gap < 3)


def _set_sheets(code: np.ndarray, ladders: list[_Ladder]) -> None:
    for ladder in ladders:
        for first, last in (ladder.i, ladder.j):
            strand = code[first : last + 1]
            strand[strand != "E"] = "E" if ladder.bridges > 1 else "B"


def _set_helices(code: np.ndarray, bonds: _Bonds, segment: np.ndarray) -> None:
    """Two consecutive turns make a helix; α overrides sheets, the others do not overwrite earlier assignments."""
    for letter, turn, over in (("H", 4, None), ("G", 3, "-G"), ("I", 5, "-IH")):
        turns = np.zeros(bonds.count, dtype=bool)
        of_turn = (bonds.donor - bonds.acceptor == turn) & (segment[bonds.donor] == segment[bonds.acceptor])
        turns[bonds.acceptor[of_turn]] = True
        first = np.flatnonzero(turns[1:] & turns[:-1]) + 1
        windows = first[:, None] + np.arange(turn)
        if over is not None:
            windows = windows[np.isin(code[windows], list(over)).all(axis=1)]
        code[windows] = letter
